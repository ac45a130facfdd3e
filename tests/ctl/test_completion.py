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


def shim(hivectl: Hivectl) -> Path:
    """A folder for the PATH with hivectl in it."""
    folder = hivectl.cwd / "bin"
    folder.mkdir(exist_ok=True)
    (folder / "hivectl").write_text(f'#!/bin/sh\nexec {" ".join(hivectl.argv())} "$@"\n')
    (folder / "hivectl").chmod(0o755)
    return folder


def complete(hivectl: Hivectl, *words: str) -> list[str]:
    """What bash offers for the last of the words."""
    folder = shim(hivectl)
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
        env={**hivectl.environ, "PATH": f"{folder}:{hivectl.environ['PATH']}"},
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
        (["daemon", "r"], ["reload"]),
        (["notes", "a"], ["ada"]),
        (["apply", "z"], ["zoe"]),
        (["config", ""], ["check", "explain", "schema", "bob", "ada", "eve", "zoe"]),
        (["config", "explain", "b"], ["bob"]),
        (["approvals", ""], ["show"]),
        (["drafts", ""], ["discard", "new"]),
        (["questions", ""], ["cancel"]),
        (["reminders", "c"], ["cancel"]),
        (["help", "purg"], ["purge"]),
        (["purge", ""], []),
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
    assert complete(hivectl, "config", "check", "key") == ["keys.env"]
    assert complete(hivectl, "purge", "key") == []


FISH = """
hivectl completion fish | source
for line in $argv
    echo (complete -C "hivectl $line" | string split -f 1 \\t | sort | string join ' ')
end
"""


def test_fish_offers(hive: Hive, hivectl: Hivectl) -> None:
    if shutil.which("fish") is None:
        pytest.skip("no fish here")
    rows = [agent_row(name, "idle", "Working") for name in ("bob", "ada")]
    hive.answers["agents"] = {**hive.answers["agents"], "agents": rows}
    (hivectl.cwd / "keys.env").write_text("")
    folder = shim(hivectl)
    lines = {
        "appr": "approvals approve",
        "notes ": "ada bob",
        "daemon re": "reload",
        "config check ke": "keys.env",
        "new x --env-file ke": "keys.env",
        "purge ke": "",
    }
    done = subprocess.run(
        ["fish", "--no-config", "-c", FISH, *lines],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        cwd=hivectl.cwd,
        env={**hivectl.environ, "PATH": f"{folder}:{hivectl.environ['PATH']}"},
    )
    assert done.stdout.splitlines() == list(lines.values()), done.stderr


def test_names_are_silent_without_a_daemon(hivectl: Hivectl) -> None:
    done = hivectl("__names")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_names_give_nothing_but_names(hive: Hive, hivectl: Hivectl) -> None:
    rows = [agent_row(name, "idle", "Working") for name in ("ada", "$(touch pwned)")]
    hive.answers["agents"] = {**hive.answers["agents"], "agents": rows}
    assert hivectl("__names").stdout == "ada\n"
    assert complete(hivectl, "status", "") == ["ada"]
    assert not (hivectl.cwd / "pwned").exists()
