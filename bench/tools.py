"""The agents' tools: python -m bench.tools

How long a call takes that is durable before it is answered (set_status), from the pipe of an
agent's CLI (bench/caller.py), from the agent's socket, and through hived-mcp; beside a bare trio
server that answers lines of JSON. Then 100 agents that mail each other over their sockets, at a
fixed pace, after which every message is looked for in the log and in the inboxes.
"""

import argparse
import json
import random
import select
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter, deque
from pathlib import Path
from typing import Any

from bench import caller
from bench.hive import START_SECONDS, Hived
from bench.lib import Figure, quantile, show

AGENTS = 100
RATE = 1_000.0  # messages a second, of all agents together
BODY = " ".join(["A message as long as one that agents send to each other mostly is."] * 3)


def request(number: int, tool: str, **arguments: object) -> bytes:
    params = {"name": tool, "arguments": arguments}
    row = {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params}
    return json.dumps(row).encode() + b"\n"


def timed(write: Any, read: Any, calls: int) -> list[float]:
    """Milliseconds of calls that are sent when the last is answered."""
    times = []
    for number in range(calls):
        line = request(number, "set_status", text=f"call {number}")
        began = time.perf_counter()
        write(line)
        answer = read()
        times.append(1e3 * (time.perf_counter() - began))
        assert b'"isError":true' not in answer, answer
    return times[calls // 20 :]  # the first of them warm things up


def connected(path: str) -> socket.socket:
    deadline = time.monotonic() + START_SECONDS
    while True:
        sock = socket.socket(socket.AF_UNIX)
        try:
            sock.connect(path)
            return sock
        except OSError:
            sock.close()
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def over_socket(path: str, calls: int) -> list[float]:
    with connected(path) as sock:
        file = sock.makefile("rb")
        return timed(sock.sendall, file.readline, calls)


def over_bridge(path: str, calls: int) -> list[float]:
    argv = [sys.executable, "-m", "hived.mcp_bridge", "--socket", path]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0) as bridge:
        assert bridge.stdin is not None and bridge.stdout is not None
        times = timed(bridge.stdin.write, bridge.stdout.readline, calls)
        bridge.stdin.close()
    return times


