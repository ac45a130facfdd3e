"""Group commit: one thread writes what waits, with one fsync for all of it.

Knows no event loop. Whoever puts a command is told of its end by `wake`, in the order of the
puts, and never before it is on disk.
"""

import threading
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from typing import NamedTuple

from hived import limits
from hived.errors import HivedError, StoreError, VersionConflict
from hived.events import Recorded
from hived.store.log import EventLog, Prepared

__all__ = ["Done", "Failed", "GroupWriter"]


class Done(NamedTuple):
    """The command's events are on disk, at these positions."""

    token: object
    first_position: int
    last_position: int


class Failed(NamedTuple):
    """None of the command's events is in the log."""

    token: object
    error: HivedError


class _Put(NamedTuple):
    prepared: Prepared
    token: object


_new = tuple.__new__  # a call of the class itself takes three times as long

Wake = Callable[[list[Done | Failed]], None]


class GroupWriter:
    """The one writer of a log, on a thread of its own. Starts at once.

    Args:
      wake: Called on the writer's thread, once for each batch, with the ends of its commands in
        order. Must not raise and must not block.

    Ordering: Commands are written in the order of `put`.

    Failures: VersionConflict fails one command; those decided on its events fail as well, for
    they would leave a gap. After a StoreError of the disk all that waits fails, and so does each
    later put: nobody knows what of a failed write is on disk, so the store is opened anew
    instead, and an fsync is never tried again.
    """

    def __init__(self, log: EventLog, wake: Wake) -> None:
        self._log = log
        self._wake = wake
        self._queue: SimpleQueue[_Put | None] = SimpleQueue()
        self._writing = 0  # commands taken from the queue and not yet ended
        self._closed = False
        self._broken: StoreError | None = None
        self._versions = _Versions(log)
        self._thread = threading.Thread(target=self._run, name="hived-writer", daemon=True)
        self._thread.start()

    @property
    def broken(self) -> StoreError | None:
        """What ended the writing for good, None while all is well."""
        return self._broken

    def put(self, events: tuple[Recorded, ...], token: object) -> None:
        """Hand over a command's events, to be appended together or not at all. Never blocks.

        They are encoded here, by the caller, so that what cannot be stored is refused before
        anything was changed. They are compressed by the writer's thread: that gives up the
        interpreter's lock, and a writer that woke in the middle of many puts would write half
        of them with an fsync of their own.

        Raises:
          HivedError: busy above WRITER_QUEUE_MAX; shutting_down after close; too_large or
            invalid_params for an event that cannot be stored. Nothing was handed over.
          StoreError: The store failed.
        """
        if not events:
            raise ValueError("a command that appends nothing is not written")
        if self._broken is not None:
            raise _refused(self._broken)
        if self._closed:
            raise HivedError("hived is stopping", code="shutting_down")
        if self._queue.qsize() + self._writing >= limits.WRITER_QUEUE_MAX:
            raise HivedError(
                f"{limits.WRITER_QUEUE_MAX} commands wait for the disk",
                code="busy",
                hint="try again in a moment",
            )
        self._queue.put(_new(_Put, (self._log.prepare(events), token)))

    def close(self) -> None:
        """Write what waits, end the thread, and come back when it has ended. The log stays open."""
        if not self._closed:
            self._closed = True
            self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        last = False
        while not last:
            batch, last = self._take()
            if batch:
                ends = self._ends(batch)
                self._writing = 0
                self._wake(ends)

    def _take(self) -> tuple[list[_Put], bool]:
        """Wait for a command; give it with those behind it that fit, and whether it is the end."""
        put = self._queue.get()
        batch: list[_Put] = []
        events = 0
        while put is not None:
            batch.append(put)
            self._writing += 1
            events += len(put.prepared.events)
            if events >= limits.WRITER_BATCH_MAX or self._queue.empty():
                return batch, False
            put = self._queue.get()
        return batch, True

    def _ends(self, batch: list[_Put]) -> list[Done | Failed]:
        """Write a batch; give its end whatever happens."""
        if self._broken is None:
            try:
                return self._write(batch)
            except Exception as error:  # also a fault of ours must not leave a caller waiting
                self._broken = _as_store_error(error)
        return [Failed(put.token, _refused(self._broken)) for put in batch]

    def _write(self, batch: list[_Put]) -> list[Done | Failed]:
        """Write a batch with one transaction; where some conflict, each command with its own."""
        self._versions.trim()
        unfit: dict[int, Failed] = {}
        fit: list[Prepared] = []
        for index, put in enumerate(batch):
            try:
                self._versions.advance(put.prepared.events)
            except VersionConflict as error:
                unfit[index] = Failed(put.token, error)
            else:
                fit.append(put.prepared)
        if not fit:
            return list(unfit.values())
        try:
            position = self._log.insert(fit)
        except VersionConflict as error:
            self._versions.forget()
            if len(batch) == 1:
                return [Failed(batch[0].token, error)]
            return [end for put in batch for end in self._ends([put])]
        ends: list[Done | Failed] = []
        for index, put in enumerate(batch):
            failed = unfit.get(index)
            if failed is not None:
                ends.append(failed)
                continue
            after = position + len(put.prepared.events)
            ends.append(_new(Done, (put.token, position, after - 1)))
            position = after
        return ends


class _Versions:
    """The last version of each stream, so that no command can leave a gap in one.

    The database refuses a version that is taken; one that skips some it would take.
    """

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self._last: dict[str, int] = {}

    def advance(self, events: Sequence[Recorded]) -> None:
        """Count a command's events in.

        Raises:
          VersionConflict: One of them is not the next of its stream. None is counted.
        """
        if len(events) == 1 and self._last.get(events[0].stream) == events[0].version - 1:
            self._last[events[0].stream] = events[0].version
            return
        new: dict[str, int] = {}
        for rec in events:
            stream, version = rec.stream, rec.version
            last = new.get(stream)
            if last is None:
                last = self._last.get(stream)
            if last is None:
                # A first event needs no look: that it is the first, the database sees.
                last = 0 if version == 1 else self._log.last_version(stream)
            if version != last + 1:
                raise VersionConflict(
                    f"{stream} is at version {last}, the command wants to write {version}",
                    hint="decide the command again",
                )
            new[stream] = version
        self._last.update(new)

    def trim(self) -> None:
        """Forget all where that is much; between batches only, when the database knows it too."""
        if len(self._last) > limits.STREAM_VERSIONS_KEPT:
            self._last.clear()

    def forget(self) -> None:
        """Take nothing for granted: what was counted in has not been written."""
        self._last.clear()


def _as_store_error(error: Exception) -> StoreError:
    if isinstance(error, StoreError):
        return error
    made = StoreError(f"the writer failed: {error!r}", hint="this is a fault of hived: report it")
    made.__cause__ = error
    return made


def _refused(broken: StoreError) -> StoreError:
    """The same error again, for each caller its own: a raised exception grows a traceback."""
    return StoreError(broken.message, code=broken.code, hint=broken.hint)
