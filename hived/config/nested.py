"""Shapes that hold others: lists, tables with names of the user's own, tables with known keys."""

from collections.abc import Callable, Mapping
from typing import Any

from attrs import frozen

from hived.config.problems import Problems, joined, quoted
from hived.config.shapes import BAD, Shape, Text


@frozen
class Listed:
    """A list of values of one shape, `most` at most; read as a tuple."""

    of: Shape
    most: int

    def read(self, value: object, at: str, problems: Problems) -> Any:
        if not isinstance(value, list):
            problems.add(at, f"must be a list, not {quoted(value)}", "in [ ]")
            return BAD
        if len(value) > self.most:
            problems.add(at, f"has {len(value)} entries; {self.most} is the most")
            return BAD
        found = [self.of.read(one, f"{at}[{n}]", problems) for n, one in enumerate(value, 1)]
        return BAD if BAD in found else tuple(found)

    def schema(self) -> dict[str, Any]:
        return {"type": "array", "items": self.of.schema(), "maxItems": self.most}


@frozen
class Named:
    """A table whose keys are names of the user's own; `name` says which; read as a dict."""

    name: Text
    of: Shape
    most: int

    def read(self, value: object, at: str, problems: Problems) -> Any:
        if not isinstance(value, dict):
            problems.add(at, f"must be a table, not {quoted(value)}")
            return BAD
        if len(value) > self.most:
            problems.add(at, f"has {len(value)} entries; {self.most} is the most")
            return BAD
        made = {}
        for key, one in value.items():
            where = joined(at, key)
            made[self.name.read(key, where, problems)] = self.of.read(one, where, problems)
        return BAD if BAD in made or BAD in made.values() else made

    def schema(self) -> dict[str, Any]:
        return {
            "type": "object",
            "propertyNames": self.name.schema(),
            "additionalProperties": self.of.schema(),
            "maxProperties": self.most,
        }


@frozen
class Entry:
    """A key of a Record. name: what the class calls it, where that is another word."""

    shape: Shape
    doc: str
    required: bool = False
    name: str = ""


@frozen
class Record:
    """A table with known keys, read as what `make` gives for the values by name."""

    entries: Mapping[str, Entry]
    make: Callable[..., Any]

    def read(self, value: object, at: str, problems: Problems) -> Any:
        if not isinstance(value, dict):
            problems.add(at, f"must be a table, not {quoted(value)}")
            return BAD
        made = {}
        for key, one in value.items():
            entry = self.entries.get(key)
            if entry is None:
                problems.unknown(at, key, self.entries)
                made[key] = BAD
                continue
            made[entry.name or key] = entry.shape.read(one, joined(at, key), problems)
        for key, entry in self.entries.items():
            if entry.required and key not in value:
                problems.add(joined(at, key), "is missing", entry.doc)
                made[key] = BAD
        return BAD if BAD in made.values() else self.make(**made)

    def schema(self) -> dict[str, Any]:
        made: dict[str, Any] = {
            "type": "object",
            "properties": {
                key: {**entry.shape.schema(), "description": entry.doc}
                for key, entry in self.entries.items()
            },
            "additionalProperties": False,
        }
        if required := [key for key, entry in self.entries.items() if entry.required]:
            made["required"] = required
        return made
