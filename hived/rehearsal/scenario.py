"""What a scenario says, as values, and which of its entries a turn takes. Pure."""

import zlib
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

# USD per million tokens: input, output, read from cache, written to cache.
Price = tuple[float, float, float, float]


class Model(NamedTuple):
    name: str
    window: int = 200_000
    max_output: int = 32_000
    price: Price = (0.0, 0.0, 0.0, 0.0)


class Step(NamedTuple):
    verb: str
    value: Any
    options: Mapping[str, Any]


class When(NamedTuple):
    """What a rule asks for; what is not given is not asked. All that is given must hold."""

    contains: str | None = None
    sender: str | None = None
    model: str | None = None
    attempt: int | None = None
    attempt_min: int | None = None
    nth: int | None = None
    every: int | None = None
    turn: int | None = None
    command: str | None = None
    chance: float | None = None


class Rule(NamedTuple):
    when: When
    steps: tuple[Step, ...]
    times: int | None = None


class Scenario(NamedTuple):
    """steps of each turn, the rules before them, and what the made-up model is like."""

    turns: tuple[tuple[Step, ...], ...] = ()
    rules: tuple[Rule, ...] = ()
    default: tuple[Step, ...] = (Step("say", "You said: {body}", {"times": 1, "delay": 0.0}),)
    repeat: bool = False
    each_sender: bool = False
    agent: str = ""
    seed: int | None = None
    model: str = "claude-opus-5-5"
    models: Mapping[str, Model] = {}
    base_tokens: int = 2_600  # what the system prompt and the tools take
    auto_compact: float = 0.97  # of the window
    summary_tokens: int = 2_500
    compact_seconds: float = 0.0


class ScenarioError(Exception):
    """The scenario cannot be used: one problem a line, each with its place."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


BUILT_IN: Mapping[str, Model] = {
    "claude-opus-5-5": Model("claude-opus-5-5", 1_000_000, 128_000, (4.0, 20.0, 0.4, 5.0)),
    "claude-sonnet-5-5": Model("claude-sonnet-5-5", 1_000_000, 64_000, (2.0, 10.0, 0.2, 2.5)),
    "claude-haiku-5-5": Model("claude-haiku-5-5", 200_000, 32_000, (0.1, 0.5, 0.01, 0.125)),
    "claude-fable-5-2": Model("claude-fable-5-2", 1_000_000, 128_000, (8.0, 40.0, 0.8, 10.0)),
}
ALIASES = {name.split("-")[1]: name for name in BUILT_IN}


def resolve(scenario: Scenario, name: str) -> Model:
    """The model of that name or alias; an unknown one is made up, as the real CLI tries it."""
    name = name.removesuffix("[1m]") or scenario.model
    full = ALIASES.get(name, name)
    for known in (name, full, full.split("-")[1] if full in BUILT_IN else full):
        if known in scenario.models:
            return scenario.models[known]._replace(name=full)
    return BUILT_IN.get(full, Model(full))


class Facts(NamedTuple):
    """What a rule may ask about a turn that begins."""

    text: str
    sender: str
    model: str
    attempt: int
    turn: int
    command: str | None = None


def matches(when: When, facts: Facts) -> bool:
    """Whether all that the rule asks of the turn holds, but for nth, every and chance."""
    return (
        when.command == facts.command
        and (when.contains is None or when.contains in facts.text)
        and (when.sender is None or when.sender == facts.sender)
        and (when.model is None or when.model in facts.model)
        and (when.attempt is None or when.attempt == facts.attempt)
        and (when.attempt_min is None or when.attempt_min <= facts.attempt)
        and (when.turn is None or when.turn == facts.turn)
    )


def pick_rule(scenario: Scenario, facts: Facts, seen: dict[int, int]) -> Rule | None:
    """The first rule that takes the turn; counts in `seen` how often each has matched.

    A rule that matched but was passed over (nth, every, chance, times) is counted too, so that
    "every third" means every third that could have been.
    """
    taken: Rule | None = None
    for number, rule in enumerate(scenario.rules):
        if not matches(rule.when, facts):
            continue
        seen[number] = nth = seen.get(number, 0) + 1
        if taken is None and _takes(rule, nth, scenario, facts.turn, number):
            taken = rule
    return taken


def _takes(rule: Rule, nth: int, scenario: Scenario, turn: int, number: int) -> bool:
    when = rule.when
    every = when.every or 1
    if when.nth is not None and nth != when.nth:
        return False
    if nth % every or (rule.times is not None and nth > rule.times * every):
        return False
    if when.chance is None:
        return True
    # A hash in the place of a generator: the same session of the same scenario does the same.
    return zlib.crc32(f"{scenario.seed}:{turn}:{number}".encode()) / 2**32 < when.chance


def pick_turn(scenario: Scenario, place: int) -> tuple[Step, ...]:
    """The steps of the turn at this place in the list; past its end, again or the default."""
    if place < len(scenario.turns):
        return scenario.turns[place]
    return scenario.turns[place % len(scenario.turns)] if scenario.repeat else scenario.default
