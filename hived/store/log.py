"""The event log: every fact, once, in order. Calls block; any thread may make them.

Writing is `prepare` and `insert`, by one thread at a time: hived/store/writer.py. Everything
else about a store is a cache beside it.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from eventsourcing.persistence import IntegrityError

from hived import limits
from hived.errors import VersionConflict
from hived.events import Recorded
from hived.events.codec import Codec
from hived.projections import PASSED_OVER
from hived.store import guard, verify
from hived.store.compressor import EventCompressor
from hived.store.mapper import LogMapper, Row
from hived.store.memory import LogMemoryRecorder
from hived.store.recorder import LogRecorder
from hived.store.replay import replay, stream
from hived.store.segments import Segments
from hived.store.sqlite import LogSQLiteFactory

__all__ = ["EventLog", "Prepared"]


_new = tuple.__new__  # a call of the class itself takes three times as long


class Prepared(NamedTuple):
    """A command's events, with the topic and the bytes of each."""

    events: Sequence[Recorded]
    encoded: list[tuple[str, bytes]]


class EventLog:
    """One log, on SQLite or in memory. Make it with `open`.

    Attributes:
      segments: The cache of closed history, None in memory.
    """

    def __init__(
        self,
        recorder: LogRecorder,
        codec: Codec,
        path: Path | None = None,
        lock: guard.StoreLock | None = None,
    ) -> None:
        self.codec = codec
        self.mapper = LogMapper(codec, EventCompressor())
        self.path = path
        self._recorder = recorder
        self._lock = lock
        self.segments = (
            None
            if path is None
            else Segments(path.with_name(path.name + ".segments"), codec, self.anchors, PASSED_OVER)
        )

    @classmethod
    def open(
        cls, path: str | None, *, codec: Codec | None = None, check: bool = True
    ) -> "EventLog":
        """Open the log at a path, making it where there is none; None keeps it in memory.

        Args:
          check: Read the last events first, to refuse a log that does not end well.
        Raises:
          AlreadyRunning: Another process has it open.
          LogCorrupt: Not a database, cut short, edited, or its last events do not read.
          LogFromTheFuture: Written by a later version.
          StoreError: It cannot be read or written; store_full where the disk is full.
        """
        codec = codec or Codec()
        if path is None:
            return cls(LogMemoryRecorder(), codec)
        place = Path(path).absolute()
        lock = guard.StoreLock(place.with_name(place.name + ".lock"))
        try:
            guard.inspect(place)
            guard.keep_private(place)
            factory = LogSQLiteFactory(str(place))
            try:
                log = cls(factory.recorder(), codec, place, lock)
                if check:
                    log._check_end()
            except BaseException:
                factory.close()
                raise
            return log
        except guard.ERRORS as error:
            lock.close()
            raise guard.explain(error, place) from error
        except BaseException:
            lock.close()
            raise

    def close(self) -> None:
        """Close the database and let another process have it."""
        self._recorder.close()
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    # Reading.

    def head(self) -> int:
        """Give the position of the last event, 0 where there is none."""
        with self._explained():
            return self._recorder.max_notification_id() or 0

    def read(
        self,
        after: int,
        limit: int,
        *,
        streams: str | None = None,
        kinds: frozenset[str] | set[str] | None = None,
        upto: int | None = None,
    ) -> list[Recorded]:
        """Give events after a position, in order; at most `limit` and LOG_PAGE_EVENTS_MAX.

        Args:
          streams: One stream, or with a colon at its end all that begin with it ("agent:").
          kinds: Only events of these names. A name that is none matches nothing.
          upto: The last position that may be given.
        """
        topics = None if kinds is None else self.codec.topics(kinds)
        if topics == []:
            return []
        last = limits.POSITION_MAX if upto is None else upto
        with self._explained():
            rows = self._recorder.rows(
                after, min(limit, limits.LOG_PAGE_EVENTS_MAX), last, streams, topics
            )
        return self.mapper.to_recordeds(rows)

    def get(self, stream: str, version: int) -> Recorded | None:
        """Give one event of a stream, None if there is none."""
        found = self.stream_events(stream, version - 1, 1)
        return found[0] if found and found[0].version == version else None

    def stream_events(self, stream: str, after_version: int, limit: int) -> list[Recorded]:
        """Give a stream's events after a version, at most `limit` and LOG_PAGE_EVENTS_MAX."""
        with self._explained():
            rows = self._recorder.stream_rows(
                stream, after_version, min(limit, limits.LOG_PAGE_EVENTS_MAX)
            )
        return self.mapper.to_recordeds(rows)

    def find_command(self, command_id: str) -> Recorded | None:
        """Give the first event of a command, None if no such command is in the log."""
        with self._explained():
            row = self._recorder.command_row(command_id)
        return None if row is None else self.mapper.to_recorded(row)

    def command_events(self, command_id: str) -> list[Recorded]:
        """Give all events of a command, in order; none if no such command is in the log."""
        first = self.find_command(command_id)
        if first is None or first.command is None:
            return []
        before = first.position - 1
        return list(chain.from_iterable(self.replay(before, before + first.command.extent)))

    def position_at(self, time: float) -> int:
        """Give the last position recorded at or before a time (unix seconds); 0 before the first.

        recorded_at never falls from one position to the next, so this halves its way there.
        """
        return bisect_right(_Times(self), time)

    def replay(
        self, after: int, upto: int | None = None, *, kinds: frozenset[str] | None = None
    ) -> Iterator[list[Recorded]]:
        """Give all events after a position in order, in chunks; upto: the head of now if None.

        The fast way through history: from segments where they are, from rows elsewhere.

        Args:
          kinds: Build only these, and pass over the payloads of all others.

        While the iterator is in use, Python's search for cyclic garbage is paused.
        """
        last = self.head() if upto is None else min(upto, self.head())
        topics = None if kinds is None else self.codec.topics(kinds)

        def rows(start: int, end: int) -> list[Recorded]:
            with self._explained():
                found = self._recorder.rows(start, end - start, end, None, topics)
            return self.mapper.to_recordeds(found)

        return replay(after, last, self.segments, kinds, rows)

    def stream(
        self, after: int, upto: int, unfinished: Callable[[], int]
    ) -> Iterator[Iterable[Recorded]]:
        """Give what a fold needs of the events after a position: see replay.stream."""
        return stream(after, upto, self.segments, unfinished, self._block)

    def anchor(self, position: int) -> str:
        """Give a short digest of the row at a position, empty if there is none.

        A cache keeps it to find out that the log it was made from is not this one any more (a
        database put back from a backup).
        """
        return self.anchors([position])[0]

    def anchors(self, positions: Sequence[int]) -> list[str]:
        """The same for some positions, with one look."""
        with self._explained():
            there = {row.position: row.digest() for row in self._recorder.rows_at(positions)}
        return [there.get(position, "") for position in positions]

    def build_segments(self, upto: int) -> bool:
        """Write segments for whole blocks of history that have none, at most a few in a call.

        Returns:
          Whether there may be more to do.
        """
        if self.segments is None:
            return False
        return self.segments.build(min(upto, self.head()), self._block)

    def verify(self, progress: Callable[[int, int], None] | None = None) -> verify.Report:
        """Read everything and say what is wrong. progress: called with (position, head)."""
        with self._explained():
            return verify.verify(self._recorder, self.mapper, self.segments, self.head(), progress)

    # Writing: one thread only.

    def last_version(self, stream: str) -> int:
        """Give the version of a stream's last event, 0 where it has none."""
        with self._explained():
            return self._recorder.last_version(stream)

    def prepare(self, events: Sequence[Recorded]) -> Prepared:
        """Encode a command's events; any thread may. Raises as Codec.encode does."""
        return _new(Prepared, (events, list(map(self.codec.encode, events))))

    def insert(self, commands: Sequence[Prepared]) -> int:
        """Append all of them, or none, in one transaction; on disk when it returns.

        Returns:
          The position of the first event.
        Raises:
          VersionConflict: A stream's version or a command's id is there already.
          StoreError: It could not be written. The store must not be used any more.
        """
        events = list(chain.from_iterable([command.events for command in commands]))
        encoded = list(chain.from_iterable([command.encoded for command in commands]))
        stored = self.mapper.pack(events, encoded)
        ids = [None if rec.command is None else rec.command.id for rec in events]
        with self._explained():
            try:
                positions = self._recorder.insert_events(stored, commands=ids)
            except IntegrityError as error:
                raise VersionConflict(
                    f"the log moved on: {error}", hint="decide the command again"
                ) from error
        assert positions is not None, "application recorders give positions"
        return positions[0]

    def _explained(self) -> guard.Explained:
        return guard.Explained(self.path)

    def _rows(self, after: int, upto: int) -> list[Row]:
        with self._explained():
            return self._recorder.rows(after, upto - after, upto, None, None)

    def _block(self, after: int, upto: int) -> list[Recorded]:
        return self.mapper.to_recordeds(self._rows(after, upto))

    def _check_end(self) -> None:
        head = self.head()
        start = max(0, head - limits.OPEN_CHECK_EVENTS)
        verify.check_end(self.mapper.to_recordeds(self._rows(start, head)), start, head)


class _Times:
    """The times of all events as a sequence, for bisect: index i is position i + 1."""

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self._head = log.head()

    def __len__(self) -> int:
        return self._head

    def __getitem__(self, index: int) -> float:
        return self._log.read(index, 1)[0].recorded_at
