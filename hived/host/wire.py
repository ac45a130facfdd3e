"""The connection to one turn host: JSON lines both ways, answers matched to their requests."""

import json
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import trio

from hived import limits
from hived.errors import ProtocolError

GONE = {"error": "gone"}  # the answer to a request that the host can no longer answer


class Wire:
    """One connection, for several tasks at once.

    Whoever waits first reads for all who wait; there is no task of its own to own the
    connection, so none can fail unseen. Nothing is read while nobody waits, and the host bounds
    what piles up then.

    Attributes:
      open: False once the host has closed the connection, or died.
    """

    def __init__(self, stream: trio.SocketStream, notify: Callable[[dict[str, Any]], None]) -> None:
        """`notify` is given all of the host's words that answer no request."""
        self.open = True
        self._stream = stream
        self._notify = notify
        self._inbox = bytearray()
        self._asked = 0
        self._waiting: dict[int, dict[str, Any] | None] = {}
        self._send_lock = trio.Lock()
        self._reading = False
        self._changed = trio.Event()

    @classmethod
    async def connect(cls, folder: Path, notify: Callable[[dict[str, Any]], None]) -> "Wire":
        """Connect to folder/sock, however long the path. Raises OSError if nobody listens."""
        fd = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        sock = trio.socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            # By the folder's descriptor: the path of a socket must be shorter than 108 bytes.
            await sock.connect(f"/proc/self/fd/{fd}/sock")
        except BaseException:
            sock.close()
            raise
        finally:
            os.close(fd)
        return cls(trio.SocketStream(sock), notify)

    async def aclose(self) -> None:
        self.open = False
        await self._stream.aclose()

    async def ask(self, words: dict[str, Any]) -> dict[str, Any]:
        """Send a request and give its answer, GONE if the host left without one."""
        self._asked += 1
        number = self._asked
        self._waiting[number] = None
        try:
            await self._send(json.dumps(words | {"n": number}).encode() + b"\n")
            await self.until(lambda: self._waiting[number] is not None)
            return self._waiting[number] or GONE
        finally:
            del self._waiting[number]

    async def until(self, ready: Callable[[], bool]) -> None:
        """Wait for the host's words until they make this true, or the connection ends."""
        await trio.lowlevel.checkpoint_if_cancelled()
        while self.open and not ready():
            if self._reading:
                await self._changed.wait()
                continue
            self._reading = True
            try:
                await self._read()
            finally:
                self._reading = False
                self._changed.set()
                self._changed = trio.Event()

    async def _send(self, line: bytes) -> None:
        """Send all or nothing: half a line would spoil the next one, so it is not cancelled."""
        async with self._send_lock:
            with trio.move_on_after(limits.CLIENT_SEND_SECONDS, shield=True) as scope:
                try:
                    await self._stream.send_all(line)
                except (trio.BrokenResourceError, trio.ClosedResourceError):
                    pass  # what the host said last may still be unread
        if scope.cancelled_caught:
            await self.aclose()

    async def _read(self) -> None:
        try:
            data = await self._stream.receive_some(limits.SPOOL_CHUNK_BYTES)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            data = b""
        if not data:
            await self.aclose()
            return
        self._inbox += data
        if len(self._inbox) > limits.HOST_WORDS_BYTES_MAX:
            raise ProtocolError("a turn host sent a line that is too long", code="too_large")
        *lines, rest = self._inbox.split(b"\n")
        self._inbox = bytearray(rest)
        for line in lines:
            try:
                words = json.loads(line)
                number = words.get("n")
            except (ValueError, RecursionError, AttributeError):
                raise ProtocolError("a turn host sent a line that is no JSON object") from None
            if number is None:
                self._notify(words)
            elif number in self._waiting:
                self._waiting[number] = words
