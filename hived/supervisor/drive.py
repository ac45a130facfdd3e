"""One turn, from its order in the log to its end there: started, or taken up where it stands.

The order of things is the log's: what a line tells is appended before anything is done about it,
and mail is ordered in the log before it is written to the CLI. A turn that is taken up again is
read from its first byte: nothing is appended, written or done a second time.
"""

import logging
from pathlib import Path

import trio
from attrs import evolve

from hived import limits
from hived.decisions.delivery import line_uuid
from hived.decisions.endings import EndTurn
from hived.drivers.base import Driver, Ending, Exit, Launch, TurnSpec, UserLine
from hived.drivers.specs import turn_spec
from hived.errors import first_of
from hived.events.turn import TurnEnd
from hived.host.client import HostClient, HostGone
from hived.host.folder import FolderStatus, HostExit, TurnFolder
from hived.host.lines import SpoolLine
from hived.projections.agent import Agent, OpenTurn
from hived.rpc.tools import tool_specs
from hived.supervisor.hosting import Hosting, write_once
from hived.supervisor.limits_watch import Silence
from hived.supervisor.logged_turn import LoggedTurn
from hived.supervisor.mid_turn import MidTurnMail
from hived.supervisor.notes import NotesTurn, told_of_notes
from hived.supervisor.observing import Listener
from hived.supervisor.opening import opening_line
from hived.supervisor.stopping import close, end_a_deaf_host, obey_cancel, watch_limits
from hived.supervisor.tool_calls import ToolCalls
from hived.supervisor.world import World
from hived.world.notes import measure

logger = logging.getLogger("hived.turns")


async def begin_drive(world: World, agent: Agent, turn: OpenTurn) -> "TurnDrive":
    """The drive of an open turn. One that rewrites the notes has them kept first."""
    if turn.kind != "notes":
        return TurnDrive(world, agent, turn)
    home = world.agent_home(agent.name)
    kept = await trio.to_thread.run_sync(NotesTurn.of, home, agent, turn)
    return TurnDrive(world, agent, turn, kept)


