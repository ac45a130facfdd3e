"""What the event log asks of a recorder beyond eventsourcing's own interface."""

from collections.abc import Sequence
from typing import Protocol

from eventsourcing.persistence import StoredEvent

from hived.store.mapper import Row


class LogRecorder(Protocol):
    """An application recorder of eventsourcing that also reads in bulk. Any thread may call it."""

    def insert_events(
        self, stored_events: Sequence[StoredEvent], *, commands: Sequence[str | None]
    ) -> Sequence[int] | None:
        """Insert all at the next positions, or none; on disk when it returns. Gives the positions.

        commands: for each event its command's id if it is that command's first, else None.

        Raises:
          eventsourcing.persistence.IntegrityError: A stream's version or a command id is taken.
        """
        ...

    def max_notification_id(self) -> int | None: ...

    def rows(
        self, after: int, limit: int, upto: int, streams: str | None, topics: Sequence[str] | None
    ) -> list[Row]:
        """Rows with after < position <= upto in order, at most `limit`.

        streams: one stream, or all that begin with it if it ends in a colon. topics: only these.
        """
        ...

    def rows_at(self, positions: Sequence[int]) -> list[Row]:
        """The rows at these positions, as many as there are, in any order."""
        ...

    def stream_rows(self, stream: str, after_version: int, limit: int) -> list[Row]:
        """Rows of one stream with version > after_version, in order."""
        ...

    def last_version(self, stream: str) -> int:
        """The highest version of the stream, 0 where it has none."""
        ...

    def command_row(self, command: str) -> Row | None:
        """The first event of that command."""
        ...

    def commands_between(self, after: int, upto: int) -> dict[int, str]:
        """The command ids kept beside the rows, by position."""
        ...

    def problems(self) -> list[str]:
        """What is wrong with the tables themselves, in words; empty if nothing."""
        ...

    def close(self) -> None: ...
