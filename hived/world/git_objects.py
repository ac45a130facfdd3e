"""git's objects, made without git: the same files give the same ids on every machine."""

import hashlib
import os
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

NO_OBJECT = "0" * 40  # what git says where there is none
EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"  # git knows it without a file


class Made(NamedTuple):
    """id: of the object asked for. objects: it and all below it, by id, as git stores them."""

    id: str
    objects: Mapping[str, bytes]


def tree(files: Mapping[str, bytes]) -> Made:
    """The tree of these files by path; none of them is executable."""
    objects: dict[str, bytes] = {}
    folders: dict[str, dict[str, bytes]] = {}
    entries: list[tuple[bytes, bytes]] = []
    for path, data in files.items():
        first, slash, rest = path.partition("/")
        if slash:
            folders.setdefault(first, {})[rest] = data
        else:
            name = first.encode()
            entries.append((name, b"100644 " + name + b"\0" + _add(objects, "blob", data)))
    for folder, inner in folders.items():
        made = tree(inner)
        objects.update(made.objects)
        name = folder.encode()
        # git sorts folders as if their names ended with a slash.
        entries.append((name + b"/", b"40000 " + name + b"\0" + bytes.fromhex(made.id)))
    body = b"".join(entry for _, entry in sorted(entries))
    return Made(_add(objects, "tree", body).hex(), objects)


def commit(files: Mapping[str, bytes], author: str, when: float, message: str) -> Made:
    """A first commit of these files. author: a name. when: unix seconds."""
    below = tree(files)
    objects = dict(below.objects)
    who = f"{author} <{author}@hive> {int(when)} +0000"
    body = f"tree {below.id}\nauthor {who}\ncommitter {who}\n\n{message}\n".encode()
    return Made(_add(objects, "commit", body).hex(), objects)


def store(made: Made, folder: Path) -> None:
    """Write the objects into a git folder's `objects`, each by a rename; those there are kept."""
    new = []
    for id, data in made.objects.items():
        path = folder / id[:2] / id[2:]
        if path.exists():
            continue
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        unnamed = path.with_name(f"tmp_obj_{id}")
        with open(unnamed, "wb", opener=_private) as file:
            file.write(zlib.compress(data))
        new.append((unnamed, path))
    # After all are written: the first waits for the disk, and the others find it done.
    for unnamed, path in new:
        with open(unnamed, "rb") as file:
            os.fsync(file.fileno())
        unnamed.rename(path)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _add(objects: dict[str, bytes], kind: str, body: bytes) -> bytes:
    data = b"%s %d\0%s" % (kind.encode(), len(body), body)
    digest = hashlib.sha1(data, usedforsecurity=False)
    objects[digest.hexdigest()] = data
    return digest.digest()
