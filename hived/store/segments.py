"""Closed history as files of SEGMENT_EVENTS events each: the fastest source of a replay.

A cache. The rows stay in the database, and to delete the folder changes nothing but speed. A
segment that is damaged, was made with another catalogue, or does not belong to this log is
deleted when it is met, and built again.
"""

import os
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from itertools import compress
from operator import itemgetter
from pathlib import Path

import zstandard

from hived import limits
from hived.errors import LOOK_AT_LOG, LogCorrupt
from hived.events import Recorded
from hived.events.codec import Codec
from hived.projections.overtaken import needless
from hived.store import segment_file
from hived.store.columns import Columns
from hived.store.segment_file import FAULTS, Segment

_FORMAT = 2
_SUFFIX = ".seg"


class Segments:
    """The segments of one log. Block n holds the positions n * SEGMENT_EVENTS + 1 and on.

    Args:
      folder: Where they are; made when the first is written.
      anchors: As EventLog.anchors: says whether a segment's last event is still the log's.
      overtaken: Kind -> the kind that overtakes it: what a fold of a whole block may lack.
    """

    def __init__(
        self,
        folder: Path,
        codec: Codec,
        anchors: Callable[[Sequence[int]], list[str]],
        overtaken: Mapping[str, str],
    ) -> None:
        self.folder = folder
        self._columns = Columns(codec)
        self._overtaken = overtaken
        kinds = ",".join(f"{kind}<{by}" for kind, by in sorted(overtaken.items()))
        self._catalogue = f"{_FORMAT}.{codec.fingerprint}.{kinds}"
        self._anchors = anchors
        self._building = threading.Lock()

    def there(self) -> frozenset[int]:
        """Give the numbers of the blocks that have a file, good or bad."""
        try:
            names = [file.name for file in self.folder.iterdir()]
        except OSError:
            return frozenset()
        stems = (name.removesuffix(_SUFFIX) for name in names if name.endswith(_SUFFIX))
        return frozenset(int(stem) for stem in stems if stem.isdecimal())

    def load(self, block: int, kinds: frozenset[str] | None = None) -> list[Recorded] | None:
        """Give a block's events, or only those of some kinds; None if it has no good segment."""
        segment = self.read([block]).get(block)
        return None if segment is None else self._whole(block, segment, kinds)

    def stream(self, block: int, segment: Segment, unfinished: int) -> Iterable[Recorded] | None:
        """Give what a fold needs of a block that was `read`, made as it is taken: see thin.py.

        Args:
          unfinished: So many at the block's beginning belong to a command that began before it.
            None of them is left out.
        """
        if segment.passed_from and segment.passed_from <= self._before(block) + unfinished:
            return self._whole(block, segment, None)
        try:
            return self._columns.stream(segment.needed)
        except FAULTS:
            self._drop(block)
            return None

    def read(self, blocks: Sequence[int]) -> dict[int, Segment]:
        """Read, decompress and check some blocks; those without a good segment are left out."""
        decompressor = zstandard.ZstdDecompressor()
        found: dict[int, Segment] = {}
        for block in blocks:
            try:
                data = self._bytes(block)
            except OSError:
                continue
            try:
                found[block] = self._segment(block, data, decompressor)
            except FAULTS:
                self._drop(block)
        anchors = self._anchors([segment.last for segment in found.values()])
        for (block, segment), anchor in zip(list(found.items()), anchors, strict=True):
            if segment.anchor != anchor:  # made from another log
                self._drop(block)
                del found[block]
        return found

    def build(self, upto: int, read: Callable[[int, int], list[Recorded]]) -> bool:
        """Write the segments that whole blocks up to a position lack, some in each call.

        Args:
          read: Gives the events after one position up to another, from the rows.
        Returns:
          Whether some are still lacking.
        Raises:
          LogCorrupt: A row does not read, or is missing.
        """
        with self._building:
            there = self.there()
            wanted = [n for n in range(upto // limits.SEGMENT_EVENTS) if n not in there]
            if wanted:
                self.folder.mkdir(exist_ok=True)
            for block in wanted[: limits.SEGMENTS_PER_CALL_MAX]:
                before = self._before(block)
                events = read(before, before + limits.SEGMENT_EVENTS)
                if len(events) != limits.SEGMENT_EVENTS:
                    gone = f"positions are missing after {before}"
                    raise LogCorrupt(gone, hint=LOOK_AT_LOG)
                self._write(block, events)
            return len(wanted) > limits.SEGMENTS_PER_CALL_MAX

    def _write(self, block: int, events: list[Recorded]) -> None:
        without = list(needless(events, self._overtaken))
        passed = list(compress(events, without))
        needed = [rec for rec, lacks in zip(events, without, strict=True) if not lacks]
        last = events[-1].position
        data = segment_file.pack(
            self._catalogue,
            self._anchors([last])[0],
            last,
            self._columns.dump(needed),
            self._columns.dump(passed) if passed else [],
            passed[0].position if passed else 0,
        )
        file = self._file(block)
        # No fsync: a file that a power cut left half written fails its checksum.
        draft = file.with_suffix(".tmp")
        draft.write_bytes(data)
        draft.replace(file)

    def _whole(
        self, block: int, segment: Segment, kinds: frozenset[str] | None
    ) -> list[Recorded] | None:
        """Both parts of a segment, in order."""
        try:
            events = self._columns.load(segment.needed, kinds)
            rest = segment_file.passed_over(segment)
            if rest:
                events += self._columns.load(rest, kinds)
                events.sort(key=itemgetter(0))  # by position
        except FAULTS:
            self._drop(block)
            return None
        return events

    def _bytes(self, block: int) -> bytes:
        # Not by way of Path: that takes as long as all else about the file.
        fd = os.open(f"{self.folder}/{block:010d}{_SUFFIX}", os.O_RDONLY | os.O_CLOEXEC)
        try:
            return os.read(fd, os.fstat(fd).st_size)
        finally:
            os.close(fd)

    def _segment(
        self, block: int, data: bytes, decompressor: zstandard.ZstdDecompressor
    ) -> Segment:
        segment = segment_file.unpack(data, self._catalogue, decompressor)
        if (segment.last - 1) // limits.SEGMENT_EVENTS != block:
            raise ValueError("made for another place")
        return segment

    def _before(self, block: int) -> int:
        """The position before a block's first."""
        return block * limits.SEGMENT_EVENTS

    def _drop(self, block: int) -> None:
        """Delete what is no good, so that the next build makes it anew."""
        with suppress(OSError):
            self._file(block).unlink()

    def _file(self, block: int) -> Path:
        return self.folder / f"{block:010d}{_SUFFIX}"
