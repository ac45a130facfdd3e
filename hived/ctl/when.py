"""Times as people write and read them, and as the protocol carries them (RFC 3339 UTC)."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
FORMS = "a position, an RFC 3339 time, YYYY-MM-DD HH:MM, HH:MM, -5m or '5m ago'"


def parse(text: str, now: float) -> int | str:
    """A position (int), or a time as RFC 3339 UTC with milliseconds.

    Args:
      text: As FORMS says; a time without a zone is local, one without a date is today's.
      now: Unix seconds, for what is relative.
    Raises:
      ValueError: None of them, or out of range.
    """
    text = text.strip()
    if text.isascii() and text.isdigit():
        return int(text)
    try:
        return _rfc3339(_relative(text, now) or _absolute(text, now))
    except (ValueError, OverflowError, OSError):
        raise ValueError(f"{text!r} is no moment; give {FORMS}") from None


def _relative(text: str, now: float) -> datetime | None:
    amount = text[1:] if text.startswith("-") else text.removesuffix("ago").rstrip()
    number = amount[:-1]
    if amount == text or amount[-1:] not in _UNITS or not number.replace(".", "", 1).isdecimal():
        return None
    seconds = float(number) * _UNITS[amount[-1]]
    return datetime.fromtimestamp(now, UTC) - timedelta(seconds=seconds)


def seconds(text: str) -> float:
    """A span of time in seconds: 90, 90s, 10m, 2h, 1d, 1w.

    Raises:
      ValueError: It is none.
    """
    number, unit = (text[:-1], text[-1:]) if text[-1:] in _UNITS else (text, "s")
    if not (number.isascii() and number.replace(".", "", 1).isdecimal()):
        raise ValueError(f"{text!r} is no span of time; give 90s, 10m, 2h or 1d")
    return float(number) * _UNITS[unit]


def of_day(text: str) -> bool:
    """Whether it is a time without a date."""
    return len(text.strip()) <= 8 and ":" in text


def _absolute(text: str, now: float) -> datetime:
    if of_day(text):
        hour, minute, *rest = text.split(":")
        today = datetime.fromtimestamp(now)
        moment = today.replace(
            hour=int(hour), minute=int(minute), second=int(rest[0]) if rest else 0, microsecond=0
        )
        if len(rest) > 1:
            raise ValueError("more than hours, minutes and seconds")
        return moment.astimezone(UTC)
    return datetime.fromisoformat(text).astimezone(UTC)


def _rfc3339(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds")[:-6] + "Z"


def unix(stamp: str | None) -> float | None:
    """Unix seconds of a time in a row; None stays None."""
    return None if stamp is None else datetime.fromisoformat(stamp).timestamp()


def clock(stamp: str | None) -> str:
    """The local time of day of a time in a row: 18:04:11."""
    return "--:--:--" if stamp is None else _local(stamp).strftime("%H:%M:%S")


def day(stamp: str) -> str:
    """The local date of a time in a row: 2026-11-23."""
    return _local(stamp).strftime("%Y-%m-%d")


def local(stamp: str | None) -> str:
    """The local date and time of a time in a row: 2026-11-23 18:04:11."""
    return "never" if stamp is None else _local(stamp).strftime("%Y-%m-%d %H:%M:%S")


def as_of(answer: Mapping[str, Any]) -> str:
    """The line over what a read with --at shows."""
    moment = local(answer["at"]) if answer["at"] else "the beginning"
    return f"As of {moment}, position {answer['position']}"


def short(stamp: str | None) -> str:
    """The local day and minute: 11-23 18:04."""
    return "never" if stamp is None else _local(stamp).strftime("%m-%d %H:%M")


def local_unix(seconds: float) -> str:
    """The local time of day of unix seconds."""
    return datetime.fromtimestamp(seconds).strftime("%H:%M:%S")


def _local(stamp: str) -> datetime:
    return datetime.fromisoformat(stamp).astimezone()
