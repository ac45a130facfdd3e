"""Calls on the control socket, beside a bare trio echo in the same run: python -m bench.rpc

Each server is a process of its own, with a hive of 100 agents on a real store. Latency is from
the send of a call to its answer. Paced rows send at fixed times whether or not the last answer
is there, so a stall counts for every call that it delays.
"""

import argparse
import heapq
import select
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from functools import partial
from pathlib import Path

import orjson
import trio

from bench.lib import machine, quantile, table
from hived.decisions.lifecycle import NewAgent, SetStatus
from hived.engine import Engine
from hived.events.values import AgentConfig
from hived.paths import Home
from hived.projections import Hive
from hived.rpc.listener import listen
from hived.rpc.server import serve
from hived.rpc.services import Services
from hived.store.log import EventLog
from hived.store.snapshots import Snapshots
from hived.supervisor.outputs import Outputs
from hived.world.containment import ContainmentReport

AGENTS = 100
HELLO = b'{"jsonrpc":"2.0","id":0,"method":"hello","params":{"protocol":1}}\n'
CALLS = {
    "hello": HELLO,
    "status of an agent": b'{"jsonrpc":"2.0","id":1,"method":"agent","params":{"agent":"a7"}}\n',
    "all agents": b'{"jsonrpc":"2.0","id":1,"method":"agents"}\n',
}


async def _echo(path: str) -> None:
    """The floor: lines of JSON read and written by trio and orjson, and nothing else."""

    async def one(stream: trio.SocketStream) -> None:
        rest = b""
        async with stream:
            async for data in stream:
                *lines, rest = (rest + data).split(b"\n")
                answers = []
                for line in lines:
                    asked = orjson.loads(line)
                    answer = {"jsonrpc": "2.0", "id": asked["id"], "result": {"protocol": 1}}
                    answers.append(orjson.dumps(answer) + b"\n")
                await stream.send_all(b"".join(answers))

    sock = trio.socket.socket(trio.socket.AF_UNIX, trio.socket.SOCK_STREAM)
    await sock.bind(path)
    sock.listen(512)
    print("ready", flush=True)
    await trio.serve_listeners(one, [trio.SocketListener(sock)])


async def _hived(path: str, rate: float) -> None:
    """The real thing; rate: events a second that its agents write meanwhile."""
    home = Home.at(str(Path(path).parent))
    log = EventLog.open(home.log)
    new_id = lambda: uuid.uuid4().hex  # noqa: E731
    snapshots = Snapshots(Path(home.snapshots), log.anchor)
    engine = Engine(log, snapshots, Hive(), node="bench", clock=time.time, new_id=new_id)
    services = Services(
        engine=engine,
        home=home,
        outputs=Outputs(),
        spools=lambda agent, turn: [],
        shutdown=lambda turns: None,
        containment=ContainmentReport("subreaper", ""),
        clock=time.time,
    )
    async with trio.open_nursery() as nursery:
        await nursery.start(engine.run)
        for number in range(AGENTS):
            config = AgentConfig("rehearsal", "/")
            await engine.submit(NewAgent(f"a{number}", config, "bench", "c"), by="operator:bench")
        await nursery.start(serve, services, listen(path))
        print("ready", flush=True)
        if rate:
            for number in range(AGENTS):
                nursery.start_soon(_talk, engine, number, AGENTS / rate)


async def _talk(engine: Engine, number: int, every: float) -> None:
    await trio.sleep(every * number / AGENTS)
    due = trio.current_time()
    while True:
        await engine.submit(SetStatus(f"a{number}", f"at {due}"), by=f"agent:a{number}")
        due += every
        await trio.sleep_until(due)


