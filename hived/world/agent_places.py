"""An agent's folders on disk, made for it or for a draft of it, and what lies in them. Blocks.

agents/NAME/config      the proposed repository: a manager edits and commits there
agents/NAME/state       notes, and what a manager puts there before the agent's first turn
applied/NAME.git        what was proposed and deployed; only hived writes there
applied/NAME/COMMIT     the files of a deployed commit
"""

import os
import stat
import threading
from collections.abc import Generator, Mapping
from contextlib import closing
from pathlib import Path

from hived import limits
from hived.config.templates import default_files
from hived.errors import HivedError
from hived.paths import Home
from hived.world import repos
from hived.world.no_links import open_folder
from hived.world.pinning import seen

# What is made at a time of its own: two of one place would take each other's half for a crash's.
_MAKING = threading.Lock()


def make_places(home: Home, name: str, files: Mapping[str, bytes], author: str, when: float) -> str:
    """Make what is not there of both repositories and the state folder; the first commit.

    files: of that commit, by path. The same arguments give the same commit.

    Raises:
      HivedError: exists where something else is in the way; git_failed.
      OSError: They cannot be made.
    """
    with _MAKING:
        for folder in (home.agent(name), home.agent_state(name)):
            Path(folder).mkdir(mode=0o700, parents=True, exist_ok=True)
        commit = repos.make_proposed(Path(home.proposed(name)), files, author, when)
        repos.make_applied(Path(home.applied_repo(name)))
        return commit


def make_applied(home: Home, name: str) -> None:
    """Make the applied repository if it is not there: of a new agent it is made a moment later."""
    with _MAKING:
        repos.make_applied(Path(home.applied_repo(name)))


def make_draft(home: Home, name: str, creator: str, at: float) -> None:
    """Make the places of a draft, with the default configuration, if they are not there."""
    make_places(home, name, default_files(name), creator, at)


def have_places(home: Home, name: str) -> bool:
    """Whether all of them are made."""
    made = (
        Path(home.agent_state(name)),
        Path(home.proposed(name), ".git"),
        Path(home.applied_repo(name), "HEAD"),
    )
    return all(path.exists() for path in made)


def staged(home: Home, name: str) -> tuple[str, ...]:
    """What lies in the state folder, as `path (bytes)`, by path. No link is followed.

    STAGED_WALK_MAX entries are looked at, folders among them; a last line says where there are
    more.
    """
    found: list[str] = []
    try:
        top = open_folder(home.agent_state(name))
    except FileNotFoundError:
        return ()
    except OSError as error:
        return (f"the state folder cannot be read: {error.strerror}",)
    try:
        with closing(_walk(top, "", 1)) as lines:
            for looked, line in enumerate(lines):
                if looked >= limits.STAGED_WALK_MAX:
                    return (*sorted(found), "... and more")
                if line:
                    found.append(line)
    finally:
        os.close(top)
    return tuple(sorted(found))


def _walk(folder: int, above: str, depth: int) -> Generator[str]:
    """A line for each entry, empty for a folder that is gone into.

    By descriptors: a folder that becomes a link meanwhile leads nowhere. An agent may make them as
    deep as it likes, so the way down is bounded.
    """
    with os.scandir(folder) as entries:
        for entry in entries:
            path = above + seen(os.fsencode(entry.name).decode("utf-8", "replace"))
            if not entry.is_dir(follow_symlinks=False):
                yield _line(entry, path)
            elif depth >= limits.KEPT_DEPTH_MAX:
                yield f"{path}/ (deeper than is looked)"
            else:
                yield ""
                yield from _inner(folder, entry.name, f"{path}/", depth + 1)


def _inner(above: int, name: str, path: str, depth: int) -> Generator[str]:
    try:
        folder = open_folder(name, above)
    except OSError as error:
        yield f"{path} (cannot be read: {error.strerror})"
        return
    try:
        yield from _walk(folder, path, depth)
    finally:
        os.close(folder)


def _line(entry: os.DirEntry[str], path: str) -> str:
    try:
        status = entry.stat(follow_symlinks=False)
    except OSError:
        return ""  # gone since
    if stat.S_ISREG(status.st_mode):
        return f"{path} ({status.st_size})"
    return f"{path} ({'a link' if stat.S_ISLNK(status.st_mode) else 'no file'})"


def check_room(home: Home, name: str) -> None:
    """Make sure that nothing lies where the places of a new name will be.

    Raises:
      HivedError: exists, naming the path.
    """
    for path in (home.proposed(name), home.agent_state(name), home.applied_repo(name)):
        if os.path.lexists(path):
            raise HivedError(
                f"{path} is there already", code="exists", hint="move it away, or take another name"
            )
