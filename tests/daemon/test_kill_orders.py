"""kill -9 of hived while something was ordered: compactions, cancels, retries, a whole hive."""

import json
import os
import random
import signal

import pytest

from hived.sample import FIRST_MAIL, SAMPLE_AGENTS, scenario_path
from tests.daemon.harness import Hive, wait
from tests.daemon.said import numbers

DONE = '[default]\nsteps = [{ say = "done" }]'
TALK = '[default]\nsteps = [{ say = "line {i}", times = 400, delay = 0.05 }]'


def in_compaction(hive: Hive) -> str:
    """ada in a compaction of two seconds; its turn."""
    hive.new("ada", f"compact_seconds = 2\n{DONE}")
    hive.send("ada")
    hive.end("ada")
    wait(lambda: hive.agent("ada")["turn"] is None)
    hive.ctl("compact", "ada")
    [start] = hive.wait_for("compaction_start")
    turn = str(start["data"]["turn"])
    wait(lambda: any("compacting" in line for line in hive.lines("ada", turn)))
    return turn


def test_a_compaction_goes_on_without_hived_and_is_told_once(hive: Hive) -> None:
    turn = in_compaction(hive)
    hive.kill()
    hive.start()
    assert hive.word("ada") == "compacting"
    end = hive.end("ada", 2)
    assert (end["turn"], end["outcome"]) == (turn, "ok")
    assert len(hive.events("compaction_start")) == 1
    [over] = hive.events("compaction_end")
    assert over["data"]["outcome"] == "ok"
    assert hive.word("ada") == "idle"
    assert sum("compact_boundary" in line for line in hive.lines("ada", turn)) == 1
    hive.check()


def test_a_compaction_whose_host_died_is_done_again(hive: Hive) -> None:
    turn = in_compaction(hive)
    os.kill(hive.host(turn), signal.SIGKILL)
    assert hive.end("ada", 2)["outcome"] == "lost"
    assert hive.end("ada", 3)["outcome"] == "ok"
    outcomes = [row["data"]["outcome"] for row in hive.events("compaction_end")]
    assert outcomes == ["deferred", "ok"]
    assert [row["data"]["kind"] for row in hive.events("turn_start")][1:] == ["compact"] * 2
    assert hive.events("message_returned") == []


@pytest.mark.parametrize("lines", [0, 3], ids=["before the host", "while it talks"])
def test_a_cancel_that_was_ordered_is_carried_out(stopped: Hive, lines: int) -> None:
    hold = {} if lines else {"hold_in": "hived.supervisor.drive:TurnDrive._start"}
    stopped.start(die_at=["turn_cancel", 1], **hold)
    stopped.new("ada", TALK)
    stopped.send("ada")
    stopped.wait_for("turn_start")
    wait(lambda: len(numbers(stopped.said("ada"))) >= lines)
    stopped.ctl("cancel", "ada", code=3)
    stopped.died()
    stopped.start()
    end = stopped.end("ada")
    assert (end["outcome"], end["why"]) == ("cancelled", "operator")
    stopped.nothing_lives()
    assert len(stopped.events("turn_cancel")) == len(stopped.events("turn_end")) == 1
    stopped.check()


def test_an_end_that_was_decided_is_decided_once(stopped: Hive) -> None:
    """Killed with the events of the end durable and nothing done about them."""
    stopped.start(die_at=["message_returned", 1])
    stopped.new("ada", f"[[turn]]\nsteps = [{{ exit = 3 }}]\n{DONE}")
    stopped.send("ada")
    stopped.died()
    stopped.start()
    assert stopped.end("ada", 2)["outcome"] == "ok"
    assert len(stopped.events("message_returned")) == 1
    assert [r["data"]["attempt"] for r in stopped.events("message_delivered")] == [1, 2]
    assert [r["data"]["attempt"] for r in stopped.events("turn_start")] == [1, 2]


def check_history(hive: Hive) -> None:
    """What must be true of any log, however often hived died while it grew."""
    hive.check()
    rows = hive.events()
    of = {
        kind: [row["data"] for row in rows if row["kind"] == kind]
        for kind in {row["kind"] for row in rows}
    }
    started = [data["turn"] for data in of["turn_start"]]
    ended = [data["turn"] for data in of["turn_end"]]
    assert len(set(started)) == len(started) and len(set(ended)) == len(ended)
    assert set(ended) <= set(started)
    # hived's death is no turn's end: all went on in their hosts.
    assert {data["outcome"] for data in of["turn_end"]} == {"ok"}, hive.story()
    assert "message_returned" not in of and "message_dead" not in of
    assert {data["attempt"] for data in of["message_delivered"]} == {1}
    delivered = [data["message"] for data in of["message_delivered"]]
    assert len(set(delivered)) == len(delivered)
    calls = [data["call"] for data in of["tool_call"]]
    results = [data["call"] for data in of["tool_result"]]
    agents = [data["turn"] for data in of["tool_call"]]
    assert len(set(zip(agents, calls, strict=True))) == len(calls) >= len(results)
    for data in of["turn_end"]:
        sent = [
            json.loads(line)["command_uuid"]
            for line in hive.lines(data["agent"], data["turn"])
            if '"command_lifecycle"' in line and '"started"' in line
        ]
        assert len(set(sent)) == len(sent)  # no user line was written twice


def test_a_hive_at_work_outlives_any_number_of_kills(stopped: Hive) -> None:
    """The sample hive, with hived killed at moments of chance and started again at once."""
    chance = random.Random(20)
    stopped.start()
    for sample in SAMPLE_AGENTS:
        if sample.name == "eve":  # all of her turns crash
            sample = sample._replace(scenario="bob.toml")
        stopped.call(
            "new",
            agent=sample.name,
            driver="rehearsal",
            role=sample.role,
            allow=list(sample.allow),
            model=sample.model,
            options={"scenario": scenario_path(sample.scenario)},
        )
    stopped.send(*FIRST_MAIL)
    for _ in range(6):
        position = stopped.call("agents")["position"]
        more = chance.randrange(1, 12)
        wait(lambda least=position + more: stopped.call("agents")["position"] >= least)  # type: ignore[misc]
        stopped.kill()
        stopped.start()
    for name in ("queen", "ada", "bob"):
        stopped.ctl("pause", name)
    for name in ("queen", "ada", "bob"):
        wait(lambda name=name: stopped.agent(name)["turn"] is None, stopped.story, 60)  # type: ignore[misc]
    assert len(stopped.events("turn_end")) >= 3
    check_history(stopped)
    stopped.nothing_lives()
