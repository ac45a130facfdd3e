"""The hive's own settings, as they hold now."""

from collections.abc import Mapping
from typing import Any, ClassVar

from attrs import define

from hived.events import Cause, Recorded
from hived.events.settings import Settings
from hived.projections.base import Handler
from hived.projections.shapes import dump_as, load_as


@define
class Quiet:
    """Quiet hours that hold now. until: unix seconds. agents: whose; empty for all."""

    name: str
    until: float
    since: float
    by: Cause
    agents: tuple[str, ...] = ()


class HiveSettings:
    """hive.toml as it was last taken in; empty settings before.

    quiet: the quiet hours that have begun and not ended, by name.
    """

    name: ClassVar[str] = "settings"
    decides: ClassVar[bool] = True

    def __init__(self) -> None:
        self.now = Settings()
        self.quiet: dict[str, Quiet] = {}

    def handlers(self) -> Mapping[str, Handler]:
        return {
            "hive_configured": self._configured,
            "quiet_start": self._quiet_start,
            "quiet_end": self._quiet_end,
        }

    def dump(self) -> dict[str, Any]:
        return {
            "now": dump_as(Settings, self.now),
            "quiet": dump_as(dict[str, Quiet], self.quiet),
        }

    def load(self, data: Mapping[str, Any]) -> None:
        self.now = load_as(Settings, data["now"])
        self.quiet = load_as(dict[str, Quiet], data["quiet"])

    def quiet_for(self, agent: str) -> Quiet | None:
        """The quiet hours that keep an agent from its turns; of several those that end last."""
        hold = [one for one in self.quiet.values() if not one.agents or agent in one.agents]
        return max(hold, key=lambda one: one.until, default=None)

    def _configured(self, rec: Recorded) -> None:
        self.now = rec.event.settings

    def _quiet_start(self, rec: Recorded) -> None:
        e = rec.event
        by = Cause(rec.stream, rec.version)
        self.quiet[e.name] = Quiet(e.name, e.until, rec.recorded_at, by, e.agents)

    def _quiet_end(self, rec: Recorded) -> None:
        self.quiet.pop(rec.event.name, None)
