"""Everything that can be wrong with a store at its opening: a clear error, and what to do."""

import os
import resource
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from hived.errors import AlreadyRunning, LogCorrupt, LogFromTheFuture, StoreError
from hived.store.log import EventLog
from tests.store.contract import append
from tests.store.history import History

PRELUDE = """
import sys
from hived.errors import StoreError
from hived.store.log import EventLog
from tests.store.history import History
"""
ROOT = Path(__file__).parents[2]


def child(code: str, *arguments: str, **options: object) -> str:
    """Run code in a Python of its own; give what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", PRELUDE + code, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        **options,  # type: ignore[call-overload]
    )
    assert done.returncode == 0, done.stderr
    return str(done.stdout)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A log of three thousand events, closed."""
    path = tmp_path / "log.db"
    log = EventLog.open(str(path))
    append(log, *History().many(3_000))
    log.close()
    return path


def refusal(path: Path) -> StoreError:
    with pytest.raises(StoreError) as caught:
        EventLog.open(str(path))
    assert caught.value.hint
    assert str(path) in caught.value.message or "position" in caught.value.message
    # It let go of what it had taken: the next one gets the same answer, not "already running".
    with pytest.raises(type(caught.value)):
        EventLog.open(str(path))
    return caught.value


def test_a_second_opener_is_told_who_holds_it(path: Path) -> None:
    log = EventLog.open(str(path))
    code = """
try:
    EventLog.open(sys.argv[1])
except StoreError as error:
    print(error.code, error.data["pid"], error.hint != "")
"""
    assert child(code, str(path)).split() == ["already_running", str(os.getpid()), "True"]
    with pytest.raises(AlreadyRunning, match=str(os.getpid())):
        EventLog.open(str(path))
    log.close()
    EventLog.open(str(path)).close()


def test_a_lock_file_of_a_dead_process_does_not_matter(path: Path) -> None:
    path.with_name("log.db.lock").write_text("1\n")
    EventLog.open(str(path)).close()


