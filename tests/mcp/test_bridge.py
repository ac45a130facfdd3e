"""hived-mcp: any MCP client reaches its agent's tools over stdio, whatever hived does meanwhile."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hived import limits
from tests.daemon.harness import REPOSITORY, Hive, wait
from tests.mcp.agent import SECONDS, Row, words
from tests.mcp.conftest import socket_of
from tests.printed import Printed

MODULE = (sys.executable, "-m", "hived.mcp_bridge")
INIT = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t"}}


class Bridged:
    """A client of hived-mcp over its pipes."""

    def __init__(self, place: Path, **replaced: float) -> None:
        program: tuple[str, ...] = MODULE
        if replaced:
            code = "import sys; from hived import limits, mcp_bridge\n"
            code += "".join(f"limits.{name} = {value}\n" for name, value in replaced.items())
            program = (sys.executable, "-c", code + "sys.exit(mcp_bridge.main())")
        self.process = subprocess.Popen(
            program,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={"HIVE_SOCKET": str(place), "PYTHONPATH": str(REPOSITORY)},
        )
        self._printed = Printed(self.process.stdout)
        self._last_id = 0

    def say(self, message: object) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(message).encode() + b"\n")
        self.process.stdin.flush()

    def hear(self) -> Row:
        row: Row = self._printed.row()
        return row

    def start(self, method: str, params: object = None) -> int:
        self._last_id += 1
        self.say({"jsonrpc": "2.0", "id": self._last_id, "method": method, "params": params or {}})
        return self._last_id

    def ask(self, method: str, params: object = None) -> Row:
        asked = self.start(method, params)
        answer = self.hear()
        assert answer["id"] == asked, answer
        return answer

    def call(self, name: str, **arguments: object) -> tuple[str, bool]:
        return words(self.ask("tools/call", {"name": name, "arguments": arguments}))

    def hello(self) -> None:
        assert self.ask("initialize", INIT)["result"]["protocolVersion"] == "2025-06-18"
        self.say({"jsonrpc": "2.0", "method": "notifications/initialized"})

    def end(self) -> int:
        """Close its stdin, and wait for its end."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.process.wait(SECONDS)

    def error(self) -> str:
        assert self.process.stderr is not None
        return self.process.stderr.read().decode()


@pytest.fixture
def bridge() -> Iterator[Callable[..., Bridged]]:
    """Start hived-mcp; whatever happens, it ends."""
    made: list[Bridged] = []

    def make(place: Path, **replaced: float) -> Bridged:
        made.append(Bridged(place, **replaced))
        return made[-1]

    yield make
    for one in made:
        one.process.kill()
        one.process.wait()
        for pipe in (one.process.stdin, one.process.stdout, one.process.stderr):
            assert pipe is not None
            try:
                pipe.close()
            except BrokenPipeError:
                pass  # it had ended with something unread


Bridge = Callable[..., Bridged]


def test_the_tools_over_stdio(hive: Hive, bridge: Bridge) -> None:
    client = bridge(socket_of(hive, "bee"))
    client.hello()
    listed = client.ask("tools/list")["result"]["tools"]
    assert {"who", "send"} <= {tool["name"] for tool in listed}
    assert "bee worker idle (you)" in client.call("who")[0]
    assert client.call("set_status", text="x" * 9_999)[1]
    assert client.end() == 0
    assert client.error() == ""


def test_a_pipeline_of_a_shell(hive: Hive) -> None:
    lines = [
        {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": INIT},
        {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "who"}},
    ]
    done = subprocess.run(
        (*MODULE, "--socket", str(socket_of(hive, "bee"))),
        input="".join(json.dumps(line) + "\n" for line in lines).encode(),
        capture_output=True,
        timeout=SECONDS,
        env={"PYTHONPATH": str(REPOSITORY)},
        check=True,
    )
    first, second = map(json.loads, done.stdout.splitlines())
    assert first["result"]["serverInfo"]["name"] == "hive"
    assert "(you)" in words(second)[0]


@pytest.mark.parametrize("how", ["kill", "stop"])
def test_a_restart_of_hived_is_not_noticed(hive: Hive, bridge: Bridge, how: str) -> None:
    client = bridge(socket_of(hive, "bee"))
    client.hello()
    assert client.call("set_status", text="before") == ("status set", False)
    if how == "kill":
        assert hive.process is not None
        hive.process.send_signal(signal.SIGKILL)
    else:
        hive.call("daemon_stop", turns=False)
    hive.ended()
    asked = client.start("tools/list")  # waits for hived
    hive.start()
    answer = client.hear()
    assert answer["id"] == asked and "result" in answer
    assert client.call("set_status", text="after") == ("status set", False)
    texts = [row["data"]["text"] for row in hive.events("status_set")]
    assert texts == ["before", "after"]
    assert client.end() == 0


