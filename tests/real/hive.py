"""A real hived in a process of its own, for tests that have it drive the real claude CLI.

    with Hive(tmp_path, claude_program) as hive:
        hive.new("ada", api)
        hive.ctl("send", "ada", "good morning")
        end = hive.wait("turn_end")

Every wait has a deadline and fails with the log's end. When the block is left hived and all that
it started are ended, and what was left behind by hived itself fails the test.
"""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from hived.client import Client
from hived.errors import HivedError
from tests.messages_api import MessagesApi
from tests.real_cli import write_env_file

Row = dict[str, Any]

SECRET = "test-secret-4711-key"
WAIT_SECONDS = 40.0
_LOOK_SECONDS = 0.02


class Hive:
    """One hived below a folder, and the folders of its agents beside it."""

    def __init__(self, folder: Path, program: str) -> None:
        self.folder, self.program = folder, program
        self.home = folder / "hive"
        self.env_files = folder / "env"
        self.env_files.mkdir()
        self.process: subprocess.Popen[bytes] | None = None
        # What hived's user happens to have must not reach a CLI, nor this machine's settings.
        self.environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "HIVED_HOME": str(self.home),
            "ANTHROPIC_API_KEY": "inherited-and-wrong",
            "LANG": "C.UTF-8",
        }

    def __enter__(self) -> "Hive":
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        left: list[int] = []
        try:
            if self.process is not None and self.process.poll() is None:
                self.stop("--turns")
                left = self.alive()
        finally:
            if self.process is not None:
                self.process.kill()
                self.process.wait()
            for pid in self.alive():
                _kill(pid)
        if kind is None:
            assert not left, f"left behind: {[_line(pid) for pid in left]}"

    def start(self) -> None:
        """Starts hived and waits until it serves."""
        log = (self.folder / "hived.log").open("ab")
        with log:
            self.process = subprocess.Popen(
                (sys.executable, "-m", "hived", "--home", str(self.home)),
                env=self.environ,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.until(self._serves, "hived serves")

    def _serves(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, (self.folder / "hived.log").read_text()[-3000:]
        try:
            self.call("daemon_status")
        except HivedError:
            return False
        return True

    def kill(self) -> None:
        """kill -9 of hived, and of nothing else."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self, *options: str) -> None:
        assert self.process is not None
        self.ctl("daemon", "stop", *options)
        self.process.wait(WAIT_SECONDS)

    def ctl(self, *words: str, status: int = 0) -> str:
        """Runs hivectl; gives what it printed."""
        done = subprocess.run(
            (sys.executable, "-m", "hived.ctl", *words),
            env=self.environ,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=WAIT_SECONDS,
            check=False,
        )
        assert done.returncode == status, (words, done.returncode, done.stdout, done.stderr)
        return done.stdout

    def json(self, *words: str) -> Row:
        """What a read of hivectl answers with --json."""
        answer: Row = json.loads(self.ctl(*words, "--json"))
        return answer

    def call(self, method: str, /, **params: Any) -> Row:
        with Client.connect(f"{self.home}/hived.sock", name="test") as client:
            return client.call(method, **params)

    def new(
        self,
        name: str,
        api: MessagesApi | None,
        *options: str,
        env: Mapping[str, str] | None = None,
        model: str = "haiku",
    ) -> Path:
        """Makes an agent of the real CLI with hivectl; gives its working folder."""
        workdir = self.folder / f"work-{name}"
        workdir.mkdir()
        file = self.env_files / name
        found = dict(env or {}) if api is None else {**api.env(key=SECRET), **(env or {})}
        write_env_file(file, found)
        self.ctl(
            "new",
            name,
            "--driver=claude",
            f"--program={self.program}",
            f"--workdir={workdir}",
            f"--env-file={file}",
            f"--model={model}",
            *options,
        )
        return workdir

    def events(self, *kinds: str, agent: str | None = None, since: int = 0) -> list[Row]:
        """All events of these kinds after a position, their own fields beside the row's."""
        found: list[Row] = []
        next_at: int | None = since
        while next_at is not None:
            answer = self.call("log", since=next_at, kinds=list(kinds), agent=agent, limit=1_000)
            found += answer["events"]
            next_at = answer["next"]
        return [{**row["data"], **row} for row in found]

    def wait(
        self,
        kind: str,
        number: int = 1,
        seconds: float = WAIT_SECONDS,
        **fields: object,
    ) -> Row:
        """The nth event of a kind with these fields, waited for."""
        found: list[Row] = []

        def come() -> bool:
            rows = self.events(kind)
            found[:] = [r for r in rows if all(r[name] == value for name, value in fields.items())]
            return len(found) >= number

        self.until(come, f"{number} of {kind} {fields}", seconds)
        return found[number - 1]

    def until(
        self, condition: Callable[[], object], what: str, seconds: float = WAIT_SECONDS
    ) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise AssertionError(f"not within {seconds} s: {what}\n{self.told()}")
            time.sleep(_LOOK_SECONDS)

    def told(self) -> str:
        """The ends of the event log and of what hived said, for a failed test."""
        try:
            rows = self.events()[-40:]
        except HivedError as error:
            rows = [{"kind": f"(no log: {error.message})", "position": 0, "data": {}}]
        lines = [f"{row['position']} {row['kind']} {row['data']}" for row in rows]
        return "\n".join([*lines, (self.folder / "hived.log").read_text()[-3000:]])

    def agent(self, name: str) -> Row:
        row: Row = self.call("agent", agent=name)["agent"]
        return row

    def wait_word(self, name: str, word: str) -> Row:
        """Waits until the agent's one word is this."""
        self.until(lambda: self.agent(name)["word"] == word, f"{name} is {word}")
        return self.agent(name)

    def transcript(self, name: str, turn: str) -> list[Row]:
        """All lines of a turn, parsed, each with the byte after it under `_byte`."""
        found: list[Row] = []
        at: int | None = 0
        while at is not None:
            answer = self.call("transcript", agent=name, turn=turn, from_byte=at, limit=1_000)
            found += [{**json.loads(r["line"]), "_byte": r["byte"]} for r in answer["lines"]]
            at = answer["next"] if answer["next"] != at else None  # a running one has no end
        return found

    def alive(self) -> list[int]:
        """Living processes of this hive other than hived: hosts, CLIs, and what those started."""
        own = self.process.pid if self.process is not None else 0
        return [pid for pid in _processes() if pid != own and self._is_ours(pid)]

    def _is_ours(self, pid: int) -> bool:
        mark = str(self.folder).encode() + b"/"
        return any(mark in _read(pid, name) for name in ("cmdline", "environ"))

    def clis(self) -> list[int]:
        """The CLI's own processes."""
        mark = self.program.encode() + b"\0"
        return [pid for pid in self.alive() if _read(pid, "cmdline").startswith(mark)]

    def with_words(self, name: str, words: str) -> list[int]:
        """All processes of this machine with these words in their cmdline or environ."""
        return [pid for pid in _processes() if words.encode() in _read(pid, name)]

    def host_of(self, turn: str) -> int:
        """The turn host of a running turn."""
        mark = f"{self.home}/turns/{turn}".encode()
        [found] = [pid for pid in self.alive() if mark in _read(pid, "cmdline")]
        return found

    def wait_alone(self) -> None:
        """Waits until nothing of the agents lives: no host, no CLI, nothing that those started."""
        self.until(lambda: not self.alive(), "no process of a turn lives")

    def files_with(self, words: str) -> list[Path]:
        """Files below hived's home that hold these words, compressed or not is not looked at."""
        found = []
        for path in sorted(self.home.rglob("*")):
            if path.is_file() and not path.is_symlink() and words.encode() in path.read_bytes():
                found.append(path)
        return found


def _processes() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if re.fullmatch("[0-9]+", name)]  # noqa: PTH208


def _read(pid: int, name: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:  # it has ended
        return b""


def _line(pid: int) -> str:
    return _read(pid, "cmdline").replace(b"\0", b" ").decode(errors="replace")[:200]


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
