"""What the supervisor works with: the engine, the places on disk, the drivers, the live output."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import trio
from attrs import define, field

from hived.decisions.timers import WAKING
from hived.drivers import DRIVERS
from hived.drivers.base import Driver, TurnSpec
from hived.drivers.specs import agent_spec
from hived.engine import Engine
from hived.events import Recorded
from hived.events.values import AgentConfig
from hived.names import HIVE_STREAM
from hived.paths import Home
from hived.projections.agent import Agent
from hived.rpc.tools import Caller, thread_limiter
from hived.supervisor.ids import short_id
from hived.supervisor.outputs import Outputs


class Wakes:
    """One-shot events by name: take one, look at the state, then wait on what you took."""

    def __init__(self) -> None:
        self._events: dict[str, trio.Event] = {}

    def take(self, name: str) -> trio.Event:
        """The event that the next wake of this name sets."""
        event = self._events.get(name)
        if event is None:
            event = self._events[name] = trio.Event()
        return event

    def wake(self, name: str) -> None:
        event = self._events.pop(name, None)
        if event is not None:
            event.set()

    def wake_all(self) -> None:
        for name in tuple(self._events):
            self.wake(name)


# Loops that look at the whole hive wait under these names, which no agent can have.
EVERY = ""
CLOCK = "*clock"
ORDERS = "*orders"

# Events that order something to be made or marked on disk.
_ORDERING = frozenset({"approval_decision", "draft_created", "agent_created"})


@define
class World:
    """Shared by all turn loops of one daemon.

    Fields:
      options: Per driver, settings of this machine for what agents leave open.
      containment: What a turn host is told to use; "auto" for the best it can make.
      draining: No turn is started any more.
      disk_waits: Agents whose turn cannot store what its CLI prints until there is space.
    """

    engine: Engine
    home: Home
    clock: Callable[[], float]
    outputs: Outputs = field(factory=Outputs)
    drivers: Mapping[str, Driver] = DRIVERS
    options: Mapping[str, Mapping[str, str]] = field(factory=dict)
    containment: str = "auto"
    wakes: Wakes = field(factory=Wakes)
    draining: bool = False
    disk_waits: set[str] = field(factory=set)
    threads: trio.CapacityLimiter = field(factory=thread_limiter)

    def caller(self, agent: str, turn: str, request: str) -> Caller:
        """Who calls a tool by a request of the turn's CLI: the two name the command together."""
        return Caller(
            self.engine,
            self.home,
            agent,
            turn,
            f"turn:{turn}/{short_id(request)}",
            lambda: self.wakes.take(agent),
            self.threads,
        )

    def agent(self, name: str) -> Agent | None:
        return self.engine.durable.agents.live.get(name)

    def agent_home(self, name: str) -> Path:
        """The agent's own folder: the CLI's configuration, temporary files, notes."""
        return Path(self.home.agents, name)

    def turn_folder(self, turn: str) -> Path:
        return Path(self.home.turns, turn)

    def session_lock(self, session: str) -> Path:
        """One lock per conversation of a CLI: never two processes on one."""
        return Path(self.home.sessions, session)

    def transcript(self, agent: str, turn: str) -> Path:
        """The place of a finished turn's output, named as its spool would be."""
        return Path(self.home.transcripts, agent, turn)

    def spools(self, agent: str, turn: str) -> tuple[Path, Path]:
        """Where a turn's output may be: it moves from the first place to the second."""
        return self.turn_folder(turn) / "spool", self.transcript(agent, turn)

    def spec(self, name: str, config: AgentConfig) -> TurnSpec:
        """What is the same in all turns of an agent with this configuration."""
        return agent_spec(name, self.home.agent(name), config)

    def notice(self, records: Sequence[Recorded]) -> None:
        """Wake the loops that durable events concern. Called by the engine; does not block."""
        for rec in records:
            if rec.stream == HIVE_STREAM:
                self.wakes.wake_all()
                return
            if rec.kind in WAKING:
                self.wakes.wake(CLOCK)
            if rec.kind in _ORDERING:
                self.wakes.wake(ORDERS)
            event = rec.event
            self.wakes.wake(getattr(event, "agent", "") or getattr(event, "to", EVERY))
            if rec.kind in ("agent_created", "agent_destroyed", "agent_purged", "draft_discarded"):
                self.wakes.wake(EVERY)
