"""hivectl against the real engine, store and control socket: what a person does, in order."""

import json
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import hived
from hived.ctl.words import columns
from tests.ctl.canned import SECONDS, Hivectl
from tests.printed import Printed


@pytest.fixture
def served(home: Path) -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.ctl.served", str(home)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(hived.__file__).parents[1],
    )
    assert process.stdin is not None and process.stdout is not None
    try:
        assert Printed(process.stdout).line() == b"serving"
        yield process
        process.stdin.close()
        assert process.wait(SECONDS) == 0
    finally:
        process.kill()
        process.wait(SECONDS)
        process.stdout.close()


@pytest.fixture
def people(served: object, hivectl: Hivectl) -> Hivectl:
    """hivectl on a hive of ada, adam and bob; no turn is made here."""
    (hivectl.cwd / "app").mkdir()
    for line in (
        "new ada --workdir app --model haiku --allow 'Bash(git *)' --role manager",
        "new adam --workdir app --parent ada",
        "new bob --workdir app --stopped",
    ):
        done = hivectl(*shlex.split(line))
        assert done.returncode == 0, done.stderr
    return hivectl


def ok(hivectl: Hivectl, line: str) -> str:
    done = hivectl(*shlex.split(line), COLUMNS="80")
    assert (done.returncode, done.stderr) == (0, ""), line
    if "--json" not in line:
        assert all(columns(text) <= 80 for text in done.stdout.splitlines())
    return done.stdout


READS = (
    *("ps", "status ada", "turns ada", "why ada", "state", "inbox", "inbox ada --all"),
    *("reminders", "reminders ada", "loose-ends", "loose-ends ada"),
    *("log", "log --since 0 --agent ada --kind agent_created", "log --until 2 -n 1"),
    *("verify", "doctor", "daemon status", "version"),
)


def test_a_new_hive_is_empty(served: object, hivectl: Hivectl) -> None:
    assert "No agents yet" in ok(hivectl, "ps")
    assert ok(hivectl, "log") == ""
    assert json.loads(ok(hivectl, "ps --json"))["agents"] == []


@pytest.mark.parametrize("line", READS)
def test_every_read_in_text_and_json(people: Hivectl, line: str) -> None:
    assert ok(people, line) != ""
    document = json.loads(ok(people, line + " --json"))
    assert document["v"] == 1
    if line.split()[0] in (
        "ps",
        "status",
        "turns",
        "why",
        "state",
        "inbox",
        "log",
        "reminders",
        "loose-ends",
    ):
        assert document["position"] > 0
        then = json.loads(ok(people, line + " --json --at 2"))
        assert then["position"] == 2
        assert people(*line.split(), "--at", "2100-01-01").returncode == 1
        ok(people, line + " --at '0s ago'")


def test_people_are_shown(people: Hivectl) -> None:
    shown = ok(people, "ps").splitlines()
    assert [line.split()[:2] for line in shown if line[:3] in ("ada", "bob")] == [
        ["ada", "idle"],
        ["adam", "idle"],
        ["bob", "stopped"],
    ]
    status = ok(people, "status ada")
    assert "Bash(git *)" in status
    assert f"{people.cwd}/app" in "".join(line.strip() for line in status.splitlines())
    assert "ada is idle" in ok(people, "why ada")
    assert "agent_created claude, haiku, manager" in ok(people, "log")


def test_prefixes(people: Hivectl) -> None:
    assert ok(people, "status b").startswith("bob: stopped")
    assert ok(people, "status ada").startswith("ada: idle")
    done = people("status", "ad")
    assert done.returncode == 4
    assert done.stderr.startswith("hivectl: 'ad' may be any of 2 agents [ambiguous_name]\nhint: ")
    assert "ada, adam" in done.stderr
    done = people("status", "zoe")
    assert done.returncode == 4
    assert "[not_found]" in done.stderr
    assert people("transcript", "ada").returncode == 4


def test_orders(people: Hivectl) -> None:
    assert ok(people, "start bob") == "bob: started\n"
    assert ok(people, "pause bob").startswith("bob: paused")
    assert ok(people, "resume bob") == "bob: takes turns again\n"
    assert ok(people, "restart bob") == "bob: started anew\n"
    assert ok(people, "stop bob") == "bob: stopped\n"
    assert ok(people, "model ada sonnet") == "ada: haiku → sonnet with the next turn\n"
    assert "haiku → sonnet" in ok(people, "ps")
    nothing = people("compact", "ada")
    assert (nothing.returncode, nothing.stderr.count("hint: ")) == (1, 1)
    assert people("new-session", "ada").returncode == 1  # it has made no turn on this one
    done = people("cancel", "ada")
    assert done.returncode == 1
    assert done.stderr.startswith("hivectl: ")
    done = people("lift", "ada")
    assert (done.returncode, done.stderr.count("hint: ")) == (1, 1)


def test_letters(people: Hivectl) -> None:
    sent = json.loads(ok(people, "send ada 'look\tat this' --urgent --json"))["messages"]
    shown = ok(people, "inbox ada")
    assert sent[0] in shown
    assert "urgent" in shown
    assert ok(people, "send --all hello all").count("m") >= 3
    agents = json.loads(ok(people, "ps --json"))["agents"]
    assert [row["inbox"]["queued"] for row in agents] == [2, 1, 1]
    assert "no unread mail for operator" in ok(people, "inbox")
    assert people("ack", "m0123456789ab").returncode == 4
    done = people("send", "ada", stdin="x" * 65_537)
    assert done.returncode == 2
    assert people("send", "ada", "\x1b[2J").returncode == 1


