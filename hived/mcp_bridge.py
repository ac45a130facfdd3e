"""hived-mcp: an MCP server over stdio that is the hive's tools, for one agent.

    HIVE_SOCKET=HOME/agents/NAME/hive.sock hived-mcp

It copies lines between its client and the agent's socket, and ends when either side ends. Where
hived goes away in the middle it waits for it, repeats the handshake unseen and goes on; tool
calls without an answer are answered with an error then, as nobody knows what became of them.
Standard library alone: a CLI starts it anew for every turn.
"""

import json
import os
import signal
import socket
import sys
import threading
import time

from hived import limits

_USAGE = "usage: hived-mcp [--socket PATH]   (or HIVE_SOCKET=PATH in the environment)"
_HELLO = "hived-mcp:hello"  # the id of a handshake that the client does not see
_LOST = (
    "disconnected: hived went away before it answered (whether the call was done is not known: "
    "look before you call again)"
)
_CHUNK = 64 * 1024


class Gone(Exception):
    """The other side has ended, or cannot be reached."""


class Bridge:
    """One client on stdin and stdout, and the connection that serves it at the moment."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._sock: socket.socket | None = None
        self._changed = threading.Condition()
        self._ended = False  # the client sends no more
        self._hello = b""  # its handshake, once that was answered
        # By id, requests without an answer: the method and the line.
        self._open: dict[str | int, tuple[str, bytes]] = {}
        self._complaint = b""  # the last error that hived told of no request
        self._out = threading.Lock()

    def run(self) -> int:
        """Until the client ends (0) or hived cannot be reached any more (1)."""
        threading.Thread(target=self._read_client, daemon=True).start()
        deadline = time.monotonic() + limits.BRIDGE_WAIT_SECONDS
        try:
            while True:
                sock = self._connected(deadline)
                began = time.monotonic()
                answered = self._copy_answers(sock)
                self._answer_lost()
                if self._ended:
                    return 0
                now = time.monotonic()
                if answered or now - began > limits.BRIDGE_STEADY_SECONDS:
                    deadline = now + limits.BRIDGE_WAIT_SECONDS
                elif now > deadline:
                    raise Gone(f"hived cuts off all that connects: {self._complaint.decode()}")
                else:
                    time.sleep(limits.BRIDGE_RETRY_SECONDS)
        except BrokenPipeError:
            return 0  # the client reads no more
        except Gone as error:
            with self._changed:
                if self._ended:
                    return 0
            sys.stderr.write(f"hived-mcp: {error}\n")
            return 1

    def _connected(self, deadline: float) -> socket.socket:
        """A connection with the handshake done; hived is waited for. Raises Gone."""
        first, told = True, ""
        while True:
            with self._changed:
                if not first:
                    self._changed.wait_for(lambda: self._ended, limits.BRIDGE_RETRY_SECONDS)
                if self._ended and not self._open:
                    raise Gone("the client has ended")
            first = False
            try:
                sock = _connect(self._path)
                self._greet(sock)
            except OSError as error:
                reason = error.strerror or str(error)
                if time.monotonic() > deadline:
                    raise Gone(f"no hived at {self._path}: {reason}") from None
                if reason != told:  # most clients give up long before
                    told = reason
                    sys.stderr.write(f"hived-mcp: waiting for hived at {self._path}: {reason}\n")
                continue
            return sock

    def _greet(self, sock: socket.socket) -> None:
        """Repeat what the client has said already, and let it say more."""
        with self._changed:
            lines = [line for _, line in self._open.values()]
            if self._hello:
                hello = {**json.loads(self._hello), "id": _HELLO}
                done = {"jsonrpc": "2.0", "method": "notifications/initialized"}
                lines = [json.dumps(hello).encode(), json.dumps(done).encode(), *lines]
            for line in lines:
                sock.sendall(line + b"\n")
            if self._ended:
                sock.shutdown(socket.SHUT_WR)
            self._sock = sock
            self._changed.notify_all()

    # From the client to hived: a thread of its own, as either side may keep the other waiting.

    def _read_client(self) -> None:
        rest = bytearray()
        while data := os.read(0, _CHUNK):
            *lines, last = data.split(b"\n")
            for line in lines:
                self._send(bytes(rest) + line)
                rest.clear()
            rest += last
            if len(rest) > limits.BRIDGE_LINE_BYTES_MAX:
                sys.stderr.write("hived-mcp: a line without end\n")
                break
        with self._changed:
            self._ended = True
            if self._sock is not None:
                try:
                    self._sock.shutdown(socket.SHUT_WR)
                except OSError:
                    pass  # it is gone, and what reads from it finds out
            self._changed.notify_all()

    def _send(self, line: bytes) -> None:
        """Pass a line on, as soon as hived is there."""
        if not line.strip():
            return
        if len(line) > limits.MCP_LINE_BYTES_MAX:
            self._refuse(line)
            return
        with self._changed:
            self._changed.wait_for(lambda: self._sock is not None)
            sock = self._sock
            for rpc_id, method in _requests(line):
                self._open[rpc_id] = method, line
        assert sock is not None
        try:
            sock.sendall(line + b"\n")
        except OSError:
            pass  # it stands among those without an answer

    def _refuse(self, line: bytes) -> None:
        most = f"too_large: a call has at most {limits.MCP_LINE_BYTES_MAX} bytes"
        try:
            for rpc_id, method in _requests(line):
                self._put(_failure(rpc_id, method, most))
        except BrokenPipeError:
            pass  # it reads no more, and will send no more

    # From hived to the client.

    def _copy_answers(self, sock: socket.socket) -> bool:
        """Until the connection ends; whether anything of the client's was answered."""
        rest = bytearray()
        answered = False
        with sock:
            while data := _receive(sock):
                *lines, last = data.split(b"\n")
                for line in lines:
                    answered = self._take(bytes(rest) + line) or answered
                    rest.clear()
                rest += last
        return answered

    def _take(self, line: bytes) -> bool:
        answers = _parsed(line)
        ids = [found.get("id") for found in answers]
        if ids == [_HELLO]:
            return False
        with self._changed:
            for rpc_id in ids:
                if isinstance(rpc_id, str | int):
                    method, asked = self._open.pop(rpc_id, ("", b""))
                    if method == "initialize":
                        self._hello = asked
        if any(rpc_id is not None for rpc_id in ids):
            self._put(line)
            return True
        # A hived that turns everybody away says so each time: the client need not hear it twice.
        if line != self._complaint:
            self._complaint = line
            self._put(line)
        return False

    def _put(self, line: bytes) -> None:
        """A line for the client. Raises BrokenPipeError where it reads no more."""
        rest = memoryview(line + b"\n")
        with self._out:
            while rest:
                rest = rest[os.write(1, rest) :]

    def _answer_lost(self) -> None:
        """Calls may have been done, and must not be done twice; anything else is asked anew."""
        with self._changed:
            self._sock = None
            lost = [
                (rpc_id, method)
                for rpc_id, (method, line) in self._open.items()
                if method == "tools/call" or line.lstrip().startswith(b"[")
            ]
            for rpc_id, _ in lost:
                del self._open[rpc_id]
        for rpc_id, method in lost:
            self._put(_failure(rpc_id, method, _LOST))


