"""Views of the log. PROJECTIONS is their registry: to add one, a file and a row.

`Hive` holds one of each and is the one fold of hived: the daemon, a look into the past, the
check of a replay and the benchmarks all fold through it.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from hived.events import Recorded
from hived.projections.agents import Agents
from hived.projections.approvals import Approvals
from hived.projections.base import Handler, Projection
from hived.projections.budgets import Budgets
from hived.projections.commands import Commands
from hived.projections.credentials import Credentials
from hived.projections.inboxes import Inboxes
from hived.projections.ledger import Ledger
from hived.projections.overtaken import overtaken
from hived.projections.questions import Questions
from hived.projections.reminders import Reminders
from hived.projections.settings import HiveSettings
from hived.projections.spend import Spend
from hived.projections.turns import Turns

__all__ = ["FINGERPRINT", "PASSED_OVER", "PROJECTIONS", "Hive"]

PROJECTIONS: Mapping[str, type[Projection]] = {
    "agents": Agents,
    "inboxes": Inboxes,
    "commands": Commands,
    "credentials": Credentials,
    "turns": Turns,
    "ledger": Ledger,
    "settings": HiveSettings,
    "spend": Spend,
    "budgets": Budgets,
    "questions": Questions,
    "approvals": Approvals,
    "reminders": Reminders,
}

# Of the shape of all views together: a snapshot of another one is not read. Raise it with any
# change of a view's state or fold.
FINGERPRINT = "10"

# Kind -> the kind that overtakes it, for all views: see overtaken.py.
PASSED_OVER = overtaken({name: view().handlers() for name, view in PROJECTIONS.items()})


class Hive:
    """The state of the hive at one position of the log."""

    agents: Agents
    inboxes: Inboxes
    commands: Commands
    credentials: Credentials
    turns: Turns
    ledger: Ledger
    settings: HiveSettings
    spend: Spend
    budgets: Budgets
    questions: Questions
    approvals: Approvals
    reminders: Reminders

    def __init__(self, *, deciding: bool = False) -> None:
        """Start empty. deciding: only the views that commands are decided on."""
        self.position = 0
        self.recorded_at = 0.0
        self.views: dict[str, Projection] = {
            name: view() for name, view in PROJECTIONS.items() if view.decides or not deciding
        }
        table: dict[str, list[Handler]] = {}
        for name, view in self.views.items():
            setattr(self, name, view)
            for kind, handler in view.handlers().items():
                table.setdefault(kind, []).append(handler)
        self._table = {kind: tuple(handlers) for kind, handlers in table.items()}

    def fold(self, records: Iterable[Recorded]) -> None:
        """Take in events, in order."""
        table = self._table
        commands = self.commands
        remember = commands.remember
        rec: Recorded | None = None
        for rec in records:
            if rec.command is not None or commands.unfinished:
                remember(rec)
            for handler in table.get(rec.kind, ()):
                handler(rec)
        if rec is not None:
            self.position = rec.position
            self.recorded_at = rec.recorded_at

    def unfinished(self) -> int:
        """How many events of the command begun last are still to come."""
        return self.commands.unfinished

    def dump(self) -> dict[str, Any]:
        """The whole state as JSON-shaped data."""
        return {
            "position": self.position,
            "recorded_at": self.recorded_at,
            "views": {name: view.dump() for name, view in self.views.items()},
        }

    @classmethod
    def load(cls, data: Mapping[str, Any], *, deciding: bool = False) -> "Hive":
        """The state that `dump` wrote; deciding: only the views commands are decided on."""
        hive = cls(deciding=deciding)
        hive.position = data["position"]
        hive.recorded_at = data["recorded_at"]
        for name, view in hive.views.items():
            view.load(data["views"][name])
        return hive
