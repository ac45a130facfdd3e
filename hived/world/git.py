"""git, run so that nothing it reads can start a program or lead outside.

No configuration but hived's own is honoured, no hook, filter, transport, pager or editor is
started, no link or replacement is followed, and time, memory, output and files are bounded. git
is never run within a repository that somebody else writes to: see quarantine.py.
"""

import os
import resource
import selectors
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from attrs import frozen

from hived import limits
from hived.errors import HivedError

# Over all that a repository's own file says: what is given in the environment wins.
_CONFIG = (
    ("core.hooksPath", "/dev/null"),
    ("core.fsmonitor", "false"),
    ("core.untrackedCache", "false"),
    ("core.attributesFile", "/dev/null"),
    ("core.excludesFile", "/dev/null"),
    ("core.symlinks", "false"),
    ("core.editor", "false"),
    ("core.pager", "cat"),
    ("core.askPass", "false"),
    ("core.sshCommand", "false"),
    ("core.gitProxy", ""),
    ("core.alternateRefsCommand", "false"),
    ("core.bigFileThreshold", "8m"),
    ("core.fsync", "objects,reference"),
    ("core.commitGraph", "false"),
    ("core.multiPackIndex", "false"),
    ("core.quotePath", "false"),
    ("core.logAllRefUpdates", "false"),
    ("credential.helper", ""),
    ("diff.external", ""),
    ("diff.renames", "false"),
    ("diff.ignoreSubmodules", "none"),
    ("fetch.recurseSubmodules", "false"),
    ("submodule.recurse", "false"),
    ("protocol.allow", "never"),
    ("uploadpack.packObjectsHook", ""),
    ("safe.directory", "*"),
    ("gc.auto", "0"),
    ("maintenance.auto", "false"),
    ("pack.threads", "1"),
    ("pack.useBitmaps", "false"),
    ("transfer.fsckObjects", "true"),
    ("tag.gpgSign", "false"),
    ("commit.gpgSign", "false"),
    ("gpg.program", "false"),
    ("init.templateDir", ""),
    ("init.defaultBranch", "main"),
    ("advice.detachedHead", "false"),
    ("i18n.logOutputEncoding", "UTF-8"),
)
_CHUNK = 64 * 1024
_ERROR_BYTES_MAX = 16 * 1024


@frozen
class Done:
    """What a run of git gave. status: its exit status."""

    status: int
    out: bytes
    err: str


class GitFailed(HivedError):
    """git could not do what it was asked, took too long, or said too much."""

    default_code = "git_failed"


def run(
    git_dir: Path,
    *args: str,
    stdin: bytes | IO[bytes] = b"",
    stdout: IO[bytes] | None = None,
    alternate: Path | None = None,
    env: Mapping[str, str] | None = None,
    ok: Sequence[int] = (0,),
    out_max: int = limits.GIT_OUTPUT_BYTES_MAX,
    cut: bool = False,
) -> Done:
    """Run git with one git dir and wait for its end. Blocks for GIT_SECONDS at most.

    stdin: bytes, or a file. stdout: a file for what it prints, instead of `out`. alternate: a
    folder of objects to read beside those of git_dir. ok: exit statuses that are no failure.
    cut: of more than out_max bytes the first out_max + 1 are given, and git is ended.

    Raises:
      GitFailed: Another exit status, no end in time, more than out_max bytes, or no git here.
    """
    words = ("git", "--no-pager", "--literal-pathspecs", *args)
    source = stdin if not isinstance(stdin, bytes) else _held(stdin)
    try:
        child = subprocess.Popen(
            words,
            cwd=git_dir,
            env={**_environment(git_dir, alternate), **(env or {})},
            stdin=source,
            stdout=stdout if stdout is not None else subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as error:
        raise GitFailed(
            f"git cannot be run: {error.strerror or error}", hint="install git; see hivectl doctor"
        ) from error
    finally:
        if source is not stdin:
            source.close()
    try:
        _bound(child.pid)
        out, err = _taken(child, args[0], out_max)
        if len(out) > out_max:
            if not cut:
                raise GitFailed(f"git {args[0]} printed more than {out_max} bytes", overflow=True)
            return Done(0, out[: out_max + 1], "")
        # Its pipes are closed; its end is a matter of microseconds, unless it is stuck.
        status = child.wait(limits.GIT_SECONDS)
    except subprocess.TimeoutExpired:
        raise _too_slow(args[0]) from None
    finally:
        _end(child)
    told = err.decode("utf-8", "replace").strip()
    if status not in ok:
        raise failed(args[0], status, told)
    return Done(status, out, told)


def failed(what: str, status: int, told: str) -> GitFailed:
    """The error for a run that did not go well."""
    ended = f"signal {-status}: it took too much time or memory" if status < 0 else ""
    why = told[-limits.DETAIL_CHARS_MAX :] or ended or f"exit status {status}"
    hint = "what it was to read takes more than git is given" if status < 0 else ""
    return GitFailed(f"git {what} failed: {why}", hint=hint, status=status)


def _environment(git_dir: Path, alternate: Path | None) -> dict[str, str]:
    """All that git finds in its environment; nothing is inherited but the way to programs."""
    found = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": "/dev/null",
        "XDG_CONFIG_HOME": "/dev/null",
        "LC_ALL": "C",
        "TZ": "UTC",
        "GIT_DIR": str(git_dir),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_SYSTEM": "/dev/null",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_ALLOW_PROTOCOL": "none",
        "GIT_EDITOR": "false",
        "GIT_PAGER": "cat",
        "GIT_CONFIG_COUNT": str(len(_CONFIG)),
    }
    for number, (key, value) in enumerate(_CONFIG):
        found[f"GIT_CONFIG_KEY_{number}"] = key
        found[f"GIT_CONFIG_VALUE_{number}"] = value
    if alternate is not None:
        found["GIT_ALTERNATE_OBJECT_DIRECTORIES"] = str(alternate)
    return found


