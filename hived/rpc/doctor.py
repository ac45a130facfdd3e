"""What this machine offers hived: each check says what it found, and what to do about it.

Everything here blocks; it is run in a thread.
"""

import os
import platform
import resource
import shutil
import sqlite3
import stat
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from hived import limits
from hived.paths import Home
from hived.world.containment import ContainmentReport

OK, WARN, FAIL = "ok", "warn", "fail"


class Check(NamedTuple):
    """One finding. state: ok; warn, hived works with less; fail, something cannot work."""

    name: str
    state: str
    found: str
    hint: str = ""


class Facts(NamedTuple):
    """What the checks are told.

    Fields:
      programs: Claude CLIs to ask for their version.
      disk_waits: Agents whose turn waits for space on the disk.
    """

    home: Home
    probe: Callable[[], ContainmentReport]
    programs: tuple[str, ...]
    now: float
    last_event_at: float
    disk_waits: Sequence[str] = ()


def run(facts: Facts) -> list[Check]:
    """All checks, in the order they are shown. Blocks for some seconds."""
    return [
        _containment(facts),
        _cgroup(),
        _store(facts),
        _disk(facts),
        _socket(facts),
        _python(),
        _sqlite(),
        _files(),
        _clock(facts),
        *_programs(facts),
    ]


def _containment(facts: Facts) -> Check:
    try:
        report = facts.probe()
    except Exception as error:  # whatever it is, the other checks are wanted too
        return Check("containment", FAIL, f"cannot be found out: {error!r:.200}")
    state = {"cgroup": OK, "pidns": OK, "subreaper": WARN}.get(report.kind, FAIL)
    hint = "" if state == OK else "run hived as root or with a delegated cgroup, as the unit does"
    note = f" ({report.note})" if report.note else ""
    return Check("containment", state, report.kind + note, hint)


def _cgroup() -> Check:
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError as error:
        return Check("cgroup", WARN, f"no cgroups here: {error.strerror}")
    own = next((line[3:] for line in lines if line.startswith("0::")), "")
    if not own:
        return Check("cgroup", WARN, "no cgroup v2", "boot with the unified cgroup hierarchy")
    return Check("cgroup", OK, f"v2, hived is in {own}")


def _store(facts: Facts) -> Check:
    state = Path(facts.home.state)
    if not os.access(state, os.W_OK | os.X_OK):
        return Check("store", FAIL, f"{state} cannot be written", "give it to hived's user")
    mode = stat.S_IMODE(state.stat().st_mode)
    if mode & 0o077:
        return Check("store", WARN, f"{state} is open to others ({mode:o})", f"chmod 700 {state}")
    return Check("store", OK, f"{state} can be written")


def _disk(facts: Facts) -> Check:
    free = shutil.disk_usage(facts.home.state).free
    found = f"{free / 2**30:.1f} GiB free"
    if facts.disk_waits:
        found = f"full ({found}): for space waits the turn of {', '.join(facts.disk_waits)}"
        return Check("disk", FAIL, found, "make room: the turns then go on by themselves")
    if free < limits.DOCTOR_DISK_BYTES_MIN:
        return Check("disk", WARN, found, "hived stops when its store cannot grow: make room")
    return Check("disk", OK, found)


def _socket(facts: Facts) -> Check:
    path = Path(facts.home.socket)
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        folder = stat.S_IMODE(path.parent.stat().st_mode)
    except OSError as error:
        return Check("socket", FAIL, f"{path}: {error.strerror}", "start hived again")
    if mode & 0o077 or folder & 0o022:
        found = f"{path} is open to others ({mode:o} in a folder {folder:o})"
        return Check("socket", WARN, found, f"chmod 600 {path}; chmod 700 {path.parent}")
    return Check("socket", OK, f"{path} ({mode:o} in a folder {folder:o})")


def _python() -> Check:
    return Check("python", OK, platform.python_version())


def _sqlite() -> Check:
    return Check("sqlite", OK, sqlite3.sqlite_version)


def _files() -> Check:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    found = f"{soft} open files at once"
    if soft != resource.RLIM_INFINITY and soft < limits.DOCTOR_FILES_MIN:
        hint = f"a large hive needs more: LimitNOFILE= in the unit, or ulimit -n (at most {hard})"
        return Check("files", WARN, found, hint)
    return Check("files", OK, found)


def _clock(facts: Facts) -> Check:
    behind = facts.last_event_at - facts.now
    if behind > 1:
        found = f"the clock is {behind:.0f} s behind the last event of the log"
        return Check("clock", WARN, found, "set the clock; until then times in the log stand still")
    return Check("clock", OK, "not behind the log")


def _programs(facts: Facts) -> Iterator[Check]:
    for program in facts.programs:
        yield _program(program)


def _program(program: str) -> Check:
    place = shutil.which(program)
    if place is None:
        hint = "npm install -g @anthropic-ai/claude-code; the rehearsal driver does without"
        return Check("claude", WARN, f"{program} is not there", hint)
    try:
        done = subprocess.run(
            [place, "--version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=limits.DOCTOR_PROGRAM_SECONDS,
            check=True,
        )
    except subprocess.TimeoutExpired:
        return Check("claude", WARN, f"{place} does not tell its version", "try it by hand")
    except (OSError, subprocess.CalledProcessError) as error:
        return Check("claude", WARN, f"{place} does not run: {error!s:.200}", "try it by hand")
    version = done.stdout.decode(errors="replace").strip().partition("\n")[0]
    return Check("claude", OK, f"{place}: {version[:80]}")
