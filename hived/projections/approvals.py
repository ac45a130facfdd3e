"""What waits for the operator's word, what is being carried out, and what came of it.

Pending ones, and approved ones without an outcome, are kept whole; closed ones are the last
RECENT_APPROVALS_MAX. Diffs are not kept here: the request's event has them.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from attrs import define

from hived import limits
from hived.events import Recorded
from hived.events.values import AgentConfig
from hived.projections.base import Handler
from hived.projections.shapes import dump_as, load_as

PENDING, APPROVED, DENIED = "pending", "approved", "denied"


@define
class Approval:
    """One request. state: pending; approved (being carried out), then done or failed; denied,
    withdrawn or expired.

    version: of its stream. position: of the request's event. decided_position: of the decision's.
    config: what the agent will run with; None once it is closed.
    """

    id: str
    kind: str
    requester: str
    agent: str
    asked_at: float
    position: int
    version: int
    description: str = ""
    commit: str = ""
    base: str = ""
    config: AgentConfig | None = None
    files: int = 0
    expires_at: float = 0.0
    state: str = PENDING
    decided_by: str = ""
    decided_at: float = 0.0
    decided_position: int = 0
    note: str = ""
    rule: str = ""
    closed_at: float = 0.0
    why: str = ""


class Approvals:
    """open: id -> pending or approved, oldest first. closed: id -> the last ones with an end."""

    name: ClassVar[str] = "approvals"
    decides: ClassVar[bool] = True

    def __init__(self) -> None:
        self.open: dict[str, Approval] = {}
        self.closed: dict[str, Approval] = {}

    def handlers(self) -> Mapping[str, Handler]:
        return {
            "approval_request": self._requested,
            "approval_decision": self._decided,
            "approval_outcome": self._outcome,
        }

    def dump(self) -> dict[str, Any]:
        return {
            "open": dump_as(dict[str, Approval], self.open),
            "closed": dump_as(dict[str, Approval], self.closed),
        }

    def load(self, data: Mapping[str, Any]) -> None:
        self.open = load_as(dict[str, Approval], data["open"])
        self.closed = load_as(dict[str, Approval], data["closed"])

    def find(self, approval: str) -> Approval | None:
        """The one of that id, open or closed lately."""
        return self.open.get(approval) or self.closed.get(approval)

    def named(self, text: str) -> list[str]:
        """The ids that a person may mean: that one, or all that begin so."""
        if self.find(text) is not None:
            return [text]
        return [id for id in (*self.open, *self.closed) if text and id.startswith(text)]

    def pending(self) -> list[Approval]:
        """Those that wait for a word, oldest first."""
        return [one for one in self.open.values() if one.state == PENDING]

    def ordered(self) -> list[Approval]:
        """Those that are approved and have no outcome yet."""
        return [one for one in self.open.values() if one.state == APPROVED]

    def _requested(self, rec: Recorded) -> None:
        e = rec.event
        self.open[e.approval] = Approval(
            id=e.approval,
            kind=e.kind,
            requester=e.requester,
            agent=e.agent,
            asked_at=rec.recorded_at,
            position=rec.position,
            version=rec.version,
            description=e.description,
            commit=e.commit,
            base=e.base,
            config=e.config,
            files=len(e.paths),
            expires_at=e.expires_at,
        )

    def _decided(self, rec: Recorded) -> None:
        e = rec.event
        approval = self.open.get(e.approval)
        if approval is None:
            return
        approval.version = rec.version
        approval.state = e.decision
        approval.decided_by, approval.decided_at = rec.by, rec.recorded_at
        approval.decided_position = rec.position
        approval.note, approval.rule = e.note, e.rule
        if e.decision != APPROVED:
            self._close(approval, rec)

    def _outcome(self, rec: Recorded) -> None:
        approval = self.open.get(rec.event.approval)
        if approval is not None:
            approval.version = rec.version
            approval.state, approval.why = rec.event.outcome, rec.event.why
            self._close(approval, rec)

    def _close(self, approval: Approval, rec: Recorded) -> None:
        approval.closed_at, approval.config = rec.recorded_at, None
        self.closed[approval.id] = self.open.pop(approval.id)
        while len(self.closed) > limits.RECENT_APPROVALS_MAX:
            del self.closed[next(iter(self.closed))]
