"""The hive's tools as an MCP server: one JSON-RPC message → what is to be done about it. Pure.

The same for the pipe of a CLI and for an agent's socket. `modern` says whether the protocol
without a handshake is spoken as well, in which each request names its version by itself; over
the pipe it is not, and the CLI falls back to the handshake.
"""

from collections.abc import Container, Mapping, Sequence
from typing import Any

from attrs import field, frozen

from hived import __version__, limits
from hived.drivers.base import ToolSpec

SERVER = "hive"
VERSIONS = ("2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05")  # newest first
MODERN = ("2026-07-28",)
BATCHES = "2025-03-26"  # the one version that has them

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
NOT_FOUND = -32601
INVALID_PARAMS = -32602
UNSUPPORTED_VERSION = -32022

_PREFIX = "io.modelcontextprotocol/"
_VERSION, _CAPABILITIES = _PREFIX + "protocolVersion", _PREFIX + "clientCapabilities"
_ID_MAX = 2**63
_NAME_CHARS_MAX = 80  # of what is repeated to the client

Object = Mapping[str, Any]
RpcId = str | int


@frozen
class Answer:
    """A message that is the answer."""

    message: Object


@frozen
class Call:
    """A call of a tool. rpc_id: what its answer must carry. meta: what the client adds."""

    rpc_id: RpcId
    name: str
    arguments: Object = field(factory=dict)
    meta: Object = field(factory=dict)
    modern: bool = False


@frozen
class Cancelled:
    """The client no longer waits for the call with this id."""

    rpc_id: RpcId


@frozen
class Heard:
    """Nothing to be answered: a notification, or the answer to what was never asked."""


Received = Answer | Call | Cancelled | Heard


def receive(
    message: object,
    tools: Sequence[ToolSpec],
    *,
    known: Container[str] = (),
    modern: bool = False,
) -> Received:
    """What one message asks for. Any value is taken.

    tools: those that are listed. known: names of more that are not listed, and whose calls are
    passed on all the same, for whoever refuses them with a reason.
    """
    if not isinstance(message, Mapping):
        return Answer(error(None, INVALID_REQUEST, "a message must be an object"))
    method, params = message.get("method"), message.get("params", {})
    if not isinstance(method, str):
        if "result" in message or "error" in message:
            return Heard()
        return Answer(error(rpc_id_of(message), INVALID_REQUEST, "a message needs a method"))
    if "id" not in message:
        return _notification(method, params)
    rpc_id = rpc_id_of(message)
    if rpc_id is None:
        return Answer(error(None, INVALID_REQUEST, "an id must be a string or a whole number"))
    if not isinstance(params, Mapping):
        return Answer(error(rpc_id, INVALID_PARAMS, "params must be an object"))
    enveloped = modern and method != "initialize" and _VERSION in _mapping(params, "_meta")
    if enveloped and (wrong := _envelope_fault(rpc_id, params)):
        return Answer(wrong)
    if method == "tools/call":
        return _call(rpc_id, params, tools, known, enveloped)
    answer = _own(method, params, tools, enveloped)
    if answer is None:
        return Answer(error(rpc_id, NOT_FOUND, f"method not found: {method[:_NAME_CHARS_MAX]}"))
    return Answer({"jsonrpc": "2.0", "id": rpc_id, "result": answer})


def rpc_id_of(message: object) -> RpcId | None:
    """The id of a request; None where it has none that can be given back."""
    found = message.get("id") if isinstance(message, Mapping) else None
    if isinstance(found, bool) or not isinstance(found, str | int):
        return None
    if isinstance(found, str):
        return found if len(found) <= limits.CLI_ID_CHARS_MAX else None
    return found if abs(found) < _ID_MAX else None


def result(rpc_id: RpcId, text: str, *, failed: bool, modern: bool = False) -> Object:
    """The answer to a Call. failed: the text tells the model of an error."""
    content = {"content": [{"type": "text", "text": text}], "isError": failed}
    whole = _complete(content) if modern else content
    return {"jsonrpc": "2.0", "id": rpc_id, "result": whole}


