"""What reaches a turn of the real CLI while it runs: mail, a cancel, signals, limits."""

import os
import signal
import time
from pathlib import Path

import pytest

from hived.ctl.exits import REFUSED
from tests.messages_api import MessagesApi
from tests.messages_api_replies import Reply, Tool
from tests.real.hive import Hive, Row

pytestmark = [pytest.mark.real_cli, pytest.mark.timeout(100)]

# Runs until a file `go` comes. Says that it has begun by a file of that name.
SLOW = "touch began; while [ ! -e go ]; do sleep 0.05; done; echo gone on"
# As SLOW, and beside it a process in a session of its own that takes no SIGTERM.
STUBBORN = (
    "setsid -f python3 -c 'import pathlib, signal, time\n"
    "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    "signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
    'pathlib.Path("away").touch()\n'
    "time.sleep(300)' >/dev/null 2>&1 </dev/null; " + SLOW
)


def bash(command: str) -> Reply:
    return Reply(tools=(Tool("Bash", {"command": command}),))


def begun(hive: Hive, *files: Path) -> None:
    hive.until(lambda: all(file.exists() for file in files), f"{files} are there")


def receipts(hive: Hive, agent: str, turn: str, uuid: str) -> list[str]:
    lines: list[Row] = hive.transcript(agent, turn)
    return [line["state"] for line in lines if line.get("command_uuid") == uuid]


def test_mail_in_mid_turn_reaches_the_same_turn(hive: Hive) -> None:
    with MessagesApi([bash(SLOW), Reply("both answered")]) as api:
        workdir = hive.new("ada", api, "--allow", "Bash")
        hive.ctl("send", "ada", "begin")
        begun(hive, workdir / "began")
        turn = hive.agent("ada")["turn"]["turn"]
        hive.ctl("send", "ada", "--urgent", "one thing more")
        order = hive.wait("message_delivered", 2)
        hive.until(lambda: receipts(hive, "ada", turn, order["uuid"]), "the CLI has the line")
        (workdir / "go").touch()
        end = hive.wait("turn_end")
        assert len(api.requests) == 2
        request = api.requests[1]
    assert "one thing more" in request.all
    assert "gone on" in request.all
    assert (order["turn"], order["line"], order["attempt"]) == (turn, 2, 1)
    assert (end["turn"], end["outcome"], end["received"]) == (turn, "ok", 2)
    assert [row["turn"] for row in hive.events("message_acked")] == [turn, turn]
    assert receipts(hive, "ada", turn, order["uuid"])[-1] == "completed"


def test_mail_at_the_very_end_gets_an_answer_in_the_same_turn(hive: Hive) -> None:
    with MessagesApi([Reply("first", gate="end"), Reply("second")]) as api:
        hive.new("ada", api)
        hive.ctl("send", "ada", "begin")
        api.wait_for(lambda: len(api.requests) == 1)
        turn = hive.agent("ada")["turn"]["turn"]
        hive.ctl("send", "ada", "one thing more")
        order = hive.wait("message_delivered", 2)
        hive.until(lambda: receipts(hive, "ada", turn, order["uuid"]), "the CLI has the line")
        api.open("end")
        end = hive.wait("turn_end")
        assert "one thing more" in api.requests[1].last
    assert (end["outcome"], end["received"]) == ("ok", 2)
    assert end["usage"]["input"] == 20
    assert len(hive.events("message_acked")) == 2
    assert len(hive.events("turn_start")) == 1


def test_cancel_while_it_speaks(hive: Hive) -> None:
    with MessagesApi([Reply("a long text " * 20, chunks=10, gate="never")]) as api:
        hive.new("ada", api)
        hive.ctl("send", "ada", "speak")
        api.wait_for(lambda: len(api.requests) == 1)
        turn = hive.agent("ada")["turn"]["turn"]
        hive.until(
            lambda: any(line["type"] == "system" for line in hive.transcript("ada", turn)),
            "it has begun",
        )
        hive.ctl("cancel", "ada")
        end = hive.wait("turn_end")
        hive.wait_alone()
        # The operator wished it: the mail is done with, and the next turn knows of it.
        hive.ctl("send", "ada", "and now?")
        after = hive.wait("turn_end", 2)
        assert "speak" in api.requests[1].all
    assert (end["outcome"], end["why"], end["leftovers"]) == ("cancelled", "operator", 0)
    assert end["usage"]["input"] == 10
    # The CLI was interrupted, not shot: it ended by itself, with a result that is an error.
    assert end["exit_code"] == 1
    results = [line for line in hive.transcript("ada", end["turn"]) if line["type"] == "result"]
    assert [line["terminal_reason"] for line in results] == ["aborted_streaming"]
    assert after["outcome"] == "ok"
    [cancel] = hive.events("turn_cancel")
    assert end["cause"] == {"stream": "agent:ada", "version": cancel["version"]}


