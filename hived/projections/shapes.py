"""How views are written to a snapshot and read back: cattrs over plain attrs classes."""

from collections.abc import Hashable
from functools import cache
from typing import Any, TypeVar, cast

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
