"""How views are written to a snapshot and read back: cattrs over plain attrs classes."""

from collections.abc import Callable, Hashable, Iterable
from functools import cache
from operator import attrgetter
from typing import Any, NamedTuple, TypeVar, cast

from attrs import fields
from cattrs import Converter

from hived.events import Cause, Recorded

T = TypeVar("T")

# How a fold makes an object of many fields: `made = blank(Class); Class.__init__(made, a=…, b=…)`.
# A call of the class itself puts the named arguments into a dict on the way, and takes twice as
# long.
blank = object.__new__

_CONVERTER = Converter(detailed_validation=False)
# Left alone, cattrs gives a named tuple out as it is, and orjson takes no subclass of a tuple.
_CONVERTER.register_unstructure_hook(Cause, list)


def cause_of(rec: Recorded) -> Cause:
    """The event as the cause of others, without the detour that a call of Cause makes."""
    return tuple.__new__(Cause, (rec.stream, rec.version))


@cache
def _structure_hook(shape: Hashable) -> Any:
    return _CONVERTER.get_structure_hook(shape)


def dump_as(shape: Any, value: object) -> Any:
    """JSON-shaped data of a value; `shape` is its type, such as dict[str, Agent]."""
    return _CONVERTER.unstructure(value, unstructure_as=shape)


def load_as(shape: type[T], data: Any) -> T:
    """The value that `dump_as` of the same shape wrote."""
    return cast(T, _structure_hook(cast(Hashable, shape))(data, shape))


class Table(dict[str, Any]):
    """Many objects of one class: {"fields": their names, "rows": the values of each}.

    An inbox view holds ten thousand messages and more. As rows they are copied in about half of the
    time that an object of JSON for each takes, in which the daemon does nothing else.
    """


class _Columns(NamedTuple):
    names: list[str]
    values: Callable[[Any], tuple[Any, ...]]
    shapes: dict[int, Any]  # of those that are no plain values, by their place


@cache
def _columns(cls: Hashable) -> _Columns:
    names = [attribute.name for attribute in fields(cast(Any, cls))]
    plain = (str, int, float, bool, int | None)
    types = enumerate(attribute.type for attribute in fields(cast(Any, cls)))
    shapes = {place: type_ for place, type_ in types if type_ not in plain}
    return _Columns(names, attrgetter(*names), shapes)


def dump_table(cls: type[Any], objects: Iterable[Any]) -> Table:
    """JSON-shaped data of objects of an attrs class with two fields or more."""
    names, values, shapes = _columns(cast(Hashable, cls))
    rows: list[Any] = list(map(values, objects))
    if shapes:
        rows = list(map(list, rows))
        for place, shape in shapes.items():
            for row in rows:
                row[place] = dump_as(shape, row[place])
    return Table(fields=names, rows=rows)


def load_table(cls: type[T], data: Any) -> list[T]:
    """The objects that `dump_table` of the same class wrote.

    Raises:
      LookupError: The class has other fields now.
    """
    names, _, shapes = _columns(cast(Hashable, cls))
    if data["fields"] != names:
        raise LookupError(f"a snapshot holds another {cls.__name__}")
    rows = data["rows"]
    for place, shape in shapes.items():
        rows = [[*row[:place], load_as(shape, row[place]), *row[place + 1 :]] for row in rows]
    return [cls(*row) for row in rows]


def named(data: Any) -> Any:
    """The same for people: each row of a table as an object of its own."""
    if isinstance(data, Table):
        return [dict(zip(data["fields"], row, strict=True)) for row in data["rows"]]
    if isinstance(data, dict):
        return {key: named(value) for key, value in data.items()}
    return data