def error(rpc_id: RpcId | None, code: int, message: str, data: Object | None = None) -> Object:
    """An error of the protocol, not of a tool."""
    told: dict[str, Any] = {"code": code, "message": message}
    if data is not None:
        told["data"] = data
    return {"jsonrpc": "2.0", "id": rpc_id, "error": told}


def acknowledgement() -> Answer:
    """What a pipe that wants an answer to everything is given where MCP itself has none."""
    return Answer({"jsonrpc": "2.0", "id": 0, "result": {}})


def _notification(method: str, params: object) -> Cancelled | Heard:
    if method == "notifications/cancelled" and isinstance(params, Mapping):
        rpc_id = rpc_id_of({"id": params.get("requestId")})
        if rpc_id is not None:
            return Cancelled(rpc_id)
    return Heard()


def _own(method: str, params: Object, tools: Sequence[ToolSpec], enveloped: bool) -> Object | None:
    """The result of a method that needs nobody else; None for an unknown one."""
    match method:
        case "initialize":
            asked = params.get("protocolVersion")
            version = asked if asked in VERSIONS else VERSIONS[0]
            return {"protocolVersion": version, **_about()}
        case "ping":
            return _complete({}) if enveloped else {}
        case "tools/list":
            listed = {"tools": [_listed(tool) for tool in tools]}
            return _complete(listed, cached=True) if enveloped else listed
        case "server/discover" if enveloped:
            about = _about()
            del about["serverInfo"]
            return _complete({"supportedVersions": [*MODERN, *VERSIONS], **about}, cached=True)
        case _:
            return None


def _call(
    rpc_id: RpcId,
    params: Object,
    tools: Sequence[ToolSpec],
    known: Container[str],
    enveloped: bool,
) -> Answer | Call:
    name, arguments = params.get("name"), params.get("arguments")
    if not isinstance(name, str) or not (name in known or any(t.name == name for t in tools)):
        shown = name[:_NAME_CHARS_MAX] if isinstance(name, str) else "(no name)"
        told = {"code": "unknown_method", "hint": "tools/list tells them"}
        return Answer(error(rpc_id, INVALID_PARAMS, f"unknown tool: {shown}", told))
    if arguments is not None and not isinstance(arguments, Mapping):
        told = {"code": "invalid_params", "hint": "name them: {NAME: VALUE}"}
        why = f"the arguments of {name} must be an object"
        return Answer(error(rpc_id, INVALID_PARAMS, why, told))
    return Call(rpc_id, name, arguments or {}, _mapping(params, "_meta"), enveloped)


def _envelope_fault(rpc_id: RpcId, params: Object) -> Object | None:
    """Why a request that names its own version cannot be served."""
    meta = _mapping(params, "_meta")
    version = meta[_VERSION]
    if not isinstance(version, str) or _CAPABILITIES not in meta:
        why = f"_meta must have {_VERSION}, a string, and {_CAPABILITIES}"
        return error(rpc_id, INVALID_PARAMS, why)
    if version not in MODERN:
        spoken = {"supported": [*MODERN, *VERSIONS], "requested": version[:_NAME_CHARS_MAX]}
        return error(rpc_id, UNSUPPORTED_VERSION, "Unsupported protocol version", spoken)
    return None


def _complete(found: Object, *, cached: bool = False) -> Object:
    """A result as the protocol without a handshake wants it. cached: it must say for how long."""
    more = {"ttlMs": 0, "cacheScope": "private"} if cached else {}
    stamp = {_PREFIX + "serverInfo": _about()["serverInfo"]}
    return {**found, **more, "resultType": "complete", "_meta": stamp}


def _about() -> dict[str, Any]:
    return {
        "capabilities": {"tools": {}},
        "serverInfo": {"name": SERVER, "version": __version__},
    }


def _listed(tool: ToolSpec) -> Object:
    return {
        "name": tool.name,
        "description": tool.description,
        "inputSchema": dict(tool.schema),
    }


def _mapping(found: Object, key: str) -> Object:
    value = found.get(key)
    return value if isinstance(value, Mapping) else {}
