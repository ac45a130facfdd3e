"""Lines of JSON to and from the control socket: connect, send, receive. Knows no method."""

import json
import os
import posixpath
import socket
import struct
import sys
from typing import Any

from hived import limits
from hived.errors import HivedError, ProtocolError

_SUN_PATH_BYTES_MAX = 107  # what the kernel takes as the address of a unix socket


class Wire:
    """One connected socket."""

    def __init__(self, path: str, seconds: float) -> None:
        """Connect; seconds: longest wait for the daemon to take the connection.

        Raises:
          HivedError: no_daemon where nothing listens, forbidden where the socket is not for this
            user, busy where the daemon takes no more connections.
        """
        self._sock = _dial(path, seconds)
        self._buffer = bytearray()
        self._searched = 0  # bytes of the buffer known to hold no newline

    def close(self) -> None:
        self._sock.close()

    def send(self, document: dict[str, Any], seconds: float) -> None:
        """Send one line. Raises disconnected, or too_large before anything is sent."""
        line = json.dumps(document, separators=(",", ":")).encode() + b"\n"
        if len(line) > limits.REQUEST_BYTES_MAX:
            raise HivedError(
                f"the request has {len(line)} bytes, {limits.REQUEST_BYTES_MAX} are allowed",
                code="too_large",
                hint="send less at once",
            )
        try:
            self._sock.settimeout(seconds)
            self._sock.sendall(line)
        except OSError as error:
            raise disconnected(error) from None

    def receive(self, seconds: float | None) -> dict[str, Any]:
        """The next line. Raises disconnected at the end of the stream or after so much silence."""
        line = self._line(seconds)
        try:
            message = json.loads(line)
        except (ValueError, RecursionError):
            raise ProtocolError("hived sent a line that is not JSON") from None
        if not isinstance(message, dict):
            raise ProtocolError("hived sent a line that is not a message")
        return message

    def _line(self, seconds: float | None) -> bytes:
        try:
            self._sock.settimeout(seconds)
            while (end := self._buffer.find(b"\n", self._searched)) < 0:
                self._searched = len(self._buffer)
                if self._searched > limits.ANSWER_BYTES_MAX:
                    raise ProtocolError("hived sent a line that is too long")
                data = self._sock.recv(limits.CLIENT_READ_BYTES)
                if not data:
                    raise disconnected(None)
                self._buffer += data
        except TimeoutError:
            raise HivedError(
                f"hived did not answer within {seconds:g} s", code="disconnected", silent=True
            ) from None
        except OSError as error:
            raise disconnected(error) from None
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        self._searched = 0
        return line


def disconnected(error: OSError | None) -> HivedError:
    why = f": {error.strerror}" if error is not None and error.strerror else ""
    return HivedError(f"hived has closed the connection{why}", code="disconnected")


def _dial(path: str, seconds: float) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        # A blocking connect waits where the daemon's backlog is full, a non-blocking one fails.
        limit = struct.pack("ll", max(1, int(seconds)), 0)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)
        _connect(sock, path)
    except OSError as error:
        sock.close()
        raise _no_connection(path, error) from None
    return sock


def _connect(sock: socket.socket, path: str) -> None:
    if len(os.fsencode(path)) <= _SUN_PATH_BYTES_MAX:
        sock.connect(path)
        return
    # A longer path does not fit into the address: name its folder by a file descriptor.
    parent, name = posixpath.split(path)
    folder = os.open(parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        sock.connect(f"/proc/self/fd/{folder}/{name}")
    finally:
        os.close(folder)


def _start_command() -> str:
    """hived as a shell would find it, or else the whole path of the one beside this Python."""
    if any(os.access(f"{folder}/hived", os.X_OK) for folder in os.get_exec_path()):
        return "hived"
    beside = f"{posixpath.dirname(sys.executable)}/hived"
    return beside if os.access(beside, os.X_OK) else f"{sys.executable} -m hived"


def _no_connection(path: str, error: OSError) -> HivedError:
    start = f"start it with: {_start_command()}"
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return HivedError(f"hived is not running: no socket {path}", code="no_daemon", hint=start)
    if isinstance(error, ConnectionRefusedError):
        return HivedError(
            f"hived is not running: nothing listens at {path}", code="no_daemon", hint=start
        )
    if isinstance(error, PermissionError):
        return HivedError(
            f"the socket {path} is not open to you",
            code="forbidden",
            hint="run as the user whose hived it is, or set HIVED_HOME to your own",
        )
    if isinstance(error, BlockingIOError):
        return HivedError(
            f"hived takes no more connections at {path}", code="busy", hint="try again later"
        )
    return HivedError(f"cannot connect to {path}: {error.strerror}", code="no_daemon", hint=start)
