"""The recorder on SQLite: the contract, and what only a file can show."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from hived.store.log import EventLog
from hived.store.sqlite import LogSQLiteFactory, LogSQLiteRecorder
from tests.store.contract import LogContract, RecorderContract, append
from tests.store.history import History, placed


class TestSQLiteRecorder(RecorderContract):
    @pytest.fixture
    def recorder(self, tmp_path: Path) -> Iterator[LogSQLiteRecorder]:
        factory = LogSQLiteFactory(str(tmp_path / "log.db"))
        yield factory.recorder()
        factory.close()


class TestSQLiteLog(LogContract):
    @pytest.fixture
    def log(self, tmp_path: Path) -> Iterator[EventLog]:
        log = EventLog.open(str(tmp_path / "log.db"))
        yield log
        log.close()


def test_every_connection_syncs_each_commit(tmp_path: Path) -> None:
    factory = LogSQLiteFactory(str(tmp_path / "log.db"))
    recorder = factory.recorder()
    for commit in (True, False):
        with recorder.datastore.transaction(commit=commit) as cursor:
            found = {}
            for name in ("journal_mode", "synchronous"):
                cursor.execute(f"PRAGMA {name}")
                found[name] = cursor.fetchone()[0]
            assert found == {"journal_mode": "wal", "synchronous": 2}
    factory.close()


def test_positions_outlive_a_vacuum(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    log = EventLog.open(str(path))
    events = placed(History().many(10))
    append(log, *events)
    log.close()
    with closing(sqlite3.connect(path)) as database:
        database.execute("VACUUM")
    log = EventLog.open(str(path))
    assert log.read(0, 100) == events
    log.close()


def test_paths_with_odd_characters(tmp_path: Path) -> None:
    folder = tmp_path / "a b?c#d%20é"
    folder.mkdir()
    for _ in range(2):
        log = EventLog.open(str(folder / "log.db"))
        append(log, History().one(f"agent:a{log.head()}"))
        log.close()
    assert sorted(file.name for file in folder.iterdir()) == ["log.db", "log.db.lock"]
