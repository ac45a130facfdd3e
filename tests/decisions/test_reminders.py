"""Reminders: set, fired once at their time, cancelled, kept waiting by a full inbox."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hived import limits
from hived.decisions.lifecycle import RemoveAgent
from hived.decisions.mail import SendMessage
from hived.decisions.reminders import CancelReminder, FireReminder, SetReminder
from hived.decisions.timers import WAKING, due
from hived.errors import CommandRefused
from tests.decisions.bench import T0, Bench, kinds

ADA = "agent:ada"


def bench() -> Bench:
    b = Bench()
    b.new()
    b.new("bob")
    return b


def remind(b: Bench, by: str = ADA, delay: float = 60, text: str = "look at the build") -> str:
    [made] = b.do(SetReminder("ada", text, delay=delay), by)
    reminder: str = made.event.reminder
    return reminder


def test_it_becomes_mail_in_one_append_and_once() -> None:
    b = bench()
    reminder = remind(b)
    assert "reminder_set" in WAKING
    [item] = due(b.hive)
    assert (item.at, item.by) == (T0 + 60, "policy:reminder_due")
    assert b.do(item.command, item.by) == []  # too early
    b.now = T0 + 500  # hived was down
    fired, sent = b.do(item.command, item.by)
    assert (fired.kind, sent.kind) == ("reminder_fired", "message_sent")
    assert (fired.event.reminder, fired.event.message) == (reminder, sent.event.message)
    assert fired.cause is not None and fired.cause.stream == "agent:ada"
    assert (sent.event.sender, sent.event.to) == ("hive", "ada")
    assert sent.event.body == (
        f"A reminder ({reminder}) that you set at 2023-11-14T22:13:20Z:\nlook at the build"
    )
    assert b.do(item.command, item.by) == []
    assert list(due(b.hive)) == []


def test_the_operators_says_whose_it_is() -> None:
    b = bench()
    remind(b, "operator:ann")
    [item] = due(b.hive)
    b.now = item.at
    assert "that operator set at" in b.do(item.command, item.by)[1].event.body


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"at": 1_577_836_800.0}, "2020-01-01T00:00:00Z does not"),
        ({"at": 1e30}, "1e+30 does not"),
        ({"delay": -5}, "-5 seconds does not"),
    ],
)
def test_a_time_that_does_not_lie_ahead_is_told_as_people_read_it(
    given: dict[str, float], told: str
) -> None:
    with pytest.raises(CommandRefused, match="lies ahead") as refused:
        bench().do(SetReminder("ada", "look", **given), ADA)
    assert refused.value.message.endswith(told)
    assert "2023-11-14T22:13:20Z" in refused.value.hint  # now


@pytest.mark.parametrize(("by", "why"), [(ADA, "withdrawn"), ("operator:ann", "operator")])
def test_it_is_cancelled_by_its_agent_or_the_operator(by: str, why: str) -> None:
    b = bench()
    [made] = b.do(CancelReminder(remind(b)), by)
    assert made.event.why == why
    assert list(due(b.hive)) == []


def test_nobody_cancels_the_reminder_of_another() -> None:
    b = bench()
    reminder = remind(b)
    with pytest.raises(CommandRefused) as refused:
        b.plan(CancelReminder(reminder), "agent:bob")
    assert refused.value.code == "not_found"


def test_it_goes_with_its_agent() -> None:
    b = bench()
    reminder = remind(b)
    made = b.do(RemoveAgent("ada"))
    assert (made[0].kind, made[0].event.why) == ("reminder_cancelled", "gone")
    assert b.hive.reminders.of == {}
    assert b.do(FireReminder("ada", reminder), "policy:reminder_due") == []


def test_a_full_inbox_keeps_it_waiting_until_a_turn_made_room() -> None:
    b = bench()
    reminder = remind(b)
    for _ in range(limits.INBOX_OPEN_MAX):
        b.do(SendMessage("ada", "x"), "agent:bob")
    b.now += 100
    assert list(due(b.hive)) == []
    with pytest.raises(CommandRefused) as refused:
        b.plan(FireReminder("ada", reminder), "policy:reminder_due")
    assert refused.value.code == "inbox_full"
    b.begin()
    b.end()
    assert "turn_end" in WAKING
    [item] = due(b.hive)
    assert kinds(b.do(item.command, item.by)) == ["reminder_fired", "message_sent"]


@given(
    delay=st.floats(0.001, limits.REMINDER_SECONDS_MAX, exclude_min=True),
    late=st.floats(0, 1000),
    start=st.floats(0, 1e6),
)
def test_the_time_that_is_waited_for_is_never_too_early(
    delay: float, late: float, start: float
) -> None:
    b = bench()
    b.now = round(T0 + start, 6)  # as the engine gives it
    remind(b, delay=delay)
    [item] = due(b.hive)
    b.now = round(item.at + late, 6)
    assert kinds(b.do(item.command, item.by)) == ["reminder_fired", "message_sent"]
