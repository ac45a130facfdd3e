"""Recorded events to the rows of eventsourcing's recorders and back: the codec, compressed."""

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any, NamedTuple, cast

from eventsourcing.persistence import Mapper, StoredEvent

from hived.errors import LOOK_AT_LOG, LogCorrupt, LogFromTheFuture
from hived.events import Recorded
from hived.events.codec import Codec
from hived.store.compressor import EventCompressor


class Row(NamedTuple):
    """One stored event as a recorder gives it back. state is compressed."""

    position: int
    stream: str
    version: int
    topic: str
    state: bytes

    def digest(self) -> str:
        """Tell this row from any other, in a few letters."""
        return blake2b(repr(tuple(self)).encode(), digest_size=16).hexdigest()


class Packed(NamedTuple):
    """What a StoredEvent holds, in an object that costs a fifth of one to make."""

    originator_id: str
    originator_version: int
    topic: str
    state: bytes


_new = tuple.__new__


class LogMapper(Mapper[str]):
    """The library's mapper seam with a closed table of topics.

    The stock mapper is not used: it stores import paths, imports what it reads, and writes
    payloads that it cannot read back.
    """

    def __init__(self, codec: Codec, compressor: EventCompressor) -> None:
        # The base class would want a transcoder; the codec stands in its place.
        self.codec = codec
        self.compressor: EventCompressor = compressor
        self.cipher = None

    def to_stored_event(self, domain_event: Any) -> StoredEvent:
        """Encode and compress one Recorded. Raises as Codec.encode does."""
        topic, data = self.codec.encode(domain_event)
        return StoredEvent(
            originator_id=domain_event.stream,
            originator_version=domain_event.version,
            topic=topic,
            state=self.compressor.compress(data),
        )

    def pack(
        self, events: Sequence[Recorded], encoded: Sequence[tuple[str, bytes]]
    ) -> list[StoredEvent]:
        """Compress what the codec gave for each of some events."""
        frames = self.compressor.compress_many([data for _, data in encoded])
        packed = [
            _new(Packed, (rec.stream, rec.version, topic, frame))
            for rec, (topic, _), frame in zip(events, encoded, frames, strict=True)
        ]
        return cast(list[StoredEvent], packed)  # recorders read its four fields and no more

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
                hint=error.hint or LOOK_AT_LOG,
                position=position,
            ) from error
        return self.codec.decode(topic, data, position, stream, version)

    def to_recordeds(self, rows: Sequence[Row]) -> list[Recorded]:
        """The same for many."""
        read = self.to_recorded
        return [read(row) for row in rows]
