"""What can be wrong with a store, each case told as a StoreError with what to do about it."""

import errno
import fcntl
import os
import shutil
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from urllib.parse import quote

from eventsourcing.persistence import PersistenceError

from hived.errors import AlreadyRunning, LogCorrupt, LogFromTheFuture, StoreError
from hived.store.sqlite import APPLICATION_ID, COLUMNS, STORE_SCHEMA, TABLE

_MAGIC = b"SQLite format 3\0"
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT)
_RESTORE = "restore it from a backup, or move its folder away to start a new hive"


class StoreLock:
    """The right to write one store, held until close or the end of the process.

    Raises:
      AlreadyRunning: Another process holds it; its pid is in the message and in data.
      StoreError: The lock file cannot be made.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise explain(error, path) from error
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(self._fd, 32, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(self._fd)
            raise AlreadyRunning(
                f"another hived (pid {holder}) holds {path}",
                hint="use it with hivectl, or end it with hivectl daemon stop",
                pid=holder,
            ) from error
        try:
            os.ftruncate(self._fd, 0)
            os.pwrite(self._fd, f"{os.getpid()}\n".encode(), 0)
        except OSError as error:
            os.close(self._fd)
            raise explain(error, path) from error

    def close(self) -> None:
        """Give it up. The file stays: to remove it would race with the next to lock it."""
        os.close(self._fd)


def inspect(path: Path) -> None:
    """Look at a database before anything may change it.

    A path where nothing is, or an empty file, is a new store.

    Raises:
      LogCorrupt: Not a database, not one of hived, or cut short.
      LogFromTheFuture: Its tables are of a later version.
      StoreError: It cannot be read.
    """
    try:
        with path.open("rb") as file:
            head = file.read(len(_MAGIC))
    except FileNotFoundError:
        return
    except OSError as error:
        raise explain(error, path) from error
    if not head:
        return
    if head != _MAGIC:
        raise LogCorrupt(f"{path} is not a database", hint=f"if it was hived's log, {_RESTORE}")
    try:
        # Opened for writing, though nothing is written: a WAL left by a crash has to be read too.
        with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=rw", uri=True)) as database:
            tables = database.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()[0]
            columns = [row[1] for row in database.execute(f"PRAGMA table_info({TABLE})")]
            owner = database.execute("PRAGMA application_id").fetchone()[0]
            schema = database.execute("PRAGMA user_version").fetchone()[0]
    except sqlite3.Error as error:
        raise explain(error, path) from error
    _check_whole(path)
    if tables and owner != APPLICATION_ID:
        raise LogCorrupt(
            f"{path} is a database, but not a log of hived",
            hint="choose another path for the store",
        )
    if schema > STORE_SCHEMA:
        raise LogFromTheFuture(
            f"{path} has store schema {schema}, this hived knows {STORE_SCHEMA}",
            hint="this log was written by a newer hived: install that version or a later one",
        )
    if owner == APPLICATION_ID and columns != list(COLUMNS):
        found = f"has the columns {', '.join(columns)}" if columns else "is gone"
        raise LogCorrupt(
            f"{path} is not as hived left it: its table of events {found}", hint=_RESTORE
        )


def keep_private(path: Path) -> None:
    """Let nobody but its owner read a database; it is made where there is none.

    What SQLite puts beside it (the WAL) has the same mode.
    """
    with suppress(OSError):  # whoever opens it next says what is wrong, and better
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.fchmod(fd, 0o600)
        finally:
            os.close(fd)


def _check_whole(path: Path) -> None:
    """SQLite reads a last page that was cut short as if it ended in zeros, and says nothing."""
    with path.open("rb") as file:
        head = file.read(18)
    wal = path.with_name(path.name + "-wal")
    if wal.exists() and wal.stat().st_size:
        return  # what a crash cut short may stand there whole
    page = int.from_bytes(head[16:18], "big")
    page = 65536 if page == 1 else page
    if path.stat().st_size % page:
        raise LogCorrupt(f"the database is damaged ({path}: it was cut short)", hint=_RESTORE)


def explain(error: BaseException, path: Path) -> StoreError:
    """Give the StoreError that tells what this error of SQLite or of the system means here."""
    if isinstance(error, StoreError):
        return error
    code = _sqlite_code(error) & 0xFF
    number = error.errno if isinstance(error, OSError) else None
    said = f"{path}: {error}"
    if (
        code == sqlite3.SQLITE_FULL
        or number in _NO_SPACE
        or (code == sqlite3.SQLITE_IOERR and _full(path))
    ):
        return StoreError(
            f"the disk of the store is full ({said})",
            code="store_full",
            hint="free some space on that disk, then start hived again",
        )
    # Python's word for a text that is none: it has no code of SQLite's.
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB) or "decode to UTF-8" in said:
        return LogCorrupt(f"the database is damaged ({said})", hint=_RESTORE)
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return StoreError(
            f"another program has locked the database ({said})",
            hint="close it (a database browser, a backup) and start hived again",
        )
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN) or isinstance(error, OSError):
        return StoreError(
            f"the store cannot be opened for writing ({said})",
            hint="look at the owner and the mode of that file and its folder, and at the mount",
        )
    return StoreError(f"the store failed ({said})", hint="look at the disk and the kernel's log")


def _sqlite_code(error: BaseException) -> int:
    """The result code of the sqlite3 error in this chain, 0 if there is none."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, sqlite3.Error):
            return getattr(seen, "sqlite_errorcode", 0) or 0
        seen = seen.__cause__
    return 0


def _full(path: Path) -> bool:
    try:
        return shutil.disk_usage(path.parent).free == 0
    except OSError:
        return False


ERRORS = (sqlite3.Error, PersistenceError, OSError)


class Explained:
    """A block in which errors of the database become StoreErrors."""

    def __init__(self, path: Path | None) -> None:
        self._path = path or Path("(memory)")

    def __enter__(self) -> None:
        """Nothing to set up."""

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, ERRORS):
            raise explain(error, self._path) from error
