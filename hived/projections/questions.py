"""Questions: those that wait for an answer, and how the last ones ended, and by whom.

Open ones are kept whole (an agent has QUESTIONS_OPEN_MAX of them), closed ones are the last
RECENT_QUESTIONS_MAX.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from attrs import define, field

from hived import limits
from hived.events import Recorded
from hived.projections.base import Handler
from hived.projections.shapes import dump_as, load_as

OPEN, ANSWERED, CANCELLED, EXPIRED = "open", "answered", "cancelled", "expired"


@define
class Question:
    """One question. asker, to: an agent's name or operator. deadline: unix seconds, 0 for none.

    closed_*: of the event that ended it; closed_by is its envelope's `by`. why: of a cancelled one.
    """

    id: str
    asker: str
    to: str
    text: str
    asked_at: float
    position: int
    version: int
    options: tuple[str, ...] = ()
    multi: bool = False
    deadline: float = 0.0
    state: str = OPEN
    answer: str = ""
    chosen: tuple[str, ...] = ()
    why: str = ""
    closed_at: float = 0.0
    closed_by: str = ""
    closed_position: int = 0


@define
class Asked:
    """How many questions of each asker are open, and how many wait for each who was asked."""

    by: dict[str, int] = field(factory=dict)
    of: dict[str, int] = field(factory=dict)

    def count(self, question: Question, step: int) -> None:
        for counts, name in ((self.by, question.asker), (self.of, question.to)):
            counts[name] = counts.get(name, 0) + step
            if not counts[name]:
                del counts[name]


class Questions:
    """Question id -> Question, in the order they were asked (open) and ended (closed)."""

    name: ClassVar[str] = "questions"
    decides: ClassVar[bool] = True

    def __init__(self) -> None:
        self.open: dict[str, Question] = {}
        self.closed: dict[str, Question] = {}
        self.counts = Asked()

    def handlers(self) -> Mapping[str, Handler]:
        return {
            "question_asked": self._asked,
            "question_answered": self._answered,
            "question_cancelled": self._cancelled,
            "question_expired": self._expired,
        }

    def dump(self) -> dict[str, Any]:
        return {
            "open": dump_as(dict[str, Question], self.open),
            "closed": dump_as(dict[str, Question], self.closed),
        }

    def load(self, data: Mapping[str, Any]) -> None:
        self.open = load_as(dict[str, Question], data["open"])
        self.closed = load_as(dict[str, Question], data["closed"])
        self.counts = Asked()
        for question in self.open.values():
            self.counts.count(question, 1)

    def find(self, question: str) -> Question | None:
        """A question that is open, or was closed lately."""
        return self.open.get(question) or self.closed.get(question)

    def beginning(self, text: str) -> list[Question]:
        """Those whose id begins so: the open ones, else the closed ones."""
        if not text:
            return []
        found = [one for id_, one in self.open.items() if id_.startswith(text)]
        return found or [one for id_, one in self.closed.items() if id_.startswith(text)]

    def of(self, agent: str) -> list[Question]:
        """The open questions that an agent asked or is asked."""
        return [one for one in self.open.values() if agent in (one.asker, one.to)]

    def version_of(self, question: str) -> int:
        found = self.find(question)
        return found.version if found is not None else 0

    def _asked(self, rec: Recorded) -> None:
        e = rec.event
        self.open[e.question] = question = Question(
            id=e.question,
            asker=e.asker,
            to=e.to,
            text=e.text,
            asked_at=rec.recorded_at,
            position=rec.position,
            version=rec.version,
            options=e.options,
            multi=e.multi,
            deadline=e.deadline,
        )
        self.counts.count(question, 1)

    def _answered(self, rec: Recorded) -> None:
        question = self._close(rec, ANSWERED)
        if question is not None:
            question.answer, question.chosen = rec.event.answer, rec.event.chosen

    def _cancelled(self, rec: Recorded) -> None:
        question = self._close(rec, CANCELLED)
        if question is not None:
            question.why = rec.event.why

    def _expired(self, rec: Recorded) -> None:
        self._close(rec, EXPIRED)

    def _close(self, rec: Recorded, state: str) -> Question | None:
        question = self.open.pop(rec.event.question, None)
        if question is None:
            return None
        self.counts.count(question, -1)
        question.state, question.version = state, rec.version
        question.closed_at, question.closed_by = rec.recorded_at, rec.by
        question.closed_position = rec.position
        self.closed[question.id] = question
        if len(self.closed) > limits.RECENT_QUESTIONS_MAX:
            del self.closed[next(iter(self.closed))]
        return question
