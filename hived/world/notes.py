"""An agent's notes on disk: read without following any link, replaced whole, old versions kept.

    agents/NAME/state/notes.md         the notes; the agent writes them
    agents/NAME/notes-history/N-T.md   as they were before the agent's Nth turn T rewrote them

The agent writes to these folders, so a path in them may be a link or a pipe at any time. Blocks.
"""

import os
import stat
from pathlib import Path

from attrs import frozen

from hived import limits
from hived.world.no_links import open_file, open_folder

NOTES = "notes.md"
STATE = "state"
HISTORY = "notes-history"
_WHOLE = limits.NOTES_COMPACT_BYTES_MAX


class NotesUnread(Exception):
    """The notes are there and cannot be read: why, for people."""


@frozen
class OldNotes:
    """A version that a compaction replaced. replaced_at: unix seconds."""

    number: int
    turn: str
    bytes: int
    replaced_at: float


def notes_path(home: Path) -> Path:
    """Where an agent finds its notes. home: the agent's own folder."""
    return home / STATE / NOTES


def read(home: Path, most: int) -> tuple[bytes, int]:
    """The notes as far as `most` bytes, and their size; nothing where there are none.

    Raises:
      NotesUnread: They are a link, no plain file, or cannot be opened.
    """
    for folder in (STATE, ""):  # "" is where an earlier hived kept them
        found = _read(home, folder, NOTES, most)
        if found is not None:
            return found
    return b"", 0


def measure(home: Path) -> int:
    """The size of the notes in bytes; 0 where there are none that could be read."""
    try:
        return read(home, 0)[1]
    except NotesUnread:
        return 0


def no_notes(home: Path) -> bool:
    """Whether there is nothing in the notes' place, or nothing in them."""
    try:
        return read(home, 0)[1] == 0
    except NotesUnread:
        return False


def text(home: Path) -> str:
    """The notes as words, as far as NOTES_BYTES_MAX; empty where none can be read."""
    try:
        return read(home, limits.NOTES_BYTES_MAX)[0].decode("utf-8", "replace")
    except NotesUnread:
        return ""


def _read(home: Path, folder: str, name: str, most: int) -> tuple[bytes, int] | None:
    try:
        at = _folder(home, folder)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise NotesUnread(f"{home / folder} is no folder: {error.strerror}") from None
    try:
        file = open_file(name, at)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise NotesUnread(f"{home / folder / name}: {error.strerror}") from None
    finally:
        os.close(at)
    try:
        status = os.fstat(file)
        if not stat.S_ISREG(status.st_mode):
            raise NotesUnread(f"{home / folder / name} is no plain file")
        with open(file, "rb", closefd=False) as opened:
            return opened.read(most), status.st_size
    except OSError as error:
        raise NotesUnread(f"{home / folder / name}: {error.strerror}") from None
    finally:
        os.close(file)


def _folder(home: Path, folder: str) -> int:
    """A descriptor of a folder of the agent's home that is no link."""
    at = os.open(home, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    if not folder:
        return at
    try:
        return open_folder(folder, at)
    finally:
        os.close(at)


def kept_name(number: int, turn: str) -> str:
    """The name of the version that a turn replaces. Names stand in the order of turns."""
    return f"{number:08d}-{turn}.md"


def keep(home: Path, name: str) -> bytes:
    """The notes as a turn that rewrites them found them; kept in the history when first asked.

    So a turn that is taken up again after a crash has the same before it.

    Raises:
      NotesUnread: There are none, or too many, or they cannot be read or kept.
    """
    most = limits.NOTES_COMPACT_BYTES_MAX
    found = _read(home, HISTORY, name, most)
    if found is not None:
        return found[0]
    now, size = read(home, most)
    if size > most:
        raise NotesUnread(f"the notes have {size} bytes; at most {most} can be compacted")
    if not now.strip():
        raise NotesUnread("there are no notes to compact")
    try:
        (home / HISTORY).mkdir(mode=0o700, parents=True, exist_ok=True)
        _write(home, HISTORY, name, now)
    except OSError as error:
        raise NotesUnread(f"the old notes cannot be kept: {error.strerror}") from None
    return now


def replace(home: Path, before: bytes, after: bytes) -> bool:
    """Put a rewrite in the place of the notes it was made of. False: they were changed meanwhile.

    Doing it a second time changes nothing.

    Raises:
      NotesUnread: What is there now cannot be read, or the rewrite cannot be written.
    """
    now, size = read(home, limits.NOTES_COMPACT_BYTES_MAX)
    if size == len(after) and now == after:
        return True
    if now != before:
        return False
    try:
        (home / STATE).mkdir(mode=0o700, parents=True, exist_ok=True)
        _write(home, STATE, NOTES, after)
    except OSError as error:
        raise NotesUnread(f"the notes cannot be written: {error.strerror}") from None
    return True


def _write(home: Path, folder: str, name: str, data: bytes) -> None:
    """Whole or not at all, and on disk when this returns."""
    at = _folder(home, folder)
    temporary = f".{name}.hived"
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        file = os.open(temporary, flags, 0o600, dir_fd=at)
        with open(file, "wb") as opened:
            opened.write(data)
            opened.flush()
            os.fsync(file)
        os.replace(temporary, name, src_dir_fd=at, dst_dir_fd=at)
        os.fsync(at)
    finally:
        os.close(at)


def settle(home: Path, name: str, *, replaced: bool) -> None:
    """After the turn: drop what it kept if it replaced nothing, and all but the last versions."""
    try:
        at = _folder(home, HISTORY)
    except OSError:
        return
    try:
        names = [each for each in _names(at) if each.endswith(".md")]
        gone = names[: max(0, len(names) - limits.NOTES_HISTORY_MAX)]
        for each in gone if replaced else [name]:
            try:
                os.unlink(each, dir_fd=at)
            except FileNotFoundError:
                pass  # done before a crash
    finally:
        os.close(at)


def history(home: Path) -> list[OldNotes]:
    """The old versions that are kept, oldest first."""
    found = []
    try:
        at = _folder(home, HISTORY)
    except OSError:
        return []
    try:
        for name in _names(at):
            number, _, turn = name.removesuffix(".md").partition("-")
            if not (name.endswith(".md") and number.isdecimal() and turn):
                continue
            status = os.stat(name, dir_fd=at, follow_symlinks=False)
            if stat.S_ISREG(status.st_mode):
                found.append(OldNotes(int(number), turn, status.st_size, status.st_mtime))
    finally:
        os.close(at)
    return found[-limits.NOTES_HISTORY_MAX :]


def old(home: Path, history: list[OldNotes], turn: str) -> bytes | None:
    """A version of the history, by the turn that replaced it, or by that turn's number.

    None where no version of that turn is kept.

    Raises:
      NotesUnread: It is there and cannot be read.
    """
    for one in history:
        if turn in (one.turn, str(one.number)):
            found = _read(home, HISTORY, kept_name(one.number, one.turn), _WHOLE)
            return None if found is None else found[0]
    return None


def _names(at: int) -> list[str]:
    with os.scandir(at) as entries:
        return sorted(entry.name for entry in entries)
