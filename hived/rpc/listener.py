"""The control socket's file: made so that only its owner gets in, never taken from a live daemon.

A socket file that nobody listens at is what a dead daemon leaves; it is replaced. The new one is
bound under another name and renamed, so at no moment does the name lead nowhere.
"""

import fcntl
import os
import socket
import stat
import sys
from pathlib import Path

from attrs import define

from hived import limits
from hived.errors import AlreadyRunning, StoreError
from hived.rpc.sockets import bind


@define
class Listener:
    """A listening socket that does not block. path: its file, if it is ours to take away."""

    sock: socket.socket
    path: Path | None = None
    lock: int = -1

    def close(self) -> None:
        """Stop listening, and take the file away if it is still this listener's own."""
        if self.path is not None and _is_ours(self.path):
            self.path.unlink(missing_ok=True)
        self.sock.close()
        if self.lock >= 0:
            os.close(self.lock)
            self.lock = -1


def listen(path: str) -> Listener:
    """Listen at a path: the file 0600, its folder 0700 where it has to be made.

    Raises:
      AlreadyRunning: Somebody listens there.
      StoreError: The path cannot be used; says why.
    """
    place = Path(path)
    try:
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder = os.open(place.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise StoreError(
            f"cannot make the folder of the socket {path}: {error.strerror}",
            hint="set HIVED_HOME to a folder that hived may write",
        ) from error
    lock = -1
    try:
        lock = _lock(folder, place)
        _check_dead(place)
        return Listener(bind(folder, place.name, limits.CONNECTIONS_MAX), place, lock)
    except BaseException as error:
        if lock >= 0:
            os.close(lock)
        if isinstance(error, OSError):
            raise StoreError(
                f"cannot listen at {path}: {error.strerror}",
                hint="set HIVED_HOME to a folder that hived may write",
            ) from error
        raise
    finally:
        os.close(folder)


def inherited(fd: int) -> Listener:
    """Listen at a socket handed in by its descriptor, as a service manager does.

    Raises:
      StoreError: The descriptor is no listening unix stream socket.
    """
    try:
        sock = socket.socket(fileno=fd)
    except OSError as error:
        raise StoreError(f"descriptor {fd} is no socket: {error.strerror}") from error
    listening = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    if sock.family != socket.AF_UNIX or sock.type != socket.SOCK_STREAM or not listening:
        sock.detach()
        raise StoreError(f"descriptor {fd} is no listening unix stream socket")
    sock.setblocking(False)
    os.set_inheritable(fd, False)
    return Listener(sock)


def _lock(folder: int, place: Path) -> int:
    """Hold the name for as long as this daemon lives: two that start at once are told apart."""
    name = f"/proc/self/fd/{folder}/.{place.name[:200]}.lock"
    fd = os.open(name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        raise _running(place) from None
    except BaseException:
        os.close(fd)
        raise
    return fd


def _check_dead(place: Path) -> None:
    """Make sure that nobody listens at what is there."""
    try:
        there = os.open(place, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        if not stat.S_ISSOCK(os.fstat(there).st_mode):
            raise StoreError(
                f"{place} is there and is no socket", hint="move it away, or set HIVED_HOME"
            )
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
            sock.setblocking(False)
            try:
                sock.connect(f"/proc/self/fd/{there}")
            except ConnectionRefusedError:
                return
            except BlockingIOError:
                pass  # its backlog is full: somebody is there
        raise _running(place)
    finally:
        os.close(there)


def _running(place: Path) -> AlreadyRunning:
    return AlreadyRunning(
        f"another hived listens at {place}",
        hint="hivectl daemon status shows it; HIVED_HOME sets another place",
    )


def _is_ours(path: Path) -> bool:
    """Whether this process listens at a path; another daemon may have put its own socket there."""
    try:
        there = os.open(path, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        if not stat.S_ISSOCK(os.fstat(there).st_mode):
            return False
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.setblocking(False)
            probe.connect(f"/proc/self/fd/{there}")
            pid = probe.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 4)  # before uid and gid
            return int.from_bytes(pid, sys.byteorder) == os.getpid()
    except OSError:
        return False
    finally:
        os.close(there)
