"""Completion scripts: their syntax, and in bash what they complete."""

import shutil
import subprocess
from pathlib import Path

import pytest

from hived.ctl.verbs import VERBS
from tests.ctl.canned import SECONDS, Hive, Hivectl
from tests.ctl.rows import agent_row


@pytest.mark.parametrize("shell,check", [("bash", "-n"), ("zsh", "-n"), ("fish", "--no-execute")])
def test_syntax(hivectl: Hivectl, shell: str, check: str, tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text(hivectl("completion", shell).stdout)
    for verb in VERBS:
        assert verb in script.read_text()
    if shutil.which(shell) is None:
        pytest.skip(f"no {shell} here")
    done = subprocess.run([shell, check, script], capture_output=True, timeout=SECONDS)
    assert (done.returncode, done.stderr) == (0, b"")


def complete(hivectl: Hivectl, *words: str) -> list[str]:
    """What bash offers for the last of the words."""
    shim = hivectl.cwd / "bin"
    shim.mkdir(exist_ok=True)
    (shim / "hivectl").write_text(f'#!/bin/sh\nexec {" ".join(hivectl.argv())} "$@"\n')
    (shim / "hivectl").chmod(0o755)
    quoted = " ".join(f"'{word}'" for word in ("hivectl", *words))
    script = (
        'eval "$(hivectl completion bash)"\n'
        f"COMP_WORDS=({quoted}) COMP_CWORD={len(words)}\n"
        "_hivectl\n"
        'printf "%s\\n" "${COMPREPLY[@]}"\n'
    )
    done = subprocess.run(
        ["bash", "-c", script],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        cwd=hivectl.cwd,
        env={**hivectl.environ, "PATH": f"{shim}:{hivectl.environ['PATH']}"},
        check=True,
    )
    assert done.stderr == ""
    return done.stdout.split()


@pytest.mark.parametrize(
    "words,offered",
    [
        (["st"], ["status", "state", "start", "stop"]),
        (["status", "a"], ["ada"]),
        (["log", "--agent", ""], ["bob", "ada", "eve", "zoe"]),
        (["daemon", "s"], ["status", "stop"]),
        (["log", "--re"], ["--reconnect"]),
        (["log", "--f"], ["--follow"]),
        (["rm", "ada", "--y"], ["--yes"]),
        (["new", "x", "--sc"], ["--scenario"]),
    ],
)
def test_bash_offers(hive: Hive, hivectl: Hivectl, words: list[str], offered: list[str]) -> None:
    rows = [agent_row(name, "idle", "Idle or napping") for name in ("bob", "ada", "eve", "zoe")]
    hive.answers["agents"] = {**hive.answers["agents"], "agents": rows}
    assert complete(hivectl, *words) == offered


def test_files_where_a_file_may_stand(hivectl: Hivectl) -> None:
    (hivectl.cwd / "keys.env").write_text("")
    assert complete(hivectl, "new", "x", "--env-file", "key") == ["keys.env"]


def test_names_are_silent_without_a_daemon(hivectl: Hivectl) -> None:
    done = hivectl("__names")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_names_give_nothing_but_names(hive: Hive, hivectl: Hivectl) -> None:
    rows = [agent_row(name, "idle", "Working") for name in ("ada", "$(touch pwned)")]
    hive.answers["agents"] = {**hive.answers["agents"], "agents": rows}
    assert hivectl("__names").stdout == "ada\n"
    assert complete(hivectl, "status", "") == ["ada"]
    assert not (hivectl.cwd / "pwned").exists()
