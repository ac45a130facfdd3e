"""The hive's own settings, as they hold now."""

from collections.abc import Mapping
from typing import Any, ClassVar

from hived.events import Recorded
from hived.events.settings import Settings
from hived.projections.base import Handler
from hived.projections.shapes import dump_as, load_as


class HiveSettings:
    """hive.toml as it was last taken in; empty settings before."""

    name: ClassVar[str] = "settings"
    decides: ClassVar[bool] = True

    def __init__(self) -> None:
        self.now = Settings()

    def handlers(self) -> Mapping[str, Handler]:
        return {"hive_configured": self._configured}

    def dump(self) -> dict[str, Any]:
        return {"now": dump_as(Settings, self.now)}

    def load(self, data: Mapping[str, Any]) -> None:
        self.now = load_as(Settings, data["now"])

    def _configured(self, rec: Recorded) -> None:
        self.now = rec.event.settings
