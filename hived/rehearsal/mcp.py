"""The in-pipe MCP client: the hive's own tools, over control requests."""

from typing import Any

from hived import limits
from hived.rehearsal.desk import Answer, Desk, Interrupted, StreamClosed
from hived.rehearsal.shapes import VERSION
from hived.rehearsal.wire import Line

PROTOCOL = "2025-11-25"


class ToolFailed(Exception):
    """The call gave no result: the server said no, or is not there."""


class _Server:
    def __init__(self) -> None:
        self.status = "pending"
        self.tools: list[str] = []
        self.next_id = 0
        self.settled = False


class Mcp:
    """The MCP servers of the command line; only those inside the pipe can be reached."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._servers = {name: _Server() for name in desk.options.servers}
        self._listed = False
        desk.on_servers = self._greet

    def connect(self) -> None:
        """Before the first turn: wait for the servers and list their tools, with a time limit."""
        if self._listed:
            return
        self._listed = True
        wait = limits.REHEARSAL_MCP_WAIT_SECONDS
        greeted = [name for name in self._desk.servers if name in self._servers]
        self._desk.wait(wait, until=lambda: all(self._servers[n].settled for n in greeted))
        for name, server in self._servers.items():
            if server.status != "connected":
                server.status = "failed"
                continue
            server.settled = False
            self._post(name, "tools/list", None, self._on_tools)
        self._desk.wait(wait, until=lambda: all(self._servers[n].settled for n in greeted))

    def tools(self) -> list[str]:
        """Full names of all tools, sorted as the real CLI shows them."""
        return sorted(
            f"mcp__{name}__{tool}"
            for name, server in self._servers.items()
            for tool in server.tools
        )

    def shown(self) -> list[Line]:
        """The servers as the init line has them."""
        return [
            {"name": name, "status": server.status, "source": "sdk"}
            for name, server in self._servers.items()
        ]

    def call(self, server: str, tool: str, arguments: Line, call: str) -> Line:
        """Call a tool and give its MCP result ({content, isError?}).

        Raises:
          ToolFailed: With the server's words.
          Interrupted: The server was told that nobody waits any more.
        """
        known = self._servers[server]
        number = known.next_id
        known.next_id += 1
        params = {
            "name": tool,
            "arguments": arguments,
            "_meta": {"claudecode/toolUseId": call, "progressToken": number},
        }
        message = {"method": "tools/call", "params": params, "jsonrpc": "2.0", "id": number}
        try:
            answer = self._desk.ask(_wrapped(server, message))
        except StreamClosed:
            raise ToolFailed("MCP error -32000: Connection closed") from None
        except Interrupted:
            gone = {"requestId": number, "reason": "AbortError: The operation was aborted."}
            self._notify(server, "notifications/cancelled", gone)
            raise
        reply = _reply(answer)
        if reply is None:
            raise ToolFailed(str(answer.get("error", "MCP error -32603: no answer")))
        if "error" in reply or not isinstance(reply.get("result"), dict):
            error = reply.get("error")
            detail = error if isinstance(error, dict) else {}
            raise ToolFailed(f"MCP error {detail.get('code')}: {detail.get('message')}")
        found: Line = reply["result"]
        return found

    def _greet(self) -> None:
        for name in self._desk.servers:
            if name not in self._servers:
                continue
            params = {
                "protocolVersion": PROTOCOL,
                "capabilities": {},
                "clientInfo": {"name": "claude-code", "title": "Claude Code", "version": VERSION},
            }
            self._post(name, "initialize", params, self._on_greeted)

    def _on_greeted(self, name: str, result: Line | None) -> None:
        self._servers[name].settled = True
        if result is None:
            self._servers[name].status = "failed"
            return
        self._servers[name].status = "connected"
        self._notify(name, "notifications/initialized", None)

    def _on_tools(self, name: str, result: Line | None) -> None:
        server = self._servers[name]
        server.settled = True
        listed = (result or {}).get("tools")
        if isinstance(listed, list):
            server.tools = [str(tool["name"]) for tool in listed if isinstance(tool, dict)]

    def _post(self, name: str, method: str, params: Line | None, then: Any) -> None:
        server = self._servers[name]
        message: Line = {"method": method, "jsonrpc": "2.0", "id": server.next_id}
        if params is not None:
            message["params"] = params
        server.next_id += 1

        def on_answer(answer: Answer | None) -> None:
            reply = _reply(answer) if answer is not None else None
            result = (reply or {}).get("result")
            then(name, result if isinstance(result, dict) else None)

        self._desk.post(_wrapped(name, message), on_answer)

    def _notify(self, name: str, method: str, params: Line | None) -> None:
        message: Line = {"jsonrpc": "2.0", "method": method}
        if params is not None:
            message["params"] = params
        self._desk.post(_wrapped(name, message), lambda _answer: None)


def _wrapped(server: str, message: Line) -> Line:
    return {"subtype": "mcp_message", "server_name": server, "message": message}


def _reply(answer: Answer) -> Line | None:
    """The JSON-RPC answer inside a control response."""
    inner = answer.get("response")
    reply = inner.get("mcp_response") if isinstance(inner, dict) else None
    return reply if isinstance(reply, dict) else None