def test_cancel_while_a_command_runs_leaves_nothing(hive: Hive) -> None:
    with MessagesApi([bash(STUBBORN)]) as api:
        workdir = hive.new("ada", api, "--allow", "Bash")
        hive.ctl("send", "ada", "begin")
        begun(hive, workdir / "began", workdir / "away")
        assert len(hive.alive()) >= 4  # host, CLI, shell, what went away
        hive.ctl("cancel", "ada")
        end = hive.wait("turn_end")
        hive.wait_alone()
    assert (end["outcome"], end["why"]) == ("cancelled", "operator")
    assert end["usage"]["input"] == 10  # the interrupt had it told
    assert end["leftovers"] >= 1
    [result] = hive.events("tool_result")
    assert result["outcome"] == "error"
    assert hive.agent("ada")["word"] == "idle"


def test_a_cli_that_is_killed_leaves_nothing_and_the_retry_says_so(hive: Hive) -> None:
    with MessagesApi([bash(STUBBORN), Reply("went on")]) as api:
        workdir = hive.new("ada", api, "--allow", "Bash")
        hive.ctl("send", "ada", "begin now")
        begun(hive, workdir / "began", workdir / "away")
        [cli] = hive.clis()
        os.kill(cli, signal.SIGKILL)
        end = hive.wait("turn_end")
        assert hive.agent("ada")["word"] == "waiting"
        hive.wait_alone()
        retry = hive.wait("turn_end", 2)
        request = api.requests[1]
    assert (end["outcome"], end["why"], end["exit_code"]) == ("failed", "crashed", -signal.SIGKILL)
    assert end["leftovers"] >= 2  # the shell and what went away
    assert end["usage"]["input"] == 10  # nobody summed up; counted by its messages
    [returned] = hive.events("message_returned")
    assert (returned["counted"], returned["held"], returned["why"]) == (True, True, "crashed")
    assert retry["outcome"] == "ok"
    # The session holds the words already: they are not put to it a second time.
    assert request.all.count("begin now") == 1
    assert "This is attempt 2 of" in request.all
    assert "(crashed)" in request.all
    assert hive.events("turn_start")[1]["retry_of"] == end["turn"]


def test_a_host_that_is_killed_takes_its_turn_with_it(hive: Hive) -> None:
    with MessagesApi([bash(SLOW), Reply("went on")]) as api:
        workdir = hive.new("ada", api, "--allow", "Bash")
        hive.ctl("send", "ada", "begin")
        begun(hive, workdir / "began")
        turn = hive.agent("ada")["turn"]["turn"]
        host = (hive.home / "turns" / turn / "started").read_text()
        pid = hive.host_of(turn)
        assert str(pid) in host
        os.kill(pid, signal.SIGKILL)
        end = hive.wait("turn_end")
        hive.wait_alone()
        retry = hive.wait("turn_end", 2)
    assert (end["outcome"], end["exit_code"], end["duration_ms"]) == ("lost", None, None)
    assert retry["outcome"] == "ok"
    assert "This is attempt 2 of" in api.requests[1].all


@pytest.mark.parametrize(
    ("option", "reply", "why"),
    [
        ("--idle-limit=5", Reply(hang=True), "idle_limit"),
        ("--tool-limit=1", bash(SLOW), "tool_limit"),
    ],
)
def test_silence_has_a_limit(hive: Hive, option: str, reply: Reply, why: str) -> None:
    with MessagesApi([reply, Reply("went on")]) as api:
        hive.new("ada", api, "--allow", "Bash", option)
        hive.ctl("send", "ada", "begin")
        end = hive.wait("turn_end")
        hive.wait_alone()
        retry = hive.wait("turn_end", 2)
    assert (end["outcome"], end["why"]) == ("failed", why)
    assert (retry["outcome"], retry["received"]) == ("ok", 1)
    [cancel] = hive.events("turn_cancel")
    assert cancel["by"] == f"policy:{why}"


