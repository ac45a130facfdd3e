"""The composition root: opens the store, puts the parts together, and ends them in order.

`hived` runs in the foreground until it is told to stop: by SIGTERM or SIGINT, or over the control
socket. Running turns go on without it unless their end was asked for.
"""

import logging
import os
import platform
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import trio
from attrs import define, field

from hived import __version__, limits
from hived.decisions.access import StartHive, StopHive
from hived.decisions.settings import ConfigureHive
from hived.decisions.turns import CancelTurn
from hived.engine import Engine
from hived.errors import CommandRefused, HivedError, LogCorrupt
from hived.events.settings import Settings
from hived.housekeeping import keep_house
from hived.paths import Home
from hived.projections import Hive
from hived.rpc.agent_sockets import serve_agents
from hived.rpc.listener import Listener, inherited, listen
from hived.rpc.mcp_connection import Toolshed
from hived.rpc.server import serve
from hived.rpc.services import Services
from hived.rpc.websocket import mirror, token_at
from hived.store.log import EventLog
from hived.store.past import load_hive
from hived.store.snapshots import Snapshots
from hived.supervisor import World, supervise
from hived.world.containment import ContainmentReport, probe
from hived.world.hive_file import read_settings
from hived.world.lost_log import what_was_there
from hived.world.processes import boot_id
from hived.world.random_ids import RandomIds

logger = logging.getLogger("hived")


@define
class Parts:
    """What is opened before the event loop begins, and closed after it ends."""

    home: Home
    log: EventLog
    snapshots: Snapshots
    hive: Hive
    node: str
    containment: ContainmentReport
    settings: Settings


@define
class Daemon:
    """One run of hived.

    websocket: the port to mirror the API on, if any. extras: what else runs in it (the sample
    hive, the printed log).
    """

    parts: Parts
    end_turns_on_signal: bool = False
    websocket: int | None = None
    extras: list[Callable[["Daemon"], Awaitable[object]]] = field(factory=list)
    engine: Engine = field(init=False)
    world: World = field(init=False)
    _stop: trio.Event = field(factory=trio.Event)
    _end_turns: bool = False

    def shutdown(self, turns: bool) -> None:
        """Ask for the end; returns at once. turns: end the running turns too."""
        self._end_turns = self._end_turns or turns
        self._stop.set()

    async def run(self) -> None:
        """Run until asked to stop.

        Raises:
          StoreError: The store failed; what was acknowledged is on disk.
        """
        parts = self.parts
        self.engine = Engine(
            parts.log,
            parts.snapshots,
            parts.hive,
            node=parts.node,
            clock=time.time,
            new_id=RandomIds(),
        )
        self.world = World(
            self.engine,
            parts.home,
            time.time,
            options={"rehearsal": {"python": sys.executable}},
        )
        async with trio.open_nursery() as nursery:
            await nursery.start(self.engine.run)
            await self._run_parts()
            nursery.cancel_scope.cancel()

    async def _run_parts(self) -> None:
        parts, engine = self.parts, self.engine
        services = Services(
            engine,
            parts.home,
            self.world.outputs,
            self.world.spools,
            self.shutdown,
            parts.containment,
            time.time,
            self.world.disk_waits,
        )
        listener = _listener(parts.home)
        async with trio.open_nursery() as nursery:
            # First: who can reach the socket can also tell hived to stop.
            await nursery.start(self._obey_signals)
            await engine.submit(StartHive(__version__, parts.node, boot_id()), by="hive")
            await engine.submit(ConfigureHive(parts.settings), by="hive")
            await nursery.start(serve, services, listener)
            if self.websocket is not None:
                token = token_at(Path(parts.home.state, "websocket-token"))
                port = await nursery.start(mirror, services, self.websocket, token)
                logger.info("websocket on 127.0.0.1:%d, its token is in %s", port, parts.home.state)
            shed = Toolshed(engine, parts.home, self.world.wakes.take, self.world.threads)
            await nursery.start(serve_agents, shed)
            await nursery.start(supervise, self.world)
            nursery.start_soon(keep_house, engine, parts.snapshots)
            for extra in self.extras:
                nursery.start_soon(extra, self)
            logger.info("hived %s, control socket %s", __version__, parts.home.socket)
            await self._stop.wait()
            await self._wind_down()
            nursery.cancel_scope.cancel()

    async def _obey_signals(self, task_status: trio.TaskStatus[None]) -> None:
        asked = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
        with trio.open_signal_receiver(*asked) as signals:
            task_status.started()
            async for number in signals:
                if number == signal.SIGHUP:
                    await self._reload()
                    continue
                if self._stop.is_set():
                    logger.warning("stopping already")
                self.shutdown(self.end_turns_on_signal)

    async def _reload(self) -> None:
        """Take hive.toml in anew; one that does not validate is told, and the old settings stay."""
        try:
            settings = await trio.to_thread.run_sync(read_settings, self.parts.home.settings)
            answer = await self.engine.submit(ConfigureHive(settings), by="hive")
        except HivedError as error:
            logger.error("the settings stay as they are: %s", error.message)
            return
        logger.info("hive.toml %s", "taken in" if answer.streams else "says nothing new")

    async def _wind_down(self) -> None:
        """Start nothing new; end the turns if that was asked; say so in the log."""
        self.world.draining = True
        await self.engine.caught_up()  # a turn may be ordered, and not yet in the log
        if self._end_turns:
            with trio.move_on_after(limits.END_TURNS_SECONDS):
                await self._end_all_turns()
        left = any(a.turn for a in self.engine.durable.agents.live.values())
        await self.engine.submit(StopHive("left" if left else "ended"), by="hive")

    async def _end_all_turns(self) -> None:
        subscription = self.engine.subscribe()
        while True:
            running = [a for a in self.engine.durable.agents.live.values() if a.turn]
            if not running:
                return
            for agent in running:
                try:
                    await self.engine.submit(CancelTurn(agent.name, "shutdown"), by="hive")
                except CommandRefused:
                    pass  # it is being cancelled, or has just ended
            await anext(subscription)


def _listener(home: Home) -> Listener:
    """The control socket: handed in by a service manager, or made."""
    if os.environ.get("LISTEN_FDS") == "1" and os.environ.get("LISTEN_PID") == str(os.getpid()):
        return inherited(3)
    return listen(home.socket)


def open_parts(home: Home) -> Parts:
    """Open the store and fold it to its head. Blocks.

    Raises:
      StoreError: It cannot be used, or another hived has it; says why and what to do.
    """
    for folder in home.folders:
        try:
            Path(folder).mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise HivedError(
                f"the folder {folder} cannot be made: {error.strerror}",
                code="store_unavailable",
                hint="set HIVED_HOME to a folder that is yours",
            ) from None
    settings = read_settings(home.settings)
    log = EventLog.open(home.log)
    try:
        lost = "" if log.head() else what_was_there(home)
        if lost:
            hint = f"put the log back, or move {home.state} away to start a new hive"
            raise LogCorrupt(lost, hint=hint)
        snapshots = Snapshots(home.snapshots, log.anchor)
        hive = load_hive(log, snapshots)
        first = log.stream_events("hive", 0, 1)
        node = first[0].node if first else platform.node() or "local"
        return Parts(home, log, snapshots, hive, node, probe(), settings)
    except BaseException:
        log.close()
        raise
