"""Many events as columns of values, and back: the form that reads fastest.

A list per field instead of an object per event saves the names of the fields, lets repeated
strings stand once, and lets whole columns be built by loops that run in C. A caller may ask for
some kinds only: the documents of the others are not even parsed. Pure of files; segments.py
keeps these bytes.
"""

from collections import namedtuple
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import compress, repeat
from operator import attrgetter
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin

import orjson
from attrs import fields, has

from hived.events import Cause, Recorded
from hived.events.codec import Codec
from hived.events.shape import converter
from hived.store.thin import marks, thin_events, unpack

_PLAIN = (str, int, float, bool, NoneType)
_new = tuple.__new__


class Columns:
    """The column form for one catalogue."""

    def __init__(self, codec: Codec) -> None:
        self._kinds = {name: _Kind(cls) for name, cls in codec.types.items()}
        self._thin = {name: kind.thin for name, kind in self._kinds.items()}

    def dump(self, events: Sequence[Recorded]) -> list[bytes]:
        """Give the documents: first the table of kinds and the envelopes, then one a kind."""
        kinds = sorted({rec.kind for rec in events})
        number = {kind: i for i, kind in enumerate(kinds)}
        marked = [(i, rec.command) for i, rec in enumerate(events) if rec.command is not None]
        causes = {cause: i for i, cause in enumerate(dict.fromkeys(rec.cause for rec in events))}
        envelopes = {
            "kinds": kinds,
            "order": [number[rec.kind] for rec in events],
            "position": [rec.position for rec in events],
            "stream": _pack([rec.stream for rec in events]),
            "version": [rec.version for rec in events],
            "at": [rec.recorded_at for rec in events],
            "node": _pack([rec.node for rec in events]),
            "by": _pack([rec.by for rec in events]),
            "command": [[i for i, _ in marked], *([m[n] for _, m in marked] for n in range(3))],
            # What one turn does has one cause: a table of the causes, and which it is.
            "causes": list(causes),
            "cause": [causes[rec.cause] for rec in events],
        }
        documents = [orjson.dumps(envelopes, default=list)]
        for kind in kinds:
            of_kind = [rec.event for rec in events if rec.kind == kind]
            documents.append(orjson.dumps(self._kinds[kind].dump(of_kind)))
        return documents

    def load(self, documents: Sequence[bytes], kinds: frozenset[str] | None) -> list[Recorded]:
        """Give the events back; only those of some kinds, unless None is given."""
        envelopes = orjson.loads(documents[0])
        names: list[str] = envelopes["kinds"]
        order: list[int] = envelopes["order"]
        count = len(order)
        # repeat() stands in for a kind that is left out: next() on it is as cheap as can be.
        built: list[Iterator[Any]] = [
            iter(self._kinds[name].load(orjson.loads(document), order.count(i)))
            if kinds is None or name in kinds
            else repeat(None)
            for i, (name, document) in enumerate(zip(names, documents[1:], strict=True))
        ]
        causes = [None if cause is None else Cause(*cause) for cause in envelopes["causes"]]
        rows: Iterable[tuple[Any, ...]] = zip(
            envelopes["position"],
            unpack(envelopes["stream"], count),
            envelopes["version"],
            envelopes["at"],
            unpack(envelopes["node"], count),
            unpack(envelopes["by"], count),
            marks(envelopes["command"], count),
            map(causes.__getitem__, envelopes["cause"]),
            map(names.__getitem__, order),
            map(next, map(built.__getitem__, order)),
            strict=True,
        )
        if kinds is not None:
            wanted = [name in kinds for name in names]
            rows = compress(rows, map(wanted.__getitem__, order))
        return list(map(_new, repeat(Recorded), rows))

    def stream(self, documents: Sequence[bytes]) -> Iterator[Recorded]:
        """Give the events for a fold: see thin.py."""
        return thin_events(self._thin, documents)


