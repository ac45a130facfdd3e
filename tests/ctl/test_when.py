"""Moments as people write them."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hived.ctl import when

NOW = datetime(2026, 11, 23, 18, 4, 11, 250_000, UTC).timestamp()


@pytest.fixture(autouse=True, params=["UTC", "America/New_York", "Asia/Kolkata"])
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield request.param
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    "text,meant",
    [
        ("412", 412),
        (" 0 ", 0),
        ("2026-11-23T18:04:11Z", "2026-11-23T18:04:11.000Z"),
        ("2026-11-23T18:04:11.5+02:00", "2026-11-23T16:04:11.500Z"),
        ("-5m", "2026-11-23T17:59:11.250Z"),
        ("5m ago", "2026-11-23T17:59:11.250Z"),
        ("5mago", "2026-11-23T17:59:11.250Z"),
        ("-1.5h", "2026-11-23T16:34:11.250Z"),
        ("-2d", "2026-11-21T18:04:11.250Z"),
        ("1w ago", "2026-11-16T18:04:11.250Z"),
        ("30s ago", "2026-11-23T18:03:41.250Z"),
    ],
)
def test_what_does_not_hang_on_the_zone(text: str, meant: int | str) -> None:
    assert when.parse(text, NOW) == meant


@pytest.mark.parametrize(
    "text",
    [
        *("soon", "ago", "-m", "-5", "5m", "--5m", "-5x", "-1e3s", "-nans", "²", "", " ", "\x00"),
        *("25:00", "12:61", "1:2:3:4", "12:00 tomorrow", "2026-13-01", "2026-11-23 24:30"),
        *("99999999999999999w", "-99999999999999999999w"),
    ],
)
def test_what_is_no_moment(text: str) -> None:
    with pytest.raises(ValueError, match="is no moment; give a position"):
        when.parse(text, NOW)


@given(st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1)).map(lambda d: d.replace(fold=0)))
def test_local_times_come_back(moment: datetime) -> None:
    minute = moment.replace(second=0, microsecond=0)
    stamp = when.parse(minute.strftime("%Y-%m-%d %H:%M"), NOW)
    assert stamp == when.parse(minute.strftime("%Y-%m-%dT%H:%M:%S"), NOW)
    assert isinstance(stamp, str)
    # An hour that the clocks skip in spring is read as one they do not.
    if minute.astimezone().replace(tzinfo=None) == minute:
        again = datetime.fromtimestamp(minute.timestamp())
        assert when.local(stamp) == again.strftime("%Y-%m-%d %H:%M:%S")
        assert when.unix(stamp) == minute.timestamp()


@given(st.times())
def test_a_time_of_day_is_todays(moment: object) -> None:
    text = f"{moment:%H:%M:%S}"
    stamp = when.parse(text, NOW)
    assert isinstance(stamp, str)
    assert when.clock(stamp) == text
    assert when.day(stamp) == datetime.fromtimestamp(NOW).strftime("%Y-%m-%d")
    assert when.clock(str(when.parse(text[:5], NOW))) == text[:5] + ":00"


@given(st.integers(0, 10**6), st.sampled_from("smhdw"))
def test_what_was_ago_is_that_much_before_now(number: int, unit: str) -> None:
    try:
        stamp = when.parse(f"-{number}{unit}", NOW)
    except ValueError:
        assert number * when._UNITS[unit] > NOW  # before the first year
        return
    assert isinstance(stamp, str)
    seconds = when.unix(stamp)
    assert seconds is not None
    assert abs(NOW - seconds - number * when._UNITS[unit]) < 0.01


@given(st.text(max_size=30))
def test_any_text_gives_a_moment_or_a_value_error(text: str) -> None:
    try:
        moment = when.parse(text, NOW)
    except ValueError:
        return
    assert isinstance(moment, int) or when.unix(moment) is not None


@pytest.mark.parametrize(
    "text,seconds",
    [("90", 90), ("90s", 90), ("1.5h", 5_400), ("10m", 600), ("1d", 86_400), ("1w", 604_800)],
)
def test_spans_of_time(text: str, seconds: float) -> None:
    assert when.seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "s", "-5m", "5y", "1e9", "nan", "inf", "1 h", "\u0665m", "."])
def test_what_is_no_span_of_time(text: str) -> None:
    with pytest.raises(ValueError, match="no span of time"):
        when.seconds(text)
