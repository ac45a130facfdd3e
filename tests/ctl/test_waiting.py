"""hivectl nap, remind, reminders, loose-ends: what is sent, what is shown, what is refused."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.ctl.canned import Hive, Hivectl


@pytest.mark.parametrize(
    ("span", "seconds"), [("90", 90), ("90s", 90), ("10m", 600), ("2h", 7200), ("1.5m", 90)]
)
def test_spans_of_time(hive: Hive, hivectl: Hivectl, span: str, seconds: float) -> None:
    assert hivectl("nap", "ada", span).returncode == 0
    assert hive.params("nap") == {"agent": "ada", "seconds": seconds}
    assert hivectl("remind", "ada", "look", "--in", span).returncode == 0
    assert hive.params("remind") == {"agent": "ada", "text": "look", "delay_seconds": seconds}


@pytest.mark.parametrize("span", ["soon", "-5", "10 m", "", "1e3", "nan"])
def test_what_is_no_span_is_refused_before_it_is_sent(hivectl: Hivectl, span: str) -> None:
    done = hivectl("nap", "ada", span)
    assert done.returncode == 2
    assert "span of time" in done.stderr


@pytest.mark.parametrize(
    ("at", "sent"),
    [
        ("2030-01-31T12:00:00Z", "2030-01-31T12:00:00.000Z"),
        ("2030-01-31 12:00", "2030-01-31T12:00:00.000Z"),
        ("1900000000", "2030-03-17T17:46:40+00:00"),
    ],
)
def test_times_of_a_reminder(hive: Hive, hivectl: Hivectl, at: str, sent: str) -> None:
    assert hivectl("remind", "ada", "look", "again", "--at", at).returncode == 0
    assert hive.params("remind") == {"agent": "ada", "text": "look again", "time": sent}


def test_a_time_of_day_that_has_passed_is_tomorrows(hive: Hive, hivectl: Hivectl) -> None:
    before = datetime.now(UTC)
    for at in ("00:00", "00:00:00", "23:59:59"):
        assert hivectl("remind", "ada", "look", "--at", at).returncode == 0
        sent = datetime.fromisoformat(str(hive.params("remind")["time"]))
        assert before < sent <= datetime.now(UTC) + timedelta(days=1), at
        assert sent.strftime("%H:%M:%S").startswith(at)


@pytest.mark.parametrize(
    "words",
    [
        ("remind", "ada", "look"),
        ("remind", "ada", "look", "--in", "5m", "--at", "18:04"),
        ("remind", "ada", "look", "--at", "soon"),
        ("remind", "ada", "look", "--at", "9" * 30),
        ("reminders", "ada", "bob"),
        ("reminders", "cancel"),
        ("reminders", "cancel", "r01", "--at", "5"),
    ],
)
def test_words_that_make_no_sense(hive: Hive, hivectl: Hivectl, words: tuple[str, ...]) -> None:
    assert hivectl(*words).returncode == 2
    assert hive.calls == []


def test_ps_and_status_say_who_naps_and_who_will(hive: Hive, hivectl: Hivectl) -> None:
    shown = hivectl("ps").stdout
    assert "will nap until 18:04:11" in shown
    assert "until 18:04:11; \\x1b[31mred" in shown
    shown = hivectl("status", "ada").stdout
    assert "nap           will nap until 2026-11-23 18:04:11\n" in shown
    row = hive.answers["agent"]["agent"]
    napping = {**row, "turn": None, "nap": {**row["nap"], "since": row["since"], "reason": "rest"}}
    hive.answers["agent"] = {**hive.answers["agent"], "agent": napping}
    shown = hivectl("status", "ada").stdout
    assert "nap           naps until 2026-11-23 18:04:11: rest\n" in shown


def test_a_cancel_of_a_nap_says_so(hive: Hive, hivectl: Hivectl) -> None:
    hive.answers["cancel"] = {**hive.answers["cancel"], "turn": None}
    assert hivectl("cancel", "ada").stdout == "ada: its nap is over\n"


def test_who_has_nothing_open_is_not_listed(hive: Hive, hivectl: Hivectl) -> None:
    shown = hivectl("loose-ends").stdout
    assert "idle" not in shown and "2 messages not read" in shown
    hive.answers["loose_ends"] = {**hive.answers["loose_ends"], "agents": []}
    assert hivectl("loose-ends").stdout == "nothing is open\n"
    hive.answers["reminders"] = {**hive.answers["reminders"], "reminders": []}
    assert hivectl("reminders").stdout == "no reminders\n"
