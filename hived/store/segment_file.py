"""The bytes of one segment: a block of events in two parts, so that a fold reads the first alone.

    hivedseg | length of the first frame, u32 | first frame | second frame

Both frames are zstd with a checksum. The first holds the length of its head (u32), the head
(JSON) and the documents of the events that a fold needs; the second the documents of those that
are overtaken in the block, and is not there where none is. Pure of files.
"""

import struct
from collections.abc import Sequence
from typing import NamedTuple

import orjson
import zstandard

from hived import limits

FAULTS = (ValueError, LookupError, TypeError, struct.error, zstandard.ZstdError)

_MAGIC = b"hivedseg"
_LEVEL = 6  # written once and read often
_LENGTH = struct.Struct("<I")


class Segment(NamedTuple):
    """One segment, read and checked but for its second frame.

    last: position of the block's last event; anchor: digest of that row in the log. needed: the
    documents of the first part. passed_frame: the second frame. passed_from: position of the first
    event in it, 0 for none. passed_sizes: of the documents in it, in bytes.
    """

    last: int
    anchor: str
    needed: list[bytes]
    passed_frame: bytes
    passed_from: int
    passed_sizes: list[int]


def pack(
    catalogue: str,
    anchor: str,
    last: int,
    needed: Sequence[bytes],
    passed_over: Sequence[bytes],
    passed_from: int,
) -> bytes:
    """Give a segment's bytes. catalogue: names what else could not be read by this."""
    second = _frame(passed_over) if passed_over else b""
    head = orjson.dumps(
        {
            "catalogue": catalogue,
            "last": last,
            "anchor": anchor,
            "sizes": [len(document) for document in needed],
            "passed_from": passed_from,
            "passed_sizes": [len(document) for document in passed_over],
            "passed_bytes": len(second),
        }
    )
    first = _frame([_LENGTH.pack(len(head)), head, *needed])
    return b"".join([_MAGIC, _LENGTH.pack(len(first)), first, second])


def unpack(data: bytes, catalogue: str, decompressor: zstandard.ZstdDecompressor) -> Segment:
    """Read what `pack` gave.

    Raises:
      FAULTS: It is cut, damaged, no segment, or of another catalogue.
    """
    if not data.startswith(_MAGIC):
        raise ValueError("not a segment")
    begin = len(_MAGIC) + _LENGTH.size
    end = begin + _LENGTH.unpack_from(data, len(_MAGIC))[0]
    body = _unframe(data[begin:end], decompressor)
    start = _LENGTH.size + _LENGTH.unpack_from(body)[0]
    head = orjson.loads(body[_LENGTH.size : start])
    if head["catalogue"] != catalogue:
        raise ValueError("made with another catalogue")
    if len(data) != end + head["passed_bytes"]:
        raise ValueError("cut short, or longer than it was written")
    return Segment(
        head["last"],
        head["anchor"],
        _cut(body, start, head["sizes"]),
        data[end:],
        head["passed_from"],
        head["passed_sizes"],
    )


def passed_over(segment: Segment) -> list[bytes]:
    """Give the documents of the second part. Raises FAULTS where they are damaged."""
    if not segment.passed_frame:
        return []
    body = _unframe(segment.passed_frame, zstandard.ZstdDecompressor())
    return _cut(body, 0, segment.passed_sizes)


def _frame(parts: Sequence[bytes]) -> bytes:
    return zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True).compress(b"".join(parts))


def _unframe(frame: bytes, decompressor: zstandard.ZstdDecompressor) -> bytes:
    if zstandard.frame_content_size(frame) > limits.SEGMENT_BYTES_MAX:
        raise ValueError("longer than any segment")
    return decompressor.decompress(frame)


def _cut(body: bytes, start: int, sizes: Sequence[int]) -> list[bytes]:
    documents = []
    for size in sizes:
        documents.append(body[start : start + size])
        start += size
    return documents
