"""The pure parts of turn_host.py: env files, and bounds that it shares with limits.py."""

import functools
import importlib.util
import os
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hived import limits
from hived.host import client, spawn


@functools.cache
def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("turn_host_under_test", spawn.TURN_HOST)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def host() -> ModuleType:
    return load()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", ""),
        ("plain", "plain"),
        ("two words", "two words"),
        ("it's 5\" long", "it's 5\" long"),
        (r"a\ b\\c\'", r"a b\c'"),
        ("sk-ant-x=y#z$HOME", "sk-ant-x=y#z$HOME"),
        ("''", ""),
        ("'a \\ \"b\" # c'", 'a \\ "b" # c'),
        (r'"a \"b\" \\ \$x \`y\` \n"', 'a "b" \\ $x `y` \\n'),
        ("'a'\"b\"", "ab"),
        ("'a", None),
        ('"a\\"', None),
        ('"a"b', None),
        ("'a' # no", None),
        ("trailing\\", None),
    ],
)
def test_quotes(host: ModuleType, text: str, value: str | None) -> None:
    assert host.env_value(text) == value


@given(st.text(st.characters(exclude_characters="\n\0", codec="utf-8")))
def test_any_text_can_be_quoted(value: str) -> None:
    module = load()
    single = "'" + value.replace("'", "'\"'\"'") + "'"
    double = '"' + "".join("\\" + c if c in '"\\`$' else c for c in value) + '"'
    assert module.env_value(single) == value
    assert module.env_value(double) == value


def test_a_pipe_is_no_env_file_and_is_not_waited_for(host: ModuleType, tmp_path: Path) -> None:
    pipe = tmp_path / "env"
    os.mkfifo(pipe)
    with pytest.raises(host.LaunchFailed, match="not a file"):
        host.env_file_values(str(pipe))


def test_the_host_and_the_limits_agree(host: ModuleType) -> None:
    names = [name for name in vars(limits) if name.startswith("HOST_") and hasattr(host, name[5:])]
    assert len(names) == 9
    for name in names:
        assert getattr(host, name[5:]) == getattr(limits, name), name
    # A greeting names all writes, and must get through.
    greeting = limits.HOST_WRITES_MAX * (limits.HOST_WRITE_ID_CHARS_MAX + 4) + 4096
    assert greeting < min(limits.HOST_CLIENT_QUEUE_BYTES_MAX, limits.HOST_WORDS_BYTES_MAX)
    assert limits.TURN_TOOL_CALLS_MAX + limits.TURN_LINES_MAX < limits.HOST_WRITES_MAX


def test_hived_speaks_the_hosts_version(host: ModuleType) -> None:
    assert max(client.PROTOCOLS) == host.PROTOCOL
    assert (host.EXIT_HELD, host.EXIT_CLOSED, host.EXIT_NO_FOLDER) == (
        spawn.HELD,
        spawn.CLOSED,
        spawn.NO_FOLDER,
    )
