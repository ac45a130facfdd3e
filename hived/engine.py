"""The one writer: command -> decide -> append and fsync -> fold -> publish -> answer.

Two states are kept. `pending` is what commands are decided on: the durable state plus the events
handed to the writer and not yet on disk. `durable` is all that anyone else ever sees: reads,
subscribers, effects and answers, refusals and repeats too, wait until the events they were
decided on are on disk. After a failed write nothing is tried again: the engine stops, and hived
starts anew from disk.
"""

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import trio
from attrs import frozen

from hived.decisions import Context, Plan, decide, stream_version
from hived.decisions.records import check_same, digest, placed
from hived.errors import CommandRefused, HivedError, StoreError, VersionConflict
from hived.events import CommandMark, Recorded
from hived.projections import Hive
from hived.publish import Publisher, Subscription, Waiter
from hived.store.log import EventLog
from hived.store.past import load_hive
from hived.store.replay import no_collection
from hived.store.snapshots import Snapshots
from hived.store.writer import Done, Failed, GroupWriter


@frozen
class Answer:
    """What a command gave. version: of its first event's stream. repeated: it was done before."""

    position: int
    streams: tuple[str, ...] = ()
    version: int = 0
    repeated: bool = False


class Engine:
    """Owns the log's only writer and both states. Everything here runs on the trio thread."""

    def __init__(
        self,
        log: EventLog,
        snapshots: Snapshots,
        hive: Hive,
        *,
        node: str,
        clock: Callable[[], float],
        new_id: Callable[[], str],
    ) -> None:
        """Take over a log at its head, with the state folded to there."""
        self.log = log
        self.node = node
        self.durable = hive
        self.broken: HivedError | None = None
        self.on_durable: list[Callable[[Sequence[Recorded]], None]] = []
        self._snapshots = snapshots
        with no_collection():
            self._pending = Hive.load(hive.dump(), deciding=True)
        self._clock, self._new_id = clock, new_id
        self._writer: GroupWriter | None = None
        self._waiters: deque[Waiter] = deque()
        self._in_flight: dict[str, tuple[str, Waiter]] = {}
        self._batches: deque[tuple[Recorded, ...]] = deque()
        self._publisher = Publisher(hive.position)
        self._failed = trio.Event()

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Write until cancelled. What was handed to the writer by then is still written.

        Raises:
          StoreError: The store failed; nothing after the last durable event was acknowledged.
        """
        token = trio.lowlevel.current_trio_token()

        def wake(done: Sequence[Done | Failed]) -> None:
            try:
                token.run_sync_soon(self._settled, done)
            except trio.RunFinishedError:
                pass  # the daemon is gone; what is on disk is found again at the next start

        self._writer = GroupWriter(self.log, wake)
        try:
            task_status.started()
            await self._failed.wait()
        finally:
            writer, self._writer = self._writer, None
            with trio.CancelScope(shield=True):
                await trio.to_thread.run_sync(writer.close)
                await trio.lowlevel.checkpoint()  # let the last wake-up in
            self._fail_all(self.broken or StoreError("hived stops", code="shutting_down"))
        assert self.broken is not None
        raise self.broken

    async def submit(
        self,
        command: Any,
        *,
        by: str,
        command_id: str = "",
        lookup: bool = False,
        expected_version: int | None = None,
    ) -> Answer:
        """Decide a command and return once what follows from it is durable.

        Args:
          by: Who asks: operator:NAME, agent:NAME, policy:RULE or hive.
          command_id: Scoped by who sent it. A repeat gets the first answer and appends nothing.
          lookup: The id was chosen by a client, and may be older than what is remembered.
          expected_version: Of the stream of the first event; refused if it has moved on.
        Raises:
          CommandRefused: Nothing changed.
          StoreError: The store failed; whether the command is in the log shows at the next start.
        Cancellation: Once the events are handed to the writer they are written all the same.
        """
        self._check_alive()
        content = digest(command) if command_id else ""
        if command_id:
            repeat = await self._repeat(command_id, content, lookup)
            if repeat is not None:
                return repeat
        context = Context(by, self._now(), self._new_id)
        try:
            plan = decide(self._pending, command, context)
            self._check_version(plan, expected_version)
        except CommandRefused:
            await self.caught_up()
            raise
        if not plan:
            await self.caught_up()
            return Answer(self.durable.position)
        mark = CommandMark(command_id, content, len(plan)) if command_id else None
        records = placed(plan, self._pending, context, self.node, mark)
        waiter = self._hand_over(records, command_id, content)
        await waiter.durable()
        streams = tuple(dict.fromkeys(r.stream for r in records))
        first = max(r.version for r in records if r.stream == records[0].stream)
        return Answer(records[-1].position, streams, first)

    async def caught_up(self) -> None:
        """Wait until all that was decided so far is durable."""
        if self._waiters:
            await self._waiters[-1].durable()
        else:
            await trio.lowlevel.checkpoint()

    def subscribe(self) -> Subscription:
        """Every durable batch from now on; `position` says after which event it begins."""
        return self._publisher.subscribe()

    async def hive_at(self, position: int) -> Hive:
        """The state as it was at a position. The present one is the live object: do not keep it.

        Raises:
          CommandRefused: at_unknown, for a position the log does not have.
        """
        if position == self.durable.position:
            return self.durable
        self.check_position(position)
        return await trio.to_thread.run_sync(load_hive, self.log, self._snapshots, position)

    def check_position(self, position: int) -> None:
        """Make sure that the log has come to a position.

        Raises:
          CommandRefused: at_unknown.
        """
        head = self.durable.position
        if not 0 <= position <= head:
            raise CommandRefused(
                f"there is no position {position}; the log stands at {head}",
                code="at_unknown",
                hint="positions begin with 0, the empty hive",
            )

    @property
    def queued(self) -> int:
        """Commands handed to the writer and not yet durable."""
        return len(self._waiters)

    def _check_alive(self) -> None:
        if self.broken is not None:
            raise self.broken
        if self._writer is None:
            raise HivedError("hived is stopping", code="shutting_down", hint="try again shortly")

    def _now(self) -> float:
        """Never earlier than the event before it, whatever the machine's clock does."""
        return max(round(self._clock(), 6), self._pending.recorded_at)

    async def _repeat(self, command_id: str, content: str, lookup: bool) -> Answer | None:
        """The first answer to a command that was given before, or None for a new one."""
        flying = self._in_flight.get(command_id)
        if flying is not None:
            await flying[1].durable()
            check_same(command_id, flying[0], content)
        done = self.durable.commands.find(command_id)
        if done is not None:
            check_same(command_id, done.digest, content)
            return Answer(done.last, done.streams, 0, repeated=True)
        if not lookup:
            return None
        events = self.log.command_events(command_id)
        if not events:
            return None
        mark = events[0].command
        assert mark is not None
        check_same(command_id, mark.digest, content)
        streams = tuple(dict.fromkeys(r.stream for r in events))
        return Answer(events[-1].position, streams, 0, repeated=True)

    def _check_version(self, plan: Plan, expected: int | None) -> None:
        if expected is None or not plan:
            return
        stream = plan[0].stream
        version = stream_version(self._pending, stream)
        if version != expected:
            raise CommandRefused(
                f"{stream} is at version {version}, not {expected}",
                code="version_conflict",
                hint="read it again and decide anew",
                version=version,
            )

    def _hand_over(self, records: tuple[Recorded, ...], command_id: str, content: str) -> Waiter:
        assert self._writer is not None
        waiter = Waiter()
        self._writer.put(records, waiter)  # may refuse as busy: nothing has changed yet
        self._pending.fold(records)
        self._waiters.append(waiter)
        self._batches.append(records)
        if command_id:
            self._in_flight[command_id] = (content, waiter)
        return waiter

    def _settled(self, batch: Sequence[Done | Failed]) -> None:
        """A batch is on disk, or the writer failed. Fold, publish, then let the callers go."""
        if self._failed.is_set():
            return
        records: list[Recorded] = []
        waiters: list[Waiter] = []
        for outcome in batch:
            if isinstance(outcome, Failed):
                self._break(_unfit(outcome.error))
                break
            own = self._batches.popleft()
            if outcome.first_position != own[0].position:
                got = f"an event decided for {own[0].position} came to {outcome.first_position}"
                self._break(_unfit(VersionConflict(got)))
                break
            records += own
            waiters.append(self._waiters.popleft())
            mark = own[0].command
            if mark is not None:
                self._in_flight.pop(mark.id, None)
        if records:
            self.durable.fold(records)
            for hook in self.on_durable:
                hook(records)
            self._publisher.publish(tuple(records))
        for waiter in waiters:
            waiter.end()
        if self.broken is not None:
            self._fail_all(self.broken)

    def _break(self, error: HivedError) -> None:
        self.broken = error
        self._failed.set()

    def _fail_all(self, error: HivedError) -> None:
        while self._waiters:
            self._waiters.popleft().end(error)
        self._batches.clear()
        self._in_flight.clear()
        self._publisher.close()


def _unfit(error: HivedError) -> HivedError:
    """A conflict is not the command's fault: hived alone writes here, and knows what it wrote."""
    if not isinstance(error, VersionConflict):
        return error
    return StoreError(
        f"the log is not as hived left it: {error.message}",
        code=error.code,
        hint="another program writes to this store, or it was edited: stop that program,"
        " start hived again and run hivectl verify",
    )
