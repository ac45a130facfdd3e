"""Recorded events to the rows of eventsourcing's recorders and back: the codec, compressed."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from eventsourcing.persistence import Compressor, Mapper, StoredEvent

from hived.errors import LogCorrupt, LogFromTheFuture
from hived.events import Recorded
from hived.events.codec import Codec


class Row(NamedTuple):
    """One stored event as a recorder gives it back. state is compressed."""

    position: int
    stream: str
    version: int
    topic: str
    state: bytes


class LogMapper(Mapper[str]):
    """The library's mapper seam with a closed table of topics.

    The stock mapper is not used: it stores import paths, imports what it reads, and writes
    payloads that it cannot read back.
    """

    def __init__(self, codec: Codec, compressor: Compressor) -> None:
        # The base class would want a transcoder; the codec stands in its place.
        self.codec = codec
        self.compressor: Compressor = compressor
        self.cipher = None

    def to_stored_event(self, domain_event: Any) -> StoredEvent:
        """Encode and compress one Recorded. Raises as Codec.encode does."""
        return self.pack(domain_event, *self.codec.encode(domain_event))

    def pack(self, rec: Recorded, topic: str, data: bytes) -> StoredEvent:
        """Compress what the codec gave for an event."""
        return StoredEvent(
            originator_id=rec.stream,
            originator_version=rec.version,
            topic=topic,
            state=self.compressor.compress(data),
        )

    def to_domain_event(self, stored_event: Any) -> Any:
        """Give the Recorded of a stored Notification. Raises as Codec.decode does."""
        return self.to_recorded(
            Row(
                stored_event.id,
                stored_event.originator_id,
                stored_event.originator_version,
                stored_event.topic,
                stored_event.state,
            )
        )

    def to_recorded(self, row: Row) -> Recorded:
        """Give the event of one row, at the present schema.

        Raises:
          LogCorrupt, LogFromTheFuture: Naming the place.
        """
        position, stream, version, topic, state = row
        try:
            data = self.compressor.decompress(state)
        except (LogCorrupt, LogFromTheFuture) as error:
            raise type(error)(
                f"{topic} at {stream} version {version} (position {position}): {error.message}",
                hint=error.hint or "run hivectl verify; restore the database from a backup",
                position=position,
            ) from error
        return self.codec.decode(topic, data, position, stream, version)

    def to_recordeds(self, rows: Sequence[Row]) -> list[Recorded]:
        """The same for many."""
        read = self.to_recorded
        return [read(row) for row in rows]
