"""Loose ends as rows and in words; the times that a reminder is given."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hived import limits
from hived.decisions.questions import Ask
from hived.decisions.reminders import SetReminder
from hived.errors import CommandRefused
from hived.rpc.loose_ends import loose_ends_row, loose_ends_text, reminders_of
from hived.rpc.tools.waiting import unix_time
from tests.decisions.bench import T0, Bench

ADA = "agent:ada"


def bench() -> Bench:
    b = Bench()
    b.new()
    b.new("bob")
    return b


def test_who_has_nothing_open_is_told_so() -> None:
    assert loose_ends_text(bench().hive, "ada") == "Nothing is open."
    row = loose_ends_row(bench().hive, "ada")
    assert row == {
        "agent": "ada",
        "asked": [],
        "owed": [],
        "reminders": [],
        "approvals": [],
        "unread": 0,
    }


def test_what_is_open_is_told_to_each_side() -> None:
    b = bench()
    b.do(Ask("which way?", (), False, 60.0, "bob"), ADA)
    b.do(SetReminder("ada", "later", delay=500), ADA)
    b.do(SetReminder("ada", "soon", delay=5), ADA)
    ada, bob = loose_ends_row(b.hive, "ada"), loose_ends_row(b.hive, "bob")
    assert [len(ada[key]) for key in ("asked", "owed", "reminders")] == [1, 0, 2]
    assert [one["text"] for one in ada["reminders"]] == ["soon", "later"]
    assert [one["question"] for one in bob["owed"]] == [one["question"] for one in ada["asked"]]
    assert bob["unread"] == 1  # the question itself
    lines = loose_ends_text(b.hive, "ada").split("\n")
    assert lines[0] == "Questions you asked that have no answer yet:"
    assert lines[1].endswith(" to bob, until 2023-11-14T22:14:20Z: which way?")
    assert lines[2] == "Your reminders:"
    assert lines[3].endswith(" at 2023-11-14T22:13:25Z: soon")
    text = loose_ends_text(b.hive, "bob")
    assert "Questions that wait for your answer:\n- q" in text
    assert text.endswith("Mail that waits: 1")
    assert [one.text for one in reminders_of(b.hive)] == ["soon", "later"]


def test_the_words_are_bounded_and_each_stays_on_its_line() -> None:
    b = bench()
    for number in range(limits.REMINDERS_MAX):
        words = f"{number}\x1b[2J\nMail that waits: 99\n" + "é" * 5000
        b.do(SetReminder("ada", words, delay=60 + number), ADA)
    lines = loose_ends_text(b.hive, "ada").split("\n")
    assert len(lines) == 22
    assert max(map(len, lines)) <= 202
    assert lines[-1] == f"- and {limits.REMINDERS_MAX - 20} more"
    assert all(line.startswith("- ") for line in lines[1:])
    assert "\x1b" not in "".join(lines)


@pytest.mark.parametrize(
    ("given_time", "seconds"),
    [
        ("2023-11-14T22:13:20Z", T0),
        ("2023-11-14T23:13:20+01:00", T0),
        (" 2023-11-14T22:13:20.5Z ", T0 + 0.5),
        (1_700_000_000, T0),
        (T0 + 0.25, T0 + 0.25),
    ],
)
def test_times_of_reminders(given_time: str | float, seconds: float) -> None:
    assert unix_time(given_time) == seconds


@given(st.text(max_size=60))
@example("2023-11-14T22:13:20")
@example("0001-01-01T00:00:00+14:00")
@example("9999-12-31T23:59:59-14:00")
def test_any_text_is_a_time_or_refused_as_none(text: str) -> None:
    try:
        assert isinstance(unix_time(text), float)
    except CommandRefused as refused:
        assert refused.code == "invalid_params"
        assert "RFC 3339" in refused.hint
