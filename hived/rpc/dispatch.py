"""From a line of a client to the line that answers it: jsonrpcserver's pieces, driven from trio.

The library's own async entry gathers with asyncio, so its parts are called from here: a batch's
elements each on their own, in a nursery. What an exception says never leaves the daemon unless it
is a HivedError.
"""

import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping
from difflib import get_close_matches
from inspect import Parameter, Signature
from typing import Any, NamedTuple

import orjson
import trio

from hived import limits
from hived.errors import CODES, HivedError
from hived.names import shown
from hived.rpc import wire
from hived.rpc.jsonrpc import (
    ERROR_METHOD_NOT_FOUND,
    ErrorResponse,
    JsonRpcError,
    Left,
    Request,
    Success,
    create_request,
    deserialize_request,
    dispatch_request,
    extract_list,
    not_notification,
    to_response,
    to_serializable,
    validate_request,
)
from hived.rpc.methods import METHODS, Bound
from hived.rpc.session import Session

logger = logging.getLogger("hived.rpc")

_ANY_ARGUMENTS = Signature(
    [
        Parameter("context", Parameter.POSITIONAL_ONLY),
        Parameter("args", Parameter.VAR_POSITIONAL),
        Parameter("params", Parameter.VAR_KEYWORD),
    ]
)


class Parsed(NamedTuple):
    """What a line asks for: calls, and the answers to what is none. batch: answer with a list."""

    items: tuple[Request | Left, ...]
    batch: bool


def error_response(error: HivedError, request: Any = None) -> Left:
    """An error as jsonrpcserver's response. request: the id of the call, None if not known."""
    return Left(ErrorResponse(error.number, error.message, _data(error), request))


def _data(error: HivedError) -> dict[str, Any]:
    return {**error.data, "code": error.code, "hint": error.hint}


def parse(line: bytes) -> Parsed:
    """Read a line. Never raises: what is wrong becomes an answer."""
    result = deserialize_request(wire.load, line)  # type: ignore[arg-type] # bytes go as well
    if isinstance(result, Left):
        return _refused("parse_error", f"the line is not JSON for hived: {result._error.data}")
    document = result._value
    if not isinstance(document, list):
        return Parsed((_element(document),), False)
    if not document:
        return _refused("invalid_request", "the batch is empty")
    if len(document) > limits.BATCH_MAX:
        return _refused("too_large", f"a batch has at most {limits.BATCH_MAX} calls")
    return Parsed(tuple(map(_element, document)), True)


def _refused(code: str, message: str) -> Parsed:
    return Parsed((error_response(HivedError(message, code=code, hint="see PROTOCOL.md")),), False)


def _element(document: Any) -> Request | Left:
    checked = validate_request(wire.check_request, document)
    if not isinstance(checked, Left):
        return create_request(document)
    error = HivedError(wire.fault(document), code="invalid_request", hint="see PROTOCOL.md")
    return error_response(error, wire.readable_id(document))


