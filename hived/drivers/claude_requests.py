"""What the claude CLI asks over its pipe and waits for, and how it is answered."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from hived import limits
from hived.drivers import mcp
from hived.drivers.base import ToolSpec
from hived.drivers.claude_lines import Object, mapping, text
from hived.drivers.claude_tools import Tools
from hived.drivers.observations import (
    HiveToolCalled,
    Observation,
    PermissionAsked,
    Reply,
    RequestWithdrawn,
    Write,
)

_DENIED = "the input of this call is nested too deep to be passed on"


class Requests:
    """The open requests of one turn: permission questions and calls of the hive's tools."""

    def __init__(self, hive_tools: Sequence[ToolSpec], tools: Tools) -> None:
        self._hive_tools = hive_tools
        self._tools = tools
        self._open: dict[str, PermissionAsked | HiveToolCalled] = {}
        self._rpc_ids: dict[str, str | int] = {}

    @property
    def open(self) -> bool:
        """The CLI waits for at least one answer of hived's."""
        return bool(self._open)

    def asked(self, line: Object) -> tuple[Observation, ...]:
        """A control request of the CLI."""
        request = text(line, "request_id", limits.CLI_ID_CHARS_MAX)
        asked = mapping(line, "request")
        if not request:
            return ()
        match text(asked, "subtype"):
            case "can_use_tool":
                question = PermissionAsked(
                    request=request,
                    call=text(asked, "tool_use_id", limits.CLI_ID_CHARS_MAX),
                    tool=text(asked, "tool_name", limits.TOOL_NAME_CHARS_MAX),
                    input=mapping(asked, "input"),
                )
                self._open[request] = question
                self._tools.answered(question.call, allowed=False)
                return (question,)
            case "mcp_message" if text(asked, "server_name") == mcp.SERVER:
                return self._mcp(request, mapping(asked, "message"))
            case subtype:
                # Unanswered, the CLI would wait for ever.
                return (Reply(_refuse(request, f"unsupported: {subtype[:80]}")),)

    def _mcp(self, request: str, message: Object) -> tuple[Observation, ...]:
        received = mcp.receive(message, self._hive_tools)
        match received:
            case mcp.Answer():
                return (Reply(_mcp_reply(request, received.message)),)
            case mcp.Call():
                call = text(received.meta, "claudecode/toolUseId", limits.CLI_ID_CHARS_MAX)
                given, answer = received.arguments, _mcp_write(request)
                called = HiveToolCalled(request, call, received.name, given, answer)
                self._open[request] = called
                self._rpc_ids[request] = received.rpc_id
                return (called,)
            case mcp.Cancelled():
                gone = [r for r in self._open if self._rpc_ids.get(r) == received.rpc_id]
                withdrawn = (seen for r in gone for seen in self.withdrawn(r))
                return (_acknowledged(request), *withdrawn)
            case mcp.Heard():
                # The CLI waits for an answer to the pipe's own request, also where MCP has none.
                return (_acknowledged(request),)

    def withdrawn(self, request: str) -> tuple[Observation, ...]:
        """The CLI no longer waits for this answer."""
        return (RequestWithdrawn(request),) if self._open.pop(request, None) else ()

    def close(self, call: str) -> None:
        """The call has its result, so whatever the CLI asked about it is no longer open."""
        for request in [r for r, asked in self._open.items() if asked.call == call]:
            del self._open[request]

    def clear(self) -> tuple[Observation, ...]:
        """The CLI's turn is over: it waits for nothing of it."""
        gone = tuple(RequestWithdrawn(request) for request in self._open)
        self._open.clear()
        return gone

    def permission_answer(self, asked: PermissionAsked, *, allowed: bool, reason: str) -> Write:
        """See drivers.base.Conversation."""
        self._open.pop(asked.request, None)
        self._tools.answered(asked.call, allowed=allowed)
        name = f"perm:{asked.request}"
        if not allowed:
            return _answer(name, asked.request, {"behavior": "deny", "message": reason})
        allow = {"behavior": "allow", "updatedInput": dict(asked.input)}
        try:
            return _answer(name, asked.request, allow)
        except TypeError:  # orjson reads deeper than it writes
            self._tools.answered(asked.call, allowed=False)
            return _answer(name, asked.request, {"behavior": "deny", "message": _DENIED})

    def tool_answer(self, called: HiveToolCalled, words: str, *, error: bool) -> Write:
        """See drivers.base.Conversation."""
        self._open.pop(called.request, None)
        message = mcp.result(self._rpc_ids[called.request], words, failed=error)
        return _mcp_reply(called.request, message)


def write(name: str, message: Mapping[str, Any]) -> Write:
    """A line for the CLI's stdin under a write id."""
    return Write(name, orjson.dumps(message) + b"\n")


def _answer(name: str, request: str, response: Mapping[str, Any]) -> Write:
    body = {"subtype": "success", "request_id": request, "response": response}
    return write(name, {"type": "control_response", "response": body})


def _acknowledged(request: str) -> Reply:
    return Reply(_mcp_reply(request, mcp.acknowledgement().message))


def _mcp_reply(request: str, message: Mapping[str, Any]) -> Write:
    return _answer(_mcp_write(request), request, {"mcp_response": message})


def _mcp_write(request: str) -> str:
    """The id of the write that answers the request."""
    return f"mcp:{request}"


def _refuse(request: str, error: str) -> Write:
    body = {"subtype": "error", "request_id": request, "error": error}
    return write(f"refuse:{request}", {"type": "control_response", "response": body})
