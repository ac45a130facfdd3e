"""The fast way through history: from segments where they are, from rows elsewhere."""

import gc
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from hived import limits
from hived.events import Recorded
from hived.store.segment_file import Segment
from hived.store.segments import Segments

Chunk = list[Recorded]


def replay(
    after: int,
    upto: int,
    segments: Segments | None,
    kinds: frozenset[str] | None,
    rows: Callable[[int, int], Chunk],
) -> Iterator[Chunk]:
    """Give the events with after < position <= upto in order, in chunks.

    Args:
      kinds: Only these, if given.
      rows: Gives the events (of those kinds) after one position up to another from the database.
    """
    there = segments.there() if segments is not None else frozenset[int]()
    position = after
    with no_collection():
        while position < upto:
            block = position // limits.SEGMENT_EVENTS
            if segments is not None and block in there:
                chunk = segments.load(block, kinds)
                if chunk is not None:
                    end = min(upto, (block + 1) * limits.SEGMENT_EVENTS)
                    yield _between(chunk, position, end)
                    position = end
                    continue
            end = min(upto, _rows_end(position, there))
            yield rows(position, end)
            position = end


def stream(
    after: int,
    upto: int,
    segments: Segments | None,
    unfinished: Callable[[], int],
    rows: Callable[[int, int], Chunk],
) -> Iterator[Iterable[Recorded]]:
    """The same for a fold, which looks at each event once, without those it can do without.

    Each chunk is to be folded whole before the next is asked for.

    Args:
      unfinished: Asked before each whole block: how many events the command begun last lacks.
    """
    there = segments.there() if segments is not None else frozenset[int]()
    ahead: dict[int, Segment] = {}
    position = after
    with no_collection():
        while position < upto:
            block, within = divmod(position, limits.SEGMENT_EVENTS)
            end = position + limits.SEGMENT_EVENTS
            if segments is not None and block in there and not within and end <= upto:
                if block not in ahead:
                    last = min(upto // limits.SEGMENT_EVENTS, block + limits.SEGMENTS_READ_AHEAD)
                    ahead = segments.read([n for n in range(block, last) if n in there])
                segment = ahead.pop(block, None)
                events = None
                if segment is not None:
                    events = segments.stream(block, segment, unfinished())
                yield rows(position, end) if events is None else events
            else:
                end = min(upto, _rows_end(position, there))
                yield from replay(position, end, segments, None, rows)
            position = end


def _between(chunk: Chunk, after: int, upto: int) -> Chunk:
    if chunk and (chunk[0].position <= after or chunk[-1].position > upto):
        return [rec for rec in chunk if after < rec.position <= upto]
    return chunk


def _rows_end(position: int, there: frozenset[int]) -> int:
    """Where reading rows from here stops: a chunk on, or where the next segment begins."""
    end = position + limits.REPLAY_CHUNK_EVENTS
    block = position // limits.SEGMENT_EVENTS + 1
    while block * limits.SEGMENT_EVENTS < end:
        if block in there:
            return block * limits.SEGMENT_EVENTS
        block += 1
    return end


class _Pause:
    """How many blocks pause the search now, on any thread: the last of them to end resumes it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._blocks = 0
        self._was = False

    def begin(self) -> None:
        with self._lock:
            if not self._blocks:
                self._was = gc.isenabled()
                gc.disable()
            self._blocks += 1

    def end(self) -> None:
        with self._lock:
            self._blocks -= 1
            if not self._blocks and self._was:
                gc.enable()


_PAUSE = _Pause()


@contextmanager
def no_collection() -> Iterator[None]:
    """Pause the search for cyclic garbage: millions of objects are made, and none is in a cycle."""
    _PAUSE.begin()
    try:
        yield
    finally:
        _PAUSE.end()
