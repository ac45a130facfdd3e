"""A real engine on a real store, served on a real unix socket, and a client that speaks bytes."""

import itertools
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest
import trio
from attrs import define, field

from hived.engine import Engine
from hived.paths import Home
from hived.projections import Hive
from hived.rpc.listener import Listener, listen
from hived.rpc.server import serve
from hived.rpc.services import Services
from hived.store.log import EventLog
from hived.store.snapshots import Snapshots
from hived.supervisor.outputs import Outputs
from hived.world.containment import ContainmentReport

DEADLINE = 20.0


@define
class Raw:
    """One connection, spoken to in lines. `notes` keeps the notifications it was sent."""

    stream: trio.SocketStream
    buffer: bytes = b""
    notes: list[dict[str, Any]] = field(factory=list)
    ids: Any = field(factory=lambda: itertools.count(1))

    async def send(self, *documents: Any) -> None:
        lines = [d if isinstance(d, bytes) else orjson.dumps(d) for d in documents]
        await self.stream.send_all(b"".join(line + b"\n" for line in lines))

    async def line(self) -> bytes:
        """The next line; b"" at the end."""
        with trio.fail_after(DEADLINE):
            while b"\n" not in self.buffer:
                data = await self.stream.receive_some(1 << 20)
                if not data:
                    return b""
                self.buffer += data
        line, self.buffer = self.buffer.split(b"\n", 1)
        return line

    async def receive(self) -> Any:
        """The next document; None at the end."""
        line = await self.line()
        return orjson.loads(line) if line else None

    async def response(self) -> Any:
        """The next document that is no notification."""
        while True:
            document = await self.receive()
            if isinstance(document, dict) and "method" in document:
                self.notes.append(document)
                continue
            return document

    async def note(self, method: str | None = None) -> dict[str, Any]:
        """The parameters of the next notification, or of the next of this method."""
        while True:
            if self.notes:
                found = self.notes.pop(0)
            else:
                found = await self.receive()
                assert found is not None, "the connection has ended"
                assert "method" in found, found
            if method in (None, found["method"]):
                params: dict[str, Any] = found["params"]
                return params

    async def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """The whole response to a call."""
        number = next(self.ids)
        await self.send({"jsonrpc": "2.0", "id": number, "method": method, "params": params})
        answer = await self.response()
        assert answer is not None, "the connection has ended"
        assert answer["id"] == number, answer
        found: dict[str, Any] = answer
        return found

    async def call(self, method: str, **params: Any) -> Any:
        """The result of a call that must go well."""
        answer = await self.ask(method, **params)
        assert "error" not in answer, answer["error"]
        return answer["result"]

    async def refused(self, method: str, **params: Any) -> dict[str, Any]:
        """The error of a call that must not go well."""
        answer = await self.ask(method, **params)
        assert "error" in answer, answer["result"]
        error: dict[str, Any] = answer["error"]
        return error


@define
class World:
    """One daemon's engine and control socket."""

    home: Home
    engine: Engine
    services: Services
    nursery: trio.Nursery
    outputs: Outputs
    stops: list[bool]
    server: trio.CancelScope
    listener: Listener

    async def connect(self) -> Raw:
        """A connection that has not said hello."""
        return Raw(trio.SocketStream(await self._dial()))

    async def _dial(self) -> Any:
        sock = trio.socket.socket(trio.socket.AF_UNIX, trio.socket.SOCK_STREAM)
        await sock.connect(self.home.socket)
        return sock

    async def client(self) -> Raw:
        raw = await self.connect()
        await raw.call("hello", protocol=1, client="tests")
        return raw

    async def agent(self, name: str, **params: Any) -> None:
        """An agent that is there and takes no turn: nobody runs the loops."""
        raw = await self.client()
        await raw.call("new", agent=name, driver="rehearsal", **params)
        await raw.stream.aclose()


def _open(folder: Path) -> tuple[Home, EventLog]:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    home = Home.at(str(folder))
    return home, EventLog.open(home.log)


@asynccontextmanager
async def _world(folder: Path) -> AsyncIterator[World]:
    home, log = _open(folder)
    snapshots = Snapshots(Path(home.snapshots), log.anchor)
    engine = Engine(
        log, snapshots, Hive(), node="here", clock=time.time, new_id=lambda: uuid.uuid4().hex
    )
    outputs, stops = Outputs(), []
    services = Services(
        engine=engine,
        home=home,
        outputs=outputs,
        spools=lambda agent, turn: [Path(home.turns, turn, "spool")],
        shutdown=stops.append,
        containment=ContainmentReport("subreaper", ""),
        clock=time.time,
    )
    try:
        async with trio.open_nursery() as nursery:
            await nursery.start(engine.run)
            listener = listen(home.socket)
            scope = trio.CancelScope()

            async def server(task_status: trio.TaskStatus[None]) -> None:
                with scope:
                    await serve(services, listener, task_status=task_status)

            await nursery.start(server)
            yield World(home, engine, services, nursery, outputs, stops, scope, listener)
            nursery.cancel_scope.cancel()
    finally:
        log.close()


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with _world(tmp_path / "home") as made:
        yield made


@pytest.fixture
async def raw(world: World) -> AsyncIterator[Raw]:
    made = await world.client()
    yield made
    await made.stream.aclose()


@pytest.fixture
def until() -> Callable[[Callable[[], Any]], Awaitable[None]]:
    """Wait until a condition holds, with a deadline."""

    async def wait(condition: Callable[[], Any]) -> None:
        with trio.fail_after(DEADLINE):
            while not condition():  # noqa: ASYNC110 (of no event's making)
                await trio.sleep(0.005)

    return wait


@pytest.fixture
def make_world() -> Callable[[Path], Any]:
    return _world
