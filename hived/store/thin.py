"""A segment's columns read for a fold: no object that is not needed, and none for long.

Each event is made when it is asked for and can go at once, so that the next stands where it
stood, in the processor's nearest cache. Its `event` is a plain tuple that has the fields of the
class and nothing else of it. Pure of files.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import repeat
from typing import Any

import orjson

from hived.events import Cause, CommandMark, Recorded

Read = Callable[[list[Any], int], Iterator[Any]]

_PLAIN = ("position", "stream", "version", "at", "node", "by")
_new = tuple.__new__


def thin_events(readers: Mapping[str, Read], documents: Sequence[bytes]) -> Iterator[Recorded]:
    """Give the events of the documents of Columns.dump.

    All that can fail is looked at before the first event is given.

    Args:
      readers: By kind: gives the payloads, of all columns of a kind and their count.
    Raises:
      ValueError, LookupError, TypeError: The documents are not what `dump` gives.
    """
    envelopes = orjson.loads(documents[0])
    names: list[str] = envelopes["kinds"]
    order = bytes(envelopes["order"])
    count = len(order)
    built = [
        readers[name](orjson.loads(document), order.count(i))
        for i, (name, document) in enumerate(zip(names, documents[1:], strict=True))
    ]
    causes = [None if cause is None else Cause(*cause) for cause in envelopes["causes"]]
    _check(len(envelopes["cause"]) == count)
    rows = zip(
        *(unpack(envelopes[name], count) for name in _PLAIN),
        marks(envelopes["command"], count),
        [causes[i] for i in envelopes["cause"]],
        [names[i] for i in order],
        map(next, map(built.__getitem__, order)),
        strict=True,
    )
    return map(_new, repeat(Recorded), rows)


def unpack(packed: Any, count: int) -> Iterable[Any]:
    """Give the values of a column of `count`."""
    if type(packed) is list:
        _check(len(packed) == count)
        return packed
    table: list[str] = packed["t"]
    if len(table) == 1:
        return repeat(table[0], count)
    indexes = packed["i"]
    _check(len(indexes) == count)
    return [table[i] for i in indexes]


def marks(columns: list[Any], count: int) -> list[CommandMark | None]:
    """Give the marks of commands of `count` events, of columns of their places and fields."""
    found: list[CommandMark | None] = [None] * count
    for place, *mark in zip(*columns, strict=True):
        found[place] = _new(CommandMark, mark)
    return found


def _check(whole: bool) -> None:
    if not whole:
        raise ValueError("a column has another length than its block")
