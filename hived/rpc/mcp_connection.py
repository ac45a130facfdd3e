"""One client on an agent's own socket: MCP, a JSON-RPC message a line. Who connects is the agent.

Calls run side by side; one that the client cancels is given up without an answer.
"""

import json
import logging
import secrets
import socket
from collections.abc import Callable
from functools import cache

import orjson
import trio
from attrs import define

from hived import limits
from hived.drivers import mcp
from hived.drivers.base import ToolSpec
from hived.engine import Engine
from hived.errors import HivedError
from hived.paths import Home
from hived.rpc import wire
from hived.rpc.outbox import ClientGone, ClientTooSlow, Outbox
from hived.rpc.sockets import hung_up, receive, stop_reading
from hived.rpc.tools import TOOLS, Caller, call_tool, tool_specs

logger = logging.getLogger("hived.rpc")


@define
class Toolshed:
    """What the agents' tools work with, the same for all connections.

    changed: by the agent's name, what the next durable event about it sets.
    """

    engine: Engine
    home: Home
    changed: Callable[[str], trio.Event]
    threads: trio.CapacityLimiter

    def role(self, agent: str) -> str:
        """As of now; empty where the agent is gone."""
        found = self.engine.durable.agents.live.get(agent)
        return found.config.role if found is not None else ""

    def caller(self, agent: str, command_id: str) -> Caller:
        """Who calls. The call belongs to the turn that the agent is in, if it is in one.

        A turn that only compacts is none: what its CLI is told is hived's own business.
        """
        found = self.engine.durable.agents.live.get(agent)
        open_turn = found.turn if found is not None else None
        turn = open_turn.id if open_turn is not None and open_turn.kind == "work" else ""
        changed = lambda: self.changed(agent)  # noqa: E731
        return Caller(self.engine, self.home, agent, turn, command_id, changed, self.threads)


@cache
def _listed(role: str) -> tuple[ToolSpec, ...]:
    return tool_specs(role)


