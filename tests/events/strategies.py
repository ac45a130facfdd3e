"""Hypothesis strategies for events and their envelopes, drawn from the classes themselves."""

from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin

from attrs import fields, has
from hypothesis import strategies as st

from hived.events import EVENT_TYPES, Cause, CommandMark, Recorded, kind_of

# JSON text is Unicode: half of a surrogate pair is refused when it is stored.
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
wholes = st.integers(-(2**63), 2**63 - 1)
finite = st.floats(allow_nan=False, allow_infinity=False)


def values(type_: Any) -> st.SearchStrategy[Any]:
    """Any value that a field of this type may have."""
    plain = {str: texts, int: wholes, float: finite, bool: st.booleans(), NoneType: st.none()}
    if type_ in plain:
        return plain[type_]
    if has(type_):
        return st.builds(type_, **{a.name: values(a.type) for a in fields(type_)})
    origin, inner = get_origin(type_), get_args(type_)
    if origin is tuple:
        return st.lists(values(inner[0]), max_size=3).map(tuple)
    if origin is dict:
        return st.dictionaries(values(inner[0]), values(inner[1]), max_size=3)
    assert origin in (Union, UnionType), type_
    return st.one_of(*map(values, inner))


def recorded(event: st.SearchStrategy[Any]) -> st.SearchStrategy[Recorded]:
    """That event in any envelope."""
    versions = st.integers(1, 2**53)
    return st.builds(
        lambda position, stream, version, at, node, by, command, cause, made: Recorded(
            position, stream, version, at, node, by, command, cause, kind_of(made), made
        ),
        versions,
        texts,
        versions,
        finite,
        texts,
        texts,
        st.none() | st.builds(CommandMark, texts, texts, versions),
        st.none() | st.builds(Cause, texts, versions),
        event,
    )


events = st.one_of(*(values(cls) for cls, _ in EVENT_TYPES.values()))