def test_rm(people: Hivectl) -> None:
    ok(people, "send bob keep me")
    refused = people("rm", "bob")
    assert refused.returncode == 2
    assert "goes: the agent bob (claude, stopped)\nstays: 1 message not done" in refused.stderr
    assert people("rm", "bo", "--yes").returncode == 4
    assert ok(people, "rm bob --yes") == (
        "bob: taken out, 1 message kept; hivectl revive bob brings it back\n"
    )
    assert "bob" not in ok(people, "ps")
    assert people("status", "bob").returncode == 4
    assert "agent_destroyed" in ok(people, "log --agent bob")
    assert "\nbob: stopped for" in ok(people, "status bob --at 6")
    assert "bob " in ok(people, "tombstones")
    assert ok(people, "revive bob --stopped") == "bob: is back, not started\n"
    assert "keep me" in ok(people, "inbox bob")
    assert ok(people, "tombstones") == "no agent was taken out\n"
    assert people("revive", "bob").returncode == 1
    assert people("revive", "nobody").returncode == 4


def test_the_log_is_followed_from_its_first_event(people: Hivectl) -> None:
    process = people.start("log", "-f", "--json", "--since", "0")
    assert process.stdout is not None and process.stderr is not None
    printed = Printed(process.stdout)
    try:
        head = json.loads(ok(people, "ps --json"))["position"]
        old = [row["position"] for row in printed.rows(head)]
        assert old == list(range(1, head + 1))
        ok(people, "pause ada")
        row = printed.row()
        assert (row["position"], row["kind"]) == (head + 1, "agent_paused")
        assert ok(people, "daemon stop") == "hived stops; no turn runs\n"
        assert process.wait(SECONDS) == 3
        assert "hived has stopped" in process.stderr.read()
    finally:
        process.kill()
        process.wait(SECONDS)
        process.stdout.close()
        process.stderr.close()


def test_stop_returns_when_the_store_is_free(
    people: Hivectl, served: "subprocess.Popen[bytes]"
) -> None:
    ok(people, "daemon stop")
    assert served.poll() == 0
    assert people("daemon", "status").returncode == 3


def test_wrong_words_are_the_daemons_to_refuse(people: Hivectl) -> None:
    for line, said in (
        ("new Ada --workdir app", "invalid_name"),
        ("new ada --workdir app", "exists"),
        ("new eve --workdir nowhere", "invalid_params"),
        ("log --kind turn_ended", "did you mean turn_end?"),
        ("ps --at 99999", "at_unknown"),
    ):
        done = people(*shlex.split(line))
        assert done.returncode == 1, line
        assert said in done.stderr
        assert done.stdout == ""


def test_completion_names_the_living(people: Hivectl) -> None:
    assert ok(people, "__names").split() == ["ada", "adam", "bob"]


def tell(served: "subprocess.Popen[bytes]", *acts: str) -> None:
    assert served.stdin is not None
    done = Printed(served.stdout)
    for act in acts:
        served.stdin.write(act.encode() + b"\n")
        served.stdin.flush()
        assert done.line() == b"done"


def test_a_transcript_is_followed_through_its_turns(
    people: Hivectl, served: "subprocess.Popen[bytes]"
) -> None:
    """Old lines and live ones, each once, over the end of a turn and the start of the next."""
    ok(people, "send ada one")
    tell(served, "begin ada", "print ada 250")
    follower = people.start("transcript", "ada", "-f", "--json")
    single = people.start("transcript", "ada", "1", "-f", "--raw")
    printed = Printed(follower.stdout)
    try:
        rows = printed.rows(250)
        assert [json.loads(row["line"])["n"] for row in rows] == list(range(1, 251))
        tell(served, "print ada 5")
        rows = printed.rows(5)
        assert [json.loads(row["line"])["n"] for row in rows] == list(range(251, 256))
        tell(served, "end ada")
        out, err = single.communicate(timeout=SECONDS)
        assert (single.returncode, err) == (0, "")
        assert [json.loads(line)["n"] for line in out.splitlines()] == list(range(1, 256))
        ok(people, "send ada two")
        tell(served, "begin ada", "print ada 3")
        rows = printed.rows(3)
        assert [json.loads(row["line"])["n"] for row in rows] == [1, 2, 3]
        assert len({row["turn"] for row in rows}) == 1
    finally:
        for process in (follower, single):
            process.kill()
            process.communicate(timeout=SECONDS)
    raw = ok(people, "transcript ada 1 --raw").splitlines()
    assert [json.loads(line)["n"] for line in raw] == list(range(1, 256))
    document = json.loads(ok(people, "transcript ada 2 --json"))
    assert (document["running"], len(document["lines"])) == (True, 3)
    assert ok(people, "turns ada").splitlines()[1].split()[0] == "#1"
    assert "thinking" in ok(people, "ps")
    assert "its running turn" in people("rm", "ada").stderr
