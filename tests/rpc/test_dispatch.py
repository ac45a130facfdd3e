"""The pieces a call goes through: the line's shape, the table of methods, parameters, encoding."""

import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hived import limits
from hived.errors import CODES, HivedError
from hived.rpc import dispatch, methods, params, wire
from hived.rpc.jsonrpc import Left, Request, Success, to_response
from hived.rpc.specs import METHODS, Method, Param

PAIRS = st.recursive(
    st.integers(-9, 9) | st.text('a:"\\{,é', max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(st.tuples(st.text("ab:", max_size=2), inner), max_size=4).map(tuple)
    ),
    max_leaves=12,
)


def _text(value: Any) -> str:
    """JSON in which a tuple of pairs is an object that may have a key twice."""
    if isinstance(value, tuple):
        return "{" + ", ".join(f"{json.dumps(k)}: {_text(v)}" for k, v in value) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_text, value)) + "]"
    return json.dumps(value)


def _repeats(value: Any) -> bool:
    if isinstance(value, tuple):
        keys = [key for key, _ in value]
        return len(set(keys)) < len(keys) or any(_repeats(v) for _, v in value)
    return isinstance(value, list) and any(map(_repeats, value))


@given(PAIRS)
def test_a_repeated_key_is_always_found_and_nothing_else(value: Any) -> None:
    line = _text(value).encode()
    if _repeats(value):
        with pytest.raises(ValueError, match="twice"):
            wire.load(line)
    else:
        assert wire.load(line) == json.loads(line)


@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}")])
def test_the_depth_that_is_taken(opening: bytes, closing: bytes) -> None:
    most = limits.REQUEST_DEPTH_MAX
    assert wire.load(opening * most + b"1" + closing * most)
    with pytest.raises(ValueError, match="nested"):
        wire.load(opening * (most + 1) + b"1" + closing * (most + 1))


@given(st.binary(max_size=200))
def test_parse_takes_any_bytes(line: bytes) -> None:
    parsed = dispatch.parse(line)
    assert parsed.items
    for item in parsed.items:
        assert isinstance(item, Request | Left)


def test_every_method_is_bound_and_agrees_on_its_parameters() -> None:
    assert set(methods.METHODS) == set(METHODS)


def test_a_missing_a_double_and_an_odd_handler_are_errors_at_start() -> None:
    def handler(call: Any, *, a: int) -> dict[str, Any]:
        return {"a": a}

    table = {"m": Method("read", "anyone", "", {"a": Param("integer")}, "{}")}
    assert methods.join(table, ({"m": handler},))["m"].handler is handler
    with pytest.raises(RuntimeError, match="without"):
        methods.join(table, ({},))
    with pytest.raises(RuntimeError, match="without"):
        methods.join(table, ({"m": handler, "n": handler},))
    with pytest.raises(RuntimeError, match="two"):
        methods.join(table, ({"m": handler}, {"m": handler}))
    other = {"m": Method("read", "anyone", "", {"b": Param("integer")}, "{}")}
    with pytest.raises(RuntimeError, match="disagrees"):
        methods.join(other, ({"m": handler},))


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)
CHECKERS = {name: params.checker(name, spec) for name, spec in METHODS.items()}
TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "number": (float,),
    "integer": (int,),
    "boolean": (bool,),
    "strings": (tuple,),
    "object": (dict,),
    "at": (int, float),
}


@given(st.sampled_from(sorted(METHODS)), st.data())
def test_parameters_are_right_or_refused(name: str, data: Any) -> None:
    spec = METHODS[name]
    given_in = {p: data.draw(ANY) for p in spec.params}
    try:
        kwargs = CHECKERS[name](given_in)
    except HivedError as error:
        assert error.code in ("invalid_params", "too_large")
        return
    assert set(kwargs) == {params.keyword(p) for p in spec.params}
    for param, p in spec.params.items():
        value = kwargs[params.keyword(param)]
        if given_in[param] is None:
            assert value == p.default
        else:
            assert type(value) in TYPES[p.type]


def test_defaults_are_not_shared() -> None:
    first = CHECKERS["new"]({"agent": "ada"})
    first["options"]["x"] = "y"
    assert CHECKERS["new"]({"agent": "ada"})["options"] == {}


def test_an_answer_too_long_for_a_client_is_an_error(monkeypatch: Any) -> None:
    monkeypatch.setattr(limits, "ANSWER_BYTES_MAX", 1_000)
    request = Request("m", {}, 7)
    fits = dispatch.encode(to_response(request, Success({"x": "y" * 500})))
    assert orjson.loads(fits)["result"]["x"]
    answer = orjson.loads(dispatch.encode(to_response(request, Success({"x": "y" * 2_000}))))
    assert answer["id"] == 7
    assert answer["error"]["code"] == CODES["too_large"]


async def test_a_batch_is_bounded_as_a_whole(world: Any, raw: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(limits, "ANSWER_BYTES_MAX", 8_000)
    await world.agent("ada", start=False)
    calls = [{"jsonrpc": "2.0", "id": n, "method": "agents"} for n in range(60)]
    await raw.send(calls)
    answers = await raw.response()
    assert [answer["id"] for answer in answers] == list(range(60))
    codes = [answer["error"]["data"]["code"] for answer in answers if "error" in answer]
    assert codes
    assert set(codes) == {"too_large"}
    assert "result" in answers[0]
