"""kill -9 of hived at any point of a turn, and a start after it: nothing is lost or done twice."""

import json
import os
import signal
from pathlib import Path

import pytest

from tests.daemon.harness import Hive, wait
from tests.daemon.said import numbers

LINES = 30
TALK = f"""
[default]
steps = [{{ say = "line {{i}}", times = {LINES}, delay = 0.05 }}]
"""
SEND = """
[default]
steps = [
  { say = "line 1" },
  { hive = "send", args = { to = "operator", body = "report {n}" } },
  { say = "line 2 {result}" },
]
"""
ASK = """
[default]
steps = [
  { say = "line 1" },
  { bash = "touch forbidden" },
  { say = "line 2" },
]
"""


def check_turn(hive: Hive, agent: str, last: int) -> None:
    """The one turn ended well, its lines stand once in the transcript, its mail is done once."""
    end = hive.end(agent)
    assert (end["outcome"], end["leftovers"]) == ("ok", 0), end
    assert numbers(hive.said(agent, end["turn"])) == list(range(1, last + 1))
    assert len(hive.events("turn_start", agent=agent)) == 1
    assert len(hive.events("message_delivered", agent=agent)) == 1
    assert len(hive.events("message_acked", agent=agent)) == 1
    assert sum("<mail id=" in text for text in hive.told(agent)) == 1
    row = wait(lambda: (r := hive.agent(agent))["turn"] is None and r)
    assert (row["word"], row["turns"][-1]["outcome"]) == ("idle", "ok")
    hive.check()
    hive.nothing_lives()
    wait(lambda: not list((hive.home / "turns").iterdir()), "the turn's folder is put away")
    assert numbers(hive.said(agent, end["turn"])) == list(range(1, last + 1))


@pytest.mark.parametrize(
    "fault",
    [
        {"die_at": ["turn_start", 1]},
        {"die_in": "hived.supervisor.hosting:prepare"},
        {"die_in": "hived.supervisor.hosting:start_host"},
        {"die_in": "hived.supervisor.hosting:reaped"},
        {"die_in": "hived.host.client:HostClient.connect"},
        {"die_in": "hived.supervisor.drive:TurnDrive._write_opening"},
        {"die_in": "hived.supervisor.drive:close"},
        {"die_in": "hived.supervisor.drive:TurnDrive._end"},
        {"die_at": ["turn_end", 1]},
        {"die_in": "hived.supervisor.loop:put_away"},
        {"die_in": "hived.supervisor.loop:rmtree"},
    ],
    ids=lambda fault: str(next(iter(fault.values()))).rpartition(".")[2],
)
def test_a_turn_is_taken_up_wherever_hived_died(stopped: Hive, fault: dict[str, object]) -> None:
    stopped.start(**fault)
    stopped.new("ada", '[default]\nsteps = [{ say = "line {i}", times = 3 }]')
    stopped.send("ada")
    stopped.died()
    stopped.start()
    check_turn(stopped, "ada", 3)


def test_killed_while_text_streams_the_turn_goes_on(hive: Hive) -> None:
    hive.new("ada", TALK)
    hive.send("ada")
    for so_far in (5, 12):
        wait(lambda n=so_far: len(numbers(hive.said("ada"))) >= n)  # type: ignore[misc]
        hive.kill()
        hive.start()
        assert hive.word("ada") == "thinking"
    check_turn(hive, "ada", LINES)
    assert len(hive.events("hive_started")) == 3


def test_killed_while_the_host_has_lines_for_it_the_host_lives_on(hive: Hive) -> None:
    """The host hears of new output and of hived's death at once, the output first."""
    hive.new("ada", TALK)
    hive.send("ada")
    wait(lambda: len(numbers(hive.said("ada"))) >= 3)
    folder = hive.folder(hive.agent("ada")["turn"]["turn"])
    host, cli = folder.started()["pid"], folder.started()["cli_pid"]
    os.kill(host, signal.SIGSTOP)
    try:
        before = _written(cli)
        wait(lambda: _written(cli) > before + 5000)
        hive.kill()
    finally:
        os.kill(host, signal.SIGCONT)
    hive.start()
    check_turn(hive, "ada", LINES)


def _written(pid: int) -> int:
    """Bytes that a process has written so far."""
    [line] = [
        line
        for line in Path(f"/proc/{pid}/io").read_text().splitlines()
        if line.startswith("wchar:")
    ]
    return int(line.split()[1])


def test_a_turn_that_ends_while_hived_is_dead_is_taken_in(hive: Hive) -> None:
    hive.new("ada", TALK)
    hive.send("ada")
    wait(lambda: len(numbers(hive.said("ada"))) >= 2)
    hive.kill()
    # Nobody closes the CLI's stdin, so its host lives on: all it has to say is in the spool.
    spool = next((hive.home / "turns").iterdir()) / "spool"
    wait(lambda: b'"type":"result"' in spool.read_bytes())
    hive.start()
    check_turn(hive, "ada", LINES)


@pytest.mark.parametrize(
    "fault",
    [
        {"die_in": "hived.supervisor.tool_calls:ToolCalls._answer"},
        {"die_at": ["message_sent", 2]},
        {"die_in": "hived.drivers.claude_requests:Requests.tool_answer"},
    ],
    ids=("asked", "done", "before the answer"),
)
def test_a_hive_tool_call_is_done_once(stopped: Hive, fault: dict[str, object]) -> None:
    stopped.start(**fault)
    stopped.new("ada", SEND)
    stopped.send("ada")
    stopped.died()
    stopped.start()
    check_turn(stopped, "ada", 2)
    sent = stopped.events("message_sent", sender="ada")
    assert [row["data"]["body"] for row in sent] == ["report 1"]
    message = sent[0]["data"]["message"]
    assert stopped.said("ada")[-1] == f"line 2 sent: {message}"
    assert len(stopped.events("tool_call")) == len(stopped.events("tool_result")) == 1
    assert stopped.end("ada")["sent"] == {"operator": 1}


