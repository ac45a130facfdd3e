"""Event rows in their encoded form, made once for all who are sent them."""

from collections.abc import Sequence

import orjson

from hived import limits
from hived.events import Recorded
from hived.rpc.rows import event_row


def encode_row(rec: Recorded) -> bytes:
    """One event as the JSON of an EventRow."""
    # What orjson gives keeps the room it was made in, 4 KiB for a row of 300 bytes; rows are kept.
    return memoryview(orjson.dumps(event_row(rec))).tobytes()


class EncodedEvents:
    """The rows of the newest events, by position. Only durable events may come in."""

    def __init__(self) -> None:
        self._rows: dict[int, bytes] = {}

    def rows(self, events: Sequence[Recorded]) -> list[bytes]:
        """Each event's row; from the second caller on without encoding."""
        rows = self._rows
        made = []
        for rec in events:
            row = rows.get(rec.position)
            if row is None:
                row = rows[rec.position] = encode_row(rec)
                if len(rows) > limits.ENCODED_EVENTS_MAX:
                    del rows[next(iter(rows))]
            made.append(row)
        return made