class Load:
    """Clients of one server, all in one thread that waits for whichever has an answer."""

    def __init__(self, path: str, count: int, hello: bool) -> None:
        self.socks = []
        for _ in range(count):
            sock = socket.socket(socket.AF_UNIX)
            sock.connect(path)
            if hello:
                sock.sendall(HELLO)
                sock.recv(65536)
            self.socks.append(sock)
        self.by_fd = {sock.fileno(): sock for sock in self.socks}
        self.poll = select.epoll()
        for fd in self.by_fd:
            self.poll.register(fd, select.EPOLLIN)

    def close(self) -> None:
        self.poll.close()
        for sock in self.socks:
            sock.close()

    def _whole(self, fd: int) -> None:
        while not self.by_fd[fd].recv(1 << 20).endswith(b"\n"):
            pass

    def closed(self, call: bytes, seconds: float) -> list[float]:
        """Each client sends when it has its answer. Seconds of each call."""
        sent = {}
        for fd, sock in self.by_fd.items():
            sent[fd] = time.perf_counter()
            sock.sendall(call)
        times = []
        end = time.perf_counter() + seconds
        while sent:
            for fd, _ in self.poll.poll():
                self._whole(fd)
                now = time.perf_counter()
                times.append(now - sent.pop(fd))
                if now < end:
                    sent[fd] = now
                    self.by_fd[fd].sendall(call)
        return times

    def paced(self, call: bytes, rate: float, seconds: float) -> list[float]:
        """Calls at fixed times, each from the next free client. Seconds since each was due."""
        started = time.perf_counter()
        due = [(started + number / rate) for number in range(int(rate * seconds))]
        heapq.heapify(due)
        free = list(self.by_fd)
        sent: dict[int, float] = {}
        times = []
        while due or sent:
            while due and free and due[0] <= time.perf_counter():
                fd = free.pop(0)
                sent[fd] = heapq.heappop(due)
                self.by_fd[fd].sendall(call)
            wait = max(0.0, due[0] - time.perf_counter()) if due and free else 1.0
            for fd, _ in self.poll.poll(wait):
                self._whole(fd)
                times.append(time.perf_counter() - sent.pop(fd))
                free.append(fd)
        return times


def _measure(server: list[str], name: str, rounds: list[tuple[str, int, float]], seconds: float):  # type: ignore[no-untyped-def]
    """Start a server and put loads on it. rounds: call, clients, calls a second (0: closed)."""
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder, "s"))
        argv = [sys.executable, "-m", "bench.rpc", "--serve", *server, "--path", path]
        process = subprocess.Popen(argv, stdout=subprocess.PIPE)
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            for what, clients, rate in rounds:
                load = Load(path, clients, name != "bare echo")
                run = (
                    partial(load.paced, CALLS[what], rate)
                    if rate
                    else partial(load.closed, CALLS[what])
                )
                run(0.3)
                began = time.perf_counter()
                times = run(seconds)
                took = time.perf_counter() - began
                load.close()
                yield [
                    name,
                    what,
                    clients,
                    f"{rate:,.0f}/s" if rate else "when answered",
                    len(times) / took,
                    quantile(times, 0.5) * 1000,
                    quantile(times, 0.99) * 1000,
                ]
        finally:
            process.terminate()
            process.wait()


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--serve", choices=["echo", "hived"], help=argparse.SUPPRESS)
    parser.add_argument("--rate", type=float, default=0.0, help=argparse.SUPPRESS)
    parser.add_argument("--path", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve == "echo":
        trio.run(_echo, options.path)
    elif options.serve == "hived":
        trio.run(_hived, options.path, options.rate)
    else:
        status = "status of an agent"
        trivial = [("hello", 1, 0.0), ("hello", 100, 0.0), ("hello", 100, 1_000.0)]
        real = [(status, 1, 0.0), (status, 100, 0.0), (status, 100, 1_000.0)]
        rows = list(_measure(["echo"], "bare echo", trivial, options.seconds))
        whole = [*trivial, *real, ("all agents", 1, 0.0)]
        rows += _measure(["hived"], "hived", whole, options.seconds)
        busy = [(status, 100, 500.0)]
        served = ["hived", "--rate", "1000"]
        rows += _measure(served, "hived, 1,000 events/s", busy, options.seconds)
        head = ["server", "call", "clients", "sent", "calls/s", "p50 ms", "p99 ms"]
        print(machine())
        table("Calls on the control socket", head, rows)


if __name__ == "__main__":
    main()
