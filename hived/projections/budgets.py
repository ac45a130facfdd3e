"""Which budgets are reached, and which the operator lifted for the rest of their window."""

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from attrs import define

from hived import limits
from hived.events import Cause, Recorded
from hived.events.values import Budget
from hived.projections.base import Handler
from hived.projections.shapes import dump_as, load_as

HIVE = "*"  # the scope of all agents


@define
class Reached:
    """A budget that is used up. until: unix seconds, the end of its window."""

    scope: str
    unit: str
    per: str
    amount: float
    used: float
    until: float
    since: float
    by: Cause


class Budgets:
    """By scope, unit and window: reached ones, and the ends of windows they are lifted for."""

    name: ClassVar[str] = "budgets"
    decides: ClassVar[bool] = True

    def __init__(self) -> None:
        self.reached: dict[str, Reached] = {}
        self.lifted: dict[str, float] = {}

    def handlers(self) -> Mapping[str, Handler]:
        return {"budget_reached": self._reached, "budget_over": self._over}

    def dump(self) -> dict[str, Any]:
        return {
            "reached": dump_as(dict[str, Reached], self.reached),
            "lifted": dict(self.lifted),
        }

    def load(self, data: Mapping[str, Any]) -> None:
        self.reached = load_as(dict[str, Reached], data["reached"])
        self.lifted = dict(data["lifted"])

    def covering(self, agent: str) -> list[Reached]:
        """The reached budgets that the agent waits for: its own and the hive's."""
        if not self.reached:
            return []
        return [one for one in self.reached.values() if one.scope in (agent, HIVE)]

    def _reached(self, rec: Recorded) -> None:
        e = rec.event
        by = Cause(rec.stream, rec.version)
        self.reached[key(e.scope, e)] = Reached(
            e.scope, e.unit, e.per, e.amount, e.used, e.until, rec.recorded_at, by
        )

    def _over(self, rec: Recorded) -> None:
        e = rec.event
        name = key(e.scope, e)
        was = self.reached.pop(name, None)
        if e.why != "operator" or was is None:
            return
        now = rec.recorded_at
        self.lifted = {one: until for one, until in self.lifted.items() if until > now}
        self.lifted[name] = was.until
        if len(self.lifted) > limits.BUDGETS_LIFTED_MAX:
            del self.lifted[min(self.lifted, key=lambda one: self.lifted[one])]


def key(scope: str, budget: Any) -> str:
    """The name of a budget: of the same unit and window only the smallest counts.

    budget: anything with a unit and a window.
    """
    return f"{scope}/{budget.per}/{budget.unit}"


def smallest(budgets: Iterable[Budget]) -> dict[tuple[str, str], Budget]:
    """The one of each unit and window that is reached first."""
    found: dict[tuple[str, str], Budget] = {}
    for budget in budgets:
        was = found.get((budget.per, budget.unit))
        if was is None or budget.amount < was.amount:
            found[budget.per, budget.unit] = budget
    return found
