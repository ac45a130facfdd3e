"""What one value of a configuration may be: each shape reads a value and describes itself.

`read` gives the value as hived holds it, or BAD after it has told what is wrong. `schema` is the
same rule as JSON Schema.
"""

import re
from collections.abc import Callable
from math import isfinite
from typing import Any, Final, Protocol

from attrs import frozen

from hived import limits
from hived.config.problems import Problems, quoted
from hived.errors import HivedError

BAD: Final = object()

_SIZE = re.compile(r"(\d{1,15})(?: ?(B|KiB|MiB|GiB|TiB))?\Z")
_UNITS = {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}
_DURATION = re.compile(r"(\d{1,9}) ?(s|m|h|d)\Z")
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)\Z")
_OFFSET = re.compile(r"([+-])(0\d|1[0-4]):([0-5]\d)\Z")
# What people would not see as what it is: control characters, line separators, halves of pairs,
# what has no width, what turns the direction of a text around, and the invisible tags by which a
# text can carry another that only a model reads.
HIDDEN = re.compile(
    "[\\x00-\\x1f\\x7f-\\x9f\\xad\\u061c\\u115f\\u1160\\u180e\\u200b-\\u200f\\u2028-\\u202e"
    "\\u2060-\\u206f\\u3164\\ud800-\\udfff\\ufeff\\ufff9-\\ufffb\\U000e0000-\\U000e0fff]"
)


class Shape(Protocol):
    def read(self, value: object, at: str, problems: Problems) -> Any:
        """The value as hived holds it; BAD if `problems` was told. at: where it stands."""

    def schema(self) -> dict[str, Any]:
        """The JSON Schema of what `read` takes."""


def unshowable(text: str) -> bool:
    """Whether a text holds a character that people would not see as what it is."""
    return HIDDEN.search(text) is not None


@frozen
class Text:
    """A string of one line. check: raises HivedError for one that is not fit; wanted: in words.

    empty: whether it may be empty. choices: the only ones there are.
    """

    chars: int = 500
    wanted: str = "a string"
    check: Callable[[str], object] | None = None
    pattern: str = ""
    empty: bool = True
    choices: tuple[str, ...] = ()

    def read(self, value: object, at: str, problems: Problems) -> Any:
        if not isinstance(value, str):
            problems.add(at, f"must be {self.wanted}, not {quoted(value)}")
        elif unshowable(value[: self.chars]):
            problems.add(at, "holds a control character", "one line of plain text")
        elif len(value) > self.chars:
            problems.add(at, f"is longer than {self.chars} characters")
        elif self.choices and value not in self.choices:
            problems.add(at, f"{quoted(value)} is not known", f"one of {', '.join(self.choices)}")
        elif not value and not self.empty:
            problems.add(at, f"is empty: must be {self.wanted}")
        elif value and self.pattern and not re.fullmatch(self.pattern, value):
            problems.add(at, f"must be {self.wanted}, not {quoted(value)}")
        elif not (value and self.check) or self._passes(value, at, problems):
            return value
        return BAD

    def _passes(self, value: str, at: str, problems: Problems) -> bool:
        assert self.check is not None
        try:
            self.check(value)
        except HivedError as error:
            problems.add(at, error.message, error.hint)
            return False
        return True

    def schema(self) -> dict[str, Any]:
        if self.choices:
            return {"type": "string", "enum": list(self.choices)}
        made: dict[str, Any] = {"type": "string", "maxLength": self.chars}
        if self.pattern:
            made["pattern"] = f"^({self.pattern})$" if not self.empty else f"^({self.pattern})?$"
        if not self.empty:
            made["minLength"] = 1
        return made


