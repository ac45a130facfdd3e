"""A turn's folder as hived finds it: made, running, ended, or left by a host that died."""

import enum
import fcntl
import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from attrs import frozen

from hived import limits
from hived.drivers.base import Launch
from hived.errors import CommandRefused
from hived.world import processes

MARK = "HIVED_TURN_MARK"  # in the environment of the CLI and of all it starts
_CGROUP_PREFIX = "hived-turn-"


class FolderStatus(enum.Enum):
    """What a returning hived must do with an open turn."""

    NOT_MADE = "not made"  # prepare it, start the host
    HALF_MADE = "half made"  # hived died in `prepare`: prepare it again, start the host
    NOT_STARTED = "not started"  # start the host
    RUNNING = "running"  # connect
    EXITED = "exited"  # read the spool to its end, then the exit record
    VANISHED = "vanished"  # close_vanished, read the spool to its end, the turn is lost


@frozen
class HostExit:
    """The exit record.

    code: negative for a signal; 127 with an `error` if the CLI never ran. duration_ms: by the
    host's monotonic clock. leftovers: processes that outlived the CLI and were killed. killed:
    by a `kill` request. cut: the CLI printed more than the spool took.
    """

    code: int
    error: str = ""
    duration_ms: int = 0
    leftovers: int = 0
    containment: str = ""
    killed: bool = False
    cpu_ms: int = 0
    max_rss_kib: int = 0
    spool_bytes: int = 0
    cut: bool = False

    @classmethod
    def parse(cls, words: dict[str, Any]) -> "HostExit":
        """From a host's JSON; what a later host adds is left out."""
        names = {field.name for field in cls.__attrs_attrs__}
        return cls(**{k: v for k, v in words.items() if k in names and v is not None})


class TurnFolder:
    """The files of one turn. All methods do small blocking file work."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.spool = path / "spool"

    def prepare(
        self, launch: Launch, *, session_lock: Path, spool_max: int, containment: str = "auto"
    ) -> None:
        """Make the folder with its launch.json, on disk when this returns.

        A half-made one is completed. Raises FileExistsError if it is there whole.
        """
        self.path.mkdir(mode=0o700, exist_ok=True)
        if (self.path / "launch.json").exists():
            raise FileExistsError(f"{self.path} is prepared already")
        (self.path / "lock").touch(0o600)
        words = {
            "argv": launch.argv,
            "cwd": launch.cwd,
            "env": dict(launch.env),
            "env_drop": launch.env_drop,
            "env_file": launch.env_file,
            "session_lock": str(session_lock.absolute()),
            "spool_max": spool_max,
            "containment": containment,
        }
        self._write("launch.json", words)
        _sync(self.path.parent)

    def status(self) -> FolderStatus:
        """What is found here, by the lock, the marks and the records."""
        if not self.path.is_dir():
            return FolderStatus.NOT_MADE
        if not (self.path / "launch.json").exists():
            return FolderStatus.HALF_MADE
        # Looked for before the lock is tried: a host that takes it just after would leave marks
        # that are not those of a dead one.
        marked = any((self.path / name).exists() for name in ("started", "closed", "exit"))
        try:
            with self._locked(fcntl.LOCK_SH):
                pass
        except BlockingIOError:
            return FolderStatus.RUNNING
        if self.read_exit() is not None:
            return FolderStatus.EXITED
        if marked:
            return FolderStatus.VANISHED
        return FolderStatus.NOT_STARTED

    def started(self) -> dict[str, Any]:
        """The host's `started` record; empty if there is none that can be read."""
        return self._read("started") or {}

    def read_exit(self) -> HostExit | None:
        """The exit record, if the host came to write it."""
        words = self._read("exit")
        return None if words is None else HostExit.parse(words)

    def closed(self) -> bool:
        """Whether hived closed the folder, so that no host may start in it."""
        return (self.path / "closed").exists()

    def written(self) -> frozenset[str]:
        """Ids of the lines that may have reached the CLI's stdin."""
        try:
            text = (self.path / "written").read_text("utf-8")
        except OSError:
            return frozenset()
        return frozenset(text.split("\n")[:-1])

    def stderr_tail(self, bytes_max: int = limits.STDERR_BYTES_MAX) -> str:
        """The last of what the CLI printed to stderr."""
        data = b""
        for name in ("stderr.before", "stderr"):
            try:
                data += (self.path / name).read_bytes()
            except OSError:
                continue
        return data[-bytes_max:].decode("utf-8", "replace")

    def kill_host(self) -> None:
        """SIGKILL the host that made the `started` record, if it is that very process still."""
        started = self.started()
        if started.get("boot_id") == processes.boot_id():
            host = processes.Process(started["pid"], 0, started["start"])
            processes.send_signal(host, signal.SIGKILL)

    def close_vanished(self) -> int:
        """Close the folder of a dead host for good, kill what it left, and say how many that were.

        May be called again. Blocks until they are dead: milliseconds, HOST_CLEAR_SECONDS at most;
        call it in a thread.

        Raises:
          CommandRefused: The host lives, or something of the turn cannot be killed.
        """
        try:
            with self._locked(fcntl.LOCK_EX):
                self._write("closed", {})
                return self._clear()
        except BlockingIOError:
            raise CommandRefused(f"the turn host of {self.path} is alive") from None

    def _clear(self) -> int:
        started = self.started()
        if started.get("boot_id") != processes.boot_id():
            return 0  # another boot: nothing of it lives, and its pids are others' now
        cgroup = Path(started.get("cgroup") or "/nowhere")
        known = cgroup.name.startswith(_CGROUP_PREFIX)
        seen: set[processes.Process] = set()
        deadline = time.monotonic() + limits.HOST_CLEAR_SECONDS
        while True:
            left = set(processes.marked(MARK, started["mark"]))
            left |= {child for one in left for child in processes.descendants(one.pid)}
            if known:
                left |= set(processes.cgroup_processes(cgroup))
                processes.cgroup_kill(cgroup)
            if not left:
                break
            seen |= left
            for one in left:
                processes.send_signal(one, signal.SIGKILL)
            if time.monotonic() >= deadline:
                raise CommandRefused(f"{len(left)} processes of {self.path} cannot be killed")
            time.sleep(limits.HOST_RETRY_SECONDS)
        if known:
            processes.cgroup_remove(cgroup, seconds=limits.HOST_CLEAR_SECONDS)
        return len({(one.pid, one.start) for one in seen})

    @contextmanager
    def _locked(self, how: int) -> Iterator[None]:
        """Hold the turn's lock for a moment. Raises BlockingIOError while a host lives."""
        fd = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, how | fcntl.LOCK_NB)
            yield
        finally:
            os.close(fd)

    def _read(self, name: str) -> dict[str, Any] | None:
        try:
            words = json.loads((self.path / name).read_bytes())
        except (OSError, ValueError):
            return None
        return words if isinstance(words, dict) else None

    def _write(self, name: str, words: dict[str, Any]) -> None:
        new = self.path / f"{name}.new"
        with new.open("w", encoding="utf-8") as file:
            json.dump(words, file)
            file.flush()
            os.fsync(file.fileno())
        new.rename(self.path / name)
        _sync(self.path)


def _sync(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
