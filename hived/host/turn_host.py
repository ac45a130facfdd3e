"""Keeps one turn's CLI, in a process that outlives hived: `python -I -S turn_host.py FOLDER`.

One file, standard library only, all of it loaded before the CLI starts: a host may run for hours
while hived is replaced by another version, and nothing it needs may change under it. It starts
the CLI that FOLDER/launch.json describes, spools its stdout to FOLDER/spool before anyone sees
it, serves FOLDER/sock, and records the end in FOLDER/exit. README.md beside this file is the
contract: files, protocol, order of acts. Single thread; every buffer is bounded.
"""

# ruff: noqa: PTH102, PTH104, PTH106, PTH108, PTH116, PTH118, PTH208
# No pathlib: it would add a fifth to the time and the memory of every start.

from __future__ import annotations

import binascii
import ctypes
import errno
import fcntl
import json
import os
import re
import selectors
import signal
import socket
import stat
import struct
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, NoReturn

PROTOCOL = 1

# The same numbers stand in hived/limits.py under HOST_...; a test holds the two together.
STDIN_QUEUE_BYTES_MAX = 8 * 1024 * 1024
WRITE_BYTES_MAX = 4 * 1024 * 1024
WRITES_MAX = 20_000
WRITE_ID_CHARS_MAX = 128
CLIENTS_MAX = 8
CLIENT_QUEUE_BYTES_MAX = 4 * 1024 * 1024
STDERR_BYTES_MAX = 256 * 1024
ENV_FILE_BYTES_MAX = 1024 * 1024
TERM_WAIT_SECONDS = 2.0

REQUEST_BYTES_MAX = WRITE_BYTES_MAX * 4 // 3 + 4096
CHUNK_BYTES = 64 * 1024
EXIT_RECORD_BYTES = 4096  # reserved at the start, so that a full disk cannot hide the end
LOCK_WAIT_SECONDS = 0.5  # one that looks whether a lock is held takes it for a moment
DISK_RETRY_SECONDS = 1.0
CLEAR_POLL_SECONDS = 0.02  # only after the CLI's exit, until what it left is dead
FAREWELL_SECONDS = 1.0

EXIT_BAD_CALL, EXIT_HELD, EXIT_CLOSED, EXIT_NO_FOLDER = 64, 75, 76, 77
NEVER_STARTED = 127

CLONE_NEWNS, CLONE_NEWUSER, CLONE_NEWPID = 0x20000, 0x10000000, 0x20000000
MS_NOSUID_NODEV_NOEXEC, MS_REC_SLAVE = 2 | 4 | 8, 0x4000 | 0x80000
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
LIBC = ctypes.CDLL(None, use_errno=True)

QUOTED = re.compile(r"""'([^']*)'|"((?:[^"\\]|\\.)*)\"""")
WRITE_ID = re.compile(rf"[\x21\x23-\x5b\x5d-\x7e]{{1,{WRITE_ID_CHARS_MAX}}}\Z")
BARE = re.compile(r"(?:[^\\]|\\.)*\Z")


class LaunchFailed(Exception):
    """The CLI cannot be started as launch.json says; the text is for the exit record."""


def checked(result: int, what: str) -> None:
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")


