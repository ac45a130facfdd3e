"""eventsourcing's SQLite backend, with the settings, the table and the bulk reads of a log.

One commit is one fsync (WAL, synchronous FULL). `position` is an explicit primary key, so that
no VACUUM can renumber the log; a command's id stands in a unique column of its own, so that the
same transaction that stores a command's events proves that it was never stored before.
"""

import sqlite3
from collections.abc import Sequence
from typing import Any

from eventsourcing.persistence import InterfaceError, Notification, StoredEvent
from eventsourcing.sqlite import (
    SQLiteApplicationRecorder,
    SQLiteConnection,
    SQLiteConnectionPool,
    SQLiteCursor,
    SQLiteDatastore,
    SQLiteFactory,
)

from hived import limits
from hived.store.mapper import Row

APPLICATION_ID = 0x68697665  # "hive": tells our databases from others
STORE_SCHEMA = 1  # of the tables; events have schema numbers of their own

TABLE = "stored_events"
COLUMNS = (
    "position",
    "originator_id",
    "originator_version",
    "topic",
    "state",
    "command_id",
)
_COLUMNS = ", ".join(COLUMNS[:-1])

# Rows of one INSERT. Each statement gives up the interpreter's lock once, and to get it back may
# take a switch interval while the event loop is busy: a row to a statement was thirty times as
# slow then. A few lengths make up any batch, and each is compiled once.
_ROWS = (256, 64, 16, 4, 1)
_VALUES = 6  # of one row


class LogConnectionPool(SQLiteConnectionPool):
    def _create_connection(self) -> SQLiteConnection:
        try:
            database = sqlite3.connect(
                self.db_name,
                check_same_thread=False,
                isolation_level=None,
                timeout=limits.STORE_LOCK_SECONDS,
            )
            # Only a new database takes it. A commit dirties a page of the index for each stream:
            # with smaller ones it has less to write.
            database.execute(f"PRAGMA page_size={limits.STORE_PAGE_BYTES}")
            database.execute("PRAGMA journal_mode=WAL")
            database.execute("PRAGMA synchronous=FULL")
            database.execute(f"PRAGMA cache_size=-{limits.STORE_CACHE_KIB}")
            database.execute(f"PRAGMA wal_autocheckpoint={limits.STORE_CHECKPOINT_PAGES}")
            # A WAL that once grew under a long reader does not stay that long.
            database.execute(f"PRAGMA journal_size_limit={limits.STORE_WAL_BYTES_MAX}")
        except sqlite3.Error as error:
            raise InterfaceError(error) from error
        database.row_factory = sqlite3.Row
        return SQLiteConnection(database, max_age=self.max_age)


