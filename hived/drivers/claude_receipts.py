"""Which user lines the CLI has taken up, and whether it is at rest."""

from hived import limits
from hived.drivers.claude_lines import Object, strings, text

_TAKEN = frozenset({"started", "completed", "cancelled"})
_STATES = _TAKEN | {"queued"}


class Receipts:
    """Follows the user lines of a turn by their uuids.

    A line that the session has seen before comes back `completed` at once: never queued, never
    started, no result. Such a line is taken up, so it does not hold up the end of the turn, but
    it is not seen: what it carried goes to the next attempt.
    """

    def __init__(self) -> None:
        self._written: set[str] = set()
        self._states: dict[str, set[str]] = {}
        self._named: set[str] = set()
        self._working: set[str] = set()  # started, and no result since
        self._running = False
        self._results = 0
        self._queued = 0

    def written(self, uuid: str) -> None:
        """A user line with this uuid is written, or ordered to be."""
        self._written.add(uuid)

    def named(self, line: Object) -> None:
        """Takes the uuids that an answer, an init or a result line names as what it answers."""
        if text(line, "type") not in ("result", "assistant"):
            return
        found = {text(line, "user_message_uuid", limits.CLI_ID_CHARS_MAX)}
        found.update(strings(line, "user_message_uuids"))
        if len(self._named) < limits.TURN_UUIDS_MAX:
            self._named |= found

    def state(self, uuid: str, state: str) -> bool:
        """Takes a receipt. False where it has no uuid, or a state that is not known."""
        full = len(self._states) >= limits.TURN_UUIDS_MAX
        if not uuid or state not in _STATES or (full and uuid not in self._states):
            return False
        self._states.setdefault(uuid, set()).add(state)
        if state == "started":
            self._working.add(uuid)
        elif state in _TAKEN:
            self._working.discard(uuid)
        return True

    def session(self, state: str) -> None:
        """Takes the CLI's word on its own state; an init line counts as running."""
        if state == "idle":
            self._rest()
        elif state == "running":
            self._running = True

    def result(self, queued: int) -> None:
        """Takes a result, with the number of turns that the CLI has queued after it."""
        self._results += 1
        self._queued = queued
        self._rest()

    def _rest(self) -> None:
        self._running = False
        self._working.clear()

    @property
    def at_rest(self) -> bool:
        """A result came, and the CLI began nothing after it."""
        return self._results > 0 and not (self._running or self._working or self._queued)

    @property
    def settled(self) -> bool:
        """Nothing more is to come: at rest and all lines taken up, or all of them repeated."""
        taken = all(self.is_taken(uuid) for uuid in self._written)
        return taken and (self.at_rest or self.repeated)

    @property
    def repeated(self) -> bool:
        """The session had seen every line of the turn before, so there was no turn."""
        return (
            bool(self._written)
            and not self._results
            and not self._running
            and all(
                "completed" in self._states.get(uuid, ()) and uuid not in self.seen
                for uuid in self._written
            )
        )

    @property
    def seen(self) -> frozenset[str]:
        """The lines that reached the model: started, completed after a wait, or named."""
        begun = {uuid for uuid, had in self._states.items() if self._reached(had)}
        return frozenset((begun | self._named) & self._written)

    @staticmethod
    def _reached(had: set[str]) -> bool:
        return "started" in had or {"queued", "completed"} <= had

    def is_taken(self, uuid: str) -> bool:
        """Whether the CLI has taken up the line: it waits in no queue any more."""
        return uuid in self._named or bool(self._states.get(uuid, set()) & _TAKEN)
