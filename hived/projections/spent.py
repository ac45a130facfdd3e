"""A sum of turns, tokens and money, that grows in place: a new object for each turn costs time."""

from attrs import define

from hived.events.values import Usage


@define
class Spent:
    """A sum. turns: that ended; of a model, those in which it was used."""

    turns: int = 0
    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write: int = 0
    cost_usd: float = 0.0

    def add(self, usage: Usage, cost: float, turns: int = 1) -> None:
        self.turns += turns
        self.input += usage.input
        self.output += usage.output
        self.cache_read += usage.cache_read
        self.cache_write += usage.cache_write
        self.cost_usd += cost

    def take(self, other: "Spent") -> None:
        """Add another sum to this one."""
        self.add(other.usage, other.cost_usd, other.turns)

    @property
    def usage(self) -> Usage:
        """The tokens."""
        return Usage(self.input, self.output, self.cache_read, self.cache_write)

    def used(self, unit: str) -> float:
        """As budgets count: usd, or tokens without what was read from a cache."""
        if unit == "usd":
            return self.cost_usd
        return float(self.input + self.output + self.cache_write)