class _Kind:
    """The columns of one event class."""

    def __init__(self, cls: type[Any]) -> None:
        self._fields = [_Field(attribute.name, attribute.type) for attribute in fields(cls)]
        names = [field.name for field in self._fields]
        self._build = _builder(cls, names)
        self._tuple: Any = namedtuple(cls.__name__, names)  # type: ignore[misc]

    def dump(self, events: list[Any]) -> list[Any]:
        return [field.dump(events) for field in self._fields]

    def load(self, columns: list[Any], count: int) -> list[Any]:
        return self._build(count, *self._values(columns, count))

    def thin(self, columns: list[Any], count: int) -> Iterator[Any]:
        """Plain tuples of the events. What does not fit is seen before the first."""
        values = self._values(columns, count)
        # A value that cannot be made is to be met here, not while events are given.
        values = [list(column) if isinstance(column, map) else column for column in values]
        rows: Iterable[Any] = zip(*values, strict=True) if values else repeat((), count)
        return map(_new, repeat(self._tuple), rows)

    def _values(self, columns: list[Any], count: int) -> list[Iterable[Any]]:
        return [f.load(column, count) for f, column in zip(self._fields, columns, strict=True)]


class _Field:
    """One column; of values that are objects themselves, the columns of their fields."""

    def __init__(self, name: str, type_: Any) -> None:
        self.name = name
        self._get = attrgetter(name)
        self._objects = _Kind(type_) if has(type_) else None
        self._to_json: Callable[[Any], Any] | None = None
        self._from_json: Callable[[Iterable[Any]], Iterable[Any]] | None = None
        if get_origin(type_) is tuple and all(map(_is_plain, get_args(type_))):
            self._from_json = partial(map, tuple)
        elif not _is_plain(type_) and self._objects is None:
            hooks = converter()
            self._to_json = hooks.get_unstructure_hook(type_)
            structure = hooks.get_structure_hook(type_)
            self._from_json = partial(map, lambda value: structure(value, type_))

    def dump(self, events: list[Any]) -> Any:
        values = list(map(self._get, events))
        if self._objects is not None:
            return self._objects.dump(values)
        if self._to_json is not None:
            values = list(map(self._to_json, values))
        return _pack(values)

    def load(self, column: Any, count: int) -> Iterable[Any]:
        if self._objects is not None:
            return self._objects.load(column, count)
        values = unpack(column, count)
        return values if self._from_json is None else self._from_json(values)


def _builder(cls: type[Any], names: list[str]) -> Callable[..., list[Any]]:
    """Write the function (count, column, column, ...) -> list of events, for one class.

    A frozen class's own __init__ goes round its own refusal of assignment once for each field,
    which is most of the cost of a replay. So each object begins as a subclass without that
    refusal, is filled by plain assignment, and becomes what it is: three times as fast. The
    values are those of events that the codec has built before.
    """
    open_cls = type(
        f"Open{cls.__name__}",
        (cls,),
        {
            "__slots__": (),
            "__init__": object.__init__,
            "__setattr__": object.__setattr__,
            "__delattr__": object.__delattr__,
        },
    )
    columns = "".join(f"column_{name}, " for name in names)
    source = [
        f"def build(count, {columns}):",
        "    events = []",
        "    add = events.append",
        # Counted besides, so that a class without fields, or a short column, is seen.
        f"    for _, {''.join(f'value_{name}, ' for name in names)} in zip(",
        f"        repeat(None, count), {columns} strict=True",
        "    ):",
        "        made = open_cls()",
        *(f"        made.{name} = value_{name}" for name in names),
        "        made.__class__ = cls",
        "        add(made)",
        "    return events",
    ]
    namespace: dict[str, Any] = {"repeat": repeat, "open_cls": open_cls, "cls": cls}
    exec("\n".join(source), namespace)
    build: Callable[..., list[Any]] = namespace["build"]
    return build


def _is_plain(type_: Any) -> bool:
    """Whether orjson gives values of that type back as they were."""
    if get_origin(type_) in (dict, Union, UnionType):
        return all(map(_is_plain, get_args(type_)))
    return type_ in _PLAIN or type_ is Ellipsis


def _pack(values: list[Any]) -> Any:
    """A list as it is; or [table, indexes] in an object where strings stand many times in it."""
    if values and all(type(value) is str for value in values):
        table = {value: i for i, value in enumerate(dict.fromkeys(values))}
        if len(table) <= len(values) // 2:
            return {"t": list(table), "i": [table[v] for v in values] if len(table) > 1 else []}
    return values
