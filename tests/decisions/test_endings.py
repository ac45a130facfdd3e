"""The end of a turn: what every outcome means for each message, the agent and its credential."""

from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hived import limits
from hived.decisions.cancels import BLAMELESS, BY_LIMIT
from hived.decisions.compaction import QueueCompaction
from hived.decisions.delivery import DeliverNow
from hived.decisions.endings import HOPELESS, jitter, retry_wait
from hived.decisions.next_step import RUN, next_step
from hived.decisions.turns import BeginTurn, CancelTurn, Observe
from hived.events import Recorded
from hived.events.turn import CompactionEnd, CompactionStart
from hived.projections.inboxes import ACKED, DEAD, DELIVERED, QUEUED
from tests.decisions.bench import Bench, all_open, kinds

OUTCOMES = ["ok", "failed", "cancelled", "prompt_too_long", "rate_limited", "auth_failed", "lost"]


def of_kind(made: list[Recorded], kind: str) -> list[Any]:
    return [record.event for record in made if record.kind == kind]


def bench() -> Bench:
    made = Bench()
    made.new()
    return made


def two_lines(attempts: int) -> tuple[Bench, str, str]:
    """A turn with a message in its first line and one in its second, each failed before."""
    b = bench()
    first = b.send(body="first")
    b.begin()
    second = b.send(body="second")
    assert b.agent().turn is not None
    b.do(DeliverNow("ada", b.agent().turn.id))  # type: ignore[union-attr]
    for message in (first, second):
        b.letter(message).attempts = attempts
    assert (b.letter(first).line, b.letter(second).line) == (1, 2)
    return b, first, second


def expected(outcome: str, line: int, seen: bool, attempts: int) -> tuple[str, bool, bool]:
    """(state, counted, held), told from the rules in words, not from the code.

    An ok end acknowledges what was taken up, and its first line in any case. A failed or lost one
    counts an attempt against what was taken up or stood in the first line. An operator's cancel
    acknowledges what was taken up. All else goes back, and counts nothing. The session holds what
    was taken up, unless it was too long.
    """
    if outcome == "ok" and (seen or line == 1):
        return ACKED, False, False
    if outcome == "cancelled" and seen:
        return ACKED, False, False
    if outcome == "cancelled" and line == 1:
        return DEAD, False, False
    counted = outcome in ("failed", "lost") and (seen or line == 1)
    if counted and attempts == limits.ATTEMPTS_MAX - 1:
        return DEAD, False, False
    return QUEUED, counted, seen and outcome != "prompt_too_long"


@pytest.mark.parametrize(
    ("outcome", "seen_1", "seen_2", "attempts"),
    list(product(OUTCOMES, (True, False), (True, False), range(limits.ATTEMPTS_MAX))),
)
def test_what_becomes_of_each_message(
    outcome: str, seen_1: bool, seen_2: bool, attempts: int
) -> None:
    b, first, second = two_lines(attempts)
    if outcome == "cancelled":
        b.do(CancelTurn("ada", "operator"))
    seen = [line for line, taken in ((1, seen_1), (2, seen_2)) if taken]
    made = b.end(outcome, seen=seen)
    for message, line, taken in ((first, 1, seen_1), (second, 2, seen_2)):
        state, counted, held = expected(outcome, line, taken, attempts)
        letter = b.letter(message)
        assert letter.state == state
        if state == QUEUED:
            assert (letter.attempts, letter.held) == (attempts + counted, held)
    end = of_kind(made, "turn_end")[0]
    assert end.outcome == outcome
    waits = outcome in ("failed", "lost") and QUEUED in (
        b.letter(first).state,
        b.letter(second).state,
    )
    assert (end.retry_at > b.now) == waits
    assert b.agent().state == "idle"


@pytest.mark.parametrize("why", sorted(BY_LIMIT))
def test_a_turn_ended_by_a_limit_has_failed(why: str) -> None:
    b = bench()
    b.working()
    b.do(CancelTurn("ada", why))
    (end,) = of_kind(b.end("cancelled"), "turn_end")
    assert (end.outcome, end.why) == ("failed", why)
    assert end.retry_at > b.now


@pytest.mark.parametrize("why", sorted(BLAMELESS))
def test_a_turn_that_hived_ended_for_itself_comes_again_with_its_mail(why: str) -> None:
    b = bench()
    turn = b.working()
    b.do(CancelTurn("ada", why))
    made = b.end("cancelled", seen=[1])
    (back,) = of_kind(made, "message_returned")
    assert (back.counted, back.held, back.turn) == (False, True, turn.id)
    assert of_kind(made, "turn_end")[0].retry_at == 0.0
    again = b.begin()
    assert (again.reason, again.retry_of, again.attempt) == ("retry", turn.id, 1)


def test_an_interrupt_that_nobody_ordered_is_a_failure() -> None:
    b = bench()
    b.working()
    (end,) = of_kind(b.end("cancelled"), "turn_end")
    assert (end.outcome, end.why) == ("failed", "interrupted")


