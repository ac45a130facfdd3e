"""What is durable, to whoever waits for it or listens: in order; a slow listener is cut."""

from collections import deque

import trio

from hived import limits
from hived.errors import HivedError
from hived.events import Recorded


class Waiter:
    """The tasks that wait for a command's events, or for those before it, to be durable.

    Parks them itself: a trio.Event would be made for each command, with a parking lot in it.
    """

    __slots__ = ("_ended", "_error", "_tasks")

    def __init__(self) -> None:
        self._tasks: list[trio.lowlevel.Task] = []
        self._ended = False
        self._error: BaseException | None = None

    async def durable(self) -> None:
        """Wait; raise what `end` was given. The wait can be cancelled, the command cannot."""
        if self._ended:
            await trio.lowlevel.checkpoint()
        else:
            task = trio.lowlevel.current_task()
            self._tasks.append(task)

            def leave(_: object) -> trio.lowlevel.Abort:
                self._tasks.remove(task)
                return trio.lowlevel.Abort.SUCCEEDED

            await trio.lowlevel.wait_task_rescheduled(leave)
        if self._error is not None:
            raise self._error

    def end(self, error: BaseException | None = None) -> None:
        """Let all go that wait, in the order in which they came."""
        self._ended, self._error = True, error
        for task in self._tasks:
            trio.lowlevel.reschedule(task)
        self._tasks.clear()


class SubscriberTooSlow(HivedError):
    """The subscriber was cut. `position` is the last event it was given: resume from there."""

    default_code = "busy"

    def __init__(self, position: int) -> None:
        super().__init__(
            f"the subscriber fell behind and was cut after position {position}",
            hint="subscribe again from there",
            resume_from=position,
        )
        self.position = position


class Subscription:
    """An endless series of batches. `position` is that of the last event given out, or begun at."""

    def __init__(self, publisher: "Publisher", position: int) -> None:
        self.position = position
        self._publisher = publisher
        self._batches: deque[tuple[Recorded, ...]] = deque()
        self._events = 0
        self._cut = False
        self._closed = False
        self._ready = trio.Event()

    def close(self) -> None:
        """Take no more. A reader that waits comes to its end."""
        self._publisher.forget(self)
        self.end()

    def end(self) -> None:
        self._closed = True
        self._ready.set()

    def offer(self, batch: tuple[Recorded, ...]) -> None:
        """Take a batch, or be cut where too many wait already."""
        if self._cut:
            return
        if self._events + len(batch) > limits.SUBSCRIBER_QUEUE_EVENTS_MAX and self._batches:
            self._cut = True
            self._batches.clear()
            self._publisher.forget(self)
        else:
            self._batches.append(batch)
            self._events += len(batch)
        self._ready.set()

    def __aiter__(self) -> "Subscription":
        return self

    async def __anext__(self) -> tuple[Recorded, ...]:
        """The next batch.

        Raises:
          SubscriberTooSlow: Cut; what it had not read yet is in the log.
        """
        while not self._batches:
            if self._cut:
                raise SubscriberTooSlow(self.position)
            if self._closed:
                raise StopAsyncIteration
            self._ready = trio.Event()
            await self._ready.wait()
        batch = self._batches.popleft()
        self._events -= len(batch)
        self.position = batch[-1].position
        await trio.lowlevel.checkpoint()
        return batch


class Publisher:
    """All subscriptions of one engine."""

    def __init__(self, position: int) -> None:
        self._position = position
        self._subscriptions: set[Subscription] = set()

    def subscribe(self) -> Subscription:
        subscription = Subscription(self, self._position)
        self._subscriptions.add(subscription)
        return subscription

    def forget(self, subscription: Subscription) -> None:
        self._subscriptions.discard(subscription)

    def publish(self, batch: tuple[Recorded, ...]) -> None:
        self._position = batch[-1].position
        for subscription in tuple(self._subscriptions):
            subscription.offer(batch)

    def close(self) -> None:
        """The engine stops: every subscription comes to its end."""
        for subscription in tuple(self._subscriptions):
            subscription.end()
        self._subscriptions.clear()
