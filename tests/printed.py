"""What a program prints: its lines one by one, each waited for with a deadline."""

import json
import os
import select
import time
from collections import deque
from typing import IO, Any

SECONDS = 60.0


class Printed:
    """Reads a pipe's lines past its file object; nothing else may read it as long as this does.

    raw: all bytes that came, also those of a last line without a newline, which is no line here.
    """

    def __init__(self, pipe: IO[Any] | None) -> None:
        assert pipe is not None
        self._fd = pipe.fileno()
        self._whole: deque[bytes] = deque()
        self._rest = b""
        self.raw = b""

    def line(self, seconds: float = SECONDS) -> bytes | None:
        """The next line, without its newline; None where the output has ended."""
        deadline = time.monotonic() + seconds
        while not self._whole:
            left = max(0.0, deadline - time.monotonic())
            if not select.select([self._fd], [], [], left)[0]:
                raise AssertionError(f"no line within {seconds} s; so far {self.raw[-500:]!r}")
            data = os.read(self._fd, 1024 * 1024)
            if not data:
                return None
            self.raw += data
            *whole, self._rest = (self._rest + data).split(b"\n")
            self._whole.extend(whole)
        return self._whole.popleft()

    def rows(self, count: int) -> list[Any]:
        """The next so many lines, as JSON."""
        return [self.row() for _ in range(count)]

    def row(self) -> Any:
        line = self.line()
        assert line is not None, f"the output has ended: {self.raw[-500:]!r}"
        return json.loads(line)
