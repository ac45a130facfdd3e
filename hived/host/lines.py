"""Cuts a turn's output into lines. Pure: bytes in, lines with their place in the spool out."""

from attrs import frozen

from hived import limits


@frozen
class SpoolLine:
    """One line. data: without its newline. end: the spool byte after it, where reading may go on.

    torn: the output ended in mid-line; data is what there is of it.
    """

    data: bytes
    end: int
    torn: bool = False


@frozen
class TooLong:
    """A line of more than LINE_BYTES_MAX bytes, left out. length: in bytes, without newline."""

    end: int
    length: int


SpoolItem = SpoolLine | TooLong


class LineSplitter:
    """Gives the same lines however the bytes are cut into chunks.

    Holds at most LINE_BYTES_MAX bytes and a chunk.
    """

    def __init__(self, from_byte: int = 0, line_bytes_max: int = limits.LINE_BYTES_MAX) -> None:
        """Begin at a byte of the spool that begins a line."""
        self._at = from_byte  # of the first byte not given out yet
        self._rest = bytearray()
        self._skipped = 0  # bytes of a too long line that were thrown away
        self._max = line_bytes_max

    def feed(self, chunk: bytes) -> list[SpoolItem]:
        """The lines that this chunk completes."""
        items: list[SpoolItem] = []
        begin = 0
        while (newline := chunk.find(b"\n", begin)) >= 0:
            items.append(self._complete(chunk[begin:newline], 1, torn=False))
            begin = newline + 1
        self._rest += chunk[begin:]
        if self._skipped or len(self._rest) > self._max:
            self._skipped += len(self._rest)
            self._rest.clear()
        return items

    def finish(self) -> list[SpoolItem]:
        """What is left when there will be no more: nothing, or a torn line."""
        if not self._rest and not self._skipped:
            return []
        return [self._complete(b"", 0, torn=True)]

    def _complete(self, tail: bytes, newline: int, *, torn: bool) -> SpoolItem:
        length = self._skipped + len(self._rest) + len(tail)
        self._at += length + newline
        if length > self._max:
            item: SpoolItem = TooLong(self._at, length)
        else:
            item = SpoolLine(bytes(self._rest + tail) if self._rest else tail, self._at, torn)
        self._rest.clear()
        self._skipped = 0
        return item
