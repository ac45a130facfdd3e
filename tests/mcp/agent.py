"""An agent's own socket as a bare client sees it: lines out, lines in, every wait bounded."""

import json
import os
import socket
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

Row = dict[str, Any]

SECONDS = 40.0


def reached(place: Path) -> socket.socket:
    """A connection; a file that a dead hived left is waited for until it is replaced."""
    deadline = time.monotonic() + SECONDS
    while True:
        # A path of pytest's may be longer than the kernel's addresses are.
        there = os.open(place, os.O_PATH)
        sock = socket.socket(socket.AF_UNIX)
        try:
            sock.settimeout(SECONDS)
            sock.connect(f"/proc/self/fd/{there}")
            return sock
        except ConnectionRefusedError:
            sock.close()
            assert time.monotonic() < deadline, f"nobody listens at {place}"
            time.sleep(0.02)
        finally:
            os.close(there)


class Talk:
    """One connection to an agent's socket, with or without the handshake."""

    def __init__(self, place: Path, version: str = "2025-11-25") -> None:
        self.sock = reached(place)
        self._file = self.sock.makefile("rb")
        self._last_id = 0
        self.hello: Row = {}
        if version:
            params = {"protocolVersion": version, "capabilities": {}, "clientInfo": {}}
            self.hello = self.ask("initialize", params)
            self.say({"jsonrpc": "2.0", "method": "notifications/initialized"})

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()
        self.sock.close()

    def put(self, line: bytes) -> None:
        self.sock.sendall(line + b"\n")

    def say(self, message: object) -> None:
        self.put(json.dumps(message).encode())

    def hear(self) -> Any:
        """The next message; None at the end."""
        line = self._file.readline()
        return json.loads(line) if line else None

    def start(self, method: str, params: object = None) -> int:
        """Send a request; its id."""
        self._last_id += 1
        row: Row = {"jsonrpc": "2.0", "id": self._last_id, "method": method}
        self.say(row if params is None else {**row, "params": params})
        return self._last_id

    def ask(self, method: str, params: object = None) -> Row:
        """Send a request and give the whole answer to it."""
        asked = self.start(method, params)
        answer: Row = self.hear()
        assert answer["id"] == asked, answer
        return answer

    def tools(self) -> list[str]:
        return [tool["name"] for tool in self.ask("tools/list")["result"]["tools"]]

    def call(self, name: str, arguments: object = None, **more: object) -> tuple[str, bool]:
        """Call a tool: its words, and whether they tell of an error."""
        params = {"name": name, "arguments": {} if arguments is None else arguments, **more}
        return words(self.ask("tools/call", params))


def words(answer: Row) -> tuple[str, bool]:
    """What a tool answered, or what kept it from being called."""
    if "error" in answer:
        error = answer["error"]
        return f"{error['code']} {error['message']} {error.get('data', {}).get('code')}", True
    [content] = answer["result"]["content"]
    assert content["type"] == "text"
    return content["text"], answer["result"]["isError"]
