"""What waits to be sent to one client: coalesced, bounded, and cut where nobody reads."""

import socket
from collections import deque

import trio

from hived import limits


class ClientGone(Exception):
    """The client has closed its end."""


class ClientTooSlow(Exception):
    """The client has read nothing for CLIENT_SEND_SECONDS."""


class Outbox:
    """Lines on their way to a socket that does not block.

    `put` never waits: who may put much asks for `room` first. `flush` sends at once what the
    kernel takes; the rest is the business of `run`, which fails when the client stands still.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._lines: deque[bytes] = deque()
        self._bytes = 0
        self._blocked = trio.Event()  # something is left for `run`
        self._room = trio.Event()
        self._empty = trio.Event()
        self._gone = False

    @property
    def full(self) -> bool:
        """Whether who can wait should."""
        return self._bytes > limits.OUTPUT_BYTES_MAX

    def put(self, line: bytes) -> None:
        """Take a line, its newline included."""
        if not self._gone:
            self._lines.append(line)
            self._bytes += len(line)

    def flush(self) -> None:
        """Send what can be sent at once."""
        if self._blocked.is_set() or not self._lines:
            return
        try:
            self._send()
        except ClientGone:
            pass  # told by `run`
        if self._lines or self._gone:
            self._blocked.set()

    async def room(self) -> None:
        """Wait until there is room for more."""
        while self.full:
            self._room = trio.Event()
            await self._room.wait()

    async def drained(self) -> None:
        """Wait until everything is sent."""
        self.flush()
        while self._lines:
            self._empty = trio.Event()
            await self._empty.wait()

    async def run(self) -> None:
        """Send what could not be sent at once.

        Raises:
          ClientTooSlow: Nothing was taken for CLIENT_SEND_SECONDS.
          ClientGone: The client has closed its end.
        """
        while True:
            await self._blocked.wait()
            if self._gone:
                raise ClientGone
            while self._lines:
                with trio.move_on_after(limits.CLIENT_SEND_SECONDS) as scope:
                    await trio.lowlevel.wait_writable(self._sock)
                if scope.cancelled_caught:
                    raise ClientTooSlow
                self._send()
            self._blocked = trio.Event()

    def _send(self) -> None:
        """Give the kernel what it takes, many lines with one call."""
        lines = self._lines
        try:
            while lines:
                data = lines.popleft()
                if lines and len(data) < limits.SOCKET_READ_BYTES:
                    parts, size = [data], len(data)
                    while lines and size < limits.SOCKET_READ_BYTES:
                        parts.append(lines.popleft())
                        size += len(parts[-1])
                    data = b"".join(parts)
                try:
                    sent = self._sock.send(data)
                except BlockingIOError:
                    sent = 0
                self._bytes -= sent
                if sent < len(data):
                    lines.appendleft(data[sent:] if sent else data)
                    break
        except OSError as error:
            self._gone = True
            lines.clear()
            self._bytes = 0
            raise ClientGone from error
        finally:
            if not self.full:
                self._room.set()
            if not lines:
                self._empty.set()
