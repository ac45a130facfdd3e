"""The objects of a repository that an agent writes to, copied to where only hived does.

git is never run within the agent's repository, nor on its files: its configuration, hooks,
alternates, references and links are not looked at. Only files with the names of objects are taken,
opened without following a link, bounded in number and bytes. What they hold is for git to check,
in the copy, which nobody changes meanwhile.
"""

import os
import re
import shutil
import stat
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from attrs import define, field, frozen

from hived import limits
from hived.errors import HivedError
from hived.world.no_links import open_file, open_folder

_LOOSE_FOLDER = re.compile(r"[0-9a-f]{2}\Z")
_LOOSE = re.compile(r"[0-9a-f]{38}\Z")
_PACK = re.compile(r"pack-[0-9a-f]{40}\.(?:pack|idx)\Z")
_HEADER_BYTES_MAX = 40  # "commit", a blank, a size, a zero byte
_HEAD_BYTES = 512  # of a file, enough to unpack its header
_CHUNK = 1024 * 1024
# A list of files may be long enough to be told that it is too long.
_BYTES_MAX = {
    b"blob": limits.CONFIG_FILE_BYTES_MAX,
    b"tree": limits.GIT_OUTPUT_BYTES_MAX,
    b"commit": limits.CONFIG_FILE_BYTES_MAX,
    b"tag": limits.CONFIG_FILE_BYTES_MAX,
}


@frozen
class Copied:
    """objects: the folder. too_large: ids of loose objects left out for their size, with it."""

    objects: Path
    too_large: dict[str, int]


@define
class _Copy:
    into: Path
    files: int = 0
    bytes: int = 0
    too_large: dict[str, int] = field(factory=dict)


def invalid(message: str, hint: str = "") -> HivedError:
    """The error for a repository or commit that is not taken."""
    return HivedError(message, code="invalid_commit", hint=hint)


@contextmanager
def copied(proposed: Path, into: Path) -> Iterator[Copied]:
    """Copy the objects of the repository `proposed` into the folder `into`, while the block runs.

    `into` belongs to hived, and what an earlier run left there is removed first. The folder in
    which `proposed` stands is hived's own: `proposed` itself may not be a link.

    Raises:
      HivedError: not_found where there is no repository; invalid_commit where it is a link, or
        holds more than GIT_LOOSE_OBJECTS_MAX files or GIT_COPY_BYTES_MAX bytes of objects.
    """
    shutil.rmtree(into, ignore_errors=True)
    into.mkdir(mode=0o700, parents=True)
    try:
        copy = _Copy(into)
        with (
            _folder(str(proposed), None) as root,
            _folder(".git", root) as git,
            _folder("objects", git) as objects,
        ):
            _take(objects, copy)
        yield Copied(into, copy.too_large)
    finally:
        shutil.rmtree(into, ignore_errors=True)


@contextmanager
def _folder(name: str, within: int | None) -> Iterator[int]:
    try:
        fd = open_folder(name, within)
    except FileNotFoundError:
        raise HivedError(
            f"there is no git repository: {name} is not there",
            code="not_found",
            hint="a draft's repository is made by hived; see hivectl drafts",
        ) from None
    except OSError as error:
        raise invalid(
            f"the proposed repository cannot be used: {name} is no plain folder ({error.strerror})",
            "links and .git files are not followed",
        ) from None
    try:
        yield fd
    finally:
        os.close(fd)


def _take(objects: int, copy: _Copy) -> None:
    with os.scandir(objects) as entries:
        names = [entry.name for entry in entries]
    for name in names:
        if _LOOSE_FOLDER.match(name):
            with _folder(name, objects) as folder:
                _take_files(folder, name, _LOOSE, copy)
        elif name == "pack":
            with _folder(name, objects) as folder:
                _take_files(folder, name, _PACK, copy)


def _take_files(folder: int, name: str, wanted: re.Pattern[str], copy: _Copy) -> None:
    (copy.into / name).mkdir(mode=0o700, exist_ok=True)
    with os.scandir(folder) as entries:
        for entry in entries:
            if not wanted.match(entry.name):
                continue
            copy.files += 1
            if copy.files > limits.GIT_LOOSE_OBJECTS_MAX:
                raise invalid(
                    f"the repository has more than {limits.GIT_LOOSE_OBJECTS_MAX} files of objects",
                    "run git gc in it",
                )
            _take_file(folder, name, entry.name, copy)


def _take_file(folder: int, above: str, name: str, copy: _Copy) -> None:
    try:
        fd = open_file(name, folder)
    except OSError:  # gone meanwhile, or a link: if it is needed, git will miss it
        return
    with open(fd, "rb", buffering=0) as source:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            return
        head = source.read(_HEAD_BYTES)
        if above != "pack":
            size, most = _loose_size(head)
            if size > most:
                copy.too_large[above + name] = size
            if not 0 <= size <= most:
                return
        with open(copy.into / above / name, "xb") as target:
            while head:
                copy.bytes += len(head)
                if copy.bytes > limits.GIT_COPY_BYTES_MAX:
                    raise invalid(
                        "the repository's objects have more than"
                        f" {limits.GIT_COPY_BYTES_MAX} bytes",
                        "large files do not belong in a configuration; run git gc in it",
                    )
                target.write(head)
                head = source.read(_CHUNK)


def _loose_size(head: bytes) -> tuple[int, int]:
    """The size that a loose object says it has unpacked, -1 where it is none; the most it may."""
    try:
        header = zlib.decompressobj().decompress(head, _HEADER_BYTES_MAX)
        kind, size = header.partition(b"\0")[0].split(b" ")
        return int(size), _BYTES_MAX[kind]
    except (zlib.error, ValueError, KeyError):
        return -1, 0
