"""The last commands and where their answers stand, so that a repeat gets the first answer.

COMMAND_MEMORY of them are kept; those of a running turn (tool calls, with an id that begins
`turn:ID/`) until that turn ends.
"""

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar, NamedTuple

from hived import limits
from hived.events import Recorded
from hived.projections.base import Handler


class Done(NamedTuple):
    """What a command gave: its content's digest, the place of its last event, their streams."""

    digest: str
    last: int
    streams: tuple[str, ...]


class Commands:
    """Command id -> Done, for the last commands and those of running turns."""

    name: ClassVar[str] = "commands"
    decides: ClassVar[bool] = True

    def __init__(self) -> None:
        # Not a dict: to find the first of one takes ever longer the more were taken from its front.
        self.done: OrderedDict[str, Done] = OrderedDict()
        self.of_turn: dict[str, dict[str, Done]] = {}
        self._current = ""  # the command begun last
        self.unfinished = 0  # of its events are still to come

    def handlers(self) -> Mapping[str, Handler]:
        # `remember` is not among them: it looks at what is about an event, whatever its kind, and
        # few events are of its concern. The fold asks it for those alone.
        return {"turn_end": self._turn_end}

    def dump(self) -> dict[str, Any]:
        return {
            "done": _listed(self.done),
            "of_turn": {turn: _listed(commands) for turn, commands in self.of_turn.items()},
            "current": self._current,
            "unfinished": self.unfinished,
        }

    def load(self, data: Mapping[str, Any]) -> None:
        self.done = OrderedDict(_read(data["done"]))
        self.of_turn = {turn: dict(_read(rows)) for turn, rows in data["of_turn"].items()}
        self._current, self.unfinished = data["current"], data["unfinished"]

    def find(self, command_id: str) -> Done | None:
        turn = turn_of(command_id)
        return (self.of_turn.get(turn, {}) if turn else self.done).get(command_id)

    def remember(self, rec: Recorded) -> None:
        """Take in an event that begins a command, or any while one is `unfinished`."""
        mark = rec.command
        if mark is None:
            self._go_on(rec)
            return
        done = tuple.__new__(Done, (mark.digest, rec.position, (rec.stream,)))
        self._current, self.unfinished = mark.id, mark.extent - 1
        turn = turn_of(mark.id)
        if turn:
            self.of_turn.setdefault(turn, {})[mark.id] = done
            return
        self.done[mark.id] = done
        if len(self.done) > limits.COMMAND_MEMORY:
            self.done.popitem(last=False)

    def _go_on(self, rec: Recorded) -> None:
        """A further event of the command begun last."""
        self.unfinished -= 1
        turn = turn_of(self._current)
        commands = self.of_turn.get(turn, {}) if turn else self.done
        done = commands.get(self._current)
        if done is not None:  # else the turn is over that it belonged to
            more = () if rec.stream in done.streams else (rec.stream,)
            commands[self._current] = Done(done.digest, rec.position, (*done.streams, *more))

    def _turn_end(self, rec: Recorded) -> None:
        self.of_turn.pop(rec.event.turn, None)


def turn_of(command_id: str) -> str:
    """The turn a tool call's command id belongs to, or the empty string."""
    if not command_id.startswith("turn:"):
        return ""
    return command_id[5:].split("/", 1)[0]


def _listed(commands: Mapping[str, Done]) -> list[tuple[Any, ...]]:
    return [(name, *done) for name, done in commands.items()]


def _read(rows: Iterable[Any]) -> Iterator[tuple[str, Done]]:
    for name, digest, last, streams in rows:
        yield name, Done(digest, last, tuple(streams))
