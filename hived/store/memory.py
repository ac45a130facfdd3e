"""eventsourcing's in-memory recorder with the same interface as the one on SQLite. For tests."""

from collections.abc import Sequence
from itertools import islice
from typing import Any

from eventsourcing.persistence import IntegrityError, StoredEvent
from eventsourcing.popo import POPOApplicationRecorder

from hived.store.mapper import Row


class LogMemoryRecorder(POPOApplicationRecorder):
    """A log that is gone with its object. Any thread may call it."""

    def __init__(self) -> None:
        super().__init__()
        self._commands: dict[str, int] = {}

    def _assert_uniqueness(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> None:
        super()._assert_uniqueness(stored_events)
        new = [c for c in kwargs.get("commands") or () if c is not None]
        if len(set(new)) < len(new) or not self._commands.keys().isdisjoint(new):
            raise IntegrityError("a command id is taken")

    def _update_table(
        self, stored_events: Sequence[StoredEvent], **kwargs: Any
    ) -> Sequence[int] | None:
        positions = super()._update_table(stored_events)
        for position, command in zip(positions or (), kwargs.get("commands") or (), strict=False):
            if command is not None:
                self._commands[command] = position
        return positions

    def rows(
        self, after: int, limit: int, upto: int, streams: str | None, topics: Sequence[str] | None
    ) -> list[Row]:
        wanted = None if topics is None else frozenset(topics)

        def fits(row: Row) -> bool:
            if wanted is not None and row.topic not in wanted:
                return False
            if streams is None:
                return True
            return row.stream.startswith(streams) if streams[-1:] == ":" else row.stream == streams

        with self._database_lock:
            upto = min(upto, len(self._stored_events))
            found = (row for row in map(self._row, range(after + 1, upto + 1)) if fits(row))
            return list(islice(found, limit))

    def rows_at(self, positions: Sequence[int]) -> list[Row]:
        with self._database_lock:
            there = range(1, len(self._stored_events) + 1)
            return [self._row(position) for position in positions if position in there]

    def stream_rows(self, stream: str, after_version: int, limit: int) -> list[Row]:
        with self._database_lock:
            index = self._index(stream)
            wanted = sorted(version for version in index if version > after_version)
            return [self._row(index[version] + 1) for version in wanted[:limit]]

    def command_row(self, command: str) -> Row | None:
        with self._database_lock:
            position = self._commands.get(command)
            return None if position is None else self._row(position)

    def last_version(self, stream: str) -> int:
        with self._database_lock:
            return max(self._index(stream), default=0)

    def commands_between(self, after: int, upto: int) -> dict[int, str]:
        with self._database_lock:
            return {p: c for c, p in self._commands.items() if after < p <= upto}

    def problems(self) -> list[str]:
        with self._database_lock:
            return [
                f"{stream} has {len(index)} events but its last version is {max(index)}"
                for stream, index in self._stored_events_index.items()
                if index and list(index) != list(range(1, len(index) + 1))
            ]

    def close(self) -> None:
        """Nothing is held."""

    def _index(self, stream: str) -> dict[int, int]:
        # Asked with get: the base class's table would keep an entry for every stream asked for.
        return self._stored_events_index.get(stream, {})

    def _row(self, position: int) -> Row:
        s = self._stored_events[position - 1]
        return Row(position, str(s.originator_id), s.originator_version, s.topic, s.state)