class Dispatcher:
    """The methods, joined to jsonrpcserver. One for all connections."""

    def __init__(self, methods: Mapping[str, Bound] = METHODS) -> None:
        self._bound = methods
        self._methods = {name: _callable(bound) for name, bound in methods.items()}

    def immediate(self, parsed: Parsed) -> bool:
        """Whether every call can be answered at once, without waiting for anything."""
        for item in parsed.items:
            if not isinstance(item, Left):
                bound = self._bound.get(item.method)
                if bound is not None and not bound.immediate(item.params):
                    return False
        return True

    async def answer(self, session: Session, parsed: Parsed) -> bytes:
        """Do what a line asks for. The answer is a line, or empty where none is wanted."""
        if len(parsed.items) == 1:
            answers = [await self._one(session, parsed.items[0])]
        else:
            answers = await self._together(session, parsed.items)
        wanted: Any = extract_list(parsed.batch, [line for line in answers if line is not None])
        if wanted is None:
            return b""
        line: bytes = b"[" + b",".join(wanted) + b"]" if parsed.batch else wanted
        return line + b"\n"

    async def _together(
        self, session: Session, items: tuple[Request | Left, ...]
    ) -> list[bytes | None]:
        answers: list[bytes | None] = [None] * len(items)
        size = 0

        async def run(index: int, item: Request | Left) -> None:
            nonlocal size
            answer = await self._one(session, item)
            if answer is not None and size + len(answer) > limits.ANSWER_BYTES_MAX:
                answer = encode(error_response(_too_long(size + len(answer)), item.id))
            answers[index] = answer
            size += len(answer or b"")

        async with trio.open_nursery() as nursery:
            for index, item in enumerate(items):
                bound = None if isinstance(item, Left) else self._bound.get(item.method)
                if bound is None or bound.immediate(item.params):
                    await run(index, item)  # such as a hello that the rest waits for
                    await trio.lowlevel.checkpoint()
                else:
                    nursery.start_soon(run, index, item)
        return answers

    async def _one(self, session: Session, item: Request | Left) -> bytes | None:
        """The answer to one element, encoded; None to a notification."""
        if isinstance(item, Left):
            return encode(item)
        done = await dispatch_request(self._methods, (session, item.id), item)
        if not not_notification(done):
            return None
        result = done[1]
        if isinstance(result, Left) and result._error.code == ERROR_METHOD_NOT_FOUND:
            return encode(error_response(self._unknown(item.method), item.id))
        return encode(to_response(*done))

    def _unknown(self, method: str) -> HivedError:
        close = get_close_matches(method[:80], self._bound, n=1)
        hint = f"did you mean {close[0]}?" if close else "PROTOCOL.md lists the methods"
        return HivedError(f"there is no method {shown(method)}", code="unknown_method", hint=hint)


def encode(response: Any) -> bytes:
    """A response as JSON. One that cannot be sent becomes an error."""
    try:
        data = orjson.dumps(to_serializable(response), default=_plain)
    except TypeError:  # not JSON-shaped, or text that no client could read
        return encode(Left(_internal_response(response)))
    if len(data) > limits.ANSWER_BYTES_MAX:
        return encode(error_response(_too_long(len(data)), response._value.id))
    return data


def _too_long(size: int) -> HivedError:
    return HivedError(
        f"the answer has {size} bytes; {limits.ANSWER_BYTES_MAX} is the most",
        code="too_large",
        hint="ask for less, with a limit",
    )


def _plain(value: object) -> object:
    """What orjson leaves to its caller: the named tuples within a dumped state."""
    if isinstance(value, tuple):
        return list(value)
    raise TypeError(f"{type(value).__name__} is not plain data")


def _internal_response(response: Any) -> ErrorResponse:
    error = _internal("an answer that is not JSON")
    request = (response._error if isinstance(response, Left) else response._value).id
    return ErrorResponse(error.code, error.message, error.data, request)


def _callable(bound: Bound) -> Callable[..., Awaitable[Any]]:
    """A method as jsonrpcserver calls it: with our context, and any parameters at all."""

    async def method(context: tuple[Session, Any], /, *args: Any, **params: Any) -> Any:
        session, request = context
        try:
            return Success(await bound.call(session, request, list(args) or params))
        except HivedError as error:
            raise JsonRpcError(error.number, error.message, _data(error)) from None
        except Exception as error:
            known = _only_known(error)
            if known is not None:
                raise JsonRpcError(known.number, known.message, _data(known)) from None
            raise _internal(bound.name) from None

    # Without it jsonrpcserver would inspect the function at every call.
    method.__signature__ = _ANY_ARGUMENTS  # type: ignore[attr-defined]
    return method


def _only_known(error: BaseException) -> HivedError | None:
    """The one HivedError within nested groups, as nurseries raise them."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error if isinstance(error, HivedError) else None


def _internal(where: str) -> JsonRpcError:
    """Log the exception at hand under a reference; only the reference leaves the daemon."""
    reference = secrets.token_hex(4)
    logger.exception("internal error %s in %s", reference, where)
    message = f"hived failed at this; its log says more under {reference}"
    data = {"code": "internal_error", "hint": "this is a fault of hived", "reference": reference}
    return JsonRpcError(CODES["internal_error"], message, data)