@frozen
class Number:
    """A number within bounds, both included; whole: without a fraction. zero: 0 is taken too."""

    least: float
    most: float
    whole: bool = False
    zero: bool = False

    def read(self, value: object, at: str, problems: Problems) -> Any:
        kind = "a whole number" if self.whole else "a number"
        zero = "0, or " if self.zero and self.least > 0 else ""
        wanted = f"{zero}{kind} from {self.least:,} to {self.most:,}"
        # A bool is an int to Python. A whole number may be too large to become a float.
        if type(value) not in (int, float) or (self.whole and type(value) is float):
            problems.add(at, f"must be {wanted}, not {quoted(value)}")
            return BAD
        assert isinstance(value, int | float)
        fits = isfinite(value) if isinstance(value, float) else abs(value) < 10**18
        if not fits or not (self.least <= value <= self.most or (self.zero and value == 0)):
            problems.add(at, f"must be {wanted}, not {quoted(value)}")
            return BAD
        return int(value) if self.whole else float(value)

    def schema(self) -> dict[str, Any]:
        kind = "integer" if self.whole else "number"
        made: dict[str, Any] = {"type": kind, "minimum": self.least, "maximum": self.most}
        return {"anyOf": [{"const": 0}, made]} if self.zero and self.least > 0 else made


@frozen
class Flag:
    """true or false."""

    def read(self, value: object, at: str, problems: Problems) -> Any:
        if isinstance(value, bool):
            return value
        problems.add(at, f"must be true or false, not {quoted(value)}", "without quotes")
        return BAD

    def schema(self) -> dict[str, Any]:
        return {"type": "boolean"}


@frozen
class Size:
    """Bytes: a whole number, or a text such as 2GiB. 0 is taken too."""

    most: int
    least: int = 1

    def read(self, value: object, at: str, problems: Problems) -> Any:
        number: object = value
        if isinstance(value, str) and (found := _SIZE.match(value)):
            number = int(found[1]) * _UNITS[found[2] or "B"]
        if type(number) is not int:
            problems.add(at, f"must be a size, not {quoted(value)}", "as 512MiB or 2GiB, or bytes")
            return BAD
        return Number(self.least, self.most, whole=True, zero=True).read(number, at, problems)

    def schema(self) -> dict[str, Any]:
        text = {"type": "string", "pattern": r"^\d{1,15}( ?(B|KiB|MiB|GiB|TiB))?$"}
        number = {"type": "integer", "minimum": 0, "maximum": self.most}
        return {"anyOf": [text, number]}


@frozen
class Duration:
    """Seconds: a number, or a text such as 24h."""

    least: float = 1.0
    most: float = limits.SETTING_SECONDS_MAX

    def read(self, value: object, at: str, problems: Problems) -> Any:
        number: object = value
        if isinstance(value, str) and (found := _DURATION.match(value)):
            number = int(found[1]) * _SECONDS[found[2]]
        if type(number) not in (int, float):
            problems.add(at, f"must be a time span, not {quoted(value)}", "as 90s, 30m, 24h or 7d")
            return BAD
        return Number(self.least, self.most).read(number, at, problems)

    def schema(self) -> dict[str, Any]:
        text = {"type": "string", "pattern": r"^\d{1,9} ?(s|m|h|d)$"}
        number = {"type": "number", "minimum": self.least, "maximum": self.most}
        return {"anyOf": [text, number]}


@frozen
class Clock:
    """A time of the day, HH:MM; read as minutes since midnight."""

    def read(self, value: object, at: str, problems: Problems) -> Any:
        if isinstance(value, str) and (found := _CLOCK.match(value)):
            return int(found[1]) * 60 + int(found[2])
        problems.add(at, f"must be a time of the day, not {quoted(value)}", 'as "22:00", in quotes')
        return BAD

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "pattern": r"^([01]\d|2[0-3]):[0-5]\d$"}


@frozen
class Offset:
    """A fixed offset from UTC; read as minutes east of it."""

    def read(self, value: object, at: str, problems: Problems) -> Any:
        if value in ("UTC", "Z"):
            return 0
        if isinstance(value, str) and (found := _OFFSET.match(value)):
            minutes = int(found[2]) * 60 + int(found[3])
            if minutes <= 14 * 60:
                return -minutes if found[1] == "-" else minutes
        problems.add(
            at,
            f"must be a fixed offset from UTC, not {quoted(value)}",
            'as "+02:00" or "UTC"; names of zones are not known here',
        )
        return BAD

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "pattern": r"^(UTC|Z|[+-](0\d|1[0-4]):[0-5]\d)$"}
