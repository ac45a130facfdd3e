"""What was spent: turns, tokens and money by agent, model and day (UTC).

The last SPEND_DAYS_MAX days are told apart; what came before them is one sum by agent and model.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar

from attrs import define, field

from hived import limits
from hived.events import Recorded
from hived.events.turn import TurnEnd
from hived.projections.base import Handler
from hived.projections.shapes import dump_as, load_as
from hived.projections.spent import Spent

OTHERS = "(others)"  # agents and models beyond those that are told apart
HOUR, DAY = 3_600, 86_400


@define
class Period:
    """A span of time, by agent and by model."""

    agents: dict[str, Spent] = field(factory=dict)
    models: dict[str, Spent] = field(factory=dict)

    @property
    def all(self) -> Spent:
        """All of it. Not kept: it is asked for far more seldom than a turn ends."""
        total = Spent()
        for spent in self.agents.values():
            total.take(spent)
        return total

    def add(self, end: TurnEnd) -> None:
        _of(self.agents, end.agent, limits.SPEND_AGENTS_MAX).add(end.usage, end.cost_usd)
        if end.models:
            for model, use in end.models.items():
                _of(self.models, model, limits.SPEND_MODELS_MAX).add(use.usage, use.cost_usd)
        elif end.model or end.cost_usd:
            _of(self.models, end.model, limits.SPEND_MODELS_MAX).add(end.usage, end.cost_usd)

    def take(self, other: "Period") -> None:
        """Add another span to this one."""
        for name, spent in other.agents.items():
            _of(self.agents, name, limits.SPEND_AGENTS_MAX).take(spent)
        for name, spent in other.models.items():
            _of(self.models, name, limits.SPEND_MODELS_MAX).take(spent)


def _of(sums: dict[str, Spent], name: str, most: int) -> Spent:
    found = sums.get(name)
    if found is not None:
        return found
    return sums.setdefault(name if len(sums) < most else OTHERS, Spent())


class Spend:
    """The last hour that a turn ended in, the days before that hour, and what came before those.

    hour: what was spent in the hour number `hour_at` since 1970. It is added to its day when it is
    over, as a turn's end is folded far more often. days: days since 1970 -> what was spent on them
    until `hour`. before: what came before the first of them.
    """

    name: ClassVar[str] = "spend"
    decides: ClassVar[bool] = True

    def __init__(self) -> None:
        self.before = Period()
        self.days: dict[int, Period] = {}
        self.hour_at = 0
        self.hour = Period()

    def handlers(self) -> Mapping[str, Handler]:
        return {"turn_end": self._turn_end}

    def dump(self) -> dict[str, Any]:
        return {
            "before": dump_as(Period, self.before),
            "days": {str(day): dump_as(Period, period) for day, period in self.days.items()},
            "hour_at": self.hour_at,
            "hour": dump_as(Period, self.hour),
        }

    def load(self, data: Mapping[str, Any]) -> None:
        self.before = load_as(Period, data["before"])
        self.days = {int(day): load_as(Period, row) for day, row in data["days"].items()}
        self.hour_at = data["hour_at"]
        self.hour = load_as(Period, data["hour"])

    def _turn_end(self, rec: Recorded) -> None:
        hour = int(rec.recorded_at // HOUR)
        if hour != self.hour_at:
            self._begin(hour)
        self.hour.add(rec.event)

    def _begin(self, hour: int) -> None:
        """Add the hour before to its day, and the oldest day to `before`."""
        if self.hour.agents:
            self.days.setdefault(self._today, Period()).take(self.hour)
        self.hour_at, self.hour = hour, Period()
        if len({*self.days, self._today}) > limits.SPEND_DAYS_MAX:
            self.before.take(self.days.pop(min(self.days)))

    @property
    def _today(self) -> int:
        return self.hour_at * HOUR // DAY

    def of(self, scope: str, per: str, at: float) -> list[Spent]:
        """The sums of the window (hour, day, month) around a time, to be added up.

        scope: an agent, or * for the hive.
        """
        return [
            period.all if scope == "*" else period.agents[scope]
            for period in self._periods(per, at)
            if scope == "*" or scope in period.agents
        ]

    def _periods(self, per: str, at: float) -> Iterator[Period]:
        if per == "hour":
            if self.hour_at == int(at // HOUR):
                yield self.hour
            return
        first, last = (int(edge // DAY) for edge in window(per, at))
        yield from (period for day, period in self.days.items() if first <= day < last)
        if first <= self._today < last:
            yield self.hour

    def by_day(self) -> dict[int, Period]:
        """Days since 1970 -> what was spent on them, with the last hour, oldest first."""
        found = dict(sorted(self.days.items()))
        if self.hour.agents:
            today = Period()
            today.take(found.get(self._today, Period()))
            today.take(self.hour)
            found[self._today] = today
        return found

    def since(self, day: int) -> Period:
        """All that was spent from a day on, and before it too where the day is 0."""
        total = Period()
        if not day:
            total.take(self.before)
        for at, period in self.by_day().items():
            if at >= day:
                total.take(period)
        return total


def window(per: str, at: float) -> tuple[float, float]:
    """The hour, day or month (UTC) that a time lies in: its first second, and that after it."""
    if per != "month":
        length = HOUR if per == "hour" else DAY
        begin = at // length * length
        return begin, begin + length
    first = datetime.fromtimestamp(at, UTC).replace(
        day=1, hour=0, minute=0, second=0, microsecond=0
    )
    year, month = divmod(first.year * 12 + first.month, 12)
    return first.timestamp(), first.replace(year=year, month=month + 1).timestamp()
