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
from hived.decisions.endings import EndTurn
from hived.decisions.turns import CancelTurn, DeliverNow, Observe, line_uuid, takes_mail
from hived.drivers.base import Driver, Ending, Exit, Launch, TurnSpec, UserLine, Write
from hived.drivers.specs import turn_spec
from hived.errors import CommandRefused, first_of
from hived.events.turn import TurnEnd
from hived.host.client import HostClient, HostGone, HostRefused
from hived.host.folder import FolderStatus, HostExit, TurnFolder
from hived.host.lines import SpoolLine
from hived.projections.agent import Agent, OpenTurn
from hived.projections.inboxes import Inbox
from hived.rpc.tools import tool_specs
from hived.supervisor.hosting import Hosting
from hived.supervisor.limits_watch import Silence
from hived.supervisor.notes import NotesTurn, told_of_notes
from hived.supervisor.observing import Listener
from hived.supervisor.opening import later_lines, opening_line
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
        config = self.config = agent.running_config
        self.folder = TurnFolder(world.turn_folder(turn.id))
        self.host = Hosting(self.folder)
        home = self.home = world.agent_home(agent.name)
        opening = (
            opening_line(turn, self._box, home)
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
        self.calls = ToolCalls(
            world, agent.name, turn.id, self.conversation, self.silence, self._write
        )
        self.lines = {1}  # user lines the conversation knows of
        self.end_byte = 0
        self.behind = 0  # what was printed before is read up to here first: a recv may wait in it
        self.closing = False  # stdin is closed or about to be: no more user lines
        self.leftovers = 0

    @property
    def _box(self) -> Inbox:
        return self.world.engine.durable.inboxes.box(self.name)

    @property
    def turn(self) -> OpenTurn | None:
        """The turn as the log has it now; None once it has ended."""
        agent = self.world.agent(self.name)
        turn = agent.turn if agent is not None else None
        return turn if turn is not None and turn.id == self.id else None

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
        if fresh and self.turn is not None and self.turn.cancel:
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
        nursery.start_soon(self._end_a_deaf_host, watch)
        try:
            return await self._stay()
        finally:
            watch.cancel()

    async def _end_a_deaf_host(self, scope: trio.CancelScope) -> None:
        """Kill a host that never came up, or that has not ended its turn long after a cancel."""
        with scope:
            with trio.move_on_after(limits.START_LIMIT_SECONDS) as start:
                await self._cancelled()
            if start.cancelled_caught and self.host.reached:
                await self._cancelled()
            if self.turn is not None and self.turn.cancel:
                await trio.sleep(limits.HOST_DEAF_SECONDS)
            logger.warning("the host of turn %s does not answer: it is killed", self.id)
            await self.host.kill()

    async def _cancelled(self) -> None:
        """Wait until the turn is ordered to end, or has ended."""
        while True:
            wake = self.world.wakes.take(self.name)
            turn = self.turn
            if turn is None or turn.cancel:
                return
            await wake.wait()

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
        self.host.reached, self.behind = True, client.size
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._write_opening, client)
                nursery.start_soon(self._pass_mail, client)
                nursery.start_soon(self._obey_cancel, client)
                nursery.start_soon(self._watch_limits, client)
                self.calls.go_on(client, nursery)
                async for item in client.lines(self.end_byte):
                    self.end_byte = item.end
                    if not isinstance(item, SpoolLine):
                        logger.warning(
                            "turn %s: a line of %d bytes passed over", self.id, item.length
                        )
                    elif not item.torn:
                        await self._take(client, item.data, item.end, nursery)
                    if self.behind and self.end_byte >= self.behind:
                        self.behind = 0
                        self.world.wakes.wake(self.name)
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
            await self._append(heard.events, end)
        for write in heard.writes:
            await self._write(client, write)
        for called in heard.calls:
            await self.calls.take(client, called, nursery)
        for request in heard.withdrawn:
            self.calls.withdraw(request)
        if self.conversation.settled and not self.closing:
            self.closing = True
            nursery.start_soon(self._close, client)

    async def _append(self, events: list[object], end: int) -> None:
        turn = self.turn
        if turn is None or end <= turn.byte:
            return  # taken in by an earlier life of hived
        observed = Observe(self.name, self.id, end, tuple(events))
        await self.world.engine.submit(observed, by=f"agent:{self.name}")

    async def _write(self, client: HostClient, write: Write) -> None:
        """Write once. A CLI that does not read for a while is waited for; one that is gone, not."""
        while True:
            try:
                await client.write(write.id, write.data)
                return
            except HostRefused as refused:
                if refused.code != "busy":
                    return  # its stdin is closed: the turn is coming to its end
                await trio.sleep(limits.HOST_RETRY_SECONDS)
            except HostGone:
                return  # the reader of lines finds out how it ended

    async def _write_opening(self, client: HostClient) -> None:
        for write in self.conversation.opening():
            await self._write(client, write)

    async def _pass_mail(self, client: HostClient) -> None:
        """Order mail that waits into this turn, and write the user lines that were ordered."""
        while True:
            wake = self.world.wakes.take(self.name)
            turn = self.turn
            if turn is None:
                return
            for line in later_lines(turn, self._box, self.lines):
                self.lines.add(line.number)
                await self._write(client, self.conversation.user(line))
            if self._may_deliver(turn):
                try:
                    order = DeliverNow(self.name, self.id)
                    await self.world.engine.submit(order, by="policy:deliver_now")
                except CommandRefused:
                    return  # the turn has ended
                continue
            await wake.wait()

    def _may_deliver(self, turn: OpenTurn) -> bool:
        return (
            not self.closing
            and self.silence.begun
            and not self.behind
            and not self.calls.receiving
            and (agent := self.world.agent(self.name)) is not None
            and takes_mail(agent, turn)
            and turn.lines < limits.TURN_LINES_MAX
            and bool(self._box.queued())
        )

    async def _obey_cancel(self, client: HostClient) -> None:
        """Interrupt first, so that the usage is told; then TERM; then KILL of all there is."""
        await self._cancelled()
        if self.turn is None:
            return
        with trio.move_on_after(limits.INTERRUPT_WAIT_SECONDS):
            await self._write(client, self.conversation.interrupt())
            await client.wait_ended()
            return
        await self._put_down(client)

    async def _put_down(self, client: HostClient) -> None:
        with trio.move_on_after(limits.TERM_WAIT_SECONDS):
            await client.signal("TERM")
            await client.wait_ended()
            return
        await client.kill()

    async def _close(self, client: HostClient) -> None:
        """All is said: let the CLI exit, and make it where it does not."""
        with trio.move_on_after(limits.EXIT_WAIT_SECONDS):
            await client.close_stdin()
            await client.wait_ended()
            return
        await self._put_down(client)

    async def _watch_limits(self, client: HostClient) -> None:
        async def too_much_output() -> None:
            await client.until(lambda: client.full == "spool_max")
            if client.full == "spool_max":
                await self._cancel("spool_full")

        async with trio.open_nursery() as nursery:
            nursery.start_soon(too_much_output)
            why = await self.silence.wait_too_long()
            await self._cancel(why)

    async def _cancel(self, why: str) -> None:
        try:
            command = CancelTurn(self.name, why, self.id)
            await self.world.engine.submit(command, by=f"policy:{why}")
        except CommandRefused:
            pass  # it is being cancelled already, or is over

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
                        await self._append(heard.events, item.end)
            return client.exit_info
        finally:
            await client.aclose()

    def _ending(self, exit: HostExit | None) -> Ending:
        turn = self.turn
        signalled = turn is not None and bool(turn.cancel)
        for line in later_lines(turn, self._box, self.lines) if turn is not None else ():
            self.lines.add(line.number)
            self.conversation.user(line)
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
