"""Closed history as files of SEGMENT_EVENTS events each: the fastest source of a replay.

A cache. The rows stay in the database, and to delete the folder changes nothing but speed. A
segment that is damaged, was made with another catalogue, or does not belong to this log is
deleted when it is met, and built again.
"""

import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import orjson
import zstandard

from hived import limits
from hived.events import Recorded
from hived.events.codec import Codec
from hived.store.columns import Columns

_MAGIC = b"hivedseg"
_FORMAT = 1
_LEVEL = 6  # written once and read often
_SUFFIX = ".seg"


class Segments:
    """The segments of one log. Block n holds the positions n * SEGMENT_EVENTS + 1 and on.

    Args:
      folder: Where they are; made when the first is written.
      anchor: As EventLog.anchor: says whether a segment's last event is still the log's.
    """

    def __init__(self, folder: Path, codec: Codec, anchor: Callable[[int], str]) -> None:
        self.folder = folder
        self._columns = Columns(codec)
        self._fingerprint = f"{_FORMAT}.{codec.fingerprint}"
        self._anchor = anchor
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
        try:
            data = self._file(block).read_bytes()
        except OSError:
            return None
        try:
            return self._columns.load(self._documents(data, block), kinds)
        except (ValueError, LookupError, TypeError, struct.error, zstandard.ZstdError):
            # Deleted, so that the next build makes it anew.
            with suppress(OSError):
                self._file(block).unlink()
            return None

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
            "anchor": self._anchor(events[-1].position),
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

    def _documents(self, data: bytes, block: int) -> list[bytes]:
        if not data.startswith(_MAGIC):
            raise ValueError("not a segment")
        frame = data[len(_MAGIC) :]
        if zstandard.frame_content_size(frame) > limits.SEGMENT_BYTES_MAX:
            raise ValueError("longer than any segment")
        body = zstandard.ZstdDecompressor().decompress(frame)
        start = 4 + struct.unpack_from("<I", body)[0]
        head = orjson.loads(body[4:start])
        if head["catalogue"] != self._fingerprint:
            raise ValueError("made with another catalogue")
        last = head["last"]
        if (last - 1) // limits.SEGMENT_EVENTS != block or head["anchor"] != self._anchor(last):
            raise ValueError("made from another log")
        documents = []
        for size in head["sizes"]:
            documents.append(body[start : start + size])
            start += size
        return documents

    def _file(self, block: int) -> Path:
        return self.folder / f"{block:010d}{_SUFFIX}"
