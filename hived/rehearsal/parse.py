"""Reads a scenario: TOML text checked and turned into values. Reads no file; see SCENARIOS.md.

Everything unknown is an error that names the place and the nearest known word, for a scenario
with a silent slip in it would rehearse something else than its author thinks.
"""

import difflib
import tomllib
from collections.abc import Iterable, Mapping
from typing import Any

from hived import limits
from hived.rehearsal import words
from hived.rehearsal.scenario import (
    ALIASES,
    BUILT_IN,
    Model,
    Rule,
    Scenario,
    ScenarioError,
    Step,
    When,
)
from hived.rehearsal.steps import STEPS, Field

TOP = {
    "agent": Field("text", ""),
    "auto_compact": Field("number", ""),
    "base_tokens": Field("count", ""),
    "compact_seconds": Field("number", ""),
    "default": Field("map", ""),
    "each_sender": Field("flag", ""),
    "model": Field("text", ""),
    "models": Field("map", ""),
    "repeat": Field("flag", ""),
    "rule": Field("tables", ""),
    "seed": Field("count", ""),
    "summary_tokens": Field("count", ""),
    "turn": Field("tables", ""),
}
WHEN = {
    "contains": Field("text", ""),
    "from": Field("text", ""),
    "model": Field("text", ""),
    "attempt": Field("positive", ""),
    "attempt_min": Field("positive", ""),
    "nth": Field("positive", ""),
    "every": Field("positive", ""),
    "turn": Field("positive", ""),
    "command": Field("choice", "", None, ("compact", "notes", "checkpoint")),
    "chance": Field("number", ""),
}
MODEL = {
    "window": Field("positive", ""),
    "max_output": Field("positive", ""),
    "input": Field("number", ""),
    "output": Field("number", ""),
    "cache_read": Field("number", ""),
    "cache_write": Field("number", ""),
}
_PLAIN = (
    "agent",
    "auto_compact",
    "base_tokens",
    "compact_seconds",
    "each_sender",
    "model",
    "repeat",
    "seed",
)


def parse(text: str) -> Scenario:
    """The scenario that a TOML text describes.

    Raises:
      ScenarioError: Not TOML, or with unknown or wrong keys; all problems found, not the first.
    """
    if len(text) > limits.SCENARIO_CHARS_MAX:
        raise ScenarioError([f"longer than {limits.SCENARIO_CHARS_MAX} characters"])
    try:
        table = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ScenarioError([f"not TOML: {error}"]) from None
    return Parser().scenario(table)