class McpConnection:
    """One accepted socket. `serve` owns it from there on."""

    def __init__(self, shed: Toolshed, agent: str, sock: socket.socket) -> None:
        self._shed, self._agent, self._sock = shed, agent, sock
        self._outbox = Outbox(sock)
        self._running: dict[mcp.RpcId, trio.CancelScope] = {}
        self._call_over = trio.Event()
        self._version = ""  # as agreed on by the handshake
        self._id, self._calls = secrets.token_hex(8), 0

    async def serve(self) -> None:
        """Talk with the client until it goes or is cut off.

        Raises nothing but Cancelled: what goes wrong with one client is not another's business.
        """
        try:
            await self._talk()
        except* (ClientGone, ClientTooSlow, OSError):
            pass
        except* Exception:
            logger.exception("a connection of %s failed", self._agent)
        finally:
            trio.lowlevel.notify_closing(self._sock)
            self._sock.close()

    async def _talk(self) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._outbox.run)
            await self._read(nursery)
            with trio.move_on_after(limits.MCP_LAST_CALLS_SECONDS):
                while self._running:
                    self._call_over = trio.Event()
                    await self._call_over.wait()
            await self._outbox.drained()
            nursery.cancel_scope.cancel()

    async def _read(self, nursery: trio.Nursery) -> None:
        """Take in lines until the client's end, or one that is too long."""
        rest = bytearray()
        while True:
            await self._outbox.room()
            data = await receive(self._sock)
            if not data:
                return
            *lines, last = data.split(b"\n")
            if lines:
                lines[0] = bytes(rest) + lines[0]
                rest.clear()
            rest += last
            for line in lines:
                if len(line) > limits.MCP_LINE_BYTES_MAX:
                    break
                if line and not line.isspace():
                    self._take(line, nursery)
                    await trio.lowlevel.checkpoint()
            if max(len(rest), *map(len, lines), 0) > limits.MCP_LINE_BYTES_MAX:
                self._put(_too_long())
                self._outbox.flush()
                stop_reading(self._sock)
                return
            self._outbox.flush()

    def _take(self, line: bytes, nursery: trio.Nursery) -> None:
        """Answer a line on the spot, or start what will."""
        try:
            document = wire.load(line)
        except ValueError as error:
            self._put(_unreadable(line, str(error)))
            return
        if isinstance(document, list):
            self._take_batch(document, nursery)
            return
        begun = self._begin(document)
        if isinstance(begun, mcp.Call):
            nursery.start_soon(self._answer, begun)
        elif begun is not None:
            self._put(begun)

    def _take_batch(self, items: list[object], nursery: trio.Nursery) -> None:
        if self._version != mcp.BATCHES:
            why = f"batches are of version {mcp.BATCHES} alone, and this is {self._version or '?'}"
            self._put(mcp.error(None, mcp.INVALID_REQUEST, why))
        elif not 0 < len(items) <= limits.BATCH_MAX:
            why = f"a batch has 1 to {limits.BATCH_MAX} messages"
            self._put(mcp.error(None, mcp.INVALID_REQUEST, why))
        else:
            begun = [self._begin(item, batched=True) for item in items]
            nursery.start_soon(self._answer_batch, begun)

    def _begin(self, message: object, *, batched: bool = False) -> mcp.Object | mcp.Call | None:
        """The answer to a message, or a call that is to be done and is in the books as running."""
        role = self._shed.role(self._agent)
        found = mcp.receive(message, _listed(role), known=TOOLS, modern=True)
        match found:
            case mcp.Answer(answer):
                version = answer.get("result", {}).get("protocolVersion")
                if version and batched:
                    why = "initialize stands alone, in no batch"
                    return mcp.error(answer["id"], mcp.INVALID_REQUEST, why)
                self._version = version or self._version
                return answer
            case mcp.Cancelled(rpc_id):
                if rpc_id in self._running:
                    self._running[rpc_id].cancel()
                return None
            case mcp.Call():
                return self._admit(found)
            case _:
                return None

    def _admit(self, call: mcp.Call) -> mcp.Object | mcp.Call:
        if call.rpc_id in self._running:
            return mcp.error(None, mcp.INVALID_REQUEST, "a call with this id runs already")
        if len(self._running) >= limits.MCP_CALLS_MAX:
            words = f"too_many: {limits.MCP_CALLS_MAX} calls run already (wait for their answers)"
            return mcp.result(call.rpc_id, words, failed=True, modern=call.modern)
        self._running[call.rpc_id] = trio.CancelScope()
        return call

    async def _answer(self, call: mcp.Call) -> None:
        answer = await self._call(call)
        if answer is not None:
            self._put(answer)
            self._outbox.flush()

    async def _answer_batch(self, begun: list[mcp.Object | mcp.Call | None]) -> None:
        """One line for all answers, once the last is there; none where nothing asks for one."""
        answers = [one for one in begun if one is not None and not isinstance(one, mcp.Call)]

        async def do(call: mcp.Call) -> None:
            answer = await self._call(call)
            if answer is not None:
                answers.append(answer)

        async with trio.open_nursery() as nursery:
            for one in begun:
                if isinstance(one, mcp.Call):
                    nursery.start_soon(do, one)
        if answers:
            self._put(answers)
            self._outbox.flush()

    async def _call(self, call: mcp.Call) -> mcp.Object | None:
        """The answer to a call; None where it was cancelled."""
        self._calls += 1
        caller = self._shed.caller(self._agent, f"mcp:{self._id}/{self._calls}")
        caller.listening = lambda: not hung_up(self._sock)
        try:
            with self._running[call.rpc_id]:
                words, failed = await call_tool(caller, call.name, call.arguments)
                return mcp.result(call.rpc_id, words, failed=failed, modern=call.modern)
            return None
        except HivedError as error:  # hived itself ends
            words = f"{error.code}: {error.message} (call again when hived is back)"
            return mcp.result(call.rpc_id, words, failed=True, modern=call.modern)
        finally:
            del self._running[call.rpc_id]
            self._call_over.set()

    def _put(self, answer: mcp.Object | list[mcp.Object]) -> None:
        try:
            line = orjson.dumps(answer)
        except TypeError:  # half of a surrogate pair in a text
            line = json.dumps(answer).encode()
        self._outbox.put(line + b"\n")


def _too_long() -> mcp.Object:
    why = f"a line has at most {limits.MCP_LINE_BYTES_MAX} bytes; the connection is closed"
    told = {"code": "too_large", "hint": "send less at once"}
    return mcp.error(None, mcp.INVALID_REQUEST, why, told)


def _unreadable(line: bytes, why: str) -> mcp.Object:
    """The answer to what is no JSON for hived, under its own id where it shows one."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        found = None
    rpc_id = mcp.rpc_id_of(found)
    if rpc_id is not None and found.get("method") == "tools/call":
        words = f"invalid_params: the call is not JSON for hived: {why}"
        return mcp.result(rpc_id, words, failed=True)
    told = {"code": "parse_error", "hint": "one JSON-RPC message a line"}
    return mcp.error(rpc_id, mcp.PARSE_ERROR, f"the line is not JSON for hived: {why}", told)
