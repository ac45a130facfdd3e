"""All that is wrong with a text, gathered, so that a person mends it in one go."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import NoReturn

from hived import limits
from hived.errors import HivedError

_WORD_CHARS_MAX = 60  # of a caller's own word in a message


class ConfigInvalid(HivedError):
    """A configuration text does not validate. data: `problems`, a list of `path: what; hint`."""

    default_code = "invalid_config"


class Problems:
    """Gathers what is wrong with one file. The first CONFIG_PROBLEMS_MAX are kept."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.told: list[str] = []
        self.more = 0

    def add(self, path: str, what: str, hint: str = "") -> None:
        """path: the key, as `budgets[2].unit`; empty for the whole text."""
        if len(self.told) >= limits.CONFIG_PROBLEMS_MAX:
            self.more += 1
            return
        told = f"{path}: {what}" if path else what
        self.told.append(f"{told}; {hint}" if hint else told)

    def unknown(self, path: str, key: str, known: Iterable[str]) -> None:
        """An unknown key, with what was perhaps meant."""
        if len(self.told) >= limits.CONFIG_PROBLEMS_MAX:
            self.more += 1  # looking for what was meant costs more than telling it
            return
        names = tuple(known)
        near = get_close_matches(key[:_WORD_CHARS_MAX], names, 1)
        hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(names)}"
        self.add(joined(path, key), "unknown key", hint)

    def raise_any(self) -> None:
        """Raise ConfigInvalid if there was any."""
        if self.told:
            self._raise()

    def _raise(self) -> NoReturn:
        number = len(self.told) + self.more
        more = f"; and {self.more} more" if self.more else ""
        head = f"{self.file} does not validate"
        told = self.told[0] if number == 1 else f"{number} problems: " + "; ".join(self.told) + more
        raise ConfigInvalid(
            f"{head}: {told}",
            hint=f"mend {self.file}: every key, its type and its bounds are in the JSON Schema",
            problems=[*self.told, *([f"and {self.more} more"] if self.more else [])],
        )


def joined(path: str, key: str) -> str:
    """The path of a key within a table; a key from outside is quoted if it is no plain word."""
    plain = key.isascii() and key.replace("_", "").replace("-", "").isalnum()
    word = key if plain and len(key) <= _WORD_CHARS_MAX else quoted(key)
    return f"{path}.{word}" if path else word


def quoted(value: object) -> str:
    """A value of the text in a message: escaped and cut short, whatever it is."""
    if isinstance(value, str):
        text = ascii(value[:_WORD_CHARS_MAX])
        return text if len(value) <= _WORD_CHARS_MAX else text[:_WORD_CHARS_MAX] + "..."
    if type(value) is int and abs(value) >= 10**18:  # some are too long to be written in decimal
        return "a number of more than 18 digits"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, list):
        return "a list"
    if isinstance(value, dict):
        return "a table"
    return "a date or time"
