"""Who has which message, and how far each has come.

queued -> delivered (in a running turn) -> acked, or back to queued, or dead. Open messages are
kept whole (an inbox holds INBOX_OPEN_MAX of them), closed ones are the last RECENT_MESSAGES_MAX.
"""

from collections import deque
from collections.abc import Mapping
from typing import Any, ClassVar

from attrs import define, field

from hived import limits
from hived.events import Recorded
from hived.projections.base import Handler
from hived.projections.shapes import blank, dump_table, load_table

QUEUED, DELIVERED, ACKED, DEAD = "queued", "delivered", "acked", "dead"
CLOSED = (ACKED, DEAD)


@define
class Message:
    """One message. attempts: deliveries that counted. held: a session that has the words."""

    id: str
    sender: str
    to: str
    body: str
    sent_at: float
    position: int
    version: int
    in_reply_to: str = ""
    urgent: bool = False
    state: str = QUEUED
    attempts: int = 0
    turn: str = ""
    line: int = 0
    uuid: str = ""
    held: bool = False
    why: str = ""
    changed_at: float = 0.0


@define
class Inbox:
    """One recipient's messages, oldest first. open: by id. closed: in the order of their ends."""

    open: dict[str, Message] = field(factory=dict)
    closed: deque[Message] = field(factory=deque)
    received: int = 0
    gone: bool = False  # its agent was purged: it goes with its last open message

    def queued(self) -> list[Message]:
        """Waiting to be delivered, urgent ones first."""
        waiting = [m for m in self.open.values() if m.state == QUEUED]
        waiting.sort(key=lambda m: not m.urgent)
        return waiting

    def in_turn(self, turn: str) -> list[Message]:
        return [m for m in self.open.values() if m.turn == turn and m.state == DELIVERED]


class Inboxes:
    """Recipient -> Inbox; `find` knows whose a message is, open or closed lately."""

    name: ClassVar[str] = "inboxes"
    decides: ClassVar[bool] = True

    def __init__(self) -> None:
        self.boxes: dict[str, Inbox] = {}
        self._kept: dict[str, Message] = {}  # all that are in one of the boxes, by id

    def handlers(self) -> Mapping[str, Handler]:
        return {
            "message_sent": self._sent,
            "message_delivered": self._delivered,
            "message_acked": self._acked,
            "message_returned": self._returned,
            "message_dead": self._dead,
            "agent_created": self._created,
            "agent_purged": self._purged,
            "session_reset": self._session_reset,
        }

    def dump(self) -> dict[str, Any]:
        return {"boxes": {name: _dumped(box) for name, box in self.boxes.items()}}

    def load(self, data: Mapping[str, Any]) -> None:
        self.boxes = {name: _loaded(box) for name, box in data["boxes"].items()}
        self._kept = {
            message.id: message
            for box in self.boxes.values()
            for message in (*box.closed, *box.open.values())
        }

    def box(self, name: str) -> Inbox:
        """The inbox of a recipient; an empty one that is not kept where there is none."""
        return self.boxes.get(name) or Inbox()

    def find(self, message: str) -> Message | None:
        """A message that is open, or was closed lately."""
        return self._kept.get(message)

    def _sent(self, rec: Recorded) -> None:
        e = rec.event
        box = self.boxes.get(e.to)
        if box is None:
            box = self.boxes[e.to] = Inbox()
        box.received += 1
        message = box.open[e.message] = self._kept[e.message] = blank(Message)
        Message.__init__(
            message,
            id=e.message,
            sender=e.sender,
            to=e.to,
            body=e.body,
            sent_at=rec.recorded_at,
            position=rec.position,
            version=rec.version,
            in_reply_to=e.in_reply_to,
            urgent=e.urgent,
            changed_at=rec.recorded_at,
        )

    def _open(self, rec: Recorded) -> Message | None:
        message = self._kept.get(rec.event.message)
        if message is None or message.state in CLOSED:
            return None
        message.version = rec.version
        message.changed_at = rec.recorded_at
        return message

    def _delivered(self, rec: Recorded) -> None:
        message = self._open(rec)
        if message is not None:
            e = rec.event
            message.state = DELIVERED
            message.turn, message.line, message.uuid = e.turn, e.line, e.uuid

    def _returned(self, rec: Recorded) -> None:
        message = self._open(rec)
        if message is not None:
            e = rec.event
            message.state = QUEUED
            message.attempts += e.counted
            message.held = e.held
            message.why = e.why
            message.turn = ""

    def _acked(self, rec: Recorded) -> None:
        message = self._open(rec)
        if message is not None:
            self._close(message, ACKED)

    def _dead(self, rec: Recorded) -> None:
        message = self._open(rec)
        if message is not None:
            message.why, message.attempts = rec.event.why, rec.event.attempts
            self._close(message, DEAD)

    def _close(self, message: Message, state: str) -> None:
        message.state = state
        box = self.boxes[message.to]
        del box.open[message.id]
        box.closed.append(message)
        if box.gone and not box.open:
            self._drop(message.to)
        elif len(box.closed) > limits.RECENT_MESSAGES_MAX:
            del self._kept[box.closed.popleft().id]

    def _created(self, rec: Recorded) -> None:
        self.boxes.setdefault(rec.event.agent, Inbox())

    def _purged(self, rec: Recorded) -> None:
        box = self.boxes.get(rec.event.agent)
        if box is not None and not box.open:
            self._drop(rec.event.agent)
        elif box is not None:
            box.gone = True

    def _drop(self, name: str) -> None:
        """Forget an inbox in which nothing is open."""
        for message in self.boxes.pop(name).closed:
            del self._kept[message.id]

    def _session_reset(self, rec: Recorded) -> None:
        """A new conversation holds nobody's words yet."""
        for message in self.box(rec.event.agent).open.values():
            message.held = False


def _dumped(box: Inbox) -> dict[str, Any]:
    return {
        "open": dump_table(Message, box.open.values()),
        "closed": dump_table(Message, box.closed),
        "received": box.received,
        "gone": box.gone,
    }


def _loaded(data: Mapping[str, Any]) -> Inbox:
    return Inbox(
        {message.id: message for message in load_table(Message, data["open"])},
        deque(load_table(Message, data["closed"])),
        data["received"],
        data["gone"],
    )
