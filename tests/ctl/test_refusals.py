"""What hivectl will not do, or cannot: words without sense, refusals, no daemon, damage."""

import json
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from hived.rpc.specs import METHODS
from tests.ctl.canned import SECONDS, Hive, Hivectl, Refusal
from tests.ctl.test_verbs import CASES


@pytest.mark.parametrize(
    "words,stdin",
    [
        (["send"], b""),
        (["send", "ada"], b"  \n"),
        (["send", "ada", ""], b""),
        (["send", "ada"], b"\xff\xfe"),
        (["send", "ada"], b"x" * 70_000),
        (["ack"], b""),
        (["ack", "--all", "m1"], b""),
        (["log", "-f", "--until", "5"], b""),
        (["log", "-f", "--at", "5"], b""),
        (["log", "--reconnect"], b""),
        (["log", "-n", "5000"], b""),
        (["log", "-n", "none"], b""),
        (["transcript", "ada", "-f", "--at", "5"], b""),
        (["inbox", "ada", "--ack"], b""),
        (["daemon", "status", "--turns"], b""),
        (["daemon", "restart"], b""),
        (["new", "ada", "--option", "nothing"], b""),
        (["new", "ada", "--idle-limit", "-1"], b""),
        (["new", "ada", "--scenario", "s.json", "--driver", "claude"], b""),
        (["ps", "ada"], b""),
        (["status"], b""),
        (["frobnicate"], b""),
        (["help", "frobnicate"], b""),
        (["completion", "tcsh"], b""),
    ],
)
def test_words_without_sense(hive: Hive, hivectl: Hivectl, words: list[str], stdin: bytes) -> None:
    done = hivectl(*words, stdin=stdin)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("hivectl: ")
    assert "Traceback" not in done.stderr
    assert [name for name, _ in hive.calls if METHODS[name].kind == "write"] == []


def test_rm_without_a_terminal_refuses_and_says_what_it_would_do(
    hive: Hive, hivectl: Hivectl
) -> None:
    done = hivectl("rm", "ada")
    assert done.returncode == 2
    assert "its running turn t00000000000c must end first: hivectl stop ada" in done.stderr
    assert "goes: the agent ada (claude, thinking)\n" in done.stderr
    assert "stays: 3 messages not done yet, its state, notes, configuration" in done.stderr
    assert "back with: hivectl revive ada; gone for good with: hivectl purge ada" in done.stderr
    assert "hint: add --yes" in done.stderr
    assert "rm" not in [name for name, _ in hive.calls]


def test_rm_takes_no_prefix(hive: Hive, hivectl: Hivectl) -> None:
    done = hivectl("rm", "ad", "--yes")
    assert done.returncode == 4
    assert "rm takes ada in full" in done.stderr
    assert "rm" not in [name for name, _ in hive.calls]


def refuse(refusal: Refusal) -> Callable[[object], object]:
    def answer(params: object) -> object:
        raise refusal

    return answer


def test_a_refusal_shows_code_and_hint(hive: Hive, hivectl: Hivectl) -> None:
    hive.answers["start"] = refuse(
        Refusal("wrong_state", -32012, "ada \x1b[31mruns", hint="stop it first")
    )
    done = hivectl("start", "ada")
    assert done.returncode == 1
    assert done.stderr == "hivectl: ada \\x1b[31mruns [wrong_state]\nhint: stop it first\n"


@pytest.mark.parametrize("code,number", [("not_found", -32010), ("ambiguous_name", -32014)])
def test_a_name_that_is_none_or_several(
    hive: Hive, hivectl: Hivectl, code: str, number: int
) -> None:
    hive.answers["status"] = hive.answers["agent"] = refuse(
        Refusal(code, number, "a may be any of 2 agents", candidates=["ada", "alan"])
    )
    done = hivectl("status", "a")
    assert done.returncode == 4
    assert "hint: it may be ada, alan" in done.stderr


def test_an_error_of_a_later_daemon_is_told(hive: Hive, hivectl: Hivectl) -> None:
    hive.answers["agents"] = refuse(Refusal("out_of_coffee", -31999, "no more coffee"))
    done = hivectl("ps")
    assert (done.returncode, done.stderr) == (1, "hivectl: no more coffee [out_of_coffee]\n")


@pytest.mark.parametrize("line", [line for line in CASES if line != "version"])
def test_no_daemon_is_one_line_with_the_command(hivectl: Hivectl, line: str) -> None:
    done = hivectl(*shlex.split(line))
    assert done.returncode == 3
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert "hived is not running" in done.stderr
    assert "; start it with: " in done.stderr


def test_the_command_that_starts_it_is_one_that_is_there(hivectl: Hivectl) -> None:
    def told(path: str) -> str:
        return hivectl("ps", PATH=path).stderr.partition("start it with: ")[2].rstrip("\n")

    beside = Path(sys.executable).with_name("hived")
    assert beside.exists()
    assert told(str(hivectl.cwd)) == str(beside)
    assert told(f"{hivectl.cwd}:{beside.parent}") == "hived"


def test_a_working_folder_that_is_gone(hivectl: Hivectl) -> None:
    folder = hivectl.cwd / "gone"
    folder.mkdir()
    words = shlex.join(hivectl.argv("ps"))
    done = subprocess.run(
        ["sh", "-c", f"rmdir {shlex.quote(str(folder))}; {words}"],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        cwd=folder,
        env=hivectl.environ,
    )
    assert done.returncode == 3
    assert "hived is not running" in done.stderr


def test_daemon_status_when_down_as_json(hivectl: Hivectl) -> None:
    done = hivectl("daemon", "status", "--json")
    assert done.returncode == 3
    document = json.loads(done.stdout)
    assert (document["v"], document["running"]) == (1, False)


def test_version_without_a_daemon(hivectl: Hivectl) -> None:
    assert hivectl("version").stdout == "hivectl 0.1.0, no hived\n"
    assert hivectl("--version").stdout == "hivectl 0.1.0, no hived\n"


def test_damage_has_an_exit_code(hive: Hive, hivectl: Hivectl) -> None:
    hive.answers["verify"] = {
        **hive.answers["verify"],
        "ok": False,
        "problems": ["position 3: \x1b[2J does not read back"],
    }
    done = hivectl("verify")
    assert done.returncode == 5
    assert "position 3: \\x1b[2J does not read back" in done.stdout
    hive.answers["doctor"] = {**hive.answers["doctor"], "ok": False}
    assert hivectl("doctor").returncode == 5
    assert hivectl("doctor", "--json").returncode == 5


def test_a_decision_is_a_verb_of_its_own(hive: Hive, hivectl: Hivectl) -> None:
    for verb in ("approve", "deny", "withdraw"):
        done = hivectl("approvals", verb, "p1")
        assert done.returncode == 2
        assert f"hint: hivectl {verb} ID" in done.stderr
