"""The last commands and where their answers stand, so that a repeat gets the first answer.

COMMAND_MEMORY of them are kept; those of a running turn (tool calls, with an id that begins
`turn:ID/`) until that turn ends.
"""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, ClassVar

from attrs import define

from hived import limits
from hived.events import Recorded
from hived.projections.base import Handler
from hived.projections.shapes import blank, dump_as, load_as


@define
class Done:
    """What a command gave: its content's digest, the place of its events, their streams."""

    digest: str
    first: int
    last: int
    streams: list[str]


class Commands:
    """Command id -> Done, for the last commands and those of running turns."""

    name: ClassVar[str] = "commands"
    decides: ClassVar[bool] = True

    def __init__(self) -> None:
        # Not a dict: to find the first of one takes ever longer the more were taken from its front.
        self.done: OrderedDict[str, Done] = OrderedDict()
        self.of_turn: dict[str, dict[str, Done]] = {}
        self._current: Done | None = None
        self.unfinished = 0  # events that the command begun last has still to come

    def handlers(self) -> Mapping[str, Handler]:
        # `remember` is not among them: it looks at what is about an event, whatever its kind, and
        # few events are of its concern. The fold asks it for those alone.
        return {"turn_end": self._turn_end}

    def dump(self) -> dict[str, Any]:
        return {
            "done": dump_as(dict[str, Done], self.done),
            "of_turn": dump_as(dict[str, dict[str, Done]], self.of_turn),
        }

    def load(self, data: Mapping[str, Any]) -> None:
        self.done = OrderedDict(load_as(dict[str, Done], data["done"]))
        self.of_turn = load_as(dict[str, dict[str, Done]], data["of_turn"])
        self._current, self.unfinished = None, 0

    def find(self, command_id: str) -> Done | None:
        turn = turn_of(command_id)
        return (self.of_turn.get(turn, {}) if turn else self.done).get(command_id)

    def remember(self, rec: Recorded) -> None:
        """Take in an event that begins a command, or any while one is `unfinished`."""
        mark = rec.command
        if mark is None:
            if self.unfinished and self._current is not None:
                self.unfinished -= 1
                self._current.last = rec.position
                if rec.stream not in self._current.streams:
                    self._current.streams.append(rec.stream)
            return
        done = blank(Done)
        Done.__init__(done, mark.digest, rec.position, rec.position, [rec.stream])
        self._current, self.unfinished = done, mark.extent - 1
        turn = turn_of(mark.id)
        if turn:
            self.of_turn.setdefault(turn, {})[mark.id] = done
            return
        self.done[mark.id] = done
        if len(self.done) > limits.COMMAND_MEMORY:
            self.done.popitem(last=False)

    def _turn_end(self, rec: Recorded) -> None:
        self.of_turn.pop(rec.event.turn, None)


def turn_of(command_id: str) -> str:
    """The turn a tool call's command id belongs to, or the empty string."""
    if not command_id.startswith("turn:"):
        return ""
    return command_id[5:].split("/", 1)[0]