@pytest.mark.parametrize("why", sorted(HOPELESS))
def test_what_no_retry_can_mend_parks_the_agent_as_failed(why: str) -> None:
    b = bench()
    b.working()
    made = b.end("failed", why, detail="no such model")
    (crash,) = of_kind(made, "agent_crashed")
    assert (crash.why, crash.detail) == (why, "no such model")
    assert b.agent().process == "failed"
    (back,) = of_kind(made, "message_returned")
    assert not back.counted
    assert of_kind(made, "turn_end")[0].retry_at == 0.0


@given(st.integers(0, 10_000), st.text(max_size=20))
def test_waits_grow_to_their_bound_and_jitter_stays_within_a_fifth(
    failures: int, turn: str
) -> None:
    wait = min(limits.RETRY_WAIT_SECONDS * 2 ** min(failures, 100), limits.RETRY_WAIT_SECONDS_MAX)
    assert 0.8 * wait <= retry_wait(failures, turn) <= 1.2 * wait
    assert jitter(turn) == jitter(turn)


def test_jitter_differs_from_turn_to_turn() -> None:
    assert len({round(jitter(f"t{n}"), 3) for n in range(100)}) > 60


def test_a_message_that_always_fails_is_dead_after_its_last_attempt_and_never_loops() -> None:
    b = bench()
    b.new("bob")
    message = b.send("ada", by="agent:bob")
    waits = []
    for attempt in range(1, limits.ATTEMPTS_MAX + 1):
        assert b.begin().attempt == attempt
        b.end("failed", "crashed")
        waits.append(b.agent().retry_at - b.now)
        b.now = max(b.now, b.agent().retry_at)
    assert b.letter(message).state == DEAD
    assert 0 < waits[0] < waits[1] < waits[2] < waits[3]
    assert b.agent().retry_at == 0.0, "nothing is left to wait for"
    told = [letter for letter in all_open(b.hive) if letter.sender == "hive"]
    assert sorted(letter.to for letter in told) == ["bob", "operator"]
    assert all(message in letter.body and letter.in_reply_to == message for letter in told)
    # The notice itself dies in bob's hands: the operator alone is told, and that is the end.
    for _ in range(limits.ATTEMPTS_MAX):
        b.begin("bob")
        b.end("failed", "crashed", "bob")
        b.now = max(b.now, b.agent("bob").retry_at)
    assert [letter.to for letter in all_open(b.hive)] == ["operator", "operator"]


def test_many_dead_letters_of_one_turn_are_one_notice_each() -> None:
    b = bench()
    b.new("bob")
    number = limits.TURN_MESSAGES_MAX
    for n in range(number):
        b.letter(b.send("ada", f"n{n}", "agent:bob")).attempts = limits.ATTEMPTS_MAX - 1
    b.begin()
    made = b.end("failed", "crashed")
    assert len(of_kind(made, "message_dead")) == number
    notices = of_kind(made, "message_sent")
    assert [notice.to for notice in notices] == ["operator", "bob"]
    assert all(len(n.body.splitlines()) == limits.DEAD_LETTERS_TOLD_MAX for n in notices)


def test_a_full_operators_inbox_makes_room_for_a_dead_letter_by_one_each_time() -> None:
    b = bench()
    oldest = b.send("operator", "oldest", "agent:ada")
    for _ in range(limits.INBOX_OPEN_MAX - 1):
        b.send("operator", "x", "agent:ada")
    for _ in range(3):
        b.letter(b.send()).attempts = limits.ATTEMPTS_MAX - 1
    b.begin()
    made = b.end("failed", "crashed")
    acked = [event.message for event in of_kind(made, "message_acked")]
    assert acked == [oldest]
    assert len(b.hive.inboxes.box("operator").open) == limits.INBOX_OPEN_MAX


def test_prompt_too_long_compacts_once_then_hands_over_then_fails() -> None:
    b = bench()
    first = b.working()
    b.end("prompt_too_long")
    compaction = b.begin()
    assert (compaction.kind, compaction.reason, compaction.session) == (
        "compact",
        "compaction",
        first.session,
    )
    assert b.agent().state == "compacting"
    done = CompactionEnd("ada", compaction.id, "session", "ok", 9, 4, byte=5)
    b.do(Observe("ada", compaction.id, 5, (done,)), "hive")
    b.end()
    retry = b.begin()
    assert (retry.kind, retry.session) == ("work", first.session)
    b.end("prompt_too_long")
    made = b.do(BeginTurn("ada"), "policy:next_step")
    assert kinds(made) == ["session_reset", "turn_start", "message_delivered"]
    over = b.agent().turn
    assert over is not None
    assert (over.reason, over.fresh) == ("hand_over", True)
    assert over.session != first.session
    (end,) = of_kind(b.end("prompt_too_long"), "turn_end")
    assert (end.outcome, end.why) == ("failed", "prompt_too_long")
    assert b.agent().recovery == "handed_over"
    b.now = b.agent().retry_at
    b.begin()
    b.end()
    assert b.agent().recovery == ""


