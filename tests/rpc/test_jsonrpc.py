"""What hived relies on in jsonrpcserver beyond its public list: each piece, as it is used."""

from collections.abc import Awaitable, Callable
from importlib.metadata import version
from inspect import Parameter, Signature
from typing import Any

import pytest
import trio

from hived.rpc import jsonrpc as j


def test_the_version_is_the_pinned_one() -> None:
    assert version("jsonrpcserver") == "5.0.9"


def test_a_request_is_made_of_a_document() -> None:
    request = j.create_request({"jsonrpc": "2.0", "method": "m", "params": {"a": 1}, "id": "x"})
    assert (request.method, request.params, request.id) == ("m", {"a": 1}, "x")
    bare = j.create_request({"jsonrpc": "2.0", "method": "m"})
    assert bare.id is j.NOID
    assert not bare.params


def test_the_deserializer_is_called_with_what_was_given() -> None:
    assert j.deserialize_request(lambda line: {"is": line}, b"bytes")._value == {"is": b"bytes"}  # type: ignore[arg-type]

    def failing(line: Any) -> Any:
        raise ValueError("words")

    failed = j.deserialize_request(failing, "")
    assert isinstance(failed, j.Left)
    assert failed._error.data == "words"


def test_the_validator_says_no_by_raising() -> None:
    document: dict[str, Any] = {}
    assert not isinstance(j.validate_request(lambda d: d, document), j.Left)

    def no(document: Any) -> Any:
        raise ValueError

    assert isinstance(j.validate_request(no, document), j.Left)


def _signed(method: Callable[..., Awaitable[Any]]) -> Callable[..., Any]:
    method.__signature__ = Signature(  # type: ignore[attr-defined]
        [
            Parameter("context", Parameter.POSITIONAL_ONLY),
            Parameter("args", Parameter.VAR_POSITIONAL),
            Parameter("params", Parameter.VAR_KEYWORD),
        ]
    )
    return method


async def test_dispatch_awaits_on_trio_and_gives_context_and_parameters() -> None:
    async def method(context: Any, /, *args: Any, **params: Any) -> Any:
        await trio.lowlevel.checkpoint()
        return j.Success([context, list(args), params])

    methods: Any = {"m": _signed(method)}
    request = j.Request("m", {"context": 1, "self": 2}, 7)
    done = await j.dispatch_request(methods, "the context", request)
    assert j.not_notification(done)
    assert j.to_serializable(j.to_response(*done)) == {
        "jsonrpc": "2.0",
        "id": 7,
        "result": ["the context", [], {"context": 1, "self": 2}],
    }
    done = await j.dispatch_request(methods, "c", j.Request("m", [1, 2], j.NOID))
    assert not j.not_notification(done)
    assert done[1]._value.result == ["c", [1, 2], {}]


async def test_an_unknown_method_and_an_error_are_results() -> None:
    _, unknown = await j.dispatch_request({}, None, j.Request("m", {}, 1))
    assert isinstance(unknown, j.Left)
    assert unknown._error.code == j.ERROR_METHOD_NOT_FOUND

    async def refusing(context: Any, /, *args: Any, **params: Any) -> Any:
        raise j.JsonRpcError(-32010, "words", {"code": "not_found"})

    done = await j.dispatch_request({"m": _signed(refusing)}, None, j.Request("m", {}, 1))
    assert j.to_serializable(j.to_response(*done)) == {
        "jsonrpc": "2.0",
        "id": 1,
        "error": {"code": -32010, "message": "words", "data": {"code": "not_found"}},
    }


async def test_cancellation_passes_through() -> None:
    async def waiting(context: Any, /, *args: Any, **params: Any) -> Any:
        await trio.sleep_forever()

    with trio.CancelScope() as scope:
        scope.cancel()
        await j.dispatch_request({"m": _signed(waiting)}, None, j.Request("m", {}, 1))
        pytest.fail("it was not cancelled")
    assert scope.cancelled_caught


def test_a_list_of_responses() -> None:
    assert j.extract_list(True, []) is None
    assert j.extract_list(False, []) is None
    one: Any = j.Left(j.ErrorResponse(-1, "words", {}, 1))
    assert j.extract_list(False, [one]) is one
    assert j.extract_list(True, [one]) == [one]