def test_stop_keeps_the_mail_and_start_goes_on(hive: Hive) -> None:
    with MessagesApi([Reply("a text", gate="never"), Reply("went on")]) as api:
        hive.new("ada", api)
        hive.ctl("send", "ada", "begin now")
        api.wait_for(lambda: len(api.requests) == 1)
        hive.ctl("stop", "ada")
        end = hive.wait("turn_end")
        hive.wait_alone()
        assert hive.agent("ada")["word"] == "stopped"
        hive.ctl("start", "ada")
        again = hive.wait("turn_end", 2)
        request = api.requests[1]
    assert (end["outcome"], end["why"]) == ("cancelled", "stop")
    [returned] = hive.events("message_returned")
    assert (returned["counted"], returned["held"]) == (False, True)
    assert again["outcome"] == "ok"
    assert request.all.count("begin now") == 1


def test_cancel_at_any_moment_of_the_start(hive: Hive) -> None:
    with MessagesApi(default=Reply("a text", gate="never")) as api:
        hive.new("ada", api)
        for number in range(1, 6):
            hive.ctl("send", "ada", f"words {number}")
            hive.wait("turn_start", number)
            seen = len(api.requests)
            stops = (0.0, 0.1, 0.3, 0.5, 0.8)  # from before the host's start to the first answer
            until = time.monotonic() + stops[number - 1]
            hive.until(
                lambda until=until, seen=seen: time.monotonic() > until or len(api.requests) > seen,
                "it is time",
            )
            hive.ctl("cancel", "ada")
            end = hive.wait("turn_end", number)
            assert (end["outcome"], end["why"]) == ("cancelled", "operator")
            hive.wait_alone()
    assert len(hive.events("turn_start")) == 5
    assert len(hive.events("turn_cancel")) == 5


def test_an_agent_removed_in_mid_turn_leaves_nothing(hive: Hive) -> None:
    with MessagesApi([bash(STUBBORN)]) as api:
        workdir = hive.new("ada", api, "--allow", "Bash")
        hive.ctl("send", "ada", "begin")
        begun(hive, workdir / "began", workdir / "away")
        hive.ctl("rm", "--yes", "ada", status=REFUSED)  # not while its turn runs
        hive.ctl("stop", "ada")
        hive.wait("turn_end")
        hive.ctl("rm", "--yes", "ada")
        hive.wait_alone()
        assert hive.json("ps")["agents"] == []


def test_restart_in_mid_turn_goes_on_in_the_same_conversation(hive: Hive) -> None:
    with MessagesApi([bash(SLOW), Reply("went on")]) as api:
        workdir = hive.new("ada", api, "--allow", "Bash")
        hive.ctl("send", "ada", "begin now")
        begun(hive, workdir / "began")
        hive.ctl("restart", "ada")
        end = hive.wait("turn_end", 2)
        assert api.requests[-1].all.count("begin now") == 1
    first, second = hive.events("turn_start")
    assert first["session"] == second["session"]
    assert hive.events("turn_end")[0]["why"] == "restart"
    assert end["outcome"] == "ok"


@pytest.mark.parametrize(("verb", "outcome"), [("cancel", "cancelled"), ("stop", "deferred")])
def test_a_compaction_can_be_ended_too(hive: Hive, verb: str, outcome: str) -> None:
    words = "<analysis>a</analysis><summary>THE SUMMARY</summary>"
    with MessagesApi([Reply("one " * 500)], summary=Reply(words, gate="summary")) as api:
        hive.new("ada", api)
        hive.ctl("send", "ada", "first words")
        hive.wait("turn_end", outcome="ok")
        hive.ctl("compact", "ada")
        api.wait_for(lambda: len(api.requests) == 2)
        hive.wait_word("ada", "compacting")
        hive.ctl(verb, "ada")
        end = hive.wait("turn_end", 2)
        hive.wait_alone()
        api.open("summary")
        if verb == "stop":  # it was the agent that was stopped, not the compaction
            hive.ctl("start", "ada")
            assert hive.wait("turn_end", 3)["outcome"] == "ok"
        hive.ctl("send", "ada", "second words")
        hive.wait("message_acked", 2)
        known = api.requests[-1].all
    why = {"cancel": "operator", "stop": "stop"}[verb]
    assert (end["outcome"], end["why"], end["retry_at"]) == ("cancelled", why, 0)
    ends = [row["outcome"] for row in hive.events("compaction_end")]
    assert ends == ([outcome] if verb == "cancel" else [outcome, "ok"])
    assert ("THE SUMMARY" in known) is (verb == "stop")
