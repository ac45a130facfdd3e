"""The last turns of each agent, newest last: what each was woken by, did, cost and came to."""

from collections.abc import Mapping
from typing import Any, ClassVar

from attrs import define, field

from hived import limits
from hived.events import Recorded
from hived.events.values import Usage
from hived.projections.base import Handler
from hived.projections.shapes import blank, dump_table, load_table


@define
class TurnRow:
    """One turn. outcome is empty while it runs."""

    id: str
    number: int
    kind: str
    reason: str
    model: str
    attempt: int
    started_at: float
    start_position: int
    ended_at: float = 0.0
    end_position: int = 0
    outcome: str = ""
    why: str = ""
    detail: str = ""
    exit_code: int | None = None
    duration_ms: int | None = None
    tools: dict[str, int] = field(factory=dict)
    usage: Usage = Usage()
    cost_usd: float = 0.0
    bytes: int = 0


class Turns:
    """Agent -> its last RECENT_TURNS_MAX turns by id, oldest first."""

    name: ClassVar[str] = "turns"
    decides: ClassVar[bool] = False

    def __init__(self) -> None:
        self.of: dict[str, dict[str, TurnRow]] = {}

    def handlers(self) -> Mapping[str, Handler]:
        return {
            "turn_start": self._start,
            "turn_end": self._end,
            "agent_purged": self._purged,
        }

    def dump(self) -> dict[str, Any]:
        return {"of": {name: dump_table(TurnRow, rows.values()) for name, rows in self.of.items()}}

    def load(self, data: Mapping[str, Any]) -> None:
        self.of = {
            name: {row.id: row for row in load_table(TurnRow, rows)}
            for name, rows in data["of"].items()
        }

    def _start(self, rec: Recorded) -> None:
        e = rec.event
        rows = self.of.setdefault(e.agent, {})
        row = rows[e.turn] = blank(TurnRow)
        TurnRow.__init__(
            row,
            id=e.turn,
            number=e.number,
            kind=e.kind,
            reason=e.reason,
            model=e.model,
            attempt=e.attempt,
            started_at=rec.recorded_at,
            start_position=rec.position,
        )
        if len(rows) > limits.RECENT_TURNS_MAX:
            del rows[next(iter(rows))]

    def _end(self, rec: Recorded) -> None:
        e = rec.event
        row = self.of.get(e.agent, {}).get(e.turn)
        if row is None:
            return
        row.ended_at, row.end_position = rec.recorded_at, rec.position
        row.outcome, row.why, row.detail = e.outcome, e.why, e.detail
        row.exit_code, row.duration_ms = e.exit_code, e.duration_ms
        row.tools, row.usage, row.cost_usd, row.bytes = e.tools, e.usage, e.cost_usd, e.byte
        row.model = e.model or row.model

    def _purged(self, rec: Recorded) -> None:
        self.of.pop(rec.event.agent, None)
