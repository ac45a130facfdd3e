"""Tombstones: what they keep, how they come back, how they go; and who may steer whom."""

import pytest

from hived import limits
from hived.decisions.authority import answers_to
from hived.decisions.conversation import QueueModel
from hived.decisions.kept import FinishPurge, PurgeAgent, Revive
from hived.decisions.lifecycle import (
    NewAgent,
    RemoveAgent,
    RestartAgent,
    StartAgent,
    StopAgent,
)
from hived.errors import CommandRefused
from hived.events.values import Usage
from hived.projections.agent import IDLE
from tests.decisions.bench import Bench, config, kinds


def refusal(b: Bench, command: object, by: str = "operator:x") -> CommandRefused:
    with pytest.raises(CommandRefused) as error:
        b.plan(command, by)
    return error.value


def test_a_revived_agent_goes_on_where_it_was() -> None:
    b = Bench()
    b.new(model="haiku")
    b.working()
    b.end("ok", usage=Usage(10, 20), cost_usd=0.5, context_used=100)
    b.do(QueueModel("ada", "opus"))
    waits = b.send("ada", "while you were away")
    was = b.agent()
    b.do(RemoveAgent("ada"))
    b.now += 1000
    made = b.do(Revive("ada"))
    assert kinds(made) == [
        "approval_request",
        "approval_decision",
        "agent_revived",
        "agent_created",
        "agent_started",
        "approval_outcome",
    ]
    approval = made[0].event.approval
    assert {r.event.approval for r in made if hasattr(r.event, "approval")} == {approval}
    now = b.agent()
    assert (now.session, now.session_fresh) == (was.session, False)
    assert (now.config, now.model_queued, now.created_at) == (was.config, "opus", was.created_at)
    assert (now.spent.usage, now.spent.cost_usd, now.turns) == (Usage(10, 20), 0.5, 1)
    assert (now.process, now.state, now.destroyed_at) == ("running", IDLE, 0.0)
    assert [r.version for r in made if r.stream == "agent:ada"] == [7, 8, 9]
    assert "ada" not in b.hive.agents.kept
    turn = b.begin()
    assert (turn.number, turn.model, turn.fresh) == (2, "opus", False)
    assert b.letter(waits).turn == turn.id


def test_one_is_revived_stopped_and_without_a_parent_that_has_gone() -> None:
    b = Bench()
    b.new("boss", role="manager")
    b.new("ada", parent="boss")
    for name in ("ada", "boss"):
        b.do(RemoveAgent(name))
    b.do(Revive("ada", start=False))
    assert (b.agent().process, b.agent().parent) == ("stopped", "")
    b.do(Revive("boss"))
    b.do(RemoveAgent("ada"))
    assert refusal(b, Revive("ada"), "agent:boss").code == "not_allowed"
    b.hive.agents.kept["ada"].parent = "boss"
    made = b.do(Revive("ada"))
    assert b.agent().parent == "boss"
    assert [r.event.to for r in made if r.kind == "message_sent"] == ["boss"]


def test_only_a_whole_name_of_a_tombstone_is_revived_or_purged() -> None:
    b = Bench()
    b.new("ada")
    for command in (Revive("ada"), PurgeAgent("ada", (), 0)):
        assert refusal(b, command).code == "wrong_state"
    b.do(RemoveAgent("ada"))
    for name in ("ad", "", "..", "bob"):
        for command in (Revive(name), PurgeAgent(name, (), 0)):
            assert refusal(b, command).code == "not_found"
    assert "hivectl revive ada" in refusal(b, StartAgent("ada")).hint
    assert refusal(b, PurgeAgent("ada", (), 0), "agent:boss").code == "not_allowed"
    assert refusal(b, NewAgent("ada", config(), "here", "key")).code == "exists"


def test_the_name_is_free_only_once_all_is_deleted() -> None:
    b = Bench()
    b.new("ada")
    b.do(RemoveAgent("ada"))
    b.do(PurgeAgent("ada", ("/x/ada (3)",), 3))
    assert refusal(b, PurgeAgent("ada", (), 0)).code == "not_found"
    assert refusal(b, NewAgent("ada", config(), "here", "key")).code == "exists"
    assert kinds(b.do(FinishPurge("ada", 3), "hive")) == ["purge_done"]
    assert b.plan(FinishPurge("ada", 3), "hive") == []
    b.new("ada")
    assert (b.agent().turns, b.agent().version) == (0, 7)


def test_there_are_so_many_tombstones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "TOMBSTONES_MAX", 1)
    b = Bench()
    for name in ("ada", "bob"):
        b.new(name)
    b.do(RemoveAgent("ada"))
    refused = refusal(b, RemoveAgent("bob"))
    assert (refused.code, "hivectl purge" in refused.hint) == ("too_many", True)
    monkeypatch.setattr(limits, "AGENTS_MAX", 1)
    assert refusal(b, Revive("ada")).code == "too_many"


def families() -> Bench:
    """boss over ada over eve; chief over bob; zoe of nobody, and kit below zoe."""
    b = Bench()
    for name, parent, role in (
        ("boss", "", "manager"),
        ("chief", "", "manager"),
        ("ada", "boss", "worker"),
        ("eve", "ada", "worker"),
        ("bob", "chief", "worker"),
        ("zoe", "", "worker"),
        ("kit", "zoe", "worker"),
    ):
        b.new(name, parent=parent, role=role)
    return b


def test_who_answers_to_whom() -> None:
    b = families()
    names = set(b.hive.agents.live)
    below = {m: {n for n in names if answers_to(b.hive, n, m)} for m in ("boss", "chief")}
    assert below == {"boss": {"ada", "eve", "zoe", "kit"}, "chief": {"bob", "zoe", "kit"}}
    b.agent("ada").parent = "eve"  # no log does this; a line of parents may not be gone round
    assert answers_to(b.hive, "ada", "boss")


def test_a_manager_steers_those_that_answer_to_it() -> None:
    b = families()
    for command in (StopAgent, RestartAgent, StartAgent):
        for name, by in (
            ("bob", "agent:boss"),
            ("boss", "agent:boss"),
            ("chief", "agent:boss"),
            ("eve", "agent:ada"),
            ("zoe", "agent:gone"),
        ):
            assert refusal(b, command(name), by).code == "not_allowed"
    assert kinds(b.do(StopAgent("eve"), "agent:boss")) == ["agent_stopped"]
    assert b.log[-1].by == "agent:boss"
    assert kinds(b.do(StartAgent("eve"), "agent:boss")) == ["agent_started"]
    assert kinds(b.do(RestartAgent("zoe"), "agent:chief")) == ["agent_stopped", "agent_started"]


def test_a_model_is_no_flag() -> None:
    b = Bench()
    b.new()
    assert refusal(b, QueueModel("ada", "--help")).code == "invalid_params"
