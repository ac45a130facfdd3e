"""Every command: what it gives, and each refusal with its code."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from attrs import evolve

from hived import limits
from hived.decisions import COMMANDS
from hived.decisions.access import CredentialChanged, Lift, StartHive, StopHive, WaitElapsed
from hived.decisions.approvals import RequestApproval
from hived.decisions.base import on_hive
from hived.decisions.budgets import SettleBudget
from hived.decisions.compaction import QueueCompaction
from hived.decisions.conversation import NewSession, QueueModel
from hived.decisions.delivery import DeliverNow, Receive
from hived.decisions.drafts import CreateDraft, DiscardDraft
from hived.decisions.endings import EndTurn
from hived.decisions.kept import FinishPurge, PurgeAgent, Revive
from hived.decisions.lifecycle import (
    NewAgent,
    PauseAgent,
    RemoveAgent,
    RestartAgent,
    ResumeAgent,
    SetStatus,
    StartAgent,
    StopAgent,
)
from hived.decisions.mail import AckMessages, SendMessage
from hived.decisions.naps import Nap, NapElapsed, Wake
from hived.decisions.outcomes import FinishApproval
from hived.decisions.question_ends import Answer, CancelQuestion, ExpireQuestion
from hived.decisions.questions import Ask
from hived.decisions.reminders import CancelReminder, FireReminder, SetReminder
from hived.decisions.settings import ConfigureHive, KeepQuietHours
from hived.decisions.timers import due
from hived.decisions.turns import BeginTurn, CancelTurn, Observe
from hived.decisions.verdicts import Decide, ExpireApproval, Withdraw
from hived.errors import CommandRefused
from hived.events.hive import HiveConfigured
from hived.events.settings import Settings
from hived.events.turn import ToolCall, TurnEnd
from hived.events.values import Budget
from hived.names import OPERATOR as OPERATOR_BOX
from tests.decisions.bench import OPERATOR, T0, Bench, config, kinds


def empty() -> Bench:
    return Bench()


def stopped() -> Bench:
    bench = Bench()
    bench.new(start=False)
    return bench


def running() -> Bench:
    bench = Bench()
    bench.new()
    return bench


def paused() -> Bench:
    bench = running()
    bench.do(PauseAgent("ada"))
    return bench


def working() -> Bench:
    bench = running()
    bench.working()
    return bench


def cancelling() -> Bench:
    bench = working()
    bench.do(CancelTurn("ada", "operator"))
    return bench


def tombstone() -> Bench:
    b = running()
    b.do(RemoveAgent("ada"))
    return b


def purged() -> Bench:
    b = tombstone()
    b.do(PurgeAgent("ada", (), 0))
    return b


def over_budget() -> Bench:
    bench = Bench()
    bench.new(budgets=(Budget(1.0),))
    bench.working()
    bench.end(cost_usd=1.5)
    return bench


APPROVAL = "p0123456789abcdef"


def spawn(approval: str = APPROVAL, **more: Any) -> RequestApproval:
    return RequestApproval(approval, "spawn", "web", config=config(), **more)


def requested() -> Bench:
    bench = running()
    bench.do(spawn())
    return bench


def approved() -> Bench:
    bench = requested()
    bench.do(Decide(APPROVAL, "approve"))
    return bench


def expiring() -> Bench:
    bench = running()
    bench.append([on_hive(HiveConfigured(Settings(expiry_s={"spawn": 5.0})))], "hive")
    bench.do(spawn())
    bench.now += 5
    return bench


def drafted() -> Bench:
    bench = running()
    bench.do(CreateDraft("web"))
    return bench


def ended() -> Bench:
    bench = working()
    bench.end()
    return bench


def failed() -> Bench:
    bench = working()
    bench.end("failed", "configuration")
    return bench


def limited() -> Bench:
    bench = working()
    bench.end("rate_limited", until=bench.now + 50)
    return bench


def refused_login() -> Bench:
    bench = working()
    bench.end("auth_failed")
    return bench


def removed() -> Bench:
    bench = stopped()
    bench.do(RemoveAgent("ada"))
    return bench


def family() -> Bench:
    bench = running()
    bench.new("bob", parent="ada")
    return bench


def queued_compaction() -> Bench:
    bench = ended()
    bench.do(QueueCompaction("ada"))
    return bench


def napping() -> Bench:
    bench = running()
    bench.do(Nap("ada", 60))
    return bench


def urgent() -> Bench:
    bench = stopped()
    bench.send(urgent=True)
    return bench


def reminded() -> Bench:
    bench = running()
    [made] = bench.do(SetReminder("ada", "look", delay=60))
    assert made.event.reminder == REMINDER
    return bench


def many_reminders() -> Bench:
    bench = running()
    for _ in range(limits.REMINDERS_MAX):
        bench.do(SetReminder("ada", "look", delay=60))
    return bench


def asked() -> Bench:
    bench = running()
    assert bench.do(Ask("Shall I?", ("yes", "no")), "agent:ada")[0].event.question == QUESTION
    return bench


def answered() -> Bench:
    bench = asked()
    bench.do(Answer(QUESTION, ("yes",)))
    return bench


def new(name: str = "ada", parent: str = "", **changes: Any) -> NewAgent:
    return NewAgent(name, config(**changes), "here", "key", parent)


TURN = "t" + f"{2:012x}"  # only its shape matters: no turn has this id
QUESTION = "q0000000000020000"
REMINDER = "r" + f"{2:012x}" + "0000"  # of the second id that a bench gives
NAN = float("nan")
BAD_SECONDS = (-1, 0, 0.999, limits.NAP_SECONDS_MAX + 1, NAN, float("inf"))
BAD_DELAYS = (0, -5, limits.REMINDER_SECONDS_MAX + 1, NAN, float("inf"))

# (state, command, kinds of its events)
DONE: list[tuple[Callable[[], Bench], Any, list[str]]] = [
    (empty, new(), ["agent_created", "agent_started"]),
    (empty, NewAgent("a", config(), "n", "k", start=False), ["agent_created"]),
    (running, new("bob", parent="ada"), ["agent_created", "agent_started"]),
    (stopped, StartAgent("ada"), ["agent_started"]),
    (failed, StartAgent("ada"), ["agent_started"]),
    (running, StopAgent("ada"), ["agent_stopped"]),
    (paused, StopAgent("ada"), ["agent_stopped"]),
    (failed, StopAgent("ada"), ["agent_stopped"]),
    (working, StopAgent("ada"), ["agent_stopped", "turn_cancel"]),
    (cancelling, StopAgent("ada"), ["agent_stopped"]),
    (stopped, RestartAgent("ada"), ["agent_started"]),
    (running, RestartAgent("ada"), ["agent_stopped", "agent_started"]),
    (working, RestartAgent("ada"), ["agent_stopped", "turn_cancel", "agent_started"]),
    (cancelling, RestartAgent("ada"), ["agent_stopped", "agent_started"]),
    (running, PauseAgent("ada"), ["agent_paused"]),
    (working, PauseAgent("ada"), ["agent_paused"]),
    (paused, ResumeAgent("ada"), ["agent_resumed"]),
    (running, RemoveAgent("ada"), ["agent_destroyed"]),
    (
        tombstone,
        Revive("ada", start=False),
        [
            "approval_request",
            "approval_decision",
            "agent_revived",
            "agent_created",
            "approval_outcome",
        ],
    ),
    (tombstone, PurgeAgent("ada", ("/x (1)",), 1), ["agent_purged"]),
    (purged, FinishPurge("ada", 1), ["purge_done"]),
    (running, FinishPurge("ada", 1), []),
    (running, ConfigureHive(Settings(digest="d")), ["hive_configured"]),
    (running, ConfigureHive(Settings()), []),
    (running, KeepQuietHours(), []),
    (running, SetStatus("ada", "x" * limits.STATUS_CHARS_MAX), ["status_set"]),
    (working, QueueModel("ada", " opus "), ["model_queued"]),
    (ended, NewSession("ada"), ["session_reset"]),
    (running, SendMessage("ada", "hi"), ["message_sent"]),
    (running, SendMessage("*", "hi"), ["message_sent"]),
    (running, SendMessage("ada", "x" * limits.BODY_BYTES_MAX, urgent=True), ["message_sent"]),
    (working, DeliverNow("ada", TURN), []),
    (working, Receive("ada", TURN, 1), []),
    (running, Nap("ada", limits.NAP_SECONDS_MIN), ["nap_start"]),
    (working, Nap("ada", limits.NAP_SECONDS_MAX, "rest"), ["nap_start"]),
    (stopped, Nap("ada", 60), ["nap_start"]),
    (napping, Wake("ada"), ["nap_end"]),
    (napping, CancelTurn("ada", "operator"), ["nap_end"]),
    (napping, RestartAgent("ada"), ["agent_stopped", "nap_end", "agent_started"]),
    (napping, StopAgent("ada"), ["agent_stopped"]),
    (napping, SendMessage("ada", "hi", urgent=True), ["message_sent", "nap_end"]),
    (napping, SendMessage("ada", "hi"), ["message_sent"]),
    (napping, NapElapsed("ada"), []),
    (running, NapElapsed("ada"), []),
    (empty, NapElapsed("ada"), []),
    (running, SetReminder("ada", "look", delay=5), ["reminder_set"]),
    (stopped, SetReminder("ada", "look", at=T0 + 0.01), ["reminder_set"]),
    (reminded, CancelReminder(REMINDER), ["reminder_cancelled"]),
    (reminded, RemoveAgent("ada"), ["reminder_cancelled", "agent_destroyed"]),
    (reminded, FireReminder("ada", REMINDER), []),
    (running, FireReminder("ada", REMINDER), []),
    (running, Ask("Done?", to="ada"), ["question_asked", "message_sent"]),
    (asked, Answer(QUESTION, ("2",)), ["question_answered", "message_sent"]),
    (asked, Answer(QUESTION, (), ("no",)), ["question_answered", "message_sent"]),
    (asked, CancelQuestion(QUESTION), ["question_cancelled", "message_sent"]),
    (asked, RemoveAgent("ada"), ["agent_destroyed", "question_cancelled"]),
    (asked, ExpireQuestion(QUESTION), []),
    (running, ExpireQuestion(QUESTION), []),
    (working, CancelTurn("ada", "idle_limit"), ["turn_cancel"]),
    (ended, QueueCompaction("ada"), ["compaction_queued"]),
    (running, QueueCompaction("ada", of="notes"), ["compaction_queued"]),
    (running, SettleBudget("ada", "usd", "day"), []),
    (over_budget, SettleBudget("ada", "usd", "day"), []),
    (over_budget, Lift("ada"), ["budget_over"]),
    (limited, Lift("ada"), ["rate_limit_over"]),
    (refused_login, Lift("ada"), ["login_done"]),
    (limited, WaitElapsed("key"), []),
    (running, WaitElapsed("key"), []),
    (refused_login, WaitElapsed("key"), []),
    (refused_login, CredentialChanged("key"), ["login_done"]),
    (running, CredentialChanged("key"), []),
    (empty, StartHive("1", "here", "b"), ["hive_started"]),
    (empty, StopHive("left"), ["hive_stopped"]),
    (running, spawn(), ["approval_request"]),
    (running, spawn(consent=True), ["approval_request", "approval_decision"]),
    (requested, Decide(APPROVAL, "approve"), ["approval_decision"]),
    (requested, Decide(APPROVAL, "deny", "no"), ["approval_decision"]),
    (requested, Withdraw(APPROVAL), ["approval_decision"]),
    (requested, ExpireApproval(APPROVAL), []),
    (expiring, ExpireApproval(APPROVAL), ["approval_decision"]),
    (requested, FinishApproval(APPROVAL), []),
    (
        approved,
        FinishApproval(APPROVAL, "", config(), "key", "here"),
        ["agent_created", "agent_started", "approval_outcome"],
    ),
    (approved, FinishApproval(APPROVAL, "no room"), ["approval_outcome"]),
    (running, CreateDraft("web"), ["draft_created"]),
    (drafted, DiscardDraft("web"), ["draft_discarded"]),
]

# (state, command, code of its refusal)
REFUSED: list[tuple[Callable[[], Bench], Any, str]] = [
    (running, new(), "exists"),
    (removed, new(), "exists"),
    (empty, new(role="king"), "invalid_params"),
    (empty, new(parent="zoe"), "not_found"),
    (running, StartAgent("ada"), "wrong_state"),
    (paused, StartAgent("ada"), "wrong_state"),
    (stopped, StopAgent("ada"), "wrong_state"),
    (stopped, PauseAgent("ada"), "wrong_state"),
    (paused, PauseAgent("ada"), "wrong_state"),
    (failed, PauseAgent("ada"), "wrong_state"),
    (running, ResumeAgent("ada"), "wrong_state"),
    (stopped, ResumeAgent("ada"), "wrong_state"),
    (working, RemoveAgent("ada"), "wrong_state"),
    (family, RemoveAgent("ada"), "wrong_state"),
    (running, SetStatus("ada", "x" * (limits.STATUS_CHARS_MAX + 1)), "too_large"),
    (running, QueueModel("ada", "  "), "invalid_params"),
    (running, QueueModel("ada", "a\nb"), "invalid_params"),
    (running, QueueModel("ada", "two words"), "invalid_params"),
    (running, QueueModel("ada", "x" * (limits.MODEL_CHARS_MAX + 1)), "invalid_params"),
    (running, NewSession("ada"), "wrong_state"),
    (working, NewSession("ada"), "wrong_state"),
    (running, SendMessage("ada", " \n"), "invalid_params"),
    (running, SendMessage("ada", "é" * (limits.BODY_BYTES_MAX // 2 + 1)), "too_large"),
    (running, SendMessage("zoe", "hi"), "not_found"),
    (removed, SendMessage("ada", "hi"), "not_found"),
    (empty, SendMessage("*", "hi"), "not_found"),
    (running, SendMessage(OPERATOR_BOX, "hi"), "not_found"),
    (running, SendMessage("manager", "hi"), "not_found"),
    (running, SendMessage("ada", "hi", in_reply_to="m000000000000"), "not_found"),
    (running, AckMessages(()), "invalid_params"),
    (running, AckMessages(("m000000000000",)), "not_found"),
    (running, BeginTurn("ada"), "wrong_state"),
    (working, BeginTurn("ada"), "wrong_state"),
    (ended, BeginTurn("ada"), "wrong_state"),
    (running, DeliverNow("ada", TURN), "wrong_state"),
    (running, Observe("ada", TURN, 5, ()), "wrong_state"),
    (running, CancelTurn("ada", "operator"), "wrong_state"),
    (cancelling, CancelTurn("ada", "operator"), "wrong_state"),
    (working, CancelTurn("ada", "operator", "t0000000000000000"), "wrong_state"),
    (running, Receive("ada", TURN, 1), "wrong_state"),
    *((running, Nap("ada", seconds), "invalid_params") for seconds in BAD_SECONDS),
    (running, Nap("ada", 60, "x" * (limits.NAP_REASON_CHARS_MAX + 1)), "too_large"),
    (napping, Nap("ada", 60), "wrong_state"),
    (urgent, Nap("ada", 60), "wrong_state"),
    (running, Wake("ada"), "wrong_state"),
    (running, SetReminder("ada", " ", delay=5), "invalid_params"),
    (running, SetReminder("ada", "look"), "invalid_params"),
    (running, SetReminder("ada", "look", delay=5, at=T0 + 5), "invalid_params"),
    *((running, SetReminder("ada", "x", delay=delay), "invalid_params") for delay in BAD_DELAYS),
    (running, SetReminder("ada", "look", at=T0), "invalid_params"),
    (running, SetReminder("ada", "x" * (limits.REMINDER_CHARS_MAX + 1), delay=5), "too_large"),
    (many_reminders, SetReminder("ada", "one more", delay=5), "too_many"),
    (running, CancelReminder(REMINDER), "not_found"),
    (running, Ask("Done?"), "not_allowed"),
    (running, Ask("Done?", to="zoe"), "not_found"),
    (running, Ask(" ", to="ada"), "invalid_params"),
    (running, Answer(QUESTION, ("yes",)), "not_found"),
    (asked, Answer(QUESTION), "invalid_params"),
    (asked, Answer(QUESTION, (), ("maybe",)), "invalid_params"),
    (answered, Answer(QUESTION, ("no",)), "wrong_state"),
    (answered, CancelQuestion(QUESTION), "wrong_state"),
    (running, CancelQuestion(QUESTION), "not_found"),
    (running, QueueCompaction("ada"), "wrong_state"),
    (queued_compaction, QueueCompaction("ada"), "wrong_state"),
    (running, EndTurn("ada", TURN, TurnEnd("ada", TURN, "ok")), "wrong_state"),
    (running, Lift("ada"), "wrong_state"),
    (running, Revive("ada"), "wrong_state"),
    (empty, Revive("ada"), "not_found"),
    (running, PurgeAgent("ada", (), 0), "wrong_state"),
    (purged, PurgeAgent("ada", (), 0), "not_found"),
    (purged, new(), "exists"),
    (requested, spawn("p1"), "exists"),
    (drafted, spawn(), "exists"),
    (approved, Decide(APPROVAL, "deny", "no"), "wrong_state"),
    (running, Decide(APPROVAL, "approve"), "not_found"),
    (approved, Withdraw(APPROVAL), "wrong_state"),
    (drafted, CreateDraft("web"), "exists"),
    (running, DiscardDraft("web"), "not_found"),
]

OF_AN_AGENT = [
    StartAgent("zoe"),
    StopAgent("zoe"),
    RestartAgent("zoe"),
    PauseAgent("zoe"),
    ResumeAgent("zoe"),
    RemoveAgent("zoe"),
    SetStatus("zoe", ""),
    QueueModel("zoe", "m"),
    NewSession("zoe"),
    BeginTurn("zoe"),
    DeliverNow("zoe", TURN),
    Receive("zoe", TURN, 1),
    Nap("zoe", 60),
    Wake("zoe"),
    SetReminder("zoe", "look", delay=5),
    Observe("zoe", TURN, 1, ()),
    CancelTurn("zoe", "operator"),
    QueueCompaction("zoe"),
    EndTurn("zoe", TURN, TurnEnd("zoe", TURN, "ok")),
    Lift("zoe"),
]


def named(case: tuple[Callable[[], Bench], Any, object]) -> str:
    return f"{case[0].__name__}-{type(case[1]).__name__}"


def in_open_turn(bench: Bench, command: Any) -> Any:
    """The command with the id of the turn that is open, where it names one."""
    agent = bench.hive.agents.live.get("ada")
    if isinstance(command, DeliverNow | Receive) and agent is not None and agent.turn is not None:
        return evolve(command, turn=agent.turn.id)
    return command


@pytest.mark.parametrize("case", DONE, ids=named)
def test_a_command_gives_its_events(case: tuple[Callable[[], Bench], Any, list[str]]) -> None:
    bench = case[0]()
    made = bench.do(in_open_turn(bench, case[1]))
    assert kinds(made) == case[2]
    by = "policy:expiry" if isinstance(case[1], ExpireApproval) else OPERATOR
    assert all(record.by == by for record in made)


@pytest.mark.parametrize("case", REFUSED, ids=named)
def test_a_command_is_refused(case: tuple[Callable[[], Bench], Any, str]) -> None:
    bench = case[0]()
    before = bench.hive.dump()
    with pytest.raises(CommandRefused) as refused:
        bench.plan(case[1])
    assert refused.value.code == case[2]
    assert refused.value.message
    assert bench.hive.dump() == before


@pytest.mark.parametrize("command", OF_AN_AGENT, ids=lambda c: type(c).__name__)
def test_an_agent_that_is_not_there_is_not_found(command: Any) -> None:
    with pytest.raises(CommandRefused) as refused:
        running().plan(command)
    assert refused.value.code == "not_found"


def test_every_command_stands_in_the_tables() -> None:
    tried = {type(case[1]) for case in [*DONE, *REFUSED]}
    assert tried == set(COMMANDS)


def test_a_hive_has_a_most_of_agents() -> None:
    bench = empty()
    for number in range(limits.AGENTS_MAX):
        bench.new(f"a{number}", start=False)
    with pytest.raises(CommandRefused) as refused:
        bench.plan(new())
    assert refused.value.code == "too_many"


def test_a_wait_elapses_at_its_time_and_not_before() -> None:
    bench = limited()
    (item,) = due(bench.hive)
    bench.now += 49.9
    assert item.at > bench.now and bench.plan(item.command) == []
    bench.now += 0.1
    assert item.at == pytest.approx(bench.now, abs=1e-3)
    (over,) = bench.do(item.command, item.by)
    assert over.event.why == "elapsed"
    assert list(due(bench.hive)) == []
    assert over.cause is not None
    assert kinds([r for r in bench.log if (r.stream, r.version) == over.cause]) == [
        "rate_limit_hit"
    ]
    assert bench.plan(WaitElapsed("key")) == []


def test_a_refused_login_is_tried_again_by_itself_after_longer_and_longer() -> None:
    bench = refused_login()
    waits = []
    for _ in range(12):
        probe_at = bench.hive.credentials.of("key").probe_at
        waits.append(probe_at - bench.now)
        assert [item.at for item in due(bench.hive)] == [pytest.approx(probe_at, abs=1e-3)]
        bench.now = probe_at
        (done,) = bench.do(WaitElapsed("key"), "policy:wait_elapsed")
        assert done.event.why == "probe"
        bench.begin()
        bench.end("auth_failed")
    assert 0.8 * limits.LOGIN_PROBE_SECONDS <= waits[0] <= 1.2 * limits.LOGIN_PROBE_SECONDS
    assert all(b > a for a, b in pairwise(waits[:5]))
    assert max(waits) <= 1.2 * limits.LOGIN_PROBE_SECONDS_MAX


def test_a_line_taken_in_gives_nothing_again() -> None:
    bench = working()
    turn = bench.agent().turn
    assert turn is not None
    line = Observe("ada", turn.id, 10, (ToolCall("ada", turn.id, "c1", "Bash", "ls", 10),))
    (call,) = bench.do(line, "hive")
    assert call.cause == ("agent:ada", turn.start_version)
    assert bench.do(line, "hive") == []
    assert turn.tool_calls == 1
    assert kinds(bench.do(Observe("ada", turn.id, 11, line.events), "hive")) == ["tool_call"]


def test_a_queued_model_is_in_force_from_the_next_turn() -> None:
    bench = ended()
    bench.do(QueueModel("ada", "opus"))
    assert (bench.agent().model, bench.agent().model_queued) == ("", "opus")
    bench.send()
    made = bench.do(BeginTurn("ada"), "policy:next_step")
    assert kinds(made) == ["model_switched", "turn_start", "message_delivered"]
    assert made[1].event.model == "opus"
    assert (bench.agent().model, bench.agent().model_queued) == ("opus", None)


def test_a_new_conversation_is_not_compacted_for_the_one_before() -> None:
    bench = queued_compaction()
    bench.do(NewSession("ada"))
    bench.working()
    bench.end()
    assert bench.agent().compaction_wanted == ""