@pytest.mark.parametrize(
    "fault",
    [
        {"die_in": "hived.supervisor.observing:Listener._asked"},
        {"die_at": ["permission_answer", 1]},
    ],
    ids=("asked", "decided"),
)
def test_a_permission_question_is_answered_once(stopped: Hive, fault: dict[str, object]) -> None:
    stopped.start(**fault)
    stopped.new("ada", ASK, allow=["Bash(git *)"])
    stopped.send("ada")
    stopped.died()
    stopped.start()
    check_turn(stopped, "ada", 2)
    [answer] = stopped.events("permission_answer")
    assert answer["data"]["allowed"] is False and "Bash(git *)" in answer["data"]["reason"]


def test_mail_in_mid_turn_is_written_once_wherever_hived_died(stopped: Hive) -> None:
    stopped.start(die_at=["message_delivered", 2])
    stopped.new("ada", TALK)
    stopped.send("ada", "first")
    wait(lambda: len(numbers(stopped.said("ada"))) >= 2)
    stopped.send("ada", "second")
    stopped.died()
    stopped.start()
    end = stopped.end("ada")
    assert end["outcome"] == "ok" and end["received"] == 2
    assert len(stopped.events("message_delivered")) == len(stopped.events("message_acked")) == 2
    assert sum("second" in line for line in stopped.told("ada")) == 1
    stopped.check()


def test_stopped_politely_hived_leaves_turns_running(hive: Hive) -> None:
    hive.new("ada", TALK)
    hive.send("ada")
    wait(lambda: len(numbers(hive.said("ada"))) >= 3)
    assert "1 turn goes on without it" in hive.ctl("daemon", "stop")
    assert hive.ended() == 0
    assert len(hive.living()) == 2  # the host and its CLI
    hive.start()
    assert hive.events("hive_stopped")[0]["data"]["turns"] == "left"
    check_turn(hive, "ada", LINES)


def test_sigterm_is_a_polite_stop(hive: Hive) -> None:
    hive.new("ada", TALK)
    hive.send("ada")
    wait(lambda: len(numbers(hive.said("ada"))) >= 3)
    assert hive.process is not None
    os.kill(hive.process.pid, signal.SIGTERM)
    assert hive.ended() == 0
    assert len(hive.living()) == 2
    hive.start()
    check_turn(hive, "ada", LINES)


def test_stop_with_turns_ends_them_and_leaves_no_process(hive: Hive) -> None:
    hive.new("ada", TALK)
    hive.new("bob", "[default]\nsteps = [{ hang = 'deaf' }]")
    hive.send("ada")
    hive.send("bob")
    wait(lambda: len(numbers(hive.said("ada"))) >= 3)
    hive.wait_for("turn_start", agent="bob")
    assert "ends 2 turns" in hive.ctl("daemon", "stop", "--turns")
    assert hive.ended() == 0
    assert hive.living() == []
    hive.start()
    assert hive.events("hive_stopped")[0]["data"]["turns"] == "ended"
    for agent in ("ada", "bob"):
        [end] = hive.events("turn_end", agent=agent)[:1]
        assert (end["data"]["outcome"], end["data"]["why"]) == ("cancelled", "shutdown")
        returned = hive.events("message_returned", agent=agent)[0]["data"]
        assert returned["counted"] is False
    # The mail goes to the next turn, which says that the session holds it.
    hive.end("ada", 2)
    again = hive.told("ada")[-1]
    assert "Go on with what you were doing" in again and "attempt 1 of 5" in again


def test_a_turn_that_is_ordered_while_the_turns_are_ended_ends_too(
    stopped: Hive, tmp_path: Path
) -> None:
    hive, late = stopped, tmp_path / "late"
    hive.start(write_late=["turn_start", str(late)])
    hive.new("ada", TALK)
    hive.send("ada")
    wait(late.exists)
    hive.call("daemon_stop", turns=True)
    late.unlink()
    assert hive.ended() == 0
    assert hive.living() == []
    hive.start()
    [stop] = hive.events("hive_stopped")
    ends = [
        row for row in hive.events("turn_end", agent="ada") if row["position"] < stop["position"]
    ]
    assert [row["data"]["why"] for row in ends] == ["shutdown"]
    assert stop["data"]["turns"] == "ended"


def test_a_refused_tool_call_is_not_done_when_it_is_read_again(stopped: Hive) -> None:
    """The CLI was told of the refusal: what came to be allowed since then must not be done."""
    stopped.start()
    stopped.new(
        "ada",
        """
[default]
steps = [
  { hive = "send", args = { to = "bob", body = "hello" } },
  { say = "line 1" },
  { stream = "slow", chunks = 40, delay = 0.1 },
]
""",
    )
    stopped.send("ada")
    wait(lambda: numbers(stopped.said("ada")))
    stopped.new("bob", "", start=False)  # now there is a bob to write to
    stopped.kill()
    stopped.start()
    end = stopped.end("ada")
    assert end["outcome"] == "ok"
    assert stopped.events("message_sent", sender="ada") == []
    assert "not_found" in json.dumps(stopped.lines("ada"))


def test_the_transcript_of_a_turn_is_whole_after_a_kill_while_it_is_put_away(
    stopped: Hive, tmp_path: Path
) -> None:
    stopped.start(die_in="hived.store.transcripts:compress")
    stopped.new("ada", '[default]\nsteps = [{ say = "line {i}", times = 3 }]')
    stopped.send("ada")
    stopped.died()
    stopped.start()
    check_turn(stopped, "ada", 3)
