"""How event classes are read and told apart: strict structuring, and a name for a catalogue."""

import hashlib
from collections.abc import Mapping
from typing import Any

from attrs import fields, has
from cattrs import Converter

from hived.events.upcasts import Upcast

# cattrs coerces by default (None becomes "None", 5.7 becomes 5), which would make a damaged or
# edited row look sound. These do not.


def strict_str(value: object, _: object) -> str:
    if type(value) is str:
        return value
    raise TypeError(f"{value!r:.40} is not a string")


def strict_int(value: object, _: object) -> int:
    if type(value) is int:
        return value
    raise TypeError(f"{value!r:.40} is not a whole number")


def strict_float(value: object, _: object) -> float:
    if type(value) is float:
        return value
    if type(value) is int:
        return float(value)
    raise TypeError(f"{value!r:.40} is not a number")


def strict_bool(value: object, _: object) -> bool:
    if type(value) is bool:
        return value
    raise TypeError(f"{value!r:.40} is not true or false")


def converter() -> Converter:
    made = Converter(detailed_validation=False, forbid_extra_keys=True)
    made.register_structure_hook(str, strict_str)
    made.register_structure_hook(int, strict_int)
    made.register_structure_hook(float, strict_float)
    made.register_structure_hook(bool, strict_bool)
    return made


def float_paths(cls: type[Any], prefix: str = "") -> list[str]:
    paths: list[str] = []
    for attribute in fields(cls):
        if attribute.type is float:
            paths.append(prefix + attribute.name)
        elif attribute.type is not None and has(attribute.type):
            paths += float_paths(attribute.type, f"{prefix}{attribute.name}.")
    return paths


def fingerprint(
    types: Mapping[str, tuple[type[Any], int]], steps: Mapping[tuple[str, int], Upcast]
) -> str:
    """Name the catalogue: another one reads another event out of the same bytes."""
    shape = [(name, schema, _shape(cls)) for name, (cls, schema) in sorted(types.items())]
    chain = [(key, _code(step.__code__)) for key, step in sorted(steps.items())]
    return hashlib.blake2b(repr((shape, chain)).encode(), digest_size=16).hexdigest()


def _shape(cls: type[Any]) -> object:
    return [
        (a.name, _shape(a.type) if a.type is not None and has(a.type) else repr(a.type))
        for a in fields(cls)
    ]


def _code(code: Any) -> object:
    """What a function does, told without addresses in memory, which differ from run to run."""
    constants = [_code(c) if hasattr(c, "co_code") else repr(c) for c in code.co_consts]
    return (code.co_name, code.co_code.hex(), code.co_names, constants)
