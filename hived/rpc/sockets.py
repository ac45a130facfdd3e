"""What every listening socket of hived does: take clients in, know who they are, read, cut off."""

import errno
import logging
import os
import select
import socket
import struct
from pathlib import Path

import trio

from hived import limits

logger = logging.getLogger("hived.rpc")

# The machine or the daemon is out of something that comes back when others let go of it.
_OUT_OF = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_CREDENTIALS = struct.Struct("3i")  # pid, uid, gid


def bind(folder: int, name: str, backlog: int) -> socket.socket:
    """Listen at a name within a folder, given by its descriptor; only the owner gets in.

    By way of the descriptor, as an address of the kernel has 107 bytes at most. The file is made
    under another name and renamed, so at no moment does the name lead nowhere.

    Raises:
      OSError: It cannot be made there.
    """
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    draft = f"/proc/self/fd/{folder}/.socket-{os.getpid()}"
    try:
        Path(draft).unlink(missing_ok=True)
        sock.setblocking(False)
        os.fchmod(sock.fileno(), 0o600)  # the file that bind makes takes it over
        sock.bind(draft)
        sock.listen(backlog)
        Path(draft).rename(f"/proc/self/fd/{folder}/{name}")
    except BaseException:
        sock.close()
        raise
    return sock


async def accept(listener: socket.socket) -> socket.socket:
    """The next client's socket, which does not block."""
    while True:
        await trio.lowlevel.checkpoint()  # a flood of clients must not starve those served
        try:
            sock, _ = listener.accept()
        except BlockingIOError:
            await trio.lowlevel.wait_readable(listener)
        except ConnectionAbortedError:
            continue  # that one has gone again
        except OSError as error:
            if error.errno not in _OUT_OF:
                raise
            logger.warning("cannot accept a client: %s", error.strerror)
            await trio.sleep(limits.ACCEPT_WAIT_SECONDS)
        else:
            sock.setblocking(False)
            return sock


def peer(sock: socket.socket) -> tuple[int, int]:
    """The pid and the uid of the process that connected, as the kernel names them."""
    told = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    pid, uid, _ = _CREDENTIALS.unpack(told)
    return pid, uid


async def receive(sock: socket.socket) -> bytes:
    """The next bytes, none at the end. Always lets others run."""
    await trio.lowlevel.checkpoint()
    while True:
        try:
            return sock.recv(limits.SOCKET_READ_BYTES)
        except BlockingIOError:
            await trio.lowlevel.wait_readable(sock)
        except ConnectionResetError:
            return b""


def hung_up(sock: socket.socket) -> bool:
    """Whether the other end has closed both directions, and so reads nothing more."""
    poll = select.poll()
    poll.register(sock, 0)
    return any(event & (select.POLLHUP | select.POLLERR) for _, event in poll.poll(0))


def stop_reading(sock: socket.socket) -> None:
    """Take no more, so that the client's writes fail and it looks for our last words.

    What has come in already is thrown away: closing on it would lose them.
    """
    try:
        sock.shutdown(socket.SHUT_RD)
        while sock.recv(limits.SOCKET_READ_BYTES):
            pass
    except OSError:
        pass  # it has gone, or nothing is left


def turn_away(sock: socket.socket, line: bytes) -> None:
    """Tell a client why it is not served, and close."""
    try:
        sock.send(line)
    except OSError:
        pass  # it has gone already
    finally:
        sock.close()