class TurnDrive:
    """Drives one open turn of one agent until its end is durable."""

    def __init__(
        self, world: World, agent: Agent, turn: OpenTurn, notes: NotesTurn | None = None
    ) -> None:
        """Take the turn as the log has it; whether it runs already shows in its folder.

        notes: of a turn that rewrites them.
        """
        self.world, self.notes = world, notes
        self.name, self.id = agent.name, turn.id
        self.log = LoggedTurn(world, agent.name, turn.id)
        config = self.config = agent.running_config
        self.folder = TurnFolder(world.turn_folder(turn.id))
        self.host = Hosting(self.folder)
        home = self.home = world.agent_home(agent.name)
        opening = (
            opening_line(turn, self.log.box, home)
            if notes is None
            else UserLine(1, line_uuid(turn.id, 1), notes.opening())
        )
        self.driver = world.drivers[config.driver]
        self.spec = turn_spec(
            world.spec(agent.name, config),
            turn,
            hive_tools=tool_specs(config.role) if turn.kind == "work" else (),
            opening=(opening,),
            options=world.options.get(config.driver, {}),
        )
        self.conversation = self.driver.converse(self.spec)
        self.listener = Listener(
            agent.name,
            turn.id,
            turn.kind,
            self.spec.allow,
            config.workdir,
            self.conversation,
        )
        self.silence = Silence(config, self.conversation)
        self.calls = ToolCalls(world, agent.name, turn.id, self.conversation, self.silence)
        self.mail = MidTurnMail(self.log, self.conversation, self.silence, self.calls)
        self.end_byte = 0
        self.leftovers = 0

    async def run(self, nursery: trio.Nursery) -> None:
        """Until the turn's end is in the log and its output in its place.

        nursery: for the task that reaps a host started here.
        """
        status = await trio.to_thread.run_sync(self.folder.status)
        fresh = status in (
            FolderStatus.NOT_MADE,
            FolderStatus.HALF_MADE,
            FolderStatus.NOT_STARTED,
        )
        if fresh and self.log.cancelled:
            await self._end(Ending("cancelled"), None)  # ordered, never started: now it is not
            return
        if fresh and self.notes is not None and self.notes.problem:
            await self._end(Ending("failed", "notes", self.notes.problem), None)
            return
        try:
            if fresh:
                await self._start(status, nursery)
        except OSError as error:
            detail = f"the turn's folder cannot be made: {error}"
            await self._end(Ending("failed", "store", detail), None)
            return
        exit = None if status is FolderStatus.VANISHED else await self._stay_or_end(nursery)
        if exit is None and self.host.held:
            detail = "another process holds the agent's conversation; it is tried again"
            await self._end(Ending("failed", "session_in_use", detail), None)
            return
        if exit is None:
            exit = await self._gather_remains()
        await self._end(self._ending(exit), exit)

    async def _start(self, status: FolderStatus, nursery: trio.Nursery) -> None:
        launch = await trio.to_thread.run_sync(_launch, self.driver, self.spec, self.home)
        lock = self.world.session_lock(self.spec.session)
        containment = self.world.containment
        await self.host.start(launch, lock, containment, nursery, status=status)

    async def _stay_or_end(self, nursery: trio.Nursery) -> HostExit | None:
        """Be with the host, and have it killed where it hears of nothing any more."""
        watch = trio.CancelScope()
        nursery.start_soon(end_a_deaf_host, self.log, self.host, watch)
        try:
            return await self._stay()
        finally:
            watch.cancel()

    async def _stay(self) -> HostExit | None:
        """Be with the host, again where the connection was lost; None once it has vanished."""
        while True:
            try:
                return await self._attend()
            except HostGone as error:
                logger.warning("turn %s of %s: %s", self.id, self.name, error)
            status = await trio.to_thread.run_sync(self.folder.status)
            # On a busy machine a host may take long to come up: one that lives is waited for.
            slow = status is FolderStatus.NOT_STARTED and self.host.starting
            if status is not FolderStatus.RUNNING and not slow:
                return self.folder.read_exit()
            await trio.sleep(limits.HOST_RETRY_SECONDS)

    async def _attend(self) -> HostExit | None:
        """Be with the host until the turn is over."""
        client = await HostClient.connect(self.folder.path)
        self.host.reached, self.mail.behind = True, client.size
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._write_opening, client)
                nursery.start_soon(self.mail.pass_on, client)
                nursery.start_soon(obey_cancel, self.log, self.conversation, client)
                nursery.start_soon(watch_limits, self.log, self.silence, client)
                self.calls.go_on(client, nursery)
                async for item in client.lines(self.end_byte):
                    self.end_byte = item.end
                    if not isinstance(item, SpoolLine):
                        logger.warning(
                            "turn %s: a line of %d bytes passed over", self.id, item.length
                        )
                    elif not item.torn:
                        await self._take(client, item.data, item.end, nursery)
                    self.mail.read_up_to(self.end_byte)
                nursery.cancel_scope.cancel()
            return client.exit_info
        except* HostGone as group:
            raise first_of(group) from None
        finally:
            with trio.CancelScope(shield=True):
                await client.aclose()

    async def _take(self, client: HostClient, line: bytes, end: int, nursery: trio.Nursery) -> None:
        """One line: shown, understood, appended; only then answered."""
        self.world.outputs.publish(self.name, self.id, end, line)
        heard = self.listener.hear(line, end)
        if not self.silence.begun:
            self.world.wakes.wake(self.name)  # from now on it can take mail
        self.silence.heard()
        if heard.events:
            await self.log.append(heard.events, end)
        for write in heard.writes:
            await write_once(client, write)
        for called in heard.calls:
            await self.calls.take(client, called, nursery)
        for request in heard.withdrawn:
            self.calls.withdraw(request)
        if self.conversation.settled and not self.mail.closed:
            self.mail.closed = True
            nursery.start_soon(close, client)

    async def _write_opening(self, client: HostClient) -> None:
        for write in self.conversation.opening():
            await write_once(client, write)

    async def _gather_remains(self) -> HostExit | None:
        """The host died: end what it left, then take in what its CLI had printed."""
        try:
            self.leftovers = await trio.to_thread.run_sync(self.folder.close_vanished)
        except FileNotFoundError:
            return None  # somebody took the folder away: there is nothing to take in
        client = await HostClient.connect(self.folder.path)
        try:
            async for item in client.lines(self.end_byte):
                self.end_byte = item.end
                if isinstance(item, SpoolLine) and not item.torn:
                    self.world.outputs.publish(self.name, self.id, item.end, item.data)
                    heard = self.listener.hear(item.data, item.end)
                    if heard.events:
                        await self.log.append(heard.events, item.end)
            return client.exit_info
        finally:
            await client.aclose()

    def _ending(self, exit: HostExit | None) -> Ending:
        signalled = self.log.cancelled
        for line in self.mail.unwritten():
            self.conversation.user(line)  # it may have been written in an earlier life of hived
        if exit is None:
            return self.conversation.ending(None, signalled=signalled)
        if exit.error:
            return Ending("failed", "configuration", exit.error[: limits.DETAIL_CHARS_MAX])
        stderr = self.folder.stderr_tail()
        return self.conversation.ending(Exit(exit.code, stderr), signalled=signalled)

    async def _end(self, ending: Ending, exit: HostExit | None) -> None:
        end = TurnEnd(
            agent=self.name,
            turn=self.id,
            outcome=ending.outcome,
            why=ending.why,
            detail=ending.detail[: limits.DETAIL_CHARS_MAX],
            exit_code=exit.code if exit is not None else None,
            duration_ms=exit.duration_ms if exit is not None else None,
            tools=dict(ending.tools),
            usage=ending.usage,
            cost_usd=ending.cost_usd,
            model=ending.model,
            context_used=ending.context_used,
            context_window=ending.context_window,
            byte=self.end_byte,
            leftovers=exit.leftovers if exit is not None else self.leftovers,
            models=dict(ending.models),
        )
        rewrite = await self.notes.take(ending) if self.notes is not None else None
        size = await trio.to_thread.run_sync(measure, self.home)
        command = EndTurn(self.name, self.id, end, ending.seen, ending.until, size, rewrite)
        await self.world.engine.submit(command, by="hive")
        if self.notes is not None:
            await self.notes.settle()


def _launch(driver: Driver, spec: TurnSpec, home: Path) -> Launch:
    """How to start the CLI: whether it resumes shows in the session's file. Blocks."""
    resume = Path(driver.session_file(spec)).exists()
    return driver.launch(evolve(told_of_notes(spec, home), resume=resume))
