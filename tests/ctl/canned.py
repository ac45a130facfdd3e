"""A small hive that speaks the protocol on a real socket from canned answers, and hivectl on it.

What a real daemon cannot easily be brought to say (wide names, escape sequences, cuts, a bye) is
tested here; tests/ctl/test_daemon.py drives the real one.
"""

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

import hived
from hived.client import Client
from hived.errors import HivedError
from tests.ctl.rows import ANSWERS

SECONDS = 20  # bound of everything that waits here


class Refusal(Exception):
    """Makes the canned hive answer with an error."""

    def __init__(self, code: str, number: int, message: str, **data: Any) -> None:
        super().__init__(message)
        self.error = {"code": number, "message": message, "data": {"code": code, **data}}


class Hive:
    """Answers by method: a document, or a function of the parameters. calls: what was asked.

    after: by method, a function that is given the connection once the answer is sent.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.answers: dict[str, Any] = dict(ANSWERS)
        self.after: dict[str, Callable[[Connection], None]] = {}
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self._threads: list[threading.Thread] = []
        self._connections: list[socket.socket] = []
        self._listener = socket.socket(socket.AF_UNIX)
        parent, name = os.path.split(path)
        folder = os.open(parent, os.O_PATH)
        self._listener.bind(f"/proc/self/fd/{folder}/{name}")
        os.close(folder)
        self._listener.listen()
        self._start(self._accept)

    def _start(self, run: Callable[..., None], *args: Any) -> None:
        thread = threading.Thread(target=run, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            sock.settimeout(SECONDS)
            self._connections.append(sock)
            self._start(Connection(self, sock).serve)

    def params(self, method: str) -> dict[str, Any]:
        """What the last call of a method was given."""
        return [params for name, params in self.calls if name == method][-1]

    def close(self) -> None:
        for sock in (self._listener, *self._connections):
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            sock.close()
        for thread in self._threads:
            thread.join(SECONDS)
            assert not thread.is_alive()


class Connection:
    """One client of the canned hive."""

    def __init__(self, hive: Hive, sock: socket.socket) -> None:
        self.hive, self.sock = hive, sock

    def notify(self, method: str, **params: Any) -> None:
        self.send({"jsonrpc": "2.0", "method": method, "params": params})

    def send(self, document: Any) -> None:
        self.sock.sendall(json.dumps(document).encode() + b"\n")

    def close(self) -> None:
        self.sock.shutdown(socket.SHUT_RDWR)

    def serve(self) -> None:
        try:
            for line in self.sock.makefile("rb"):
                self._answer(json.loads(line))
        except OSError:
            return

    def _answer(self, request: Mapping[str, Any]) -> None:
        method, params = request["method"], request["params"]
        self.hive.calls.append((method, params))
        answer = self.hive.answers[method]
        head = {"jsonrpc": "2.0", "id": request["id"]}
        try:
            self.send({**head, "result": answer(params) if callable(answer) else answer})
        except Refusal as refusal:
            self.send({**head, "error": refusal.error})
        after = self.hive.after.get(method)
        if after is not None:
            after(self)


class Hivectl:
    """Runs hivectl as a process of its own."""

    def __init__(self, home: Path) -> None:
        self.environ = {
            "HIVED_HOME": str(home),
            "HOME": str(home),
            "PATH": os.environ["PATH"],
            "TZ": "UTC",
            "LANG": "C.UTF-8",
            "PYTHONPATH": str(Path(hived.__file__).parents[1]),
        }
        self.cwd = home

    def __call__(
        self, *words: str, stdin: str | bytes = b"", **environ: str
    ) -> "subprocess.CompletedProcess[str]":
        done = subprocess.run(
            self.argv(*words),
            input=stdin.encode() if isinstance(stdin, str) else stdin,
            capture_output=True,
            timeout=SECONDS,
            cwd=self.cwd,
            env={**self.environ, **environ},
        )
        return subprocess.CompletedProcess(
            done.args, done.returncode, done.stdout.decode(), done.stderr.decode()
        )

    def argv(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "hived.ctl", *words]

    def start(self, *words: str, **environ: str) -> "subprocess.Popen[str]":
        """Start it with pipes; the caller ends it."""
        return subprocess.Popen(
            self.argv(*words),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.cwd,
            env={**self.environ, **environ},
        )


def connect(hive: Hive) -> Client:
    return Client.connect(hive.path, answer_seconds=SECONDS)


def refused(run: Callable[[], object]) -> HivedError:
    with pytest.raises(HivedError) as caught:
        run()
    return caught.value
