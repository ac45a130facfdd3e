"""Snapshots of the folded state, so that a start or a look into the past folds only the rest.

A cache: every file is checked when it is read, and one that is damaged, made by another version,
or made from another log is passed over.
"""

import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import zstandard

from hived import limits

_LEVEL = 3
_SUFFIX = ".snap"
_DEPTH = 5  # data, views, a view, its part, an agent


class Snapshots:
    """The snapshots in one folder.

    Args:
      folder: Made when the first is saved.
      anchor: As EventLog.anchor. Where given, a snapshot is used only while the event at its
        position is the one it was made from.
    """

    def __init__(self, folder: Path | str, anchor: Callable[[int], str] | None = None) -> None:
        self.folder = Path(folder)
        self._anchor = anchor or _no_anchor

    def save(self, position: int, data: dict[str, Any], fingerprint: str) -> None:
        """Keep the state after `position`. Others are thinned to SNAPSHOTS_KEPT_MAX.

        Args:
          data: What JSON can carry.
          fingerprint: Names the shape of the data; `nearest` gives it only to the same.
        Raises:
          OSError: It could not be written. Nothing is lost but time.
        """
        head = {"position": position, "fingerprint": fingerprint, "anchor": self._anchor(position)}
        body = b"".join(_pieces({**head, "data": data}, _DEPTH))
        frame = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True).compress(body)
        self.folder.mkdir(parents=True, exist_ok=True)
        file = self.folder / f"{position:015d}-{_tag(fingerprint)}{_SUFFIX}"
        # No fsync: a file that a power cut left half written fails its checksum.
        draft = file.with_suffix(".tmp")
        draft.write_bytes(frame)
        draft.replace(file)
        self._thin(_tag(fingerprint))

    def nearest(self, position: int, fingerprint: str) -> tuple[int, dict[str, Any]] | None:
        """Give the last good snapshot at or before a position, with its position."""
        tag = _tag(fingerprint)
        for entry in reversed(self._entries()):
            if entry.position <= position and entry.tag == tag:
                data = self._read(entry, fingerprint)
                if data is not None:
                    return entry.position, data
        return None

    def _read(self, entry: "_Entry", fingerprint: str) -> dict[str, Any] | None:
        try:
            frame = entry.file.read_bytes()
            if zstandard.frame_content_size(frame) > limits.SNAPSHOT_BYTES_MAX:
                return None
            body = orjson.loads(zstandard.ZstdDecompressor().decompress(frame))
            said = (body["position"], body["fingerprint"], body["anchor"])
            data: dict[str, Any] = body["data"]
        except (OSError, ValueError, LookupError, TypeError, zstandard.ZstdError):
            return None
        return data if said == (entry.position, fingerprint, self._anchor(entry.position)) else None

    def _entries(self) -> list["_Entry"]:
        """What the folder holds, by position. A name that is not ours is passed over."""
        found = []
        with suppress(OSError):
            for file in self.folder.iterdir():
                position, _, tag = file.name.removesuffix(_SUFFIX).partition("-")
                if file.name.endswith(_SUFFIX) and position.isdecimal():
                    found.append(_Entry(int(position), tag, file))
        return sorted(found)

    def _thin(self, tag: str) -> None:
        """Drop those of other versions, then every second of the older half.

        So the newest stand close, and older ones the further apart the older they are.
        """
        entries = self._entries()
        if len(entries) <= limits.SNAPSHOTS_KEPT_MAX:
            return
        own = [entry for entry in entries if entry.tag == tag]
        drop = [entry for entry in entries if entry.tag != tag]
        if len(own) > limits.SNAPSHOTS_KEPT_MAX:
            drop += own[1 : len(own) // 2 : 2]
        for entry in drop:
            with suppress(OSError):
                entry.file.unlink()


class _Entry(NamedTuple):
    position: int
    tag: str
    file: Path


def _pieces(data: Any, depth: int) -> Iterator[bytes]:
    """JSON in pieces. Between two of them the interpreter's lock is given up.

    To write all of it with one call would stop every other thread for as long.
    """
    if depth == 0 or not isinstance(data, dict):
        yield orjson.dumps(data, option=orjson.OPT_NON_STR_KEYS)
        time.sleep(0)
        return
    between = b"{"
    for key, value in data.items():
        yield between + orjson.dumps(str(key)) + b":"
        yield from _pieces(value, depth - 1)
        between = b","
    yield b"}" if data else b"{}"


def _tag(fingerprint: str) -> str:
    """A fingerprint in a file's name."""
    return hashlib.blake2b(fingerprint.encode(), digest_size=8).hexdigest()


def _no_anchor(position: int) -> str:
    return ""