class Parser:
    """Walks the table and gathers problems."""

    def __init__(self) -> None:
        self.problems: list[str] = []

    def scenario(self, table: dict[str, Any]) -> Scenario:
        self.fields(table, TOP, "the scenario")
        given: dict[str, Any] = {
            key: table[key] for key in (*_PLAIN, "summary_tokens") if key in table
        }
        turns = self.tables(table, "turn")
        given["turns"] = tuple(self.turn(entry, where) for where, entry in turns)
        given["rules"] = tuple(
            self.rule(entry, where) for where, entry in self.tables(table, "rule")
        )
        if isinstance(table.get("default"), dict):
            given["default"] = self.turn(table["default"], "default")
        if isinstance(table.get("models"), dict):
            given["models"] = {name: self.model(name, m) for name, m in table["models"].items()}
        if given.get("repeat") is True and not turns:
            self.problems.append("the scenario: repeat needs at least one [[turn]]")
        if not isinstance(table.get("seed"), int):
            for number, rule in enumerate(given["rules"], 1):
                if rule.when.chance is not None:
                    self.problems.append(f"rule {number}: when.chance needs a seed in the scenario")
        if self.problems:
            raise ScenarioError(self.problems)
        return Scenario(**given)

    def tables(self, table: dict[str, Any], key: str) -> list[tuple[str, dict[str, Any]]]:
        entries = table.get(key)
        if not isinstance(entries, list):
            return []
        named = ((f"{key} {number}", entry) for number, entry in enumerate(entries, 1))
        return [(where, entry) for where, entry in named if isinstance(entry, dict)]

    def turn(self, entry: dict[str, Any], where: str) -> tuple[Step, ...]:
        self.known(entry, ("steps",), where)
        return self.steps(entry, where)

    def rule(self, entry: dict[str, Any], where: str) -> Rule:
        self.known(entry, ("when", "steps", "times"), where)
        if "times" in entry:
            self.check(entry["times"], Field("positive", ""), f"{where}, times")
        when = entry.get("when", {})
        if not isinstance(when, dict):
            self.problems.append(f"{where}: when must be a table")
            when = {}
        self.fields(when, WHEN, f"{where}, when")
        known = {("sender" if k == "from" else k): v for k, v in when.items() if k in WHEN}
        return Rule(When(**known), self.steps(entry, where), entry.get("times"))

    def model(self, name: str, entry: object) -> Model:
        where = f"model {name}"
        if not isinstance(entry, dict):
            self.problems.append(f"{where}: must be a table")
            return Model(name)
        before = len(self.problems)
        self.fields(entry, MODEL, where)
        if len(self.problems) > before:
            return Model(name)
        base = BUILT_IN.get(ALIASES.get(name, name), Model(name))
        price = tuple(
            float(entry.get(key, old))
            for key, old in zip(
                ("input", "output", "cache_read", "cache_write"), base.price, strict=True
            )
        )
        window = entry.get("window", base.window)
        return Model(name, window, entry.get("max_output", base.max_output), price)  # type: ignore[arg-type]

    def steps(self, entry: dict[str, Any], where: str) -> tuple[Step, ...]:
        listed = entry.get("steps")
        if not isinstance(listed, list):
            self.problems.append(f"{where}: steps must be a list of tables")
            return ()
        found = []
        for number, step in enumerate(listed, 1):
            made = self.step(step, f"{where}, step {number}")
            if made is not None:
                found.append(made)
        return tuple(found)

    def step(self, step: object, where: str) -> Step | None:
        if not isinstance(step, dict):
            self.problems.append(f'{where}: must be a table such as {{ say = "hello" }}')
            return None
        verbs = [key for key in step if key in STEPS]
        if len(verbs) != 1:
            if verbs:
                self.problems.append(f"{where}: two steps in one ({' and '.join(verbs)})")
            else:
                first = next(iter(step), "")
                self.problems.append(f"{where}: no known step{self.hint(first, STEPS)}")
            return None
        verb = verbs[0]
        spec = STEPS[verb]
        self.known(step, (verb, *spec.options), where)
        options = {name: option.default for name, option in spec.options.items()}
        for key, value in step.items():
            field = spec.value if key == verb else spec.options.get(key)
            if field is not None:
                self.check(value, field, f"{where}, {key}")
                if key != verb:
                    options[key] = value
        return Step(verb, step[verb], options)

    def fields(self, table: Mapping[str, Any], known: Mapping[str, Field], where: str) -> None:
        self.known(table, known, where)
        for key, value in table.items():
            if key in known:
                self.check(value, known[key], f"{where}, {key}")

    def known(self, table: Mapping[str, Any], known: Iterable[str], where: str) -> None:
        names = list(known)
        for key in table:
            if key not in names:
                self.problems.append(f"{where}: unknown key {key!r}{self.hint(key, names)}")

    def check(self, value: object, field: Field, where: str) -> None:
        wrong = _wrong(value, field)
        if wrong:
            nearest = self.hint(value, field.choices) if isinstance(value, str) else ""
            self.problems.append(f"{where}: {wrong}{nearest}")
        elif field.kind in ("words", "shell", "table"):
            for name in _placeholders(value):
                self.problems.append(
                    f"{where}: unknown placeholder {{{name}}}"
                    f"{self.hint(name, words.PLACEHOLDERS)}; write {{{{ for a brace"
                )

    @staticmethod
    def hint(word: str, known: Iterable[str]) -> str:
        near = difflib.get_close_matches(word, list(known), 1)
        return f" (do you mean {near[0]!r}?)" if near else ""


def _wrong(value: object, field: Field) -> str:
    """What is wrong with a value, or nothing."""
    kind = field.kind
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if kind == "choice":
        return "" if value in field.choices else f"must be one of {', '.join(field.choices)}"
    if kind in ("words", "text", "shell"):
        return "" if isinstance(value, str) else "must be text"
    if kind == "flag":
        return "" if isinstance(value, bool) else "must be true or false"
    if kind in ("table", "map"):
        return "" if isinstance(value, dict) else "must be a table"
    if kind == "tables":
        fine = isinstance(value, list) and all(isinstance(item, dict) for item in value)
        return "" if fine else "must be written as [[...]]"
    if not number or not 0 <= value <= limits.SCENARIO_NUMBER_MAX:  # type: ignore[operator]
        return f"must be a number from 0 to {limits.SCENARIO_NUMBER_MAX}"
    if kind in ("count", "positive") and not isinstance(value, int):
        return "must be a whole number"
    return "must be at least 1" if kind == "positive" and value == 0 else ""


def _placeholders(value: object) -> list[str]:
    if isinstance(value, str):
        return words.unknown(value)
    if isinstance(value, dict):
        return [name for item in value.values() for name in _placeholders(item)]
    if isinstance(value, list):
        return [name for item in value for name in _placeholders(item)]
    return []
