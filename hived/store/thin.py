"""A segment's columns read for a fold: no object that is not needed, and none for long.

Each event is made when it is asked for and can go at once, so that the next stands where it
stood, in the processor's nearest cache. Its `event` is a plain tuple that has the fields of the
class and nothing else of it. Pure of files.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import compress, repeat
from operator import gt
from typing import Any

import orjson

from hived.events import Cause, CommandMark, Recorded
from hived.projections.overtaken import Needless

Keep = bytes | bytearray | None  # one for each value of a column that is kept; None: all are
Read = Callable[[list[Any], int, Keep], Iterator[Any]]

_PLAIN = ("position", "stream", "version", "at", "node", "by", "cause")
_new = tuple.__new__


def thin_events(
    readers: Mapping[str, Read], documents: Sequence[bytes], needless: Needless
) -> Iterator[Recorded]:
    """Give the events of the documents of Columns.dump, without those that are needless.

    All that can fail is looked at before the first event is given.

    Args:
      readers: By kind: gives the payloads that are kept, of all columns of a kind.
    Raises:
      ValueError, LookupError, TypeError: The documents are not what `dump` gives.
    """
    envelopes = orjson.loads(documents[0])
    names: list[str] = envelopes["kinds"]
    order = bytes(envelopes["order"])
    keep = _kept(envelopes, order, needless)
    built = []
    for i, (name, document) in enumerate(zip(names, documents[1:], strict=True)):
        own: Keep = None
        if name in needless.overtaken:
            own = bytes(compress(keep, order.translate(_is(i))))
        built.append(readers[name](orjson.loads(document), order.count(i), own))
    marks = _marks(envelopes["command"], len(order))
    causes = [None if cause is None else Cause(*cause) for cause in envelopes["causes"]]
    kept = bytes(compress(order, keep))
    columns = [thin_column(envelopes[name], len(order), keep) for name in _PLAIN]
    rows = zip(
        *columns[:-1],
        list(compress(marks, keep)),
        [causes[i] for i in columns[-1]],
        [names[i] for i in kept],
        map(next, map(built.__getitem__, kept)),
        strict=True,
    )
    return map(_new, repeat(Recorded), rows)


def thin_column(packed: Any, count: int, keep: Keep) -> Iterable[Any]:
    """Give the values of a column of `count` that are kept."""
    if type(packed) is list:
        _check(len(packed) == count)
        return packed if keep is None else list(compress(packed, keep))
    table: list[str] = packed["t"]
    if len(table) == 1:
        return repeat(table[0], count if keep is None else sum(keep))
    indexes = packed["i"]
    _check(len(indexes) == count)
    return [table[i] for i in (indexes if keep is None else compress(indexes, keep))]


def _kept(envelopes: dict[str, Any], order: bytes, needless: Needless) -> bytearray:
    """Whether each event is one that a fold must see."""
    names, streams, count = envelopes["kinds"], envelopes["stream"], len(order)
    # Streams are told apart by their place in the table, or where there is none by their names.
    of = (streams["i"] or [0] * count) if type(streams) is dict else streams
    _check(len(of) == count)
    keep = bytearray(b"\1" * count)
    for by in set(needless.overtaken.values()) & set(names):
        is_by = order.translate(_is(names.index(by)))
        last = dict(zip(compress(of, is_by), compress(range(count), is_by), strict=True))
        fit = bytes(needless.overtaken.get(name) == by for name in names).ljust(256, b"\0")
        may = order.translate(fit)
        places = list(compress(range(count), may))
        before = map(gt, map(last.get, compress(of, may), repeat(-1)), places)
        for place in compress(places, before):
            keep[place] = False
    begun, _, _, extents = envelopes["command"]
    for place, extent in [(0, needless.unfinished), *zip(begun, extents, strict=True)]:
        for within in range(place, min(place + extent, count)):
            keep[within] = True
    return keep


def _is(number: int) -> bytes:
    """A table for bytes.translate: one for that number, zero for all others."""
    return bytes(number) + b"\1" + bytes(255 - number)


def _marks(columns: list[Any], count: int) -> list[CommandMark | None]:
    marks: list[CommandMark | None] = [None] * count
    for place, *mark in zip(*columns, strict=True):
        marks[place] = _new(CommandMark, mark)
    return marks


def _check(whole: bool) -> None:
    if not whole:
        raise ValueError("a column has another length than its block")
