"""What is kept on disk of an agent that was taken out: how large it is, and its deletion. Blocks.

Agents write below their own folders, so nothing in there is trusted: no link is followed, no
mounted file system is gone into, and a link in the place of a folder itself is refused.
"""

import os
import posixpath
import re
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

from attrs import frozen

from hived import limits
from hived.errors import CommandRefused
from hived.names import agent_name
from hived.paths import Home
from hived.world.no_links import FOLDER, open_folder


@frozen
class Kept:
    """One path of a tombstone. bytes: of the regular files in it.

    more: there is more than was counted: too many entries, too deep, or closed to hived's user.
    """

    path: str
    bytes: int
    more: bool = False

    def __str__(self) -> str:
        return f"{self.path} ({self.bytes})"


def places(home: Home, name: str) -> tuple[str, ...]:
    """Where the things of an agent lie, whether or not they are there.

    Raises:
      InvalidName: Not the name of an agent, so that no name can be a path.
    """
    agent = agent_name(name)
    return (
        posixpath.join(home.agents, agent),
        posixpath.join(home.transcripts, agent),
        posixpath.join(home.applied, f"{agent}.git"),
        posixpath.join(home.applied, agent),
    )


def measure(home: Home, name: str) -> list[Kept]:
    """All that there is of an agent, with its size.

    Raises:
      CommandRefused: wrong_state for what a purge would not delete; the message names it.
    """
    found = []
    for path in places(home, name):
        if os.path.lexists(path):
            _check(path)
            found.append(_measured(path))
    return found


def delete(home: Home, name: str) -> int:
    """Delete all that there is of an agent; the bytes of the files found. May be done again.

    Raises:
      CommandRefused: wrong_state for what is not deleted; the message names it.
      OSError: Something in it cannot be deleted; the rest is tried anew by the next call.
    """
    size = 0
    for path in places(home, name):
        if os.path.lexists(path):
            _check(path)
            size += _deleted(path)
    return size


def _check(path: str) -> None:
    """Refuse what is no folder of hived's own: a link, no folder, or a mount point in it."""
    status = os.lstat(path)
    if stat.S_ISLNK(status.st_mode):
        raise CommandRefused(
            f"{path} is a link to {str(Path(path).readlink())!a}, and not a folder",
            hint="nothing is deleted; take the link away by hand if it may go",
        )
    if not stat.S_ISDIR(status.st_mode):
        raise CommandRefused(f"{path} is not a folder", hint="nothing is deleted; move it away")
    real = os.path.realpath(path)
    for mount in _mounts():
        if mount == real or mount.startswith(real + "/"):
            raise CommandRefused(
                f"{mount} is another file system, mounted there",
                hint=f"nothing is deleted; umount {mount} first",
            )


def _mounts() -> list[str]:
    """Every mount point that this process sees. The kernel writes a space as \\040."""
    lines = Path("/proc/self/mountinfo").read_bytes().splitlines()
    return [os.fsdecode(re.sub(rb"\\(\d{3})", _octal, line.split(b" ")[4])) for line in lines]


def _octal(found: re.Match[bytes]) -> bytes:
    return bytes((int(found[1], 8) & 0xFF,))


def _measured(path: str) -> Kept:
    size = entries = 0
    more = False
    with _opened(path) as root:
        scans = [(root, os.scandir(root))]
        while scans:
            folder, scan = scans[-1]
            entry = next(scan, None)
            entries += 1
            if entry is None or entries > limits.KEPT_ENTRIES_MAX:
                more = more or entry is not None
                scan.close()
                scans.pop()
                if folder != root:
                    os.close(folder)
                continue
            if not entry.is_dir(follow_symlinks=False):
                size += _bytes(entry)
                continue
            try:
                if len(scans) >= limits.KEPT_DEPTH_MAX:
                    raise OSError("too deep")
                inner = open_folder(entry.name, folder)
            except OSError:
                more = True
                continue
            scans.append((inner, os.scandir(inner)))
    return Kept(path, size, more)


def _bytes(entry: os.DirEntry[str]) -> int:
    try:
        status = entry.stat(follow_symlinks=False)
    except OSError:
        return 0  # gone since
    return status.st_size if stat.S_ISREG(status.st_mode) else 0


@contextmanager
def _opened(path: str, folder: int | None = None) -> Iterator[int]:
    """A folder, open to hived although its agent may have closed it. Follows no link."""
    handle = os.open(path, os.O_PATH | FOLDER, dir_fd=folder)
    try:
        # By the handle: no name is looked up again, so nothing can be put in its place.
        own = f"/proc/self/fd/{handle}"
        Path(own).chmod(0o700)
        fd = os.open(own, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    finally:
        os.close(handle)
    try:
        yield fd
    finally:
        os.close(fd)


def _deleted(path: str) -> int:
    parent, name = posixpath.split(path)
    above = os.open(parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with _opened(name, above) as root:
            size = _emptied(root, root)
            while inner := _folders(root):
                for folder in inner:
                    with _opened(folder, root) as fd:
                        size += _emptied(fd, root)
                    os.rmdir(folder, dir_fd=root)
        os.rmdir(name, dir_fd=above)
        os.fsync(above)
    finally:
        os.close(above)
    return size


def _emptied(folder: int, root: int) -> int:
    """Delete the files of a folder and move its folders to the root, to be emptied in turn.

    So a tree of any depth takes two descriptors and no recursion, and the kernel refuses to move
    what is mounted.
    """
    size = 0
    kept: set[str] = set()
    while entries := [entry for entry in _some(folder, len(kept)) if entry.name not in kept]:
        for entry in entries:
            if not entry.is_dir(follow_symlinks=False):
                size += _bytes(entry)
                os.unlink(entry.name, dir_fd=folder)
            elif folder == root:
                kept.add(entry.name)
            else:
                with _opened(entry.name, folder):
                    pass  # it can be moved only once it is open to us
                name = f".purge-{secrets.token_hex(8)}"
                os.rename(entry.name, name, src_dir_fd=folder, dst_dir_fd=root)
    return size


def _folders(root: int) -> list[str]:
    return [entry.name for entry in _some(root, 0)]


def _some(folder: int, beside: int) -> list[os.DirEntry[str]]:
    """Some of a folder's entries: a folder may hold more than fits in memory."""
    with os.scandir(folder) as scan:
        return list(islice(scan, limits.KEPT_BATCH_ENTRIES + beside))
