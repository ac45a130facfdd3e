"""Reminders that wait for their time, by the agent they are for."""

from collections.abc import Mapping
from typing import Any, ClassVar

from attrs import define

from hived.events import Recorded
from hived.projections.base import Handler
from hived.projections.shapes import dump_as, load_as


@define
class Reminder:
    """text becomes mail to the agent at `at` (unix seconds). by: who set it, as events name them.

    version: of the agent's stream, of its reminder_set.
    """

    id: str
    agent: str
    text: str
    at: float
    set_at: float
    by: str
    version: int


class Reminders:
    """Agent -> its pending reminders by id, oldest first. An agent has at most REMINDERS_MAX."""

    name: ClassVar[str] = "reminders"
    decides: ClassVar[bool] = True

    def __init__(self) -> None:
        self.of: dict[str, dict[str, Reminder]] = {}

    def handlers(self) -> Mapping[str, Handler]:
        return {
            "reminder_set": self._set,
            "reminder_fired": self._over,
            "reminder_cancelled": self._over,
        }

    def dump(self) -> dict[str, Any]:
        return {"of": dump_as(dict[str, dict[str, Reminder]], self.of)}

    def load(self, data: Mapping[str, Any]) -> None:
        self.of = load_as(dict[str, dict[str, Reminder]], data["of"])

    def find(self, reminder: str) -> Reminder | None:
        """The pending reminder of that id."""
        for pending in self.of.values():
            if reminder in pending:
                return pending[reminder]
        return None

    def _set(self, rec: Recorded) -> None:
        e = rec.event
        self.of.setdefault(e.agent, {})[e.reminder] = Reminder(
            e.reminder, e.agent, e.text, e.at, rec.recorded_at, rec.by, rec.version
        )

    def _over(self, rec: Recorded) -> None:
        e = rec.event
        pending = self.of.get(e.agent, {})
        pending.pop(e.reminder, None)
        if not pending:
            self.of.pop(e.agent, None)
