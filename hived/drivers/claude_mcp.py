"""The hive's own tools as an MCP server inside the CLI's pipe: JSON-RPC message → what to do."""

from collections.abc import Mapping, Sequence
from typing import Any

from attrs import field, frozen

from hived import limits
from hived.drivers import claude_lines as lines
from hived.drivers.base import ToolSpec

SERVER = "hive"
VERSIONS = ("2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05")  # newest first

_NOT_FOUND = -32601
_INVALID = -32602


@frozen
class Answer:
    """A message that the driver answers by itself."""

    message: Mapping[str, Any]


@frozen
class Call:
    """A call of one of the hive's tools. rpc_id: the JSON-RPC id its answer must carry."""

    rpc_id: str | int
    call: str
    name: str
    arguments: Mapping[str, Any] = field(factory=dict)


@frozen
class Cancelled:
    """The CLI no longer waits for the call with this JSON-RPC id."""

    rpc_id: str | int


def receive(message: lines.Object, tools: Sequence[ToolSpec]) -> Answer | Call | Cancelled:
    """What one JSON-RPC message of the CLI asks for. Any shape is taken."""
    method = lines.text(message, "method")
    params = lines.mapping(message, "params")
    rpc_id = message.get("id")
    if isinstance(rpc_id, bool) or not isinstance(rpc_id, str | int):
        return _notification(method, params)
    match method:
        case "initialize":
            return _result(rpc_id, _initialized(params))
        case "ping":
            return _result(rpc_id, {})
        case "tools/list":
            return _result(rpc_id, {"tools": [_listed(tool) for tool in tools]})
        case "tools/call":
            return _call(rpc_id, params, tools)
        case _:
            # server/discover among them: the CLI then falls back to initialize.
            return _error(rpc_id, _NOT_FOUND, f"method not found: {method[:80]}")


def result(rpc_id: str | int, text: str, *, error: bool) -> Mapping[str, Any]:
    """The answer to a Call, as a JSON-RPC message."""
    content = [{"type": "text", "text": text}]
    return {
        "jsonrpc": "2.0",
        "id": rpc_id,
        "result": {"content": content, "isError": error},
    }


def _notification(method: str, params: lines.Object) -> Answer | Cancelled:
    if method == "notifications/cancelled":
        cancelled = params.get("requestId")
        if isinstance(cancelled, str | int) and not isinstance(cancelled, bool):
            return Cancelled(cancelled)
    # The CLI waits for an answer to the pipe's own request, also where MCP has none.
    return acknowledgement()


def acknowledgement() -> Answer:
    """What the pipe is given where MCP itself has no answer."""
    return _result(0, {})


def _initialized(params: lines.Object) -> Mapping[str, Any]:
    asked = lines.text(params, "protocolVersion")
    return {
        "protocolVersion": asked if asked in VERSIONS else VERSIONS[0],
        "capabilities": {"tools": {}},
        "serverInfo": {"name": SERVER, "version": "1"},
    }


def _listed(tool: ToolSpec) -> Mapping[str, Any]:
    return {
        "name": tool.name,
        "description": tool.description,
        "inputSchema": dict(tool.schema),
    }


def _call(rpc_id: str | int, params: lines.Object, tools: Sequence[ToolSpec]) -> Answer | Call:
    name = lines.text(params, "name")
    if not any(tool.name == name for tool in tools):
        return _error(rpc_id, _INVALID, f"unknown tool: {name[:80]}")
    call = lines.text(
        lines.mapping(params, "_meta"), "claudecode/toolUseId", limits.CLI_ID_CHARS_MAX
    )
    return Call(rpc_id, call, name, lines.mapping(params, "arguments"))


def _result(rpc_id: str | int, value: Mapping[str, Any]) -> Answer:
    return Answer({"jsonrpc": "2.0", "id": rpc_id, "result": value})


def _error(rpc_id: str | int, code: int, message: str) -> Answer:
    return Answer({"jsonrpc": "2.0", "id": rpc_id, "error": {"code": code, "message": message}})
