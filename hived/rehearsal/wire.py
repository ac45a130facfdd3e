"""The pipes of the CLI: lines in, lines out, signals, and other descriptors to wait for.

One thread. Everything that waits does so in `wait`, so that a line on stdin, a signal and the
end of a child are all seen at once, wherever the scenario is.
"""

import errno
import fcntl
import json
import os
import select
import signal
import time
from collections import deque
from typing import Any

Line = dict[str, Any]

_CHUNK = 256 * 1024
_SELECT_SECONDS_MAX = 3_600.0  # one sleep in select; longer waits loop


class Wire:
    """Stdin, stdout and the signals of this process."""

    def __init__(self) -> None:
        self.lines: deque[bytes] = deque()
        self.eof = False
        self.signals: deque[int] = deque()
        self._partial = bytearray()
        self._signal_fd, self._signal_in = os.pipe()
        for end in (self._signal_fd, self._signal_in):
            fcntl.fcntl(end, fcntl.F_SETFL, fcntl.fcntl(end, fcntl.F_GETFL) | os.O_NONBLOCK)
        signal.set_wakeup_fd(self._signal_in, warn_on_full_buffer=False)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda got, _frame: self.signals.append(got))

    def send(self, line: Line) -> None:
        """Write one line of JSON to stdout."""
        self.write(json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode() + b"\n")

    def write(self, data: bytes) -> None:
        """Write bytes to stdout, all of them; for nobody, once the reader is gone.

        The real CLI finishes its turn unseen when its reader dies, and so does this one.
        """
        view = memoryview(data)
        while view:
            try:
                view = view[os.write(1, view) :]
            except OSError as error:
                if error.errno in (errno.EPIPE, errno.EBADF):
                    return
                if error.errno != errno.EAGAIN:
                    raise
                # Stdout may share a non-blocking description with whoever started us.
                select.select([], [1], [])

    def wait(self, seconds: float | None, fds: tuple[int, ...] = ()) -> list[int]:
        """Wait for a line, a signal, one of fds or the time, and take in what came.

        Returns:
          Which of fds can be read.
        """
        if seconds is None or seconds > _SELECT_SECONDS_MAX:
            seconds = _SELECT_SECONDS_MAX
        stdin = () if self.eof else (0,)
        ready, _, _ = select.select([*stdin, self._signal_fd, *fds], [], [], max(0.0, seconds))
        if self._signal_fd in ready:
            os.read(self._signal_fd, 512)
        if 0 in ready and not self.eof:
            self._read()
        return [fd for fd in fds if fd in ready]

    def _read(self) -> None:
        try:
            data = os.read(0, _CHUNK)
        except BlockingIOError:
            return
        if not data:
            self.eof = True
            if self._partial:
                self.lines.append(bytes(self._partial))
            self._partial.clear()
            return
        *whole, rest = data.split(b"\n")
        for piece in whole:
            self.lines.append(bytes(self._partial) + piece)
            self._partial.clear()
        self._partial += rest


def now() -> float:
    """Seconds of a clock that never goes back."""
    return time.monotonic()


def stamp() -> str:
    """The time as the CLI's lines have it: UTC with milliseconds."""
    seconds = time.time()
    text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    return f"{text}.{int(seconds * 1000) % 1000:03d}Z"


def new_uuid() -> str:
    """A random version-4 UUID (the uuid module takes longer to import than a turn to answer)."""
    raw = bytearray(os.urandom(16))
    raw[6] = raw[6] & 0x0F | 0x40
    raw[8] = raw[8] & 0x3F | 0x80
    text = raw.hex()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))
