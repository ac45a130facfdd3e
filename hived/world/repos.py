"""The two repositories of an agent's configuration. Every function may be done again; all block.

The proposed one is the manager's to edit. The applied one is hived's alone: `deployed` is what
runs, and a tag stands for each step of an approval: proposal/ID, deployed/ID, failed/ID, denied/ID.
"""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from hived.errors import HivedError
from hived.world import git, git_objects, trees
from hived.world.marks import DEPLOYED, Mark, deployed, history, mark, marked
from hived.world.pinning import (
    ORDER,
    ORDER_FILE,
    Pinned,
    check_ref,
    compared,
    pin,
)
from hived.world.trees import TreeFile

__all__ = [
    "Mark",
    "Pinned",
    "TreeFile",
    "check_ref",
    "check_stands",
    "compared",
    "deploy",
    "deployed",
    "export",
    "history",
    "make_applied",
    "make_proposed",
    "mark_denied",
    "mark_failed",
    "pin",
    "read_file",
]

_HEAD = "ref: refs/heads/%s\n"
_CONFIG = "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = %s\n"
_WHO = "[user]\n\tname = %s\n\temail = %s@hive\n"


def make_proposed(
    path: Path, files: Mapping[str, bytes], author: str, when: float, message: str = "Begin"
) -> str:
    """Make the proposed repository with its first commit, if it is not there; gives the commit.

    The commit's id depends on the arguments alone. A repository that is there is not looked into.

    Raises:
      HivedError: exists, if something else is at `path`.
    """
    made = git_objects.commit(files, author, when, message)
    if (path / ".git").is_dir() and not path.is_symlink():
        return made.id
    new = _new_folder(path)
    for name, data in files.items():
        _folders(new, name)
        _write(new / name, data, 0o600)
    _make_repo(new / ".git", "main", bare=False, who=author)
    git_objects.store(made, new / ".git" / "objects")
    _write(new / ".git" / "refs" / "heads" / "main", f"{made.id}\n".encode(), 0o600)
    git.run(new / ".git", "read-tree", made.id)
    _place(new, path)
    return made.id


def make_applied(path: Path) -> None:
    """Make the applied repository, empty, if it is not there."""
    if (path / "HEAD").is_file():
        return
    new = _new_folder(path)
    _make_repo(new, "deployed", bare=True)
    _write(new / ORDER_FILE, ORDER, 0o600)
    _place(new, path)


def read_file(applied: Path, commit: str, path: str, max: int) -> bytes:
    """What is in a file of a commit.

    Raises:
      HivedError: not_found where the commit has no such file; too_large if it has more than `max`
        bytes.
    """
    for file in trees.files_of(applied, commit):
        if file.path == path:
            if file.bytes > max:
                raise HivedError(f"{path} has {file.bytes} bytes", code="too_large")
            return next(data for _, data in trees.contents(applied, (file,)))
    raise HivedError(f"the commit {commit[:12]} has no file {path[:80]!a}", code="not_found")


def export(applied: Path, commit: str, target: Path) -> None:
    """Write the files of a commit into the folder `target`, which is there whole or not at all.

    `target` belongs to this commit alone: one that is there already is left as it is. Files are
    for hived's user alone, 0600 or, for programs, 0700.
    """
    if target.is_dir():
        return
    files = trees.files_of(applied, commit)
    new = _new_folder(target)
    for file, data in trees.contents(applied, files):
        _folders(new, file.path)
        _write(new / file.path, data, 0o700 if file.program else 0o600)
    _place(new, target)


def deploy(applied: Path, commit: str, id: str) -> None:
    """Move `deployed` forward to a pinned commit, and tag it deployed/ID.

    Raises:
      HivedError: wrong_state if the commit does not stand on what is deployed.
    """
    if marked(applied, "deployed", id) == commit:
        return
    now = check_stands(applied, commit)
    if now != commit:
        git.run(applied, "update-ref", DEPLOYED, commit, now or git_objects.NO_OBJECT)
    mark(applied, "deployed", commit, id, "it runs from now on")


def check_stands(applied: Path, commit: str) -> str:
    """Make sure that a pinned commit can be deployed; gives what is deployed now, or nothing.

    Raises:
      HivedError: wrong_state if the commit does not stand on what is deployed.
    """
    now = deployed(applied)
    if now and now != commit:
        stands = git.run(applied, "merge-base", "--is-ancestor", now, commit, ok=(0, 1)).status == 0
        if not stands:
            raise HivedError(
                f"the commit {commit[:12]} does not stand on {now[:12]}, which is deployed",
                code="wrong_state",
                hint=f"git rebase it on {now[:12]} (to go back: git revert), and request that",
            )
    return now


def mark_failed(applied: Path, commit: str, id: str, why: str, when: float) -> None:
    """Tag the commit failed/ID with the reason; what is deployed stays."""
    mark(applied, "failed", commit, id, why, when)


def mark_denied(applied: Path, commit: str, id: str, note: str, when: float) -> None:
    """Tag the commit denied/ID with the operator's or the policy's note."""
    mark(applied, "denied", commit, id, note, when)


def _make_repo(folder: Path, branch: str, *, bare: bool, who: str = "") -> None:
    for name in ("objects/info/x", "objects/pack/x", "refs/heads/x", "refs/tags/x"):
        _folders(folder, name)
    _write(folder / "HEAD", (_HEAD % branch).encode(), 0o600)
    config = _CONFIG % ("true" if bare else "false") + (_WHO % (who, who) if who else "")
    _write(folder / "config", config.encode(), 0o600)


def _new_folder(path: Path) -> Path:
    """An empty folder beside `path`, renamed when it is whole. What a crash left there goes."""
    new = path.with_name(f".{path.name}.new")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(mode=0o700, parents=True)
    return new


def _folders(root: Path, file: str) -> None:
    """The folders from `root` down to where a file will stand; mkdir gives its mode to one only."""
    root.mkdir(mode=0o700, exist_ok=True)
    for folder in file.split("/")[:-1]:
        root /= folder
        root.mkdir(mode=0o700, exist_ok=True)


def _place(new: Path, path: Path) -> None:
    """Give a folder its name, when all in it is on disk."""
    # After all are written: the first waits for the disk, and the others find it done.
    for folder, _, files in os.walk(new):
        for name in files:
            _sync(Path(folder, name))
        _sync(Path(folder))
    try:
        new.rename(path)
    except OSError as error:
        shutil.rmtree(new, ignore_errors=True)
        raise HivedError(
            f"{path} cannot be made: {error.strerror}",
            code="exists",
            hint="something else is there; move it away",
        ) from None
    _sync(path.parent)


def _write(path: Path, data: bytes, mode: int) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    with open(fd, "wb") as file:
        file.write(data)


def _sync(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
