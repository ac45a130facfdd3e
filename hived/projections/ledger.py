"""The hive in numbers: since when it runs, how much it did, and what it cost in all."""

from collections.abc import Mapping
from typing import Any, ClassVar

from hived.events import Recorded
from hived.projections.base import Handler
from hived.projections.shapes import dump_as, load_as
from hived.projections.spent import Spent


class Ledger:
    """Sums over the whole log."""

    name: ClassVar[str] = "ledger"
    decides: ClassVar[bool] = False

    def __init__(self) -> None:
        self.started_at = 0.0
        self.running = False
        self.starts = 0
        self.version = ""
        self.outcomes: dict[str, int] = {}
        self.messages = 0
        self.dead = 0
        self.spent = Spent()

    def handlers(self) -> Mapping[str, Handler]:
        return {
            "hive_started": self._started,
            "hive_stopped": self._stopped,
            "turn_end": self._turn_end,
            "message_sent": self._sent,
            "message_dead": self._dead,
        }

    def dump(self) -> dict[str, Any]:
        return {**vars(self), "spent": dump_as(Spent, self.spent), "outcomes": dict(self.outcomes)}

    def load(self, data: Mapping[str, Any]) -> None:
        for key, value in data.items():
            setattr(self, key, value)
        self.outcomes = dict(data["outcomes"])
        self.spent = load_as(Spent, data["spent"])

    def _started(self, rec: Recorded) -> None:
        self.started_at, self.running = rec.recorded_at, True
        self.starts += 1
        self.version = rec.event.version

    def _stopped(self, rec: Recorded) -> None:
        self.running = False

    def _turn_end(self, rec: Recorded) -> None:
        e = rec.event
        self.outcomes[e.outcome] = self.outcomes.get(e.outcome, 0) + 1
        self.spent.add(e.usage, e.cost_usd)

    def _sent(self, rec: Recorded) -> None:
        self.messages += 1

    def _dead(self, rec: Recorded) -> None:
        self.dead += 1
