"""Starts turn hosts, which live on without hived, and buries those that end while it lives."""

import functools
import os
import py_compile
import sys
from pathlib import Path

import trio

TURN_HOST = Path(__file__).with_name("turn_host.py")

# Exit codes of a host that refused to start a turn; it touched nothing then.
HELD, CLOSED, NO_FOLDER = 75, 76, 77


@functools.cache
def _program() -> str:
    """The host's file, compiled where that can be kept: a third less time for every start."""
    try:
        return py_compile.compile(str(TURN_HOST), doraise=True) or str(TURN_HOST)
    except OSError:
        return str(TURN_HOST)


def start_host(folder: Path) -> int:
    """Start the host of a prepared turn, detached, and give its pid.

    It has a session of its own, its words go to folder/host.log, and it inherits no descriptor.
    `reaped` should wait for it; if hived dies first, init does.
    """
    log = str(folder / "host.log")
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    return os.posix_spawn(
        sys.executable,
        [sys.executable, "-I", "-S", _program(), str(folder)],
        os.environ,
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, log, flags, 0o600),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
        setsid=True,
    )


async def reaped(pid: int) -> int:
    """Wait until a host that this process started has ended, and give its exit code.

    Sleeps on the process itself: no polling. Negative for a signal.
    """
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        raise ChildProcessError(f"{pid} is no child of this process") from None
    try:
        await trio.lowlevel.wait_readable(fd)
        _, status = os.waitpid(pid, os.WNOHANG)  # noqa: ASYNC222  it does not block
    finally:
        trio.lowlevel.notify_closing(fd)
        os.close(fd)
    return os.waitstatus_to_exitcode(status)
