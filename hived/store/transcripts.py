"""Transcripts: what a turn printed, a plain spool while it runs and one zstd file after it.

The file is in zstd's seekable format (frames of TRANSCRIPT_FRAME_BYTES, then a table of their
sizes in a frame that is skipped), so any zstd reads it whole, and a read from the middle
decompresses only the frames it needs. Bytes are counted in what the turn printed, in both forms.
"""

import os
import struct
from bisect import bisect_right
from contextlib import suppress
from itertools import accumulate
from pathlib import Path
from typing import BinaryIO

import zstandard

from hived import limits
from hived.errors import CommandRefused, LogCorrupt

_LEVEL = 6
_SUFFIX = ".zst"
_TABLE_MAGIC = 0x184D2A5E  # a skippable frame
_FOOT_MAGIC = 0x8F92EAB1
_FOOT = struct.Struct("<IBI")  # frames, flags, magic
_ENTRY = struct.Struct("<II")  # bytes compressed, bytes of the turn


def compressed(spool: Path) -> Path:
    """Give the place of a spool's compressed form."""
    return spool.with_name(spool.name + _SUFFIX)


def compress(spool: Path) -> Path:
    """Turn a finished turn's spool into its compressed form, and delete the spool. Blocks.

    May be called again after a crash at any point: the spool goes only once the other is on
    disk under its own name.

    Returns:
      The compressed file.
    Raises:
      CommandRefused: not_found, where neither form is there.
      OSError: It could not be written; the spool is still there.
    """
    target = compressed(spool)
    draft = spool.with_name(spool.name + ".tmp")
    try:
        source = spool.open("rb")
    except FileNotFoundError:
        if target.exists():
            return target
        raise _missing(spool) from None
    with source:
        try:
            with draft.open("wb") as file:
                _write(source, file)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(target)
        except BaseException:
            with suppress(OSError):
                draft.unlink()
            raise
    _sync_folder(target.parent)
    spool.unlink()
    return target


def size(spool: Path) -> int:
    """Give how many bytes the turn printed so far. Raises as `read` does."""
    try:
        return spool.stat().st_size
    except FileNotFoundError:
        pass
    with _open(spool) as file:
        return sum(plain for _, plain in _table(file, compressed(spool)))


def read(spool: Path, from_byte: int, limit: int) -> bytes:
    """Give what the turn printed from a byte on: at most limit and TRANSCRIPT_READ_BYTES_MAX.

    Empty at the end. Either form is read; the path is the spool's.

    Raises:
      CommandRefused: not_found, where neither form is there.
      LogCorrupt: The compressed form is cut short or damaged.
    """
    limit = min(limit, limits.TRANSCRIPT_READ_BYTES_MAX)
    if from_byte < 0 or limit < 0:
        raise CommandRefused("a transcript begins at byte 0", code="invalid_params")
    try:
        with spool.open("rb") as file:
            file.seek(from_byte)
            return file.read(limit)
    except FileNotFoundError:
        pass  # compressed, then: the rename comes before the delete, so one of the two is there
    with _open(spool) as file:
        return _read(file, compressed(spool), from_byte, limit)


def _write(source: BinaryIO, file: BinaryIO) -> None:
    compressor = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True)
    table: list[bytes] = []
    while piece := source.read(limits.TRANSCRIPT_FRAME_BYTES):
        frame = compressor.compress(piece)
        file.write(frame)
        table.append(_ENTRY.pack(len(frame), len(piece)))
    body = b"".join([*table, _FOOT.pack(len(table), 0, _FOOT_MAGIC)])
    file.write(struct.pack("<II", _TABLE_MAGIC, len(body)) + body)


def _read(file: BinaryIO, path: Path, from_byte: int, limit: int) -> bytes:
    table = _table(file, path)
    starts = [0, *accumulate(plain for _, plain in table)]
    places = [0, *accumulate(packed for packed, _ in table)]
    end = min(from_byte + limit, starts[-1])
    if from_byte >= end:
        return b""
    pieces = []
    index = first = bisect_right(starts, from_byte) - 1
    decompressor = zstandard.ZstdDecompressor()
    while starts[index] < end:
        file.seek(places[index])
        try:
            piece = decompressor.decompress(file.read(table[index][0]))
        except zstandard.ZstdError as error:
            raise _damaged(path, f"frame {index}: {error}") from error
        if len(piece) != table[index][1]:
            raise _damaged(path, f"frame {index} has another length than the table says")
        pieces.append(piece)
        index += 1
    return b"".join(pieces)[from_byte - starts[first] : end - starts[first]]


def _table(file: BinaryIO, path: Path) -> list[tuple[int, int]]:
    """The sizes of the frames, compressed and plain."""
    length = file.seek(0, os.SEEK_END)
    if length < _FOOT.size + 8:
        raise _damaged(path, "it is cut short")
    file.seek(length - _FOOT.size)
    count, flags, magic = _FOOT.unpack(file.read(_FOOT.size))
    body = count * _ENTRY.size + _FOOT.size
    if magic != _FOOT_MAGIC or flags != 0 or body + 8 > length:
        raise _damaged(path, "it is cut short")
    file.seek(length - body - 8)
    if struct.unpack("<II", file.read(8)) != (_TABLE_MAGIC, body):
        raise _damaged(path, "its table of frames is damaged")
    table: list[tuple[int, int]] = list(_ENTRY.iter_unpack(file.read(body - _FOOT.size)))
    frames = sum(packed for packed, _ in table)
    if frames + body + 8 != length or any(p > limits.TRANSCRIPT_FRAME_BYTES for _, p in table):
        raise _damaged(path, "its table of frames is damaged")
    return table


def _open(spool: Path) -> BinaryIO:
    try:
        return compressed(spool).open("rb")
    except FileNotFoundError:
        raise _missing(spool) from None


def _missing(spool: Path) -> CommandRefused:
    return CommandRefused(
        f"there is no transcript at {spool}", code="not_found", hint="the turn printed nothing"
    )


def _damaged(path: Path, why: str) -> LogCorrupt:
    return LogCorrupt(
        f"the transcript {path} is damaged: {why}",
        hint="restore it from a backup; the event log does not depend on it",
    )


def _sync_folder(folder: Path) -> None:
    """Bring a rename to disk, before what it replaces is deleted."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
