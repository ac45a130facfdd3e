"""What the methods work with, beside the log: handed in by whoever puts the daemon together."""

from collections.abc import Callable, Iterable, Sequence, Set
from pathlib import Path
from typing import Protocol

import trio
from attrs import define, field

from hived import limits
from hived.engine import Engine
from hived.paths import Home
from hived.rpc.encoded import EncodedEvents
from hived.world.containment import ContainmentReport, probe


class OutputLine(Protocol):
    """One line that a turn printed. byte: where its end stands in the turn's output."""

    @property
    def agent(self) -> str: ...
    @property
    def turn(self) -> str: ...
    @property
    def byte(self) -> int: ...
    @property
    def line(self) -> bytes: ...
    @property
    def row(self) -> bytes:
        """{agent, turn, byte, line} as JSON, encoded once for all who follow."""
        ...


class OutputFeed(Protocol):
    """A follower's queue of live lines."""

    cut: bool

    async def take(self) -> Sequence[OutputLine]:
        """The lines that wait; none once the feed was cut or closed."""
        ...

    @property
    def resume_from(self) -> tuple[str, int]:
        """The turn and the byte after which the first line not given out begins."""
        ...

    def close(self) -> None: ...


class OutputHub(Protocol):
    def subscribe(self, agent: str | None) -> OutputFeed: ...


@define
class Services:
    """One daemon, as its methods see it.

    Fields:
      outputs: The hub of live lines.
      spools: The places where a turn of an agent may have its output, the likeliest first.
      shutdown: Ends the daemon, and with True the running turns. Returns at once.
      containment: What holds a turn's processes together, as found when the daemon started.
      clock: Unix seconds.
      disk_waits: Agents whose turn waits for space on the disk, as of now.
      probe: Finds the containment out anew, for `doctor`. Blocks.
    """

    engine: Engine
    home: Home
    outputs: OutputHub
    spools: Callable[[str, str], Iterable[Path]]
    shutdown: Callable[[bool], None]
    containment: ContainmentReport
    clock: Callable[[], float]
    disk_waits: Set[str] = frozenset()
    probe: Callable[[], ContainmentReport] = probe
    threads: trio.CapacityLimiter = field(
        factory=lambda: trio.CapacityLimiter(limits.READ_THREADS_MAX)
    )
    encoded: EncodedEvents = field(factory=EncodedEvents)
    clients: int = 0
    verifying: bool = False
