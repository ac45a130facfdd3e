"""What a commit holds: which trees are taken, and their files read back. Blocks on git."""

from collections.abc import Iterator
from pathlib import Path

from attrs import frozen

from hived import limits
from hived.config.shapes import unshowable
from hived.errors import HivedError
from hived.world import git
from hived.world.git import GitFailed
from hived.world.quarantine import invalid

_PLAIN = "100644"
_PROGRAM = "100755"
_WORDS = {"120000": "a symbolic link", "160000": "a submodule"}
_HINT = "a configuration holds plain files and folders only"


@frozen
class TreeFile:
    """One file of a commit. path: from the root. object: its id. program: it is executable."""

    path: str
    bytes: int
    object: str
    program: bool = False


def files_of(
    git_dir: Path,
    commit: str,
    *,
    alternate: Path | None = None,
    too_large: dict[str, int] | None = None,
) -> tuple[TreeFile, ...]:
    """The files of a commit, by path, if its tree is one that is taken.

    too_large: sizes of objects that were left out.

    Raises:
      HivedError: invalid_commit, which names the path: something else than a file or folder,
        a name that is no good, more than CONFIG_FILES_MAX files, or too large ones.
    """
    try:
        listed = git.run(
            git_dir, "ls-tree", "-r", "-z", "--full-tree", commit, alternate=alternate
        ).out
    except GitFailed as error:
        if error.data.get("overflow"):
            raise _too_many() from None
        raise unreadable(error) from None
    entries = list(_entries(listed))
    _check_names([path for path, _, _ in entries])
    sizes = sizes_of(git_dir, [object for _, object, _ in entries], alternate)
    files = []
    for path, object, program in entries:
        size = sizes.get(object, -1)
        if size < 0:
            size = (too_large or {}).get(object, -1)
        if size < 0:
            raise invalid(f"the repository does not hold {path} of {commit[:12]}", "git fsck in it")
        if size > limits.CONFIG_FILE_BYTES_MAX:
            most = limits.CONFIG_FILE_BYTES_MAX
            raise invalid(f"{path} has {size} bytes; {most} is the most of one file")
        files.append(TreeFile(path, size, object, program))
    total = sum(file.bytes for file in files)
    if total > limits.CONFIG_TREE_BYTES_MAX:
        most = limits.CONFIG_TREE_BYTES_MAX
        raise invalid(f"the commit's files have {total} bytes; {most} is the most")
    return tuple(files)


def sizes_of(git_dir: Path, objects: list[str], alternate: Path | None = None) -> dict[str, int]:
    """The unpacked size of each of these objects that is there."""
    if not objects:
        return {}
    asked = "".join(f"{object}\n" for object in dict.fromkeys(objects)).encode()
    try:
        told = git.run(
            git_dir,
            "cat-file",
            "--batch-check=%(objectname) %(objectsize)",
            stdin=asked,
            alternate=alternate,
        ).out.decode("ascii")
    except GitFailed as error:
        raise unreadable(error) from None
    words = (line.split(" ") for line in told.splitlines())
    return {object: int(size) for object, size in words if size != "missing"}


def contents(git_dir: Path, files: tuple[TreeFile, ...]) -> Iterator[tuple[TreeFile, bytes]]:
    """Each of these files with what is in it."""
    if not files:
        return
    asked = "".join(f"{file.object}\n" for file in files).encode()
    most = sum(file.bytes + 100 for file in files)
    told = git.run(git_dir, "cat-file", "--batch", stdin=asked, out_max=most).out
    at = 0
    for file in files:
        end = told.index(b"\n", at)
        if told[at:end] != f"{file.object} blob {file.bytes}".encode():
            raise GitFailed(f"git gave {told[at:end][:80]!r} for {file.path}")
        yield file, told[end + 1 : end + 1 + file.bytes]
        at = end + 2 + file.bytes


def unreadable(error: GitFailed) -> HivedError:
    """git's failure at what an agent made, as a refusal of it; where git itself is at fault, not.

    A status tells that git ran and came to an end by itself or by its bounds.
    """
    if "status" not in error.data:
        return error
    return invalid(f"the commit cannot be read: {error.message}", "run git fsck in the repository")


def _entries(listed: bytes) -> Iterator[tuple[str, str, bool]]:
    records = listed.split(b"\0")[:-1]
    if len(records) > limits.CONFIG_FILES_MAX:
        raise _too_many()
    for record in records:
        head, _, name = record.partition(b"\t")
        mode, _, object = head.decode("ascii").split(" ")
        try:
            path = name.decode("utf-8")
        except UnicodeDecodeError:
            raise invalid(f"the name of {name[:80]!a} is not UTF-8", "rename it") from None
        if mode not in (_PLAIN, _PROGRAM):
            what = _WORDS.get(mode, f"no plain file (mode {mode})")
            raise invalid(f"{_shown(path)} is {what}", _HINT)
        yield path, object, mode == _PROGRAM


def _check_names(paths: list[str]) -> None:
    seen: set[str] = set()
    for path in paths:
        steps = path.split("/")
        if len(path) > limits.CONFIG_PATH_CHARS_MAX:
            most = limits.CONFIG_PATH_CHARS_MAX
            raise invalid(f"the path {_shown(path)} is longer than {most} characters")
        if unshowable(path):
            raise invalid(f"the name of {_shown(path)} holds a control character", "rename it")
        if any(step in ("", ".", "..") or step.lower() == ".git" for step in steps):
            raise invalid(f"the path {_shown(path)} leads elsewhere", _HINT)
        if path in seen:
            raise invalid(f"{_shown(path)} stands in the tree twice")
        seen.add(path)
    for path in paths:
        above = path
        while "/" in above:
            above = above.rpartition("/")[0]
            if above in seen:
                raise invalid(f"{_shown(above)} is a file and a folder")


def _too_many() -> HivedError:
    return invalid(f"the commit holds more than {limits.CONFIG_FILES_MAX} files", _HINT)


def _shown(path: str) -> str:
    return path if len(path) <= 80 and not unshowable(path) else ascii(path[:80])
