"""Processes by identity, and cgroups by path: what hived itself must find, signal and end.

A pid alone names nobody for long; a pid with its start time does. hived/host/turn_host.py repeats
a few of these lines because it must stand alone.
"""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

from attrs import frozen

_DEAD = frozenset("ZX")


@frozen
class Process:
    """One living process. start: in clock ticks since boot, which no later owner of pid shares."""

    pid: int
    parent: int
    start: int


def boot_id() -> str:
    """The kernel's random name for this boot of the machine."""
    return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()


def look(pid: int) -> Process | None:
    """The living process with this pid, or none; a zombie is dead."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()
    if fields[0] in _DEAD:
        return None
    return Process(pid, int(fields[1]), int(fields[19]))


def alive(pid: int, start: int) -> bool:
    """Whether this very process lives."""
    found = look(pid)
    return found is not None and found.start == start


def every() -> Iterator[Process]:
    """All living processes that this /proc shows."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (found := look(int(entry.name))) is not None:
            yield found


def descendants(pid: int) -> tuple[Process, ...]:
    """The children of a process, theirs, and so on, as they are now."""
    table = tuple(every())
    found: dict[int, Process] = {}
    ring = {pid}
    while ring:
        ring = {one.pid for one in table if one.parent in ring} - found.keys()
        found.update((one.pid, one) for one in table if one.pid in ring)
    return tuple(found.values())


def marked(name: str, value: str) -> tuple[Process, ...]:
    """Living processes that were started with this environment variable, and still show it."""
    wanted = f"{name}={value}".encode()
    found = []
    for one in every():
        try:
            words = Path(f"/proc/{one.pid}/environ").read_bytes().split(b"\0")
        except OSError:  # another user's, or gone
            continue
        if wanted in words:
            found.append(one)
    return tuple(found)


def send_signal(process: Process, number: signal.Signals) -> bool:
    """Signal this very process, never one that got its pid later. False if it is gone."""
    try:
        fd = os.pidfd_open(process.pid)
    except OSError:
        return False
    try:
        if not alive(process.pid, process.start):
            return False
        signal.pidfd_send_signal(fd, number)
    except OSError:
        return False
    finally:
        os.close(fd)
    return True


def cgroup_processes(cgroup: Path) -> tuple[Process, ...]:
    """All living processes of a cgroup and of those below it."""
    found = []
    for folder in _tree(cgroup):
        try:
            pids = (folder / "cgroup.procs").read_text("ascii").split()
        except OSError:
            continue
        found += [one for pid in pids if (one := look(int(pid))) is not None]
    return tuple(found)


def cgroup_kill(cgroup: Path) -> None:
    """SIGKILL all in a cgroup and below; where cgroup.kill is missing, freeze and signal each."""
    try:
        (cgroup / "cgroup.kill").write_text("1", "ascii")
    except FileNotFoundError:
        if cgroup.is_dir():
            cgroup_kill_each(cgroup)


def cgroup_kill_each(cgroup: Path) -> None:
    """SIGKILL all in a cgroup while it stands still, so that nobody forks away from it."""
    (cgroup / "cgroup.freeze").write_text("1", "ascii")
    for one in cgroup_processes(cgroup):
        send_signal(one, signal.SIGKILL)
    (cgroup / "cgroup.freeze").write_text("0", "ascii")


def cgroup_remove(cgroup: Path, *, seconds: float) -> bool:
    """Remove a cgroup and those below it once all in them are dead, waiting so long at most.

    Blocks for milliseconds as a rule: the kernel takes a moment to bury what was killed.
    """
    deadline = time.monotonic() + seconds
    while True:
        for folder in reversed(tuple(_tree(cgroup))):
            try:
                folder.rmdir()
            except OSError:
                break
        if not cgroup.exists():
            return True
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.005)


def _tree(cgroup: Path) -> Iterator[Path]:
    """A cgroup and all below it, parents first."""
    yield cgroup
    try:
        below = [entry for entry in cgroup.iterdir() if entry.is_dir()]
    except OSError:
        return
    for folder in below:
        yield from _tree(folder)
