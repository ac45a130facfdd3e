"""What a client has subscribed to: history and then live events, and live output."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import orjson
import trio

from hived import limits
from hived.errors import HivedError
from hived.events import Recorded
from hived.publish import SubscriberTooSlow, Subscription
from hived.rpc.encoded import encode_row
from hived.rpc.outbox import Outbox
from hived.rpc.services import OutputFeed, Services


def notification(method: str, **params: Any) -> bytes:
    """A notification as a line."""
    return orjson.dumps({"jsonrpc": "2.0", "method": method, "params": params}) + b"\n"


def concerns(rec: Recorded, agent: str) -> bool:
    """Whether an event is about an agent: done by it or to it, or mail from or to it."""
    event = rec.event
    return (
        getattr(event, "agent", None) == agent
        or getattr(event, "to", None) == agent
        or getattr(event, "sender", None) == agent
        or getattr(event, "asker", None) == agent
        or rec.by == f"agent:{agent}"
    )


class Filter:
    """Which events a subscriber wants; none of both: all."""

    def __init__(self, kinds: Iterable[str], agent: str | None) -> None:
        self.kinds = frozenset(kinds) or None
        self.agent = agent

    def takes(self, rec: Recorded) -> bool:
        if self.kinds is not None and rec.kind not in self.kinds:
            return False
        return self.agent is None or concerns(rec, self.agent)

    @property
    def open(self) -> bool:
        return self.kinds is None and self.agent is None


class Subscriptions:
    """All subscriptions of one connection, by number. Each is a task in its nursery."""

    def __init__(self, services: Services, outbox: Outbox, nursery: trio.Nursery) -> None:
        self._services, self._outbox, self._nursery = services, outbox, nursery
        self._scopes: dict[int, trio.CancelScope] = {}
        self._last = 0

    def __len__(self) -> int:
        return len(self._scopes)

    def events(self, start: int, wanted: Filter) -> int:
        """Send what comes after a position, and what comes from now on. Returns the number."""
        engine = self._services.engine
        # Subscribing here and not in the task: from here on no event can be missed.
        live = engine.subscribe() if start == engine.durable.position else None
        return self._open(
            lambda number: self._send_events(number, start, wanted, live),
            lambda: live.close() if live is not None else None,
        )

    def output(self, agent: str | None) -> int:
        """Send what turns print from now on. Returns the number."""
        self._check_room()
        feed = self._services.outputs.subscribe(agent)
        return self._open(lambda number: self._send_output(number, feed), feed.close)

    def end(self, number: int) -> None:
        """End one of them.

        Raises:
          HivedError: not_found.
        """
        scope = self._scopes.pop(number, None)
        if scope is None:
            raise HivedError(f"there is no subscription {number}", code="not_found")
        scope.cancel()

    def _check_room(self) -> None:
        if len(self._scopes) >= limits.SUBSCRIPTIONS_MAX:
            raise HivedError(
                f"a connection has at most {limits.SUBSCRIPTIONS_MAX} subscriptions",
                code="too_many",
                hint="end one, or open another connection",
            )

    def _open(self, run: Callable[[int], Any], close: Callable[[], None]) -> int:
        try:
            self._check_room()
        except HivedError:
            close()
            raise
        self._last += 1
        number = self._last
        scope = self._scopes[number] = trio.CancelScope()

        async def task() -> None:
            try:
                with scope:
                    await run(number)
            finally:
                close()
                self._scopes.pop(number, None)

        self._nursery.start_soon(task)
        return number

    async def _send_events(
        self, number: int, position: int, wanted: Filter, live: Subscription | None
    ) -> None:
        slow = False  # the client made us wait since the last look at history
        while True:
            if live is None:
                position, live = await self._catch_up(number, position, wanted)
            try:
                position = await self._history(number, position, live.position, wanted)
                async for batch in live:
                    slow = slow or self._outbox.full
                    await self._outbox.room()
                    self._put_batch(number, batch, wanted)
                    position = batch[-1].position
                return  # the engine has stopped
            except SubscriberTooSlow:
                if slow:
                    self._cut(number, position)
                    return
                # It was this daemon that fell behind: what was dropped is in the log.
            finally:
                live.close()
            live = None

    def _cut(self, number: int, resume_from: object) -> None:
        self._put(number, notification("cut", subscription=number, resume_from=resume_from))

    def _put(self, number: int, line: bytes) -> None:
        """Send a notification, unless the client has ended the subscription meanwhile."""
        if number in self._scopes:
            self._outbox.put(line)
            self._outbox.flush()

    async def _catch_up(
        self, number: int, position: int, wanted: Filter
    ) -> tuple[int, Subscription]:
        """Send history until only a page is left, so that little waits once it is live."""
        engine = self._services.engine
        while engine.durable.position - position > limits.LOG_PAGE_EVENTS_MAX:
            position = await self._history(
                number, position, position + limits.LOG_PAGE_EVENTS_MAX, wanted
            )
        return position, engine.subscribe()

    async def _history(self, number: int, after: int, upto: int, wanted: Filter) -> int:
        """Send the log's events in a range; gives its end."""
        log = self._services.engine.log

        def page() -> tuple[list[bytes], int]:
            events = log.read(after, limits.LOG_PAGE_EVENTS_MAX, kinds=wanted.kinds, upto=upto)
            full = len(events) == limits.LOG_PAGE_EVENTS_MAX
            end = events[-1].position if full else upto
            return list(_lines(number, [e for e in events if wanted.takes(e)], end)), end

        while after < upto:
            await self._outbox.room()
            lines, after = await trio.to_thread.run_sync(page, limiter=self._services.threads)
            for line in lines:
                await self._outbox.room()
                self._put(number, line)
        return after

    def _put_batch(self, number: int, batch: tuple[Recorded, ...], wanted: Filter) -> None:
        events: Sequence[Recorded] = batch
        if not wanted.open:
            events = [rec for rec in batch if wanted.takes(rec)]
        if not events:
            return
        rows = self._services.encoded.rows(events)
        for line in _pack(number, events, rows, batch[-1].position):
            self._put(number, line)

    async def _send_output(self, number: int, feed: OutputFeed) -> None:
        while lines := await feed.take():
            await self._outbox.room()
            rows: list[bytes] = []
            size = 0
            for line in lines:
                if rows and size + len(line.row) > limits.NOTIFICATION_BYTES_MAX:
                    self._put_output(number, rows)
                    await self._outbox.room()
                    rows, size = [], 0
                rows.append(line.row)
                size += len(line.row)
            self._put_output(number, rows)
        if feed.cut:
            turn, byte = feed.resume_from
            self._cut(number, {"turn": turn, "byte": byte})

    def _put_output(self, number: int, rows: list[bytes]) -> None:
        head = b'{"jsonrpc":"2.0","method":"output","params":{"subscription":%d,"lines":[' % number
        self._put(number, head + b",".join(rows) + b"]}}\n")


def _lines(number: int, events: Sequence[Recorded], end: int) -> Iterator[bytes]:
    if events:
        yield from _pack(number, events, [encode_row(rec) for rec in events], end)


def _pack(
    number: int, events: Sequence[Recorded], rows: Sequence[bytes], end: int
) -> Iterator[bytes]:
    """`events` notifications with these rows, cut where one would be too long.

    position: of the last event in it; of the last one, where all that was looked at ends.
    """
    first = size = 0
    for index, row in enumerate(rows):
        if size and size + len(row) > limits.NOTIFICATION_BYTES_MAX:
            yield _events(number, rows[first:index], events[index - 1].position)
            first, size = index, 0
        size += len(row)
    yield _events(number, rows[first:], end)


def _events(number: int, rows: Sequence[bytes], position: int) -> bytes:
    head = b'{"jsonrpc":"2.0","method":"events","params":{"subscription":%d,"events":[' % number
    return head + b",".join(rows) + b'],"position":%d}}\n' % position