def test_a_call_in_flight_is_answered_with_an_error_and_not_done_again(
    hive: Hive, bridge: Bridge
) -> None:
    hive.new("ant", "[default]\nsteps = [{ sleep = 90 }]")
    hive.send("ant")
    wait(lambda: hive.word("ant") == "thinking")
    client = bridge(socket_of(hive, "ant"))
    client.hello()
    asked = client.start("tools/call", {"name": "recv", "arguments": {"wait_seconds": 90}})
    client.ask("ping")  # so the call has arrived
    assert hive.process is not None
    hive.process.kill()
    hive.ended()
    answer = client.hear()
    assert answer["id"] == asked
    text, failed = words(answer)
    assert failed and text.startswith("disconnected: ")
    hive.start()
    assert "ant worker" in client.call("who")[0]
    hive.call("cancel", agent="ant")


def test_no_hived_ends_it_with_a_word(tmp_path: Path, bridge: Bridge) -> None:
    client = bridge(tmp_path / "hive.sock", BRIDGE_WAIT_SECONDS=3)
    client.start("ping")
    assert client.process.wait(SECONDS) == 1
    # It says at once what it waits for, as its client may not wait so long.
    waiting, given_up = client.error().splitlines()
    assert waiting.startswith("hived-mcp: waiting for hived at ")
    assert given_up.startswith("hived-mcp: no hived at ")


def test_who_is_always_cut_off_gives_up(hive: Hive, bridge: Bridge) -> None:
    place = socket_of(hive, "bee")
    held = [bridge(place) for _ in range(limits.AGENT_CONNECTIONS_MAX)]
    for one in held:
        one.hello()
    late = bridge(place, BRIDGE_WAIT_SECONDS=1)
    assert late.process.wait(SECONDS) == 1
    assert "hived cuts off all that connects" in (told := late.error()), told
    assert "connections, the most it may have" in told


def test_a_removed_agent_has_no_bridge(hive: Hive, bridge: Bridge) -> None:
    client = bridge(socket_of(hive, "bee"), BRIDGE_WAIT_SECONDS=0.5)
    client.hello()
    hive.call("rm", agent="bee")
    assert client.process.wait(SECONDS) == 1
    assert "no hived at" in client.error()


def test_a_line_too_long_is_answered_here(hive: Hive, bridge: Bridge) -> None:
    client = bridge(socket_of(hive, "bee"))
    client.hello()
    text, failed = client.call("set_status", text="x" * limits.MCP_LINE_BYTES_MAX)
    assert failed and text.startswith("too_large: a call has at most 4194304 bytes")
    assert "(you)" in client.call("who")[0]


def test_it_is_quick_and_needs_to_know_who(hive: Hive) -> None:
    code = "import sys; import hived.mcp_bridge; print(*sys.modules)"
    done = subprocess.run(
        (
            sys.executable,
            "-I",
            "-c",
            f"import sys; sys.path.insert(0, {str(REPOSITORY)!r}); {code}",
        ),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=True,
    )
    heavy = {"trio", "attrs", "orjson", "asyncio", "argparse", "logging", "subprocess", "typing"}
    assert not heavy & set(done.stdout.split())
    environ = {"PYTHONPATH": str(REPOSITORY), "PATH": os.environ["PATH"]}
    lost = subprocess.run(MODULE, capture_output=True, text=True, timeout=SECONDS, env=environ)
    assert (lost.returncode, lost.stdout) == (2, "")
    assert "which agent?" in lost.stderr
    wrong = subprocess.run(
        (*MODULE, "--what"), capture_output=True, text=True, timeout=SECONDS, env=environ
    )
    assert (wrong.returncode, "usage: hived-mcp" in wrong.stderr) == (2, True)
    # The client goes away: so does it.
    began = time.monotonic()
    gone = subprocess.run(
        MODULE,
        input=b"",
        timeout=SECONDS,
        env={**environ, "HIVE_SOCKET": str(socket_of(hive, "bee"))},
    )
    assert gone.returncode == 0
    assert time.monotonic() - began < SECONDS / 2
