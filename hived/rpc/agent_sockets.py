"""A socket for each live agent of this node, at HOME/agents/NAME/hive.sock: made and taken away.

Who connects there is that agent: the folder is the agent's own, and the kernel tells that the
other end belongs to hived's own user, and to no turn of another agent. What is there of an earlier
life of hived is replaced.
"""

import logging
import os
import resource
import socket
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import orjson
import trio

from hived import limits
from hived.drivers import mcp
from hived.errors import HivedError
from hived.events import Recorded
from hived.paths import AGENT_SOCKET
from hived.rpc.mcp_connection import McpConnection, Toolshed
from hived.rpc.sockets import accept, bind, peer, turn_away
from hived.world.callers import turn_of

logger = logging.getLogger("hived.rpc")

_ABOUT_LIVES = frozenset({"agent_created", "agent_destroyed", "agent_revived"})


async def serve_agents(
    shed: Toolshed, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
) -> None:
    """Serve the tools on a socket for every agent of this node, those to come too.

    Cancellation: all sockets are taken away, and connections closed.
    """
    await AgentSockets(shed).run(task_status)


class AgentSockets:
    """The open sockets. An agent that is made anew under an old name has a new one."""

    def __init__(self, shed: Toolshed) -> None:
        self._shed = shed
        self._look = trio.Event()
        self._open: dict[tuple[str, float], trio.CancelScope] = {}
        self._clients: Counter[str] = Counter()

    def _notice(self, records: Sequence[Recorded]) -> None:
        if any(rec.kind in _ABOUT_LIVES for rec in records):
            self._look.set()

    async def run(self, task_status: trio.TaskStatus[None]) -> None:
        engine = self._shed.engine
        engine.on_durable.append(self._notice)
        _make_room()
        await trio.to_thread.run_sync(
            _clear_away, self._shed.home.agents, frozenset(engine.durable.agents.live)
        )
        try:
            async with trio.open_nursery() as nursery:
                while True:
                    self._look = trio.Event()
                    live = {
                        (agent.name, agent.created_at)
                        for agent in engine.durable.agents.live.values()
                        if agent.node == engine.node
                    }
                    for key in [key for key in self._open if key not in live]:
                        self._open.pop(key).cancel()
                    for key in live - self._open.keys():
                        self._open[key] = trio.CancelScope()
                        await nursery.start(self._serve, key[0], self._open[key])
                    task_status.started()
                    task_status = trio.TASK_STATUS_IGNORED
                    await self._look.wait()
        finally:
            engine.on_durable.remove(self._notice)

    async def _serve(
        self, name: str, scope: trio.CancelScope, task_status: trio.TaskStatus[None]
    ) -> None:
        """One agent's socket, until the agent is gone. What is in its way is tried again."""
        place = Path(self._shed.home.agent_socket(name))
        sock = _listen(place)
        task_status.started()
        with scope:
            while True:
                if sock is not None:
                    await self._accept(name, sock, place)
                await trio.sleep(limits.AGENT_SOCKET_RETRY_SECONDS)
                sock = _listen(place)

    async def _accept(self, name: str, sock: socket.socket, place: Path) -> None:
        """Take clients in for as long as the socket can; then it is closed and its file gone."""
        mark = _mark(place)
        try:
            async with trio.open_nursery() as nursery:
                while True:
                    self._welcome(name, await accept(sock), nursery)
        except* OSError:
            logger.exception("the socket of %s fails", name)
        finally:
            trio.lowlevel.notify_closing(sock)
            sock.close()
            _remove(place, mark)

    def _welcome(self, name: str, sock: socket.socket, nursery: trio.Nursery) -> None:
        pid, uid = peer(sock)
        if uid not in (0, os.getuid()):
            turn_away(sock, _refusal("not_allowed", "this socket is another user's agent's"))
        elif not self._may_be(name, pid):
            turn_away(sock, _refusal("not_allowed", f"this socket is {name}'s, and you are not"))
        elif self._clients[name] >= limits.AGENT_CONNECTIONS_MAX:
            most = f"{name} has {limits.AGENT_CONNECTIONS_MAX} connections, the most it may have"
            turn_away(sock, _refusal("too_many", most))
        elif self._clients.total() >= limits.AGENTS_CONNECTIONS_MAX:
            most = f"the agents have {limits.AGENTS_CONNECTIONS_MAX} connections, the most"
            turn_away(sock, _refusal("too_many", most))
        else:
            self._clients[name] += 1
            nursery.start_soon(self._talk, name, sock)

    def _may_be(self, name: str, pid: int) -> bool:
        """Whether the process is in a turn of this agent, or in none at all."""
        turn = turn_of(pid, self._shed.home.turns)
        if turn == "":
            return True
        agent = self._shed.engine.durable.agents.live.get(name)
        return agent is not None and agent.turn is not None and agent.turn.id == turn

    async def _talk(self, name: str, sock: socket.socket) -> None:
        try:
            await McpConnection(self._shed, name, sock).serve()
        finally:
            self._clients[name] -= 1


def _make_room() -> None:
    """Allow as many open files as a large hive needs; most shells allow fewer, but not at most."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = limits.DOCTOR_FILES_MIN
    if soft != resource.RLIM_INFINITY and soft < wanted:
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def _listen(place: Path) -> socket.socket | None:
    """None where there is no such folder and none can be made, or something is in the way."""
    # A link would lead out of what is the agent's own.
    flags = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder = os.open(place.parent, flags)
        try:
            return bind(folder, place.name, limits.AGENT_CONNECTIONS_MAX)
        finally:
            os.close(folder)
    except OSError as error:
        logger.warning("cannot listen at %s yet: %s", place, error.strerror)
        return None


def _clear_away(agents: str, live: frozenset[str]) -> None:
    """Take away what a hived that died left of agents that are gone by now."""
    for place in Path(agents).glob(f"*/{AGENT_SOCKET}"):
        if place.parent.name not in live and place.is_socket():
            place.unlink(missing_ok=True)


def _remove(place: Path, mark: tuple[int, int] | None) -> None:
    """Take our file away; somebody else may have put another there since."""
    if mark is not None and _mark(place) == mark:
        place.unlink(missing_ok=True)


def _mark(place: Path) -> tuple[int, int] | None:
    """What tells the file at a place from any other."""
    try:
        found = place.lstat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _refusal(code: str, message: str) -> bytes:
    error = HivedError(message, code=code)
    told = mcp.error(None, mcp.INVALID_REQUEST, error.message, {"code": error.code})
    return orjson.dumps(told) + b"\n"
