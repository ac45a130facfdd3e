"""hived's side of a turn host: connect, write by id, signal, and read what the CLI printed.

The data itself never crosses the socket: the host says how far the spool has grown, and the
spool is read from disk, from any byte, as often as needed.
"""

import base64
import json
import os
import socket
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
]

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


class HostClient:
    """One connection to a turn host, or to the folder of one that has ended.

    Several tasks may use it at once: one over `lines`, others writing.

    Attributes:
      written: Ids of all lines that the host has taken for the CLI's stdin.
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
        self._stream: trio.SocketStream | None = None
        self._inbox = bytearray()
        self._answers: dict[int, dict[str, Any]] = {}
        self._asked = 0
        self._send_lock = trio.Lock()
        self._reading = False
        self._changed = trio.Event()

    @classmethod
    async def connect(cls, folder: Path) -> "HostClient":
        """Reach the host of this folder, one that is just starting too, or its remains.

        Raises:
          HostGone: Nobody answered within HOST_CONNECT_SECONDS, or the host has vanished and the
            folder is not closed.
          ProtocolError: The host speaks a version that this hived does not.
        """
        client = cls(folder)
        with trio.move_on_after(limits.HOST_CONNECT_SECONDS):
            while not await client._try_connect():
                await trio.sleep(limits.HOST_RETRY_SECONDS)
            return client
        await client.aclose()
        raise HostGone(
            f"the turn host of {folder} does not answer",
            hint="its last words are in host.log there",
        )

    async def aclose(self) -> None:
        """Let go of the connection. The host stays."""
        if self._stream is not None:
            await self._stream.aclose()

    async def write(self, id: str, data: bytes) -> None:
        """Have the host write this to the CLI's stdin, once for this id in the whole turn.

        Returns when the host has taken it: from then on it is written even if hived dies. An id
        that was taken before is skipped.

        Raises:
          HostRefused: code busy: the CLI does not read, or the disk is full; ask again later.
            Else stdin is closed, or a bound was passed.
        """
        if id in self.written:
            await trio.lowlevel.checkpoint()
            return
        await self._ask({"write": id, "data": base64.b64encode(data).decode("ascii")})
        self.written |= {id}

    async def close_stdin(self) -> None:
        """Close the CLI's stdin once all that was written is in it."""
        await self._ask({"close_stdin": True})

    async def signal(self, name: Literal["TERM", "INT"]) -> None:
        """Signal the CLI itself. Nothing happens if it has exited."""
        await self._ask({"signal": name}, unless="exited")

    async def kill(self) -> None:
        """SIGKILL everything of the turn. Nothing happens if the host has ended."""
        await self._ask({"kill": True}, unless="exited")

    async def retry_disk(self) -> None:
        """Tell a host that waits for space on the disk that there may be some now."""
        await self._ask({"retry": True}, unless="exited")

    async def lines(self, from_byte: int = 0) -> AsyncIterator[SpoolItem]:
        """The CLI's lines from this byte of the spool on, each as soon as the host tells of it.

        Ends when the turn has ended and all was given; `exit_info` is set then, unless the host
        vanished. A last line without a newline is given only at the end, as torn.

        Raises:
          HostGone: The host died in the middle; all whole lines it spooled were given.
        """
        splitter = LineSplitter(from_byte)
        at = from_byte
        spool = await self._open_spool()
        try:
            while True:
                over = self.ended  # looked at before the reading, so that nothing is missed
                while chunk := os.pread(spool, limits.SPOOL_CHUNK_BYTES, at):
                    at += len(chunk)
                    for item in splitter.feed(chunk):
                        yield item
                    await trio.lowlevel.checkpoint()
                if over:
                    break
                if self._stream is None:
                    raise HostGone(f"the turn host of {self.folder.path} died")
                await self._until(lambda: self.ended or self.size > at or self._stream is None)
            for item in splitter.finish():
                yield item
        finally:
            os.close(spool)

    async def wait_ended(self) -> HostExit | None:
        """Wait for the end of the turn; None if the host had vanished."""
        await self._until(lambda: self.ended or self._stream is None)
        if not self.ended:
            raise HostGone(f"the turn host of {self.folder.path} died")
        return self.exit_info

    async def _open_spool(self) -> int:
        await trio.lowlevel.checkpoint()
        try:
            return os.open(self.folder.spool, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:  # the CLI never ran
            return os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)

    async def _try_connect(self) -> bool:
        """One attempt: to the socket, else to what the folder says of the end."""
        try:
            folder = os.open(self.folder.path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError:
            raise HostGone(f"there is no turn folder {self.folder.path}") from None
        sock = trio.socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            # By the folder's descriptor, because a socket's path must be shorter than 108 bytes.
            await sock.connect(f"/proc/self/fd/{folder}/sock")
            self._stream = trio.SocketStream(sock)
            await self._until(lambda: self.containment != "" or self._stream is None)
        except OSError:
            sock.close()
        finally:
            os.close(folder)
        return self._stream is not None or self._look_for_end()

    def _look_for_end(self) -> bool:
        self.exit_info = self.folder.read_exit()
        if self.exit_info is None and not self.folder.closed():
            # Only then does it matter who holds the lock; a starting host is left in peace.
            if self.folder.started() and self.folder.status() is FolderStatus.VANISHED:
                raise HostGone(
                    f"the turn host of {self.folder.path} died and left no exit record",
                    hint="close_vanished",
                )
            return False
        self.written = self.folder.written()
        self.ended = True
        return True

    async def _ask(self, words: dict[str, Any], unless: str = "") -> None:
        """Send a request and wait for its answer. `unless`: a refusal that is as good as a yes."""
        self._asked += 1
        number = self._asked
        line = json.dumps(words | {"n": number}).encode() + b"\n"
        if self.ended or self._stream is None:
            answer = {"error": "exited"}
        else:
            try:
                async with self._send_lock:
                    await self._stream.send_all(line)
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                pass  # its farewell may still be unread
            await self._until(lambda: number in self._answers or self.ended or self._stream is None)
            answer = self._answers.pop(number, {"error": "exited"})
        why = answer.get("error")
        if why is None or why == unless:
            return
        if why == "exited" and not self.ended:
            raise HostGone(f"the turn host of {self.folder.path} died")
        code = "busy" if why == "busy" else "too_large" if why == "too_large" else None
        raise HostRefused(f"the turn host refused: {why}", code=code, why=why)

    async def _until(self, ready: Callable[[], bool]) -> None:
        """Wait for the host's words until they make this true.

        Whoever waits first reads for all who wait; there is no task of its own to own the
        connection, so none can fail unseen.
        """
        while not ready():
            if self._reading:
                await self._changed.wait()
                continue
            stream = self._stream
            assert stream is not None or ready(), "nothing can come any more"
            if stream is None:
                return
            self._reading = True
            try:
                data = await stream.receive_some(limits.SPOOL_CHUNK_BYTES)
                if data:
                    self._take(data)
                else:
                    await self._lost(stream)
            except trio.BrokenResourceError:
                await self._lost(stream)
            finally:
                self._reading = False
                self._changed.set()
                self._changed = trio.Event()

    async def _lost(self, stream: trio.SocketStream) -> None:
        """The host closed the connection: it has ended, or died."""
        self._stream = None
        await stream.aclose()
        if not self.ended:
            self.exit_info = self.folder.read_exit()
            self.ended = self.exit_info is not None

    def _take(self, data: bytes) -> None:
        self._inbox += data
        if len(self._inbox) > limits.HOST_WORDS_BYTES_MAX:
            raise ProtocolError("the turn host sent a line that is too long", code="too_large")
        *lines, rest = self._inbox.split(b"\n")
        self._inbox = bytearray(rest)
        for line in lines:
            words = json.loads(line)
            if "n" in words:
                self._answers[words["n"]] = words
            elif "hello" in words:
                self._greeted(words)
            self.size = words.get("size", self.size)
            if "full" in words:
                self.full = words["full"]
            if words.get("exit") is not None:
                self.exit_info = HostExit.parse(words["exit"])
                self.ended = True

    def _greeted(self, words: dict[str, Any]) -> None:
        if words["hello"] not in PROTOCOLS:
            raise ProtocolError(
                f"the turn host of {self.folder.path} speaks version {words['hello']} of its"
                f" protocol; this hived speaks {PROTOCOLS}",
                hint="run the hived that started it until the turn ends",
            )
        self.written = frozenset(words["written"])
        self.containment = words["containment"]
        self.cli_pid = words["cli_pid"]