@pytest.mark.parametrize("outcome", ["failed", "cancelled", "ok"])
def test_a_compaction_that_fails_after_a_long_prompt_leads_to_a_hand_over(outcome: str) -> None:
    b = bench()
    b.working()
    b.end("prompt_too_long")
    b.begin()
    if outcome == "cancelled":
        b.do(CancelTurn("ada", "operator"))
    made = b.end(outcome)
    assert kinds(made)[0] == "compaction_end"
    b.now += limits.RETRY_WAIT_SECONDS_MAX * 2
    assert b.begin().reason == "hand_over"


@pytest.mark.parametrize(
    ("outcome", "why"),
    [("rate_limited", ""), ("auth_failed", ""), ("lost", ""), ("cancelled", "stop")],
)
@pytest.mark.parametrize("recovering", [True, False])
def test_a_compaction_that_could_not_help_it_comes_again(
    outcome: str, why: str, recovering: bool
) -> None:
    b = bench()
    b.working()
    b.end("prompt_too_long" if recovering else "ok")
    if not recovering:
        b.do(QueueCompaction("ada", "operator"))
    b.begin()
    if why:
        b.do(CancelTurn("ada", why))
    made = b.end(outcome)
    assert made[0].event.outcome == "deferred"
    assert made[1].event.retry_at == (b.agent().retry_at if outcome == "lost" else 0.0)
    b.hive.credentials.known.clear()
    b.now += limits.RETRY_WAIT_SECONDS_MAX * 2
    again = b.begin()
    assert again.kind == "compact"
    assert again.why == ("prompt_too_long" if recovering else "operator")


def test_the_cli_compacting_by_itself_ends_with_its_turn() -> None:
    b = bench()
    turn = b.working()
    began = CompactionStart("ada", turn.id, "session", "auto", 5)
    b.do(Observe("ada", turn.id, 5, (began,)), "hive")
    assert b.agent().state == "compacting"
    made = b.end("failed", "crashed")
    assert kinds(made)[:2] == ["compaction_end", "turn_end"]
    assert b.agent().state == "idle"
    assert b.agent().recovery == ""


def test_a_named_limit_holds_to_its_time_and_all_wait_for_it() -> None:
    b = bench()
    b.new("bob")
    b.working()
    made = b.end("rate_limited", until=b.now + 77)
    (hit,) = of_kind(made, "rate_limit_hit")
    assert (hit.until, hit.named) == (b.now + 77, True)
    assert b.hive.credentials.of("key").until == b.now + 77
    assert b.agent().retry_at == 0.0


def test_unnamed_limits_wait_longer_and_longer_but_once_for_turns_that_ran_together() -> None:
    b = Bench()
    names = [f"a{n}" for n in range(12)]
    for name in names:
        b.new(name)
        b.working(name)
    for name in names:
        b.end("rate_limited", name=name)
    credential = b.hive.credentials.of("key")
    assert credential.hits == 1
    assert credential.until - b.now >= 0.8 * limits.RATE_LIMIT_WAIT_SECONDS
    assert credential.until - b.now <= 1.2 * limits.RATE_LIMIT_WAIT_SECONDS
    credential.until, credential.hits = 0.0, 5_000
    b.begin("a0")
    b.end("rate_limited", name="a0")
    assert b.hive.credentials.of("key").until - b.now <= 1.2 * limits.RATE_LIMIT_WAIT_SECONDS_MAX
    b.hive.credentials.of("key").until = 0.0
    b.begin("a0")
    b.end("ok", name="a0")
    assert b.hive.credentials.of("key").hits == 0


def test_a_refused_login_is_told_once_for_turns_that_ran_together() -> None:
    b = bench()
    b.new("bob")
    b.working("ada")
    b.working("bob")
    assert len(of_kind(b.end("auth_failed", name="ada"), "login_needed")) == 1
    assert of_kind(b.end("auth_failed", name="bob"), "login_needed") == []


def test_everything_that_follows_from_an_end_names_it_as_its_cause() -> None:
    b, _, _ = two_lines(limits.ATTEMPTS_MAX - 1)
    turn = b.agent().turn
    assert turn is not None
    made = b.end("rate_limited")
    assert made[0].cause == ("agent:ada", turn.start_version)
    assert {record.cause for record in made[1:]} == {("agent:ada", made[0].version)}
    b.hive.credentials.known.clear()
    b.begin()
    cancel = b.do(CancelTurn("ada", "operator"))[0]
    assert b.end("cancelled")[0].cause == ("agent:ada", cancel.version)


def test_a_turn_that_waits_is_not_lost_while_it_is_delivered() -> None:
    b, first, second = two_lines(0)
    assert b.letter(first).state == b.letter(second).state == DELIVERED


def test_a_turn_cancelled_before_its_mail_was_seen_does_not_begin_again() -> None:
    b = bench()
    b.working()
    b.do(CancelTurn("ada", "operator"))
    made = b.end("cancelled", seen=[])
    assert of_kind(made, "message_dead")[0].why == "cancelled"
    assert next_step(b.agent(), b.hive, b.now).kind != RUN


def test_a_conversation_in_other_hands_costs_no_attempt() -> None:
    b = bench()
    b.working()
    made = b.end("failed", why="session_in_use")
    (back,) = of_kind(made, "message_returned")
    assert not back.counted
    assert of_kind(made, "turn_end")[0].retry_at > b.now
