"""hived's side of a turn host: connect, write by id, signal, and read what the CLI printed.

The data itself never crosses the socket: the host says how far the spool has grown, and the
spool is read from disk, from any byte, as often as needed.
"""

import base64
import hashlib
import os
import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, Literal

import trio

from hived import limits
from hived.drivers.base import Launch
from hived.errors import HivedError, ProtocolError
from hived.host.folder import FolderStatus, HostExit, TurnFolder
from hived.host.lines import LineSplitter, SpoolItem, SpoolLine, TooLong
from hived.host.spawn import reaped, start_host
from hived.host.wire import GONE, Wire

__all__ = [
    "HostClient",
    "HostGone",
    "HostRefused",
    "SpoolItem",
    "SpoolLine",
    "TooLong",
    "prepare",
    "reaped",
    "start_host",
    "wire_id",
]

_WIRE_ID = re.compile(rf"[\x21\x23-\x5b\x5d-\x7e]{{1,{limits.HOST_WRITE_ID_CHARS_MAX}}}\Z")

PROTOCOLS = (1,)  # the number of this version's host, and the one before once there is one


class HostGone(HivedError):
    """The host died without recording an exit, or cannot be reached: look at the folder."""

    default_code = "disconnected"


class HostRefused(HivedError):
    """The host did not do what it was asked; its own word for why is in data["why"]."""

    default_code = "wrong_state"


def prepare(
    folder: Path,
    launch: Launch,
    *,
    session_lock: Path,
    spool_max: int = limits.SPOOL_BYTES_MAX,
    containment: str = "auto",
) -> None:
    """Make a turn's folder, ready for `start_host`. See TurnFolder.prepare."""
    TurnFolder(folder).prepare(
        launch, session_lock=session_lock, spool_max=spool_max, containment=containment
    )


def wire_id(id: str) -> str:
    """The id as the host keeps it: itself, or a hash of one that it would not take.

    A CLI's own request ids may be parts of ids, and no shape is promised for them.
    """
    if _WIRE_ID.match(id):
        return id
    return f"sha256:{hashlib.sha256(id.encode('utf-8', 'surrogatepass')).hexdigest()}"