def test_not_a_database(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    path.write_bytes(b"a diary, not a log\n" * 100)
    error = refusal(path)
    assert isinstance(error, LogCorrupt)
    assert path.read_bytes().startswith(b"a diary"), "it was written to"


def test_a_database_of_somebody_else(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE stored_events (a)")
    before = path.read_bytes()
    assert isinstance(refusal(path), LogCorrupt)
    assert path.read_bytes() == before


def test_an_empty_file_is_a_new_log(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    path.touch()
    log = EventLog.open(str(path))
    assert log.head() == 0
    log.close()


@pytest.mark.parametrize("keep", [50, 2048, 5_000, 0.5, 0.99])
def test_a_database_cut_short(path: Path, keep: float) -> None:
    size = path.stat().st_size
    os.truncate(path, int(size * keep) if isinstance(keep, float) else keep)
    assert isinstance(refusal(path), LogCorrupt)


def test_a_byte_flipped_in_the_last_events(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database:
        state = database.execute("SELECT state FROM stored_events WHERE position=2990").fetchone()
        body = path.read_bytes()
    at = body.index(state[0]) + len(state[0]) // 2
    path.write_bytes(body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :])
    error = refusal(path)
    assert isinstance(error, LogCorrupt)
    assert "position 2990" in error.message


def test_a_byte_flipped_long_ago_is_found_by_verify_and_by_who_reads_it(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database:
        state = database.execute("SELECT state FROM stored_events WHERE position=5").fetchone()[0]
    body = path.read_bytes()
    at = body.index(state) + len(state) - 6
    path.write_bytes(body[:at] + bytes([body[at] ^ 4]) + body[at + 1 :])
    log = EventLog.open(str(path))
    assert [p for p in log.verify().problems if "position 5" in p]
    with pytest.raises(LogCorrupt, match="position 5"):
        list(log.replay(0))
    log.close()


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("DELETE FROM stored_events WHERE position=1500", "1 positions are missing"),
        ("UPDATE stored_events SET command_id='x' WHERE position=9", "beside position 9"),
        ("UPDATE stored_events SET originator_id='agent:z' WHERE position=9", "its last version"),
        ("UPDATE stored_events SET topic='agent_paused@1' WHERE position=9", "agent_paused@1"),
    ],
)
def test_rows_edited_in_the_middle_are_found_by_verify(
    path: Path, statement: str, said: str
) -> None:
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(statement)
    log = EventLog.open(str(path))
    assert said in " | ".join(log.verify().problems)
    log.close()


@pytest.mark.parametrize(
    ("statement", "kind"),
    [
        ("DELETE FROM stored_events WHERE position=2999", LogCorrupt),
        ("UPDATE stored_events SET state=x'00' WHERE position=2999", LogCorrupt),
        ("UPDATE stored_events SET topic='nap_start@1' WHERE position=2999", LogFromTheFuture),
        ("UPDATE stored_events SET topic='status_set@2' WHERE position=2999", LogFromTheFuture),
        ("PRAGMA user_version=2", LogFromTheFuture),
        ("PRAGMA user_version=2; DROP TABLE stored_events", LogFromTheFuture),
        ("DROP TABLE stored_events; VACUUM", LogCorrupt),
        ("ALTER TABLE stored_events ADD COLUMN note TEXT", LogCorrupt),
        ("UPDATE stored_events SET originator_version=1500 WHERE position=3000", LogCorrupt),
    ],
)
def test_rows_edited_at_the_end_or_other_tables(
    path: Path, statement: str, kind: type[StoreError]
) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.executescript(statement)
    with pytest.raises(kind) as caught:
        EventLog.open(str(path))
    assert caught.value.hint


def test_who_verifies_opens_a_log_that_does_not_end_well(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("UPDATE stored_events SET state=x'00' WHERE position=2999")
        database.execute("DELETE FROM stored_events WHERE position=1500")
    assert isinstance(refusal(path), LogCorrupt)
    log = EventLog.open(str(path), check=False)
    said = " | ".join(log.verify().problems)
    assert "position 2999" in said and "1 positions are missing" in said
    log.close()


@pytest.mark.parametrize("was", [None, 0o644])
def test_nobody_else_may_read_it(tmp_path: Path, was: int | None) -> None:
    path = tmp_path / "log.db"
    if was is not None:
        path.touch(was)
    log = EventLog.open(str(path))
    append(log, *History().many(3))
    modes = {file.name: file.stat().st_mode & 0o777 for file in tmp_path.iterdir()}
    assert set(modes.values()) == {0o600} and "log.db-wal" in modes
    log.close()


READ_ONLY = """
import os
if os.getuid() == 0:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
try:
    EventLog.open(sys.argv[1])
except StoreError as error:
    print(error.code, error.hint != "", sys.argv[1] in error.message)
"""


@pytest.mark.parametrize("closed", ["the file", "the folder", "the lock", "nothing there"])
def test_a_store_that_may_not_be_written(path: Path, closed: str) -> None:
    for folder in [path.parent, *path.parent.parents][:3]:
        folder.chmod(0o755)
    path.parent.chmod(0o777)
    lock = path.with_name("log.db.lock")
    lock.chmod(0o666)
    path.chmod(0o666)
    target = path
    if closed == "the file":
        path.chmod(0o444)
    elif closed == "the lock":
        lock.chmod(0o444)
    elif closed == "the folder":
        path.parent.chmod(0o555)
    else:
        target = path.parent / "no-such-folder" / "log.db"
    if os.getuid() == 0:
        os.chown(path, 65534, 65534) if closed == "the folder" else None
    said = child(READ_ONLY, str(target)).split()
    assert said[:2] == ["store_unavailable", "True"]


FILL = """
log = EventLog.open(sys.argv[1])
from hived.store.writer import GroupWriter
import os, threading
ends, done, history = [], threading.Event(), History()
free = threading.Semaphore(8)
def wake(batch):
    ends.extend(batch)
    free.release(len(batch))
    if hasattr(batch[-1], "error"):
        done.set()
writer = GroupWriter(log, wake)
for i in range(2000):
    free.acquire()
    try:
        writer.put((history.one("agent:a", os.urandom(2000).hex()),), i)
    except StoreError as error:
        break
assert done.wait(50)
writer.close()
oks = [end for end in ends if not hasattr(end, "error")]
print(len(oks), next(end.error.code for end in ends if hasattr(end, "error")), log.head() >= 0)
"""


def can_mount() -> bool:
    tried = ["unshare", "-m", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    try:
        return subprocess.run(tried, capture_output=True, timeout=10, check=False).returncode == 0
    except OSError:
        return False


@pytest.mark.skipif(not can_mount(), reason="a file system of one's own needs root")
def test_a_full_disk_ends_the_writing_and_keeps_what_was_told(tmp_path: Path) -> None:
    mount = 'mount -t tmpfs -o size=3m tmpfs $0 && exec "$@"'
    small = tmp_path / "small"
    small.mkdir()
    again = """
log_path = sys.argv[1]
try:
    EventLog.open(os.path.dirname(log_path) + "/new.db")
except StoreError as error:
    print(error.code, "free some space" in error.hint)
os.unlink(sys.argv[2])
log = EventLog.open(log_path)
print(log.head(), log.verify().problems == ())
"""
    ballast = "open(sys.argv[2], 'wb').write(bytes(1_500_000))\n"
    full = """
with open(sys.argv[2], 'ab', buffering=0) as file:
    try:
        while True:
            file.write(bytes(512))
    except OSError:
        pass
"""
    code = PRELUDE + ballast + FILL + "log.close()\n" + full + again
    done = subprocess.run(
        [
            "unshare",
            "-m",
            "sh",
            "-c",
            mount,
            str(small),
            sys.executable,
            "-c",
            code,
            str(small / "log.db"),
            str(small / "ballast"),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    filled, opened, head = done.stdout.splitlines()
    stored, code_said, _ = filled.split()
    assert code_said == "store_full"
    assert opened == "store_full True"
    assert int(head.split()[0]) >= int(stored) > 0
    assert head.split()[1] == "True"


def test_a_file_size_limit_ends_the_writing_and_keeps_what_was_told(tmp_path: Path) -> None:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))

    path = tmp_path / "log.db"
    stored, code, _ = child(FILL, str(path), preexec_fn=limit).split()
    assert code in ("store_full", "store_unavailable")
    log = EventLog.open(str(path))
    assert log.head() >= int(stored) > 0
    assert log.verify().problems == ()
    log.close()
