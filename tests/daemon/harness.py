"""A real hived in a folder of its own: started, driven over its socket, killed, cleaned up."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import hived
from hived.client import Client
from hived.errors import HivedError
from hived.host.folder import FolderStatus, TurnFolder
from hived.world import processes
from tests.daemon.said import said

REPOSITORY = Path(hived.__file__).parents[1]
SECONDS = 30.0  # for anything that is waited for

# Waits that a test would otherwise sit through.
QUICK: Mapping[str, float] = {
    "RETRY_WAIT_SECONDS": 0.2,
    "INTERRUPT_WAIT_SECONDS": 0.5,
    "TERM_WAIT_SECONDS": 0.5,
    "EXIT_WAIT_SECONDS": 1.0,
    "HOST_DEAF_SECONDS": 3.0,
    "CREDENTIAL_LOOK_SECONDS": 0.1,
}

T = TypeVar("T")
Row = dict[str, Any]


def wait(condition: Callable[[], T], what: object = "", seconds: float = SECONDS) -> T:
    """Ask until the answer is true, and give it; fail after so many seconds."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what() if callable(what) else what}")
        time.sleep(0.02)
    return found


class Hive:
    """One home, and the hived that runs on it, from time to time.

    faults: see served.py; they hold for the next start.
    """

    def __init__(self, home: Path) -> None:
        self.home = home
        self.faults: dict[str, Any] = {"limits": dict(QUICK)}
        self.process: subprocess.Popen[str] | None = None
        self._client: Client | None = None
        self._log = home.parent / "hived.log"
        self.environ = {
            "HIVED_HOME": str(home),
            "HOME": str(home.parent),
            "PATH": os.environ["PATH"],
            "TZ": "UTC",
            "LANG": "C.UTF-8",
            "PYTHONPATH": str(REPOSITORY),
        }

    # The daemon.

    def start(self, **faults: Any) -> None:
        """Start it, and wait until it answers. faults: for this start only."""
        self.spawn(**faults)
        wait(self._answers, self.words)

    def spawn(self, **faults: Any) -> None:
        """Start it; it may come to its end by itself."""
        assert self.process is None
        words = json.dumps({**self.faults, **faults})
        argv = [sys.executable, "-m", "tests.daemon.served", words, "--home", str(self.home)]
        with self._log.open("a") as log:
            self.process = subprocess.Popen(
                argv,
                cwd=REPOSITORY,
                env=self.environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                text=True,
                start_new_session=True,
            )

    def _answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.words()
        try:
            self.client.call("daemon_status")
        except HivedError as error:
            assert error.code in ("no_daemon", "disconnected", "shutting_down"), error
            self.forget_client()
            return False
        return True

    def words(self) -> str:
        return self._log.read_text()[-4000:]

    def ended(self) -> int:
        """Wait until the daemon's process has ended; its exit status."""
        assert self.process is not None
        status = self.process.wait(SECONDS)
        self.process = None
        self.forget_client()
        return status

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        assert self.ended() == -signal.SIGKILL

    def died(self) -> None:
        """Wait until the daemon has come to where it was to kill itself."""
        assert self.process is not None
        wait(lambda: self.process is not None and self.process.poll() is not None, self.story)
        status = self.ended()
        assert status == -signal.SIGKILL, (status, self.words())

    def stop(self, *, turns: bool = False) -> None:
        """Ask it to stop, and wait until it has."""
        self.call("daemon_stop", turns=turns)
        assert self.ended() == 0, self.words()

    # What is asked of it.

    @property
    def client(self) -> Client:
        if self._client is None:
            self._client = Client.connect(str(self.home / "hived.sock"), name="test")
        return self._client

    def forget_client(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    def call(self, method: str, /, **params: Any) -> Row:
        return self.client.call(method, **params)

    def ctl(self, *words: str, code: int = 0) -> str:
        """Run hivectl as a process; what it printed on stdout, or on stderr where it failed."""
        done = subprocess.run(
            [sys.executable, "-m", "hived.ctl", *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            cwd=self.home.parent,
            env=self.environ,
        )
        assert done.returncode == code, (words, done.returncode, done.stdout, done.stderr)
        return done.stderr if code else done.stdout

    def new(self, name: str, scenario: str, **params: Any) -> None:
        """An agent that plays this scenario, a TOML text."""
        file = self.home.parent / f"{name}.toml"
        file.write_text(scenario)
        options = {"scenario": str(file)}
        self.call("new", agent=name, driver="rehearsal", options=options, **params)

    def send(self, to: str, body: str = "go", **params: Any) -> str:
        message = self.call("send", to=to, body=body, **params)["messages"][0]
        assert isinstance(message, str)
        return message

    def agent(self, name: str) -> Row:
        row = self.call("agent", agent=name)["agent"]
        assert isinstance(row, dict)
        return row

    def word(self, name: str) -> str:
        return str(self.agent(name)["word"])

    def events(self, kind: str = "", **data: Any) -> list[Row]:
        """All events of the log of this kind that have these in their data."""
        found: list[Row] = []
        since: int | None = 0
        while since is not None:
            page = self.call("log", since=since, kinds=[kind] if kind else None)
            found += page["events"]
            since = page["next"] if page["events"] else None
        return [row for row in found if data.items() <= row["data"].items()]

    def wait_for(self, kind: str, number: int = 1, **data: Any) -> list[Row]:
        """Wait until so many such events are in the log; all of them."""

        def enough() -> list[Row]:
            found = self.events(kind, **data)
            return found if len(found) >= number else []

        return wait(enough, lambda: f"{number} {kind} {data}\n{self.story()}\n{self.words()}")

    def story(self) -> str:
        rows = (
            f"{row['position']} {row['kind']} {row['by']} {row['data']}" for row in self.events()
        )
        return "\n".join(row[:400] for row in rows)

    def end(self, agent: str, number: int = 1) -> Row:
        """Wait for the end of an agent's so manyth turn; the event's data."""
        row: Row = self.wait_for("turn_end", number, agent=agent)[number - 1]["data"]
        return row

    def lines(self, agent: str, turn: str | None = None) -> list[str]:
        """All that a turn (the last one if None) has printed."""
        found: list[Row] = []
        at: int | None = 0
        while at is not None:
            try:
                page = self.call("transcript", agent=agent, turn=turn, from_byte=at)
            except HivedError as error:
                assert error.code == "not_found", error  # no turn has begun yet
                return []
            found += page["lines"]
            at = page["next"] if page["lines"] else None
        return [row["line"] for row in found]

    def said(self, agent: str, turn: str | None = None) -> list[str]:
        return said(self.lines(agent, turn))

    def told(self, agent: str) -> list[str]:
        """The user lines that an agent's session holds, in order."""
        found = []
        for file in sorted(
            (self.home / "agents" / agent / "claude" / "projects").glob("*/*.jsonl")
        ):
            for line in file.read_text().splitlines():
                row = json.loads(line)
                content = row.get("message", {}).get("content")
                if row.get("type") == "user" and isinstance(content, str):
                    found.append(content)
        return found

    def check(self) -> None:
        answer = self.call("verify")
        assert answer["ok"], answer

    # Processes.

    def folder(self, turn: str) -> TurnFolder:
        return TurnFolder(self.home / "turns" / turn)

    def host(self, turn: str) -> int:
        """The pid of a turn's host, once it has started its CLI."""
        found = wait(lambda: self.folder(turn).started().get("cli_pid") and self.folder(turn))
        pid = found.started()["pid"]
        assert isinstance(pid, int)
        return pid

    def living(self) -> list[int]:
        """Every process of this hive but the daemon: their words name its home."""
        own = {os.getpid(), self.process.pid if self.process is not None else 0}
        mark = str(self.home).encode()
        found = []
        for one in processes.every():
            if one.pid in own:
                continue
            try:
                words = Path(f"/proc/{one.pid}/environ").read_bytes()
                words += Path(f"/proc/{one.pid}/cmdline").read_bytes()
            except OSError:
                continue
            if mark in words:
                found.append(one.pid)
        return found

    def nothing_lives(self) -> None:
        """Wait until no process of any turn is left."""
        wait(lambda: not self.living(), lambda: f"{self.living()} live")

    def clean_up(self) -> None:
        self.forget_client()
        if self.process is not None:
            self.process.kill()
            self.process.wait(SECONDS)
            self.process = None
        for pid in self.living():
            _kill(pid)
        for path in (self.home / "turns").glob("*"):
            folder = TurnFolder(path)
            wait(lambda folder=folder: folder.status() is not FolderStatus.RUNNING)  # type: ignore[misc]
            if folder.status() is FolderStatus.VANISHED:
                folder.close_vanished()
        for pid in self.living():
            _kill(pid)
        wait(lambda: not self.living(), "the processes of a test are dead")


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