class HostClient:
    """One connection to a turn host, or to the folder of one that has ended.

    Several tasks may use it at once: one over `lines`, others writing.

    Attributes:
      written: Ids (see wire_id) of all lines that the host has taken for the CLI's stdin.
      size: Bytes in the spool.
      full: "spool_max" or "disk" while the host cannot take more output, else None.
      exit_info: The exit record once there is one; stays None for a host that vanished.
      ended: Nothing more will come.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = TurnFolder(folder)
        self.written: frozenset[str] = frozenset()
        self.size = 0
        self.full: str | None = None
        self.exit_info: HostExit | None = None
        self.ended = False
        self.containment = ""
        self.cli_pid: int | None = None
        self._wire: Wire | None = None

    @classmethod
    async def connect(cls, folder: Path) -> "HostClient":
        """Reach the host of this folder, one that is just starting too, or its remains.

        Raises:
          HostGone: Nobody answered within HOST_CONNECT_SECONDS, or the host has vanished and the
            folder is not closed.
          ProtocolError: The host speaks a version that this hived does not.
        """
        client = cls(folder)
        try:
            with trio.fail_after(limits.HOST_CONNECT_SECONDS):
                while not (await client._greet() or client._remains()):  # noqa: ASYNC110
                    await trio.sleep(limits.HOST_RETRY_SECONDS)
        except trio.TooSlowError:
            await client.aclose()
            raise HostGone(
                f"the turn host of {folder} does not answer",
                hint="its last words are in host.log there",
            ) from None
        except BaseException:
            await client.aclose()
            raise
        return client

    async def aclose(self) -> None:
        """Let go of the connection. The host stays."""
        if self._wire is not None:
            await self._wire.aclose()

    async def write(self, id: str, data: bytes) -> None:
        """Have the host write this to the CLI's stdin, once for this id in the whole turn.

        Returns when the host has taken it: from then on it is written even if hived dies. An id
        that was taken before is skipped.

        Raises:
          HostRefused: code busy: the CLI does not read, or the disk is full; ask again later.
            Else stdin is closed, or a bound was passed.
          HostGone: The turn is over, or the host died.
        """
        id = wire_id(id)
        if id in self.written:
            await trio.lowlevel.checkpoint()
            return
        await self._ask({"write": id, "data": base64.b64encode(data).decode("ascii")})
        self.written |= {id}

    async def close_stdin(self) -> None:
        """Close the CLI's stdin once all that was written is in it."""
        await self._ask({"close_stdin": True}, needless_at_end=True)

    async def signal(self, name: Literal["TERM", "INT"]) -> None:
        """Signal the CLI itself. Nothing happens if it has exited."""
        await self._ask({"signal": name}, needless_at_end=True)

    async def kill(self) -> None:
        """SIGKILL everything of the turn. Nothing happens if the turn is over."""
        await self._ask({"kill": True}, needless_at_end=True)

    async def lines(self, from_byte: int = 0) -> AsyncIterator[SpoolItem]:
        """The CLI's lines from this byte of the spool on, each as soon as the host tells of it.

        Ends when the turn has ended and all was given; `exit_info` is set then, unless the host
        vanished. A last line without a newline is given only at the end, as torn.

        Raises:
          HostGone: The host died in the middle; all whole lines it spooled were given.
        """
        splitter = LineSplitter(from_byte)
        at = from_byte
        await trio.lowlevel.checkpoint()
        try:
            spool = os.open(self.folder.spool, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:  # the CLI never ran
            spool = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        try:
            while True:
                over = self.ended or not self._open  # before the reading: nothing is missed
                while chunk := os.pread(spool, limits.SPOOL_CHUNK_BYTES, at):
                    at += len(chunk)
                    for item in splitter.feed(chunk):
                        yield item
                    await trio.lowlevel.checkpoint()
                if over:
                    break
                await self._grown(at)
            self._check_ended()
            for item in splitter.finish():
                yield item
        finally:
            os.close(spool)

    async def until(self, ready: Callable[[], bool]) -> None:
        """Wait until this is true of the attributes, or no more words of the host can come."""
        if self._wire is not None:
            await self._wire.until(ready)

    async def wait_ended(self) -> HostExit | None:
        """Wait for the end of the turn; None if the host had vanished. Raises HostGone."""
        await self.until(lambda: self.ended)
        self._check_ended()
        return self.exit_info

    @property
    def _open(self) -> bool:
        return self._wire is not None and self._wire.open

    async def _grown(self, at: int) -> None:
        await self.until(lambda: self.ended or self.size > at)

    def _check_ended(self) -> None:
        """The connection is over: there must be an end, else the host died."""
        if not self.ended and not self._remains():
            raise HostGone(f"the turn host of {self.folder.path} died", hint="close_vanished")

    async def _greet(self) -> bool:
        """One attempt to reach the host's socket and hear its greeting."""
        try:
            self._wire = await Wire.connect(self.folder.path, self._notice)
        except OSError:
            return False
        await self._wire.until(lambda: self.containment != "")
        return self.containment != ""

    def _remains(self) -> bool:
        """Take what the folder tells of an end, if it does. Raises HostGone for a dead host's."""
        if not self.folder.path.is_dir():
            raise HostGone(f"there is no turn folder {self.folder.path}")
        self.exit_info = self.folder.read_exit()
        if self.exit_info is None and not self.folder.closed():
            # Only then does it matter who holds the lock; a starting host is left in peace.
            if self.folder.started() and self.folder.status() is FolderStatus.VANISHED:
                raise HostGone(f"the turn host of {self.folder.path} died", hint="close_vanished")
            return False
        self.written = self.folder.written()
        self.ended = True
        return True

    async def _ask(self, words: dict[str, Any], *, needless_at_end: bool = False) -> None:
        answer = GONE if self._wire is None else await self._wire.ask(words)
        why = answer.get("error")
        if why is None:
            return
        if why == GONE["error"]:
            self._check_ended()
        if why in (GONE["error"], "exited"):
            if needless_at_end:
                return
            raise HostGone(f"the turn of {self.folder.path} is over")
        code = why if why in ("busy", "too_large") else None
        raise HostRefused(f"the turn host refused: {why}", code=code, why=why)

    def _notice(self, words: dict[str, Any]) -> None:
        if "hello" in words:
            if words["hello"] not in PROTOCOLS:
                raise ProtocolError(
                    f"the turn host of {self.folder.path} speaks version {words['hello']} of its"
                    f" protocol; this hived speaks {PROTOCOLS}",
                    hint="run the hived that started it until the turn ends",
                )
            self.written = frozenset(words["written"])
            self.containment = words["containment"]
            self.cli_pid = words["cli_pid"]
        self.size = words.get("size", self.size)
        if "full" in words:
            self.full = words["full"]
        if words.get("exit") is not None:
            self.exit_info = HostExit.parse(words["exit"])
            self.ended = True
