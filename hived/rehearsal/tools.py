"""The few built-in tools that are really done: Bash, Read, Write."""

import os
import signal
from pathlib import Path
from typing import NamedTuple

from hived import limits
from hived.rehearsal.desk import Desk, Terminated
from hived.rehearsal.wire import Line, now

_KEPT_MAX = 4 * limits.REHEARSAL_OUTPUT_CHARS_MAX  # bytes of a stream


class Outcome(NamedTuple):
    """What a tool gave. shown: the line's `tool_use_result`; error: its is_error."""

    content: object
    shown: object
    error: bool | None


def failed(text: str) -> Outcome:
    """A tool that went wrong, in these words."""
    return Outcome(text, f"Error: {text}", True)


class BashKilled(Terminated):
    """SIGTERM came while Bash ran; its tree is dead. outcome: what is told of it."""

    def __init__(self, outcome: Outcome) -> None:
        self.outcome = outcome


def bash(desk: Desk, given: Line) -> Outcome:
    """Run a command with /bin/sh in a session and process group of its own, like the real CLI.

    The group is killed when the time is over, or when waiting ends in an exception. What left
    the group lives on, as it does with the real one.

    Raises:
      BashKilled: SIGTERM came.
      Interrupted: The turn is to be given up.
    """
    limit = given.get("timeout")
    seconds = limit / 1000 if isinstance(limit, int | float) else 120.0
    shell = _Shell(str(given.get("command", "")))
    try:
        timed_out = shell.run(desk, now() + seconds)
    except Terminated:
        raise BashKilled(shell.end(timed_out=False)) from None
    except BaseException:
        shell.end(timed_out=False)
        raise
    return shell.end(timed_out=timed_out)


class _Shell:
    """One running command, its pipes, and a descriptor that tells its end."""

    def __init__(self, command: str) -> None:
        self._out, out = os.pipe()
        self._err, err = os.pipe()
        self._texts = {self._out: bytearray(), self._err: bytearray()}
        self._open = [self._out, self._err]
        self._over = False
        self._pid = os.posix_spawn(
            "/bin/sh",
            ["sh", "-c", command],
            os.environ,
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
                (os.POSIX_SPAWN_DUP2, out, 1),
                (os.POSIX_SPAWN_DUP2, err, 2),
            ],
            setsid=True,
            setsigdef=[signal.SIGPIPE, signal.SIGXFSZ],  # which Python ignores
        )
        os.close(out)
        os.close(err)
        self._exit = os.pidfd_open(self._pid)

    def run(self, desk: Desk, deadline: float) -> bool:
        """Take in its output until the shell exits; True if the time was over first.

        A child that keeps the pipes open does not keep the call open.
        """
        while now() < deadline:
            ready = desk.wait(deadline - now(), fds=(self._exit, *self._open))
            for fd in ready:
                if fd != self._exit and not _drain(fd, self._texts[fd]):
                    self._open.remove(fd)
            if self._exit in ready:
                self._over = True
                return False
        return True

    def end(self, *, timed_out: bool) -> Outcome:
        """Kill what still runs, take in what is left, and tell."""
        if not self._over:
            os.killpg(self._pid, signal.SIGKILL)
        _, status = os.waitpid(self._pid, 0)
        for fd in self._open:
            os.set_blocking(fd, False)
            while len(before := bytes(self._texts[fd])) < _KEPT_MAX:
                if not _drain(fd, self._texts[fd]) or len(self._texts[fd]) == len(before):
                    break
        for fd in (self._out, self._err, self._exit):
            os.close(fd)
        code = os.waitstatus_to_exitcode(status)
        texts = (self._texts[self._out], self._texts[self._err])
        return _bash_outcome(*texts, 128 - code if code < 0 else code, timed_out)


def _bash_outcome(out: bytearray, err: bytearray, code: int, timed_out: bool) -> Outcome:
    cut = limits.REHEARSAL_OUTPUT_CHARS_MAX
    stdout = out.decode("utf-8", "replace").rstrip("\n")[:cut]
    stderr = err.decode("utf-8", "replace").rstrip("\n")[:cut]
    both = "\n".join(text for text in (stdout, stderr) if text)
    if timed_out:
        return failed(f"Command timed out\n{both}".rstrip("\n"))
    if code != 0:
        return failed(f"Exit code {code}\n{both}".rstrip("\n"))
    shown = {
        "stdout": stdout,
        "stderr": stderr,
        "interrupted": False,
        "isImage": False,
        "noOutputExpected": False,
    }
    return Outcome(both or "(Bash completed with no output)", shown, False)


def _drain(fd: int, text: bytearray) -> bool:
    """Take what is there; False at the end. What is too much is read and dropped."""
    try:
        data = os.read(fd, 65536)
    except BlockingIOError:
        return True
    if len(text) < _KEPT_MAX:
        text += data
    return bool(data)


def read(given: Line, cwd: str) -> Outcome:
    """The numbered lines of a file."""
    path = Path(cwd) / str(given.get("file_path", ""))
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return failed(f"File does not exist. Note: your current working directory is {cwd}.")
    text = text[: limits.REHEARSAL_OUTPUT_CHARS_MAX]
    lines = text.splitlines()
    numbered = "\n".join(f"{number:6}\t{line}" for number, line in enumerate(lines, 1))
    file = {
        "filePath": str(path),
        "content": text,
        "numLines": len(lines),
        "startLine": 1,
        "totalLines": len(lines),
    }
    return Outcome(numbered, {"type": "text", "file": file}, False)


def write(given: Line, cwd: str) -> Outcome:
    """Write a whole file."""
    path = Path(cwd) / str(given.get("file_path", ""))
    content = str(given.get("content", ""))
    existed = path.exists()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    except OSError as error:
        return failed(str(error))
    kind = "update" if existed else "create"
    said = "File updated successfully at: " if existed else "File created successfully at: "
    return Outcome(
        f"{said}{path}", {"type": kind, "filePath": str(path), "content": content}, False
    )