def write_atomic(name: str, record: Mapping[str, Any]) -> None:
    """Write a JSON file of the turn's folder so that it is there whole or not at all."""
    new = os.open(f"{name}.new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.write(new, json.dumps(record).encode() + b"\n")
        os.fsync(new)
    finally:
        os.close(new)
    os.rename(f"{name}.new", name)
    sync_folder()


def sync_folder() -> None:
    folder = os.open(".", os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def read_text(path: str) -> str:
    with open(path, encoding="utf-8", errors="surrogateescape") as file:
        return file.read()


# --- processes ---------------------------------------------------------------------------------


def process_table() -> dict[int, tuple[int, int]]:
    """Living processes as this /proc shows them: pid → (parent, start time). Zombies are dead."""
    table = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                fields = read_text(f"/proc/{name}/stat").rpartition(")")[2].split()
            except OSError:
                continue
            if fields[0] not in "ZX":
                table[int(name)] = (int(fields[1]), int(fields[19]))
    return table


def descendants(root: int) -> dict[int, int]:
    """All living children of a process, and theirs: pid → start time."""
    table = process_table()
    found: dict[int, int] = {}
    ring = {root}
    while ring:
        ring = {pid for pid, (parent, _) in table.items() if parent in ring} - found.keys()
        found.update((pid, table[pid][1]) for pid in ring)
    return found


def signal_process(pid: int, start: int, number: int) -> None:
    """Signal this very process: by pidfd and start time, so never one that got its pid later."""
    try:
        fd = os.pidfd_open(pid)
    except OSError:
        return
    try:
        if process_start(pid) == start:
            signal.pidfd_send_signal(fd, number)
    except OSError:
        pass
    finally:
        os.close(fd)


def process_start(pid: int) -> int:
    return int(read_text(f"/proc/{pid}/stat").rpartition(")")[2].split()[19])


# --- containments: what the CLI and all it starts cannot leave -----------------------------------


class Subreaper:
    """The last rung: orphans come to the host, which kills until it has no child left.

    A SIGKILL of the host itself is not covered.
    """

    kind = "subreaper"
    path: str | None = None

    def place(self, pid: int) -> None:
        self.root = os.getpid()

    def members(self) -> dict[int, int]:
        return descendants(self.root)

    def kill(self) -> None:
        # Stopped first, so that a family that forks quickly cannot outrun the killing.
        for number in (signal.SIGSTOP, signal.SIGKILL):
            for pid, start in self.members().items():
                signal_process(pid, start, number)

    def gone(self) -> bool:
        return True


class PidNamespace(Subreaper):
    """A PID namespace whose init is the host's child and dies with the host."""

    kind = "pidns"

    def __init__(self) -> None:
        flags = CLONE_NEWPID
        uid, gid = os.geteuid(), os.getegid()
        if uid != 0:
            flags |= CLONE_NEWUSER
        checked(LIBC.unshare(flags), "unshare")
        if uid != 0:
            for name, text in (
                ("setgroups", "deny"),
                ("uid_map", f"{uid} {uid} 1"),
                ("gid_map", f"{gid} {gid} 1"),
            ):
                with open(f"/proc/self/{name}", "w", encoding="ascii") as file:
                    file.write(text)

    def place(self, pid: int) -> None:
        self.root = pid

    def kill(self) -> None:
        try:
            os.kill(self.root, signal.SIGKILL)  # not reaped yet, or the pid would be gone
        except ProcessLookupError:
            pass


class Cgroup(Subreaper):
    """A cgroup v2 of the turn's own below the host's; the host itself stays outside."""

    kind = "cgroup"

    def __init__(self, name: str) -> None:
        self.path = os.path.join(own_cgroup(), name)
        try:
            os.mkdir(self.path)
        except FileExistsError:  # of a host that was killed before it wrote `started`
            cgroup_kill(self.path)

    def place(self, pid: int) -> None:
        assert self.path is not None
        super().place(pid)
        try:
            with open(f"{self.path}/cgroup.procs", "w", encoding="ascii") as file:
                file.write(str(pid))
        except OSError:
            os.rmdir(self.path)
            raise

    def members(self) -> dict[int, int]:
        assert self.path is not None
        found = super().members()  # a privileged CLI may have moved some of its own out
        for pid in cgroup_pids(self.path):
            try:
                found[pid] = process_start(pid)
            except OSError:
                continue
        return found

    def kill(self) -> None:
        assert self.path is not None
        cgroup_kill(self.path)
        super().kill()

    def gone(self) -> bool:
        return self.path is None or cgroup_remove(self.path)


def own_cgroup() -> str:
    """Path of this process's cgroup in the cgroup2 mount. Raises OSError where there is none."""
    inside = ""
    for line in read_text("/proc/self/cgroup").splitlines():
        if line.startswith("0::"):
            inside = line[3:]
    for line in read_text("/proc/self/mountinfo").splitlines():
        left, _, right = line.partition(" - ")
        root, mount = (part.replace("\\040", " ") for part in left.split()[3:5])
        if right.startswith("cgroup2 ") and inside.startswith(root):
            return os.path.join(mount, inside[len(root) :].lstrip("/")).rstrip("/")
    raise OSError(errno.ENOENT, "no cgroup2 mount shows this process's cgroup")


def cgroup_pids(path: str) -> list[int]:
    try:
        pids = [int(word) for word in read_text(f"{path}/cgroup.procs").split()]
        with os.scandir(path) as entries:
            below = [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return []
    return pids + [pid for child in below for pid in cgroup_pids(child)]


def cgroup_kill(path: str) -> None:
    """Kill all in a cgroup and below it; before Linux 5.14 by freezing it and signalling each."""
    try:
        with open(f"{path}/cgroup.kill", "w", encoding="ascii") as file:
            file.write("1")
    except FileNotFoundError:
        cgroup_kill_each(path)
    except OSError:
        pass


def cgroup_kill_each(path: str) -> None:
    try:
        for frozen in "10":
            with open(f"{path}/cgroup.freeze", "w", encoding="ascii") as file:
                file.write(frozen)
            for pid in cgroup_pids(path):
                os.kill(pid, signal.SIGKILL)
    except OSError:
        pass


def cgroup_remove(path: str) -> bool:
    """Take the cgroup and those below it away; False while something lives in it."""
    try:
        if "populated 1" in read_text(f"{path}/cgroup.events"):
            return False
        with os.scandir(path) as entries:
            below = [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]
        for child in below:
            cgroup_remove(child)
        os.rmdir(path)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


# --- the launch ----------------------------------------------------------------------------------


def env_file_values(path: str) -> dict[str, str]:
    """Read NAME=value lines. No text of the file may reach a message: it holds secrets."""
    try:
        # Without waiting: a pipe that nobody writes to would hold the turn for ever.
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise LaunchFailed(f"env file {path}: not a file")
            data = file.read(ENV_FILE_BYTES_MAX + 1)
        text = data.decode()
    except OSError as error:
        raise LaunchFailed(f"env file {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise LaunchFailed(f"env file {path}: not UTF-8") from None
    if len(data) > ENV_FILE_BYTES_MAX:
        raise LaunchFailed(f"env file {path}: longer than {ENV_FILE_BYTES_MAX} bytes")
    values = {}
    for number, line in enumerate(text.split("\n"), 1):
        line = line.strip()
        if not line or line[0] in "#;":
            continue
        name, equals, value = line.partition("=")
        if not equals or not (name.isascii() and name.isidentifier()):
            raise LaunchFailed(f"env file {path}: line {number}: not NAME=value")
        unquoted = env_value(value.lstrip())
        if unquoted is None or "\0" in line:
            raise LaunchFailed(f"env file {path}: line {number}: bad quotes or characters")
        values[name] = unquoted
    return values


def env_value(text: str) -> str | None:
    r"""The value in one line of an env file, by systemd's rules for quotes; None if it has none.

    'single' is literal, "double" takes a backslash before " \ ` $, quoted pieces may stand side
    by side. Bare text takes a backslash before anything and keeps quotes inside it.
    """
    if text[:1] not in ("'", '"'):
        return re.sub(r"\\(.)", r"\1", text) if BARE.match(text) else None
    out, at = "", 0
    while at < len(text):
        piece = QUOTED.match(text, at)
        if piece is None:
            return None
        single, double = piece.groups()
        out += single if double is None else re.sub(r'\\(["\\`$])', r"\1", double)
        at = piece.end()
    return out


class Plan:
    """What launch.json asks for, with the whole environment worked out."""

    def __init__(self, launch: Mapping[str, Any], inherited: Mapping[str, str], mark: str) -> None:
        self.umask = os.umask(0o077)  # the host's own files are private, the CLI's as it was
        try:
            self.argv = [str(word) for word in launch["argv"]]
            self.cwd = str(launch["cwd"])
            self.spool_max = int(launch["spool_max"])
            self.containment = str(launch["containment"])
            drops = [str(name) for name in launch["env_drop"]]
            given = {str(name): str(value) for name, value in launch["env"].items()}
            env_file = str(launch["env_file"])
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise LaunchFailed(f"launch.json: {error!r}") from None
        exact = {name for name in drops if not name.endswith("*")}
        prefixes = tuple(name[:-1] for name in drops if name.endswith("*"))
        self.env = {
            name: value
            for name, value in inherited.items()
            if name not in exact and not (prefixes and name.startswith(prefixes))
        }
        self.env |= given
        if env_file:
            self.env |= env_file_values(env_file)
        self.env["HIVED_TURN_MARK"] = mark
        if not self.argv or self.spool_max < 1:
            raise LaunchFailed("launch.json: argv and spool_max must not be empty")
        if self.containment not in ("auto", "cgroup", "pidns", "subreaper"):
            raise LaunchFailed(f"launch.json: no containment is called {self.containment!r}")


class Child:
    """The forked CLI, contained and waiting for the word to exec.

    It waits on a pipe that only the host holds, so it ends unseen if the host dies first.
    """

    def __init__(self, plan: Plan, containment: Subreaper) -> None:
        in_r, self.stdin = os.pipe()
        self.stdout, out_w = os.pipe()
        self.stderr, err_w = os.pipe()
        go_r, self.go = os.pipe()
        self.failure, failure_w = os.pipe()
        self.status, status_w = os.pipe()
        theirs = [in_r, out_w, err_w, go_r, failure_w, status_w]
        self.pid = os.fork()
        if self.pid == 0:
            try:
                become_cli(plan, containment.kind == "pidns", theirs)
            finally:
                os._exit(NEVER_STARTED)
        for fd in theirs:
            os.close(fd)
        try:
            containment.place(self.pid)
            self.cli = self.inner() if containment.kind == "pidns" else self.pid
            self.pidfd = os.pidfd_open(self.cli)
        except OSError:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            ours = (self.stdin, self.stdout, self.stderr, self.go, self.failure, self.status)
            for fd in ours:
                os.close(fd)
            raise
        for fd in (self.stdin, self.stdout, self.stderr, self.failure, self.status):
            os.set_blocking(fd, False)

    def inner(self) -> int:
        """The CLI's pid as the host sees it, once the namespace's init has forked it."""
        if os.read(self.status, 1) != b"r":
            raise OSError(errno.ECHILD, "the init of the PID namespace died")
        return next(iter(descendants(self.pid)))


def become_cli(plan: Plan, namespace: bool, fds: list[int]) -> NoReturn:
    """In the fork: tie this process to its parent, wait for the word, exec. Never returns."""
    in_r, out_w, err_w, go_r, failure_w, status_w = fds
    number: int
    close_all_but(fds)
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if namespace:
        fork_under_init(status_w)
    os.close(status_w)
    os.setsid()
    try:
        if os.read(go_r, 1) != b"g":
            os._exit(NEVER_STARTED)
        os.umask(plan.umask)
        for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
            try:
                signal.signal(number, signal.SIG_DFL)
            except OSError:  # the C library's own
                continue
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        for number, fd in enumerate((in_r, out_w, err_w)):
            os.dup2(fd, number)
        os.chdir(plan.cwd)
        os.execvpe(plan.argv[0], plan.argv, plan.env)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        words = f"cannot start {plan.argv[0]} in {plan.cwd}: {why}"
        os.write(failure_w, words[:2000].encode(errors="replace"))
    os._exit(NEVER_STARTED)


def fork_under_init(status_w: int) -> None:
    """Return in a new child; stay behind as the init of the namespace, reaping until killed."""
    if LIBC.unshare(CLONE_NEWNS) == 0:
        LIBC.mount(None, b"/", None, MS_REC_SLAVE, None)
        # Where this fails the CLI sees the outer /proc: no hole, as it could see that before.
        LIBC.mount(b"proc", b"/proc", b"proc", MS_NOSUID_NODEV_NOEXEC, None)
    cli = os.fork()
    if cli == 0:
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        return
    try:
        close_all_but([status_w])
        os.write(status_w, b"r")
        while True:
            try:
                pid, status = os.wait()
            except ChildProcessError:
                signal.pause()
                continue
            if pid == cli:
                os.write(status_w, b"%d\n" % status)
    finally:
        os._exit(NEVER_STARTED)


def close_all_but(keep: list[int]) -> None:
    low = 3
    for fd in sorted(keep):
        os.closerange(low, fd)
        low = fd + 1
    os.closerange(low, os.sysconf("SC_OPEN_MAX"))


def start_contained(plan: Plan, name: str) -> tuple[Subreaper, Child, list[str]]:
    """Fork the CLI on the best rung of the ladder that holds; and why the better ones do not."""
    rungs: dict[str, Callable[[], Subreaper]] = {
        "cgroup": lambda: Cgroup(name),
        "pidns": PidNamespace,
        "subreaper": Subreaper,
    }
    notes: list[str] = []
    for kind in rungs if plan.containment == "auto" else [plan.containment]:
        try:
            containment = rungs[kind]()
            return containment, Child(plan, containment), notes
        except OSError as error:
            notes.append(f"{kind}: {error}")
    raise LaunchFailed("no containment can be made: " + "; ".join(notes))


# --- the host ------------------------------------------------------------------------------------


class Client:
    """One connection: bytes not yet understood, bytes not yet sent, the last size it was told."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.inbox = bytearray()
        self.outbox = bytearray()
        self.told = -1


class Host:
    """One turn from the CLI's start to its exit record."""

    def __init__(self, plan: Plan, containment: Subreaper, child: Child) -> None:
        self.plan, self.containment, self.child = plan, containment, child
        self.selector = selectors.DefaultSelector()
        self.clients: set[Client] = set()
        self.spool = os.open("spool", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self.journal = os.open("written", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self.errors = os.open("stderr", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self.errors_size = 0
        self.size = 0
        self.pending = b""  # read from the CLI, not yet on disk
        self.full: str | None = None
        self.retry_at = 0.0
        self.written: dict[str, None] = {}
        self.stdin_queue = bytearray()
        self.stdin_open, self.stdin_closing = True, False
        self.status: int | None = None  # of the CLI, as wait gives it
        self.usage: Any = None
        self.ended_at = 0.0
        self.childless = False
        self.leftovers: int | None = None
        self.kill_at: float | None = None
        self.killed = False
        self.exit: dict[str, Any] | None = None
        self.wake_r, wake_w = os.pipe()
        os.set_blocking(self.wake_r, False)
        os.set_blocking(wake_w, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, lambda *_: self.terminate())
        signal.set_wakeup_fd(wake_w)
        self.selector.register(self.wake_r, selectors.EVENT_READ, self.on_wake)
        self.selector.register(child.stdout, selectors.EVENT_READ, self.on_stdout)
        self.selector.register(child.stderr, selectors.EVENT_READ, self.on_stderr)
        self.selector.register(child.status, selectors.EVENT_READ, self.on_status)
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        if os.path.lexists("sock"):  # of a host that was killed before it wrote `started`
            os.unlink("sock")
        self.listener.bind("sock")  # relative: the folder's path may be longer than sun_path
        self.listener.listen(CLIENTS_MAX)
        self.selector.register(self.listener, selectors.EVENT_READ, self.on_connect)

    def run(self) -> None:
        """Let the CLI exec and stay until its end is on disk and told."""
        self.began_at = time.monotonic()
        os.write(self.child.go, b"g")
        os.close(self.child.go)
        while self.exit is None:
            self.turn(self.timeout())
        deadline = time.monotonic() + FAREWELL_SECONDS
        while any(client.outbox for client in self.clients) and time.monotonic() < deadline:
            self.turn(deadline - time.monotonic())
        os.unlink("sock")

    def turn(self, timeout: float | None) -> None:
        for key, events in self.selector.select(timeout):
            # One before it may have taken it away, or even given its number to another. It is
            # looked up by number: a socket that is closed by now cannot be asked for.
            now_there = self.selector.get_map().get(key.fd)
            if now_there is not None and now_there.fileobj == key.fileobj:
                key.data(events)
        self.reap()
        now = time.monotonic()
        if self.full == "disk" and now >= self.retry_at:
            self.store()
        if self.status is not None and self.exit is None:
            self.clear(now)
        elif self.kill_at is not None and now >= self.kill_at:
            self.containment.kill()
            self.kill_at = now + CLEAR_POLL_SECONDS

    def timeout(self) -> float | None:
        if self.status is not None and not (self.childless and self.full == "disk"):
            return CLEAR_POLL_SECONDS
        waits = [self.retry_at] if self.full == "disk" else []
        if self.kill_at is not None:
            waits.append(self.kill_at)
        return max(0.0, min(waits) - time.monotonic()) if waits else None

    # The CLI's ends

    def on_wake(self, _: int) -> None:
        os.read(self.wake_r, 4096)

    def on_status(self, _: int) -> None:
        """The namespace's init tells how the CLI ended. Elsewhere this pipe only closes."""
        data = os.read(self.child.status, 64)
        if data:
            self.ended(int(data))
        else:
            self.selector.unregister(self.child.status)

    def ended(self, status: int) -> None:
        if self.status is None:
            self.status, self.ended_at = status, time.monotonic()
            self.kill_at = None

    def reap(self) -> None:
        """Collect the dead. As a subreaper the host has no child only when all are gone."""
        while True:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                self.childless = True
                return
            if pid == 0:
                return
            if pid == self.child.pid:
                self.usage = usage
                if self.child.status in self.selector.get_map():
                    try:
                        self.on_status(0)  # the init's last word may still lie in the pipe
                    except BlockingIOError:
                        pass
                self.ended(status)

    def clear(self, now: float) -> None:
        """After the CLI's exit: TERM, then KILL what it left; when all is gone, record the end."""
        if self.leftovers is None:
            left = self.containment.members()
            self.leftovers = len(left)
            for pid, start in left.items():
                signal_process(pid, start, signal.SIGTERM)
            self.kill_at = now + TERM_WAIT_SECONDS
        if self.kill_at is not None and (now >= self.kill_at or not self.containment.members()):
            self.containment.kill()
        self.reap()
        if self.childless and self.containment.gone():
            for pipe, take in (
                (self.child.stderr, self.on_stderr),
                (self.child.stdout, self.on_stdout),
            ):
                while pipe in self.selector.get_map() and take(0):
                    pass
            if self.full != "disk" or self.killed:
                self.record(self.status or 0)

    def record(self, status: int) -> None:
        try:
            error = os.read(self.child.failure, 4096).decode(errors="replace")
        except BlockingIOError:
            error = ""
        os.fsync(self.spool)
        more = bool(self.pending) or (self.full == "spool_max" and self.read(self.child.stdout, 1))
        self.exit = {
            "code": NEVER_STARTED if error else os.waitstatus_to_exitcode(status),
            "error": error,
            "duration_ms": round((self.ended_at - self.began_at) * 1000),
            "leftovers": self.leftovers,
            "containment": self.containment.kind,
            "killed": self.killed,
            "cpu_ms": round((self.usage.ru_utime + self.usage.ru_stime) * 1000),
            "max_rss_kib": self.usage.ru_maxrss,
            "spool_bytes": self.size,
            "cut": bool(more),
        }
        write_exit(self.exit)
        for client in list(self.clients):
            self.send(client, {"exit": self.exit})

    def terminate(self) -> None:
        """TERM to the CLI, and KILL to all that it has if that does not end it."""
        if self.status is None and self.kill_at is None:
            self.kill_at = time.monotonic() + TERM_WAIT_SECONDS
            signal.pidfd_send_signal(self.child.pidfd, signal.SIGTERM)

    # Output

    def read(self, fd: int, most: int) -> bytes | None:
        """Bytes of a pipe; empty at its end; None if none wait."""
        try:
            return os.read(fd, most)
        except BlockingIOError:
            return None

    def on_stdout(self, _: int) -> bool:
        """Take what the CLI printed. False if there was nothing or it cannot be stored now."""
        data = self.read(self.child.stdout, min(CHUNK_BYTES, self.plan.spool_max - self.size))
        if data == b"":
            self.selector.unregister(self.child.stdout)
        if not data:
            return False
        self.pending = data
        self.store()
        return self.full is None

    def store(self) -> None:
        """Bring the pending bytes to the spool; where they do not fit, stop reading and say so."""
        full = None
        try:
            while self.pending:
                count = os.write(self.spool, self.pending)
                self.size += count
                self.pending = self.pending[count:]
        except OSError:  # no space, no quota, a failing disk: nothing is dropped, all may pass
            full = "disk"
            self.retry_at = time.monotonic() + DISK_RETRY_SECONDS
        if self.size >= self.plan.spool_max:
            full = "spool_max"
        if full != self.full:
            self.full = full
            if full is None:
                self.selector.register(self.child.stdout, selectors.EVENT_READ, self.on_stdout)
            elif self.child.stdout in self.selector.get_map():
                self.selector.unregister(self.child.stdout)
            for client in list(self.clients):
                self.send(client, {"full": full})
        for client in list(self.clients):
            self.tell_size(client)

    def on_stderr(self, _: int) -> bool:
        """Keep the last of stderr in two files that take turns; a full disk loses it."""
        data = self.read(self.child.stderr, CHUNK_BYTES)
        if data == b"":
            self.selector.unregister(self.child.stderr)
        if not data:
            return False
        if self.errors_size >= STDERR_BYTES_MAX // 2:
            os.rename("stderr", "stderr.before")
            os.close(self.errors)
            self.errors = os.open("stderr", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            self.errors_size = 0
        try:
            self.errors_size += os.write(self.errors, data)
        except OSError:
            pass
        return True

    # Input

    def write(self, ident: Any, data: Any) -> dict[str, Any]:
        """Take a write for the CLI's stdin. Journalled first, then queued, then in the pipe.

        So a host that dies in between has perhaps not written what the journal names; never
        the other way round. Nothing is lost by that: the CLI does not outlive the host.
        """
        if not isinstance(ident, str) or not isinstance(data, str) or not WRITE_ID.match(ident):
            return {"error": "bad_request"}
        if ident in self.written:
            return {"written": ident, "repeat": True}
        try:
            line = binascii.a2b_base64(data, strict_mode=True)
        except ValueError:
            return {"error": "bad_request"}
        if len(line) > WRITE_BYTES_MAX or len(self.written) >= WRITES_MAX:
            return {"error": "too_large"}
        if not self.stdin_open or self.stdin_closing:
            return {"error": "stdin_closed"}
        if len(self.stdin_queue) + len(line) > STDIN_QUEUE_BYTES_MAX:
            return {"error": "busy"}
        entry = ident.encode() + b"\n"
        end = os.lseek(self.journal, 0, os.SEEK_END)
        try:
            if os.write(self.journal, entry) != len(entry):
                raise OSError(errno.ENOSPC, "short write")
        except OSError:
            os.ftruncate(self.journal, end)
            return {"error": "busy"}
        self.written[ident] = None
        self.stdin_queue += line
        self.on_stdin(0)
        return {"written": ident}

    def on_stdin(self, _: int) -> None:
        """Move what is queued into the pipe as far as the CLI takes it."""
        try:
            while self.stdin_queue:
                count = os.write(self.child.stdin, self.stdin_queue[:CHUNK_BYTES])
                del self.stdin_queue[:count]
        except BlockingIOError:
            pass
        except OSError:  # the CLI closed its end
            self.stdin_queue.clear()
            self.stdin_closing = True
        if not self.stdin_open:
            return
        waiting = self.child.stdin in self.selector.get_map()
        if self.stdin_queue and not waiting:
            self.selector.register(self.child.stdin, selectors.EVENT_WRITE, self.on_stdin)
        elif not self.stdin_queue and waiting:
            self.selector.unregister(self.child.stdin)
        if self.stdin_closing and not self.stdin_queue:
            os.close(self.child.stdin)
            self.stdin_open = False

    # Clients

    def on_connect(self, _: int) -> None:
        try:
            sock, _address = self.listener.accept()
        except OSError:
            return
        peer = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        if struct.unpack("3i", peer)[1] != os.geteuid() or len(self.clients) >= CLIENTS_MAX:
            sock.close()
            return
        sock.setblocking(False)
        client = Client(sock)
        self.clients.add(client)
        self.selector.register(
            sock, selectors.EVENT_READ, lambda events: self.on_client(client, events)
        )
        client.told = self.size
        hello = {
            "hello": PROTOCOL,
            "written": list(self.written),
            "size": self.size,
            "cli_pid": self.child.cli,
            "containment": self.containment.kind,
            "state": "running" if self.exit is None else "exited",
            "exit": self.exit,
            "stdin": "open" if self.stdin_open and not self.stdin_closing else "closed",
            "full": self.full,
        }
        self.send(client, hello)

    def on_client(self, client: Client, events: int) -> None:
        try:
            if events & selectors.EVENT_WRITE:
                self.flush(client)
            if events & selectors.EVENT_READ and client in self.clients:
                self.receive(client)
        except BlockingIOError:
            pass
        except OSError:
            self.drop(client)

    def receive(self, client: Client) -> None:
        data = client.sock.recv(4 * CHUNK_BYTES)
        client.inbox += data
        if not data or (b"\n" not in data and len(client.inbox) > REQUEST_BYTES_MAX):
            self.drop(client)
            return
        *lines, rest = client.inbox.split(b"\n") if b"\n" in data else [client.inbox]
        client.inbox = bytearray(rest)
        for line in lines:
            try:
                request = json.loads(line)
            except (ValueError, RecursionError):
                request = None
            if isinstance(request, dict):
                answer = self.answer(request) | {"n": request.get("n")}
            else:
                answer = {"error": "bad_request"}
            if client in self.clients:
                self.send(client, answer)

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Do one request. Each gets one answer, in order, with the request's own `n`."""
        if "write" in request:
            return self.write(request["write"], request.get("data"))
        if request.get("close_stdin") is True:
            self.stdin_closing = True
            if self.stdin_open:
                self.on_stdin(0)
            return {"ok": "close_stdin"}
        if request.get("signal") in ("TERM", "INT"):
            if self.status is not None:
                return {"error": "exited"}
            number = signal.SIGTERM if request["signal"] == "TERM" else signal.SIGINT
            signal.pidfd_send_signal(self.child.pidfd, number)
            return {"ok": "signal"}
        if request.get("kill") is True:
            self.killed = True
            self.containment.kill()
            return {"ok": "kill"}
        return {"error": "bad_request"}

    def tell_size(self, client: Client) -> None:
        """Tell the newest size, but not while the client has words to read: so none pile up."""
        if client.told != self.size and not client.outbox:
            client.told = self.size
            self.send(client, {"size": self.size})

    def send(self, client: Client, words: dict[str, Any]) -> None:
        client.outbox += json.dumps(words).encode() + b"\n"
        try:
            self.flush(client)
        except OSError:
            self.drop(client)
            return
        if len(client.outbox) > CLIENT_QUEUE_BYTES_MAX:
            self.drop(client)

    def flush(self, client: Client) -> None:
        events = selectors.EVENT_READ
        try:
            while client.outbox:
                count = client.sock.send(client.outbox[: 4 * CHUNK_BYTES])
                del client.outbox[:count]
        except BlockingIOError:
            events |= selectors.EVENT_WRITE
        key = self.selector.get_key(client.sock)
        if key.events != events:
            self.selector.modify(client.sock, events, key.data)
        if not client.outbox:
            self.tell_size(client)

    def drop(self, client: Client) -> None:
        if client in self.clients:
            self.clients.remove(client)
            self.selector.unregister(client.sock)
            client.sock.close()


# --- start and end -------------------------------------------------------------------------------


def write_exit(record: dict[str, Any]) -> None:
    """Write the exit record over the space reserved for it, and only then give it its name."""
    reserved = os.open("exit.reserved", os.O_WRONLY)
    text = json.dumps(record).encode()
    os.pwrite(reserved, text.ljust(EXIT_RECORD_BYTES - 1) + b"\n", 0)
    os.fsync(reserved)
    os.close(reserved)
    os.rename("exit.reserved", "exit")
    sync_folder()


def take_locks(session_lock: str) -> None:
    """Take the session's and the turn's lock for as long as this process lives, or exit."""
    deadline = time.monotonic() + LOCK_WAIT_SECONDS
    for path in (session_lock, "lock"):
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        while True:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    sys.exit(EXIT_HELD)
                time.sleep(0.005)


def keep_turn(launch: dict[str, Any]) -> None:
    """Start the CLI, stay until it and all it started are gone, leave the exit record."""
    folder = os.stat(".")
    name = f"hived-turn-{folder.st_dev:x}-{folder.st_ino:x}"
    pid, start = os.getpid(), process_start(os.getpid())
    started: dict[str, Any] = {
        "protocol": PROTOCOL,
        "boot_id": read_text("/proc/sys/kernel/random/boot_id").strip(),
        "pid": pid,
        "start": start,
        "mark": f"{name}-{pid}-{start}",
    }
    with open("exit.reserved", "wb") as file:
        file.write(b" " * EXIT_RECORD_BYTES)
    try:
        plan = Plan(launch, os.environ, started["mark"])
        containment, child, notes = start_contained(plan, name)
    except LaunchFailed as error:
        write_atomic("started", started | {"containment": None})
        record = {"code": NEVER_STARTED, "error": str(error)[:2000], "duration_ms": 0}
        none = {"leftovers": 0, "containment": None, "killed": False, "cpu_ms": 0}
        write_exit(record | none | {"max_rss_kib": 0, "spool_bytes": 0, "cut": False})
        return
    host = Host(plan, containment, child)
    found = {"containment": containment.kind, "notes": notes, "cgroup": containment.path}
    write_atomic("started", started | found | {"cli_pid": child.cli})
    host.run()


def probe() -> None:
    """Say, as JSON on stdout, which containment can be made here and why no better one."""
    words = {"argv": ["-"], "cwd": "/", "env": {}, "env_drop": [], "env_file": "", "spool_max": 1}
    plan = Plan(words | {"containment": "auto"}, {}, "")
    containment, child, notes = start_contained(plan, f"hived-probe-{os.getpid()}")
    containment.kill()
    os.waitpid(child.pid, 0)
    deadline = time.monotonic() + TERM_WAIT_SECONDS
    while not containment.gone() and time.monotonic() < deadline:
        time.sleep(CLEAR_POLL_SECONDS)
    print(json.dumps({"kind": containment.kind, "notes": notes}))


def main(arguments: list[str]) -> None:
    if len(arguments) != 1:
        sys.exit(EXIT_BAD_CALL)
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
    if arguments == ["--probe"]:
        probe()
        return
    try:
        os.chdir(arguments[0])
        launch = json.loads(read_text("launch.json"))
        session_lock = os.fspath(launch["session_lock"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        print(f"turn host: {error!r}", file=sys.stderr)
        sys.exit(EXIT_NO_FOLDER)
    take_locks(session_lock)
    if any(os.path.lexists(name) for name in ("closed", "started", "exit")):
        sys.exit(EXIT_CLOSED)
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_IGN)
    try:
        os.setsid()
    except PermissionError:  # it is a session leader already
        pass
    checked(LIBC.prctl(PR_SET_CHILD_SUBREAPER, 1), "prctl")
    keep_turn(launch)
    os._exit(0)  # nothing is left to do, and the locks wait for this


if __name__ == "__main__":
    main(sys.argv[1:])