def over_pipe(hived: Hived, folder: Path, calls: int) -> list[float]:
    """From a turn's CLI, through its host."""
    program, env, out = folder / "caller", folder / "env", folder / "times"
    program.write_text(f"#!{sys.executable} -ES\n" + Path(caller.__file__).read_text())
    program.chmod(0o755)
    env.write_text(f"CALLER_CALLS={calls}\nCALLER_OUT={out}\n")
    params = {"workdir": str(folder), "program": str(program), "env_file": str(env)}
    hived.client.call("new", agent="caller", **params)
    hived.client.call("send", to="caller", body="Call.")
    deadline = time.monotonic() + START_SECONDS + calls
    while not out.exists():
        if time.monotonic() > deadline:
            raise TimeoutError(hived.client.call("agent", agent="caller"))
        time.sleep(0.1)
    times: list[float] = json.loads(out.read_text())
    return times[calls // 20 :]


def bare(folder: Path, calls: int) -> list[float]:
    """A server of trio and orjson that answers and does nothing."""
    path = str(folder / "echo")
    argv = [sys.executable, "-m", "bench.rpc", "--serve", "echo", "--path", path]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stdout.readline() == b"ready\n"
        times = over_socket(path, calls)
        process.terminate()
    return times


def round_trips(folder: Path, *, quick: bool) -> list[Figure]:
    calls = 200 if quick else 4_000
    floor = bare(folder, calls)
    with Hived(folder) as hived:
        hived.client.call("new", agent="ada", driver="rehearsal", start=False)
        path = hived.home.agent_socket("ada")
        found = {
            "the agent's socket": over_socket(path, calls),
            "hived-mcp": over_bridge(path, calls),
            "the CLI's pipe": over_pipe(hived, folder, calls),
        }
    return [
        Figure(
            f"a durable tool call from {where}, p{100 * q:.0f}",
            quantile(times, q),
            "ms",
            "",
            "bare trio echo",
            quantile(floor, q),
        )
        for where, times in found.items()
        for q in (0.5, 0.99)
    ]


class Mailing:
    """All agents' sockets in one thread; each has at most one call under way."""

    def __init__(self, hived: Hived) -> None:
        self.names = [f"a{number}" for number in range(AGENTS)]
        for name in self.names:
            # Stopped, so that mail is mail and starts no turn.
            hived.client.call("new", agent=name, driver="rehearsal", start=False)
        self.socks = [connected(hived.home.agent_socket(name)) for name in self.names]
        self.sent: Counter[tuple[str, str, str]] = Counter()
        self._chance = random.Random(1)
        self._busy: dict[int, tuple[float, bytes]] = {}
        self._poll = select.epoll()
        self._at = {sock.fileno(): at for at, sock in enumerate(self.socks)}
        for fd in self._at:
            self._poll.register(fd, select.EPOLLIN)

    def run(self, seconds: float) -> list[float]:
        """Milliseconds from the moment each message was due to its answer."""
        began = time.perf_counter()
        due = deque(began + number / RATE for number in range(int(RATE * seconds)))
        free = deque(self._at)
        times: list[float] = []
        while due or self._busy:
            while due and free and due[0] <= time.perf_counter():
                fd = free.popleft()
                self._send(fd, due.popleft())
            wait = max(0.0, due[0] - time.perf_counter()) if due and free else 1.0
            for fd, _ in self._poll.poll(wait):
                if self._answered(fd):
                    times.append(1e3 * (time.perf_counter() - self._busy.pop(fd)[0]))
                    free.append(fd)
        return times

    def _send(self, fd: int, due: float) -> None:
        at = self._at[fd]
        sender, number = self.names[at], self.sent.total()
        to = self._chance.choice(self.names[:at] + self.names[at + 1 :])
        body = f"{number} {BODY}"
        self.sent[sender, to, body] += 1
        self._busy[fd] = due, b""
        self.socks[at].sendall(request(number, "send", to=to, body=body))

    def _answered(self, fd: int) -> bool:
        due, data = self._busy[fd]
        data += self.socks[self._at[fd]].recv(1 << 16)
        self._busy[fd] = due, data
        if not data.endswith(b"\n"):
            return False
        assert b"sent: " in data, data
        return True

    def close(self) -> None:
        self._poll.close()
        for sock in self.socks:
            sock.close()


def logged(hived: Hived) -> Counter[tuple[str, str, str]]:
    """Every message of the log, by sender, recipient and body."""
    found: Counter[tuple[str, str, str]] = Counter()
    at = 0
    while at is not None:
        page = hived.client.call("log", since=at, kinds=["message_sent"], limit=1_000)
        for row in page["events"]:
            found[row["data"]["sender"], row["data"]["to"], row["data"]["body"]] += 1
        at = page["next"] if page["events"] else None
    return found


def mailing(folder: Path, *, quick: bool) -> list[Figure]:
    seconds = 5.0 if quick else 60.0
    with Hived(folder) as hived:
        mails = Mailing(hived)
        cpu, began = hived.cpu_seconds(), time.perf_counter()
        times = mails.run(seconds)
        took = time.perf_counter() - began
        cpu = hived.cpu_seconds() - cpu
        mails.close()
        found = logged(hived)
        boxes = sum(row["inbox"]["queued"] for row in hived.client.call("agents")["agents"])
    # With its WAL taken in, as it is once hived has ended.
    size = Path(hived.home.log).stat().st_size
    sent = mails.sent.total()
    lost = sum((mails.sent - found).values()) + max(0, sent - boxes)
    doubled = sum((found - mails.sent).values()) + max(0, boxes - sent)
    what = f"{AGENTS} agents mailing each other for {seconds:.0f} s"
    return [
        Figure(f"{what}: messages", sent / took, "/s", "> 990", "asked for", RATE),
        Figure("  lost, of the log or an inbox", lost, "", "< 1", "", None),
        Figure("  doubled", doubled, "", "< 1", "", None),
        Figure("  from due to durable and answered, p50", quantile(times, 0.5), "ms", "", "", None),
        Figure("  the same, p99", quantile(times, 0.99), "ms", "", "", None),
        Figure("  the daemon's time for each", 1e6 * cpu / sent, "us", "", "", None),
        Figure("  bytes of the log for each", size / sent, "B", "", "of its body", len(BODY)),
    ]


def measure(*, quick: bool = False) -> list[Figure]:
    """Round trips, then the mailing; each with a hived of its own."""
    figures = []
    for part in (round_trips, mailing):
        with tempfile.TemporaryDirectory(prefix="hb", ignore_cleanup_errors=True) as name:
            figures += part(Path(name), quick=quick)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    show("tools", measure(quick=parser.parse_args().quick))


if __name__ == "__main__":
    main()
