"""Closed history as files of SEGMENT_EVENTS events each: the fastest source of a replay.

A cache. The rows stay in the database, and to delete the folder changes nothing but speed. A
segment that is damaged, was made with another catalogue, or does not belong to this log is
deleted when it is met, and built again.
"""

import os
import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson
import zstandard

from hived import limits
from hived.events import Recorded
from hived.events.codec import Codec
from hived.projections.overtaken import Needless
from hived.store.columns import Columns

_MAGIC = b"hivedseg"
_FORMAT = 1
_LEVEL = 6  # written once and read often
_SUFFIX = ".seg"
_FAULTS = (ValueError, LookupError, TypeError, struct.error, zstandard.ZstdError)


class Segments:
    """The segments of one log. Block n holds the positions n * SEGMENT_EVENTS + 1 and on.

    Args:
      folder: Where they are; made when the first is written.
      anchors: As EventLog.anchors: says whether a segment's last event is still the log's.
    """

    def __init__(
        self, folder: Path, codec: Codec, anchors: Callable[[Sequence[int]], list[str]]
    ) -> None:
        self.folder = folder
        self._columns = Columns(codec)
        self._fingerprint = f"{_FORMAT}.{codec.fingerprint}"
        self._anchors = anchors
        self._building = threading.Lock()

    def there(self) -> frozenset[int]:
        """Give the numbers of the blocks that have a file, good or bad."""
        try:
            names = [file.name for file in self.folder.iterdir()]
        except OSError:
            return frozenset()
        stems = (name.removesuffix(_SUFFIX) for name in names if name.endswith(_SUFFIX))
        return frozenset(int(stem) for stem in stems if stem.isdigit())

    def load(self, block: int, kinds: frozenset[str] | None = None) -> list[Recorded] | None:
        """Give a block's events, or only those of some kinds; None if it has no good segment."""
        documents = self.read([block]).get(block)
        if documents is None:
            return None
        try:
            return self._columns.load(documents, kinds)
        except _FAULTS:
            self._drop(block)
            return None

    def stream(
        self, block: int, documents: list[bytes], needless: Needless
    ) -> Iterator[Recorded] | None:
        """Give what a fold needs of a block that was `read`, made as it is taken: see thin.py."""
        try:
            return self._columns.stream(documents, needless)
        except _FAULTS:
            self._drop(block)
            return None

    def read(self, blocks: Sequence[int]) -> dict[int, list[bytes]]:
        """Read, decompress and check some blocks; those without a good segment are left out."""
        decompressor = zstandard.ZstdDecompressor()
        heads: dict[int, dict[str, Any]] = {}
        found: dict[int, list[bytes]] = {}
        for block in blocks:
            try:
                data = self._bytes(block)
            except OSError:
                continue
            try:
                heads[block], found[block] = self._documents(data, block, decompressor)
            except _FAULTS:
                self._drop(block)
        anchors = self._anchors([head["last"] for head in heads.values()])
        for (block, head), anchor in zip(heads.items(), anchors, strict=True):
            if head["anchor"] != anchor:  # made from another log
                self._drop(block)
                del found[block]
        return found

    def build(self, upto: int, read: Callable[[int, int], list[Recorded]]) -> bool:
        """Write the segments that whole blocks up to a position lack, some in each call.

        Args:
          read: Gives the events after one position up to another, from the rows.
        Returns:
          Whether some are still lacking.
        """
        with self._building:
            there = self.there()
            wanted = [n for n in range(upto // limits.SEGMENT_EVENTS) if n not in there]
            if wanted:
                self.folder.mkdir(exist_ok=True)
            for block in wanted[: limits.SEGMENTS_PER_CALL_MAX]:
                first = block * limits.SEGMENT_EVENTS
                self._write(block, read(first, first + limits.SEGMENT_EVENTS))
            return len(wanted) > limits.SEGMENTS_PER_CALL_MAX

    def _write(self, block: int, events: list[Recorded]) -> None:
        documents = self._columns.dump(events)
        head = {
            "catalogue": self._fingerprint,
            "last": events[-1].position,
            "anchor": self._anchors([events[-1].position])[0],
            "sizes": [len(document) for document in documents],
        }
        raw = orjson.dumps(head)
        body = b"".join([struct.pack("<I", len(raw)), raw, *documents])
        frame = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True).compress(body)
        file = self._file(block)
        # No fsync: a file that a power cut left half written fails its checksum.
        draft = file.with_suffix(".tmp")
        draft.write_bytes(_MAGIC + frame)
        draft.replace(file)

    def _bytes(self, block: int) -> bytes:
        # Not by way of Path: that takes as long as all else about the file.
        fd = os.open(f"{self.folder}/{block:010d}{_SUFFIX}", os.O_RDONLY | os.O_CLOEXEC)
        try:
            return os.read(fd, os.fstat(fd).st_size)
        finally:
            os.close(fd)

    def _documents(
        self, data: bytes, block: int, decompressor: zstandard.ZstdDecompressor
    ) -> tuple[dict[str, Any], list[bytes]]:
        if not data.startswith(_MAGIC):
            raise ValueError("not a segment")
        frame = data[len(_MAGIC) :]
        if zstandard.frame_content_size(frame) > limits.SEGMENT_BYTES_MAX:
            raise ValueError("longer than any segment")
        body = decompressor.decompress(frame)
        start = 4 + struct.unpack_from("<I", body)[0]
        head = orjson.loads(body[4:start])
        if head["catalogue"] != self._fingerprint:
            raise ValueError("made with another catalogue")
        if (head["last"] - 1) // limits.SEGMENT_EVENTS != block:
            raise ValueError("made for another place")
        documents = []
        for size in head["sizes"]:
            documents.append(body[start : start + size])
            start += size
        return head, documents

    def _drop(self, block: int) -> None:
        """Delete what is no good, so that the next build makes it anew."""
        with suppress(OSError):
            self._file(block).unlink()

    def _file(self, block: int) -> Path:
        return self.folder / f"{block:010d}{_SUFFIX}"
