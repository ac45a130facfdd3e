"""The real rehearsal program over real pipes, read with a deadline."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.printed import Printed

ROOT = Path(__file__).resolve().parents[2]
SESSION = "aaaaaaaa-2222-4222-8222-222222222222"
DIALECT = ("-p", "--input-format", "stream-json", "--output-format", "stream-json", "--verbose")
DEADLINE_SECONDS = 30.0

Line = dict[str, Any]


def uuid(number: int) -> str:
    return f"{number:08d}-1111-4111-8111-111111111111"


class Rehearsal:
    """One run of the program. `lines` is all that it printed so far."""

    def __init__(
        self,
        folder: Path,
        scenario: str = "",
        *flags: str,
        env: Mapping[str, str] | None = None,
        base: tuple[str, ...] = DIALECT,
    ) -> None:
        work = folder / "work"
        work.mkdir(exist_ok=True)
        self.config = folder / "config"
        self.cwd = work
        argv = [sys.executable, "-m", "hived.rehearsal", *base]
        if scenario:
            path = folder / "scenario.toml"
            path.write_text(scenario)
            argv.append(f"--scenario={path}")
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("CLAUDE", "ANTHRO"))}
        self.process = subprocess.Popen(
            [*argv, *flags],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=work,
            env={
                **inherited,
                "PYTHONPATH": str(ROOT),
                "CLAUDE_CONFIG_DIR": str(self.config),
                **(env or {}),
            },
            bufsize=0,
        )
        self.lines: list[Line] = []
        self._printed = Printed(self.process.stdout)
        self._place = 0  # in lines, for until
        self._tools: list[str] = []
        self.answers: Callable[[Line], Line | None] = lambda request: None

    def __enter__(self) -> "Rehearsal":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.process.poll() is None:
            self.process.terminate()  # it ends a shell that still runs; SIGKILL would leave it
            try:
                self.process.wait(5.0)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.process.wait(DEADLINE_SECONDS)
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()

    def write(self, line: Line | bytes) -> None:
        assert self.process.stdin is not None
        data = line if isinstance(line, bytes) else json.dumps(line).encode() + b"\n"
        self.process.stdin.write(data)

    def say(self, text: str, number: int = 0, *, composed: bool = False) -> None:
        line: Line = {"type": "user", "message": {"role": "user", "content": text}}
        if number:
            line["uuid"] = uuid(number)
        if composed:
            line["client_composed"] = True
        self.write(line)

    def control(self, identity: str, subtype: str, **more: object) -> Line:
        """Send a control request and give the response."""
        request = {"subtype": subtype, **more}
        self.write({"type": "control_request", "request_id": identity, "request": request})
        found = self.until(
            lambda line: (
                line["type"] == "control_response" and line["response"]["request_id"] == identity
            )
        )
        response: Line = found["response"]
        return response

    def greet(self, *tools: str) -> None:
        """initialize, as the host of an in-pipe MCP server with these tools."""
        self._tools = list(tools)
        self.control("init1", "initialize", sdkMcpServers=["hive"])

    def until(self, wanted: Callable[[Line], bool]) -> Line:
        """The next line for which this holds, after the one that was found before."""
        while True:
            while self._place < len(self.lines):
                self._place += 1
                if wanted(self.lines[self._place - 1]):
                    return self.lines[self._place - 1]
            assert self._more(), f"the program ended first: {self.stderr()!r}"

    def result(self) -> Line:
        return self.until(lambda line: line["type"] == "result")

    def finish(self) -> int:
        """Close stdin, read to the end, and give the exit code."""
        self.close()
        return self.ended()

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()

    def ended(self) -> int:
        while self._more():
            pass
        return self.process.wait(DEADLINE_SECONDS)

    def stderr(self) -> str:
        assert self.process.stderr is not None
        return self.process.stderr.read().decode()

    def of(self, kind: str, subtype: str | None = None) -> list[Line]:
        return [
            line
            for line in self.lines
            if line["type"] == kind and (subtype is None or line.get("subtype") == subtype)
        ]

    def states(self, number: int) -> list[str]:
        """What became of a user line."""
        receipts = self.of("command_lifecycle")
        return [line["state"] for line in receipts if line["command_uuid"] == uuid(number)]

    def texts(self) -> list[str]:
        blocks = [line["message"]["content"][0] for line in self.of("assistant")]
        return [block["text"] for block in blocks if block["type"] == "text"]

    def tool_results(self) -> list[Line]:
        return [line for line in self.of("user") if "tool_result_meta" in line]

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    @property
    def raw(self) -> bytes:
        """All that it printed, as far as it was read."""
        return self._printed.raw

    def _more(self) -> bool:
        """Take in one line; False where the output has ended."""
        line = self._printed.line(DEADLINE_SECONDS)
        if line is not None and line.startswith(b"{"):
            self._take(json.loads(line))
        return line is not None

    def _take(self, line: Line) -> None:
        self.lines.append(line)
        if line["type"] != "control_request":
            return
        request = line["request"]
        answer = self.answers(request)
        if answer is None and request["subtype"] == "mcp_message":
            answer = {"mcp_response": self._mcp(request["message"])}
        if answer is not None:
            response = {"request_id": line["request_id"], "subtype": "success", "response": answer}
            self.write({"type": "control_response", "response": response})

    def _mcp(self, message: Line) -> Line:
        result: Line = {}
        if message["method"] == "initialize":
            info = {"name": "hive", "version": "1"}
            result = {"protocolVersion": "2025-11-25", "capabilities": {}, "serverInfo": info}
        elif message["method"] == "tools/list":
            tools = [{"name": name, "inputSchema": {"type": "object"}} for name in self._tools]
            result = {"tools": tools}
        elif message["method"] == "tools/call":
            said = f"{message['params']['name']} done"
            result = {"content": [{"type": "text", "text": said}]}
        return {"jsonrpc": "2.0", "id": message.get("id", 0), "result": result}


def gone(pid: int) -> bool:
    """Whether the process has ended (a zombie that its new parent has not taken up counts)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def wait_for(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"not in time: {what}"
        time.sleep(0.01)