class LogSQLiteRecorder(SQLiteApplicationRecorder):
    """The recorder of one log. Any thread may call it; each call takes a pooled connection."""

    def __init__(self, datastore: SQLiteDatastore, events_table_name: str = TABLE):
        super().__init__(datastore, events_table_name)
        table = self.events_table_name
        self.select_max_notification_id_statement = f"SELECT MAX(position) FROM {table}"
        # OR ROLLBACK, as the transaction is given up whole: a plain INSERT of several rows would
        # copy every page it changes, to be able to take back itself alone.
        insert = f"INSERT OR ROLLBACK INTO {table} VALUES "
        self._inserts = [(n, insert + ",".join(["(?,?,?,?,?,?)"] * n)) for n in _ROWS]

    def construct_create_table_statements(self) -> list[str]:
        table = self.events_table_name
        return [
            f"CREATE TABLE IF NOT EXISTS {table} ("
            "position INTEGER PRIMARY KEY, "
            "originator_id TEXT NOT NULL, "
            "originator_version INTEGER NOT NULL, "
            "topic TEXT NOT NULL, "
            "state BLOB NOT NULL, "
            "command_id TEXT, "
            "UNIQUE (originator_id, originator_version))",
            f"CREATE UNIQUE INDEX IF NOT EXISTS {table}_command_id "
            f"ON {table} (command_id) WHERE command_id IS NOT NULL",
            # Written at every start: a store that is full or read-only says so here, before
            # anything depends on it.
            f"PRAGMA application_id={APPLICATION_ID}",
            f"PRAGMA user_version={STORE_SCHEMA}",
        ]

    def _insert_events(
        self, c: SQLiteCursor, stored_events: Sequence[StoredEvent], **kwargs: Any
    ) -> Sequence[int] | None:
        commands = kwargs.get("commands") or [None] * len(stored_events)
        first = (self._max_notification_id(c) or 0) + 1
        positions = range(first, first + len(stored_events))
        values: list[Any] = []
        add = values.extend  # a third faster than a comprehension of two loops
        for p, s, command in zip(positions, stored_events, commands, strict=True):
            add((p, s.originator_id, s.originator_version, s.topic, s.state, command))
        start = 0
        for count, statement in self._inserts:
            size = count * _VALUES
            while len(values) - start >= size:
                c.execute(statement, values[start : start + size])
                start += size
        return positions

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[Notification]:
        after = 0 if start is None else start - inclusive_of_start
        upto = limits.POSITION_MAX if stop is None else stop
        rows = self.rows(after, limit, upto, None, topics or None)
        return [
            Notification(
                originator_id=row.stream,
                originator_version=row.version,
                topic=row.topic,
                state=row.state,
                id=row.position,
            )
            for row in rows
        ]

    def rows(
        self, after: int, limit: int, upto: int, streams: str | None, topics: Sequence[str] | None
    ) -> list[Row]:
        where, values, order = "position>? AND position<=?", [after, upto], "position"
        params: list[Any] = values
        if streams is not None and streams.endswith(":"):
            where += " AND originator_id>=? AND originator_id<?"
            params += [streams, streams[:-1] + ";"]  # the character after the colon
        elif streams is not None:
            where += " AND originator_id=?"
            params.append(streams)
            # Within a stream both orders are the same, and this one is in the index.
            order = "originator_version"
        if topics is not None:
            where += f" AND topic IN ({','.join('?' * len(topics))})"
            params += topics
        return self._rows(f"WHERE {where} ORDER BY {order} LIMIT ?", [*params, limit])

    def rows_at(self, positions: Sequence[int]) -> list[Row]:
        return self._rows(f"WHERE position IN ({','.join('?' * len(positions))})", positions)

    def stream_rows(self, stream: str, after_version: int, limit: int) -> list[Row]:
        return self._rows(
            "WHERE originator_id=? AND originator_version>? ORDER BY originator_version LIMIT ?",
            [stream, after_version, limit],
        )

    def command_row(self, command: str) -> Row | None:
        rows = self._rows("WHERE command_id=?", [command])
        return rows[0] if rows else None

    def last_version(self, stream: str) -> int:
        found = self._query(
            f"SELECT MAX(originator_version) FROM {self.events_table_name} WHERE originator_id=?",
            [stream],
        )
        return int(found[0][0] or 0)

    def commands_between(self, after: int, upto: int) -> dict[int, str]:
        found = self._query(
            f"SELECT position, command_id FROM {self.events_table_name} "
            "WHERE position>? AND position<=? AND command_id IS NOT NULL",
            [after, upto],
        )
        return dict(found)

    def problems(self) -> list[str]:
        limit = limits.VERIFY_PROBLEMS_MAX
        damage = [str(row[0]) for row in self._query(f"PRAGMA integrity_check({limit})", [])]
        found = [] if damage == ["ok"] else [f"SQLite: {line}" for line in damage]
        gaps = self._query(
            f"SELECT originator_id, COUNT(*), MAX(originator_version) "
            f"FROM {self.events_table_name} GROUP BY originator_id "
            f"HAVING MIN(originator_version)<>1 OR MAX(originator_version)<>COUNT(*) LIMIT ?",
            [limit],
        )
        found += [f"{s} has {n} events but its last version is {v}" for s, n, v in gaps]
        turned = self._query(
            "SELECT originator_id, position FROM (SELECT originator_id, position, LAG(position) "
            "OVER (PARTITION BY originator_id ORDER BY originator_version) AS before "
            f"FROM {self.events_table_name}) WHERE before>position LIMIT ?",
            [limit],
        )
        return found + [f"{s} is out of order at position {p}" for s, p in turned]

    def close(self) -> None:
        self.datastore.close()

    def _rows(self, clause: str, params: Sequence[Any]) -> list[Row]:
        found = self._query(f"SELECT {_COLUMNS} FROM {self.events_table_name} {clause}", params)
        return [tuple.__new__(Row, row) for row in found]

    def _query(self, statement: str, params: Sequence[Any]) -> list[tuple[Any, ...]]:
        with self.datastore.transaction(commit=False) as c:
            # The pool's connections give sqlite3.Row, which costs more and is not needed here.
            c.sqlite_cursor.row_factory = None
            c.execute(statement, params)
            rows: list[tuple[Any, ...]] = c.fetchall()
            return rows


class LogSQLiteFactory(SQLiteFactory):
    """Builds the recorder. Its env is given whole, never taken from the process's environment."""

    application_recorder_class = LogSQLiteRecorder

    def __init__(self, path: str) -> None:
        super().__init__({self.SQLITE_DBNAME: path, self.ORIGINATOR_ID_TYPE: "text"})
        self.datastore.pool = LogConnectionPool(
            db_name=path, pool_size=limits.STORE_CONNECTIONS_KEPT
        )

    def recorder(self) -> LogSQLiteRecorder:
        """Give the recorder, its tables made."""
        made = LogSQLiteRecorder(self.datastore)
        made.create_table()
        return made