def _connect(path: str) -> socket.socket:
    """By way of a descriptor: an address of the kernel has 107 bytes at most. Raises OSError."""
    place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            sock.connect(f"/proc/self/fd/{place}")
        except OSError:
            sock.close()
            raise
        return sock
    finally:
        os.close(place)


def _receive(sock: socket.socket) -> bytes:
    try:
        return sock.recv(_CHUNK)
    except OSError:
        return b""


def _parsed(line: bytes) -> list[dict[str, object]]:
    """The messages of a line; none where it cannot be read."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return []
    return [one for one in (found if isinstance(found, list) else [found]) if isinstance(one, dict)]


def _requests(line: bytes) -> list[tuple[str | int, str]]:
    """Ids and methods of a line's requests."""
    found = []
    for one in _parsed(line):
        rpc_id, method = one.get("id"), one.get("method")
        if isinstance(rpc_id, str | int) and isinstance(method, str):
            found.append((rpc_id, method))
    return found


def _failure(rpc_id: str | int, method: str, words: str) -> bytes:
    answer: dict[str, object] = {"jsonrpc": "2.0", "id": rpc_id}
    if method == "tools/call":
        content = [{"type": "text", "text": words}]
        answer["result"] = {"content": content, "isError": True, "resultType": "complete"}
    else:
        answer["error"] = {"code": -32000, "message": words}
    return json.dumps(answer).encode()


def main(argv: list[str] | None = None) -> int:
    """The program `hived-mcp`."""
    words = sys.argv[1:] if argv is None else argv
    path = os.environ.get("HIVE_SOCKET", "")
    if len(words) == 2 and words[0] == "--socket":
        path = words[1]
    elif words:
        sys.stderr.write(_USAGE + "\n")
        return 0 if words[0] in ("-h", "--help") else 2
    if not path:
        sys.stderr.write(f"hived-mcp: which agent? {_USAGE}\n")
        return 2
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    return Bridge(path).run()


if __name__ == "__main__":
    sys.exit(main())
