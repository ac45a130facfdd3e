"""Makes events with right versions for the tests of the store, and waits for conditions."""

import time
from collections.abc import Callable

from hived.events import CommandMark, Recorded, kind_of
from hived.events.agents import StatusSet
from hived.events.messages import MessageSent
from hived.store.log import EventLog

Command = tuple[Recorded, ...]
DEADLINE_SECONDS = 30.0


class History:
    """Knows the versions of the streams it has written to."""

    def __init__(self) -> None:
        self.versions: dict[str, int] = {}
        self._made = 0

    @classmethod
    def after(cls, log: EventLog) -> "History":
        """Go on after what a log holds of the streams of `many`."""
        history = cls()
        history._made = log.head()
        streams = [f"agent:a{i}" for i in range(3)]
        history.versions = {stream: log.last_version(stream) for stream in streams}
        return history

    def one(self, stream: str = "agent:ada", text: str = "", command: str = "") -> Recorded:
        """The next event of a stream: a status, on a message's stream a message."""
        self._made += 1
        self.versions[stream] = self.versions.get(stream, 0) + 1
        text = text or f"status {self._made}"
        event: object = StatusSet(stream, text)
        if stream.startswith("message:"):
            event = MessageSent(stream[8:], "operator", "ada", text)
        mark = CommandMark(command, "digest", 1) if command else None
        return Recorded(
            0,
            stream,
            self.versions[stream],
            1_000.0 + self._made,
            "main",
            "operator:ann",
            mark,
            None,
            kind_of(event),
            event,
        )

    def many(self, count: int, streams: int = 3) -> list[Recorded]:
        """That many events, dealt to streams in turn."""
        return [self.one(f"agent:a{i % streams}") for i in range(count)]


def placed(events: list[Recorded] | Command, first: int = 1) -> list[Recorded]:
    """The same events with their positions, as the log gives them back."""
    return [rec._replace(position=i) for i, rec in enumerate(events, first)]


def wait_for(condition: Callable[[], object], what: str) -> None:
    """Come back when the condition holds; fail after a deadline."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"never: {what}"
        time.sleep(0.002)
