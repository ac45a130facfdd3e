"""What turns print, live, to whoever follows. A slow follower is cut; nobody waits for one."""

from collections import deque
from functools import cached_property

import orjson
import trio

from hived import limits


class Line:
    """One line that a turn printed, without its newline. byte: where the line ends."""

    def __init__(self, agent: str, turn: str, byte: int, line: bytes) -> None:
        self.agent, self.turn, self.byte, self.line = agent, turn, byte, line

    @property
    def start(self) -> int:
        """The byte after which the line begins."""
        return max(0, self.byte - len(self.line) - 1)

    @cached_property
    def row(self) -> bytes:
        """{agent, turn, byte, line} as JSON, encoded once for all who follow."""
        text = self.line.decode("utf-8", "replace")
        return orjson.dumps(
            {"agent": self.agent, "turn": self.turn, "byte": self.byte, "line": text}
        )


class Feed:
    """One follower's queue. `cut` is true once lines were lost to it."""

    def __init__(self, hub: "Outputs", agent: str | None) -> None:
        self.agent = agent
        self.cut = False
        self._hub = hub
        self._lines: deque[Line] = deque()
        self._bytes = 0
        self._closed = False
        self._ready = trio.Event()
        self._resume_from = ("", 0)

    @property
    def resume_from(self) -> tuple[str, int]:
        """The turn and the byte after which the first line not given out begins."""
        return self._resume_from

    async def take(self) -> list[Line]:
        """The lines that wait; none once the feed was cut or closed."""
        if not self._lines and not self.cut and not self._closed:
            self._ready = trio.Event()
            await self._ready.wait()
        else:
            await trio.lowlevel.checkpoint()
        lines = list(self._lines)
        self._lines.clear()
        self._bytes = 0
        return lines

    def close(self) -> None:
        """Take no more. A reader that waits comes to its end."""
        self._hub.forget(self)
        self._closed = True
        self._ready.set()

    def offer(self, line: Line) -> None:
        """Take a line, or be cut where too much waits already."""
        waiting = self._lines
        if waiting and (
            len(waiting) >= limits.FOLLOW_QUEUE_LINES_MAX
            or self._bytes + len(line.line) > limits.FOLLOW_QUEUE_BYTES_MAX
        ):
            self._resume_from = (waiting[0].turn, waiting[0].start)
            self.cut = True
            waiting.clear()
            self._hub.forget(self)
        else:
            waiting.append(line)
            self._bytes += len(line.line)
        self._ready.set()


class Outputs:
    """The hub. Publishing costs next to nothing while nobody follows."""

    def __init__(self) -> None:
        self._feeds: set[Feed] = set()

    def publish(self, agent: str, turn: str, end_byte: int, line: bytes) -> None:
        """Hand a line to all who follow its agent.

        Args:
          end_byte: Where the line ends in the turn's output, its newline counted in.
          line: Without the newline.
        """
        if not self._feeds:
            return
        made = Line(agent, turn, end_byte, line)
        for feed in tuple(self._feeds):
            if feed.agent is None or feed.agent == agent:
                feed.offer(made)

    def subscribe(self, agent: str | None) -> Feed:
        """Lines from now on, of one agent or of all."""
        feed = Feed(self, agent)
        self._feeds.add(feed)
        return feed

    def forget(self, feed: Feed) -> None:
        self._feeds.discard(feed)