def _held(data: bytes) -> IO[bytes]:
    """The bytes as a file in memory: a pipe could stand still while git's output is not read."""
    file = os.fdopen(os.memfd_create("git-stdin"), "w+b")
    file.write(data)
    file.seek(0)
    return file


def _bound(pid: int) -> None:
    # Not by preexec_fn, which may deadlock in a program with threads. git reads no object within
    # the moment it is unbounded, and the deadline holds from its start.
    bounds = (
        (resource.RLIMIT_AS, limits.GIT_MEMORY_BYTES_MAX),
        (resource.RLIMIT_FSIZE, limits.GIT_FILE_BYTES_MAX),
        (resource.RLIMIT_CPU, limits.GIT_CPU_SECONDS),
        (resource.RLIMIT_NOFILE, limits.GIT_OPEN_FILES_MAX),
        (resource.RLIMIT_CORE, 0),
    )
    for kind, most in bounds:
        try:
            hard = resource.prlimit(pid, kind)[1]
            most = most if hard == resource.RLIM_INFINITY else min(most, hard)
            resource.prlimit(pid, kind, (most, most))
        except ProcessLookupError:  # over already
            return


def _taken(child: "subprocess.Popen[bytes]", what: str, out_max: int) -> tuple[bytes, bytes]:
    """What it prints, both ways, until it closes both or has printed too much."""
    deadline = time.monotonic() + limits.GIT_SECONDS
    out, err = bytearray(), bytearray()
    with selectors.DefaultSelector() as ready:
        for pipe, into in ((child.stdout, out), (child.stderr, err)):
            if pipe is not None:
                ready.register(pipe, selectors.EVENT_READ, into)
        while ready.get_map() and len(out) <= out_max:
            found = ready.select(max(0.0, deadline - time.monotonic()))
            if not found:
                raise _too_slow(what)
            for key, _ in found:
                data = os.read(key.fd, _CHUNK)
                if not data:
                    ready.unregister(key.fileobj)
                elif key.data is out or len(err) < _ERROR_BYTES_MAX:
                    key.data.extend(data)
    return bytes(out), bytes(err)


def _end(child: "subprocess.Popen[bytes]") -> None:
    """Nothing of it lives on, nor do its pipes."""
    if child.poll() is None:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
    for pipe in (child.stdout, child.stderr):
        if pipe is not None:
            pipe.close()


def _too_slow(what: str) -> GitFailed:
    return GitFailed(
        f"git {what} did not end within {limits.GIT_SECONDS:.0f} s",
        hint="make the repository smaller, or try again when the machine has less to do",
    )
