"""Real turn hosts with small CLIs in Python, all ended with the test that started them."""

import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import trio
from attrs import define, field

from hived.drivers.base import Launch
from hived.host.client import HostClient, SpoolLine, prepare, reaped, start_host
from hived.host.folder import FolderStatus, TurnFolder
from hived.world import processes

SPOOL_MAX = 64 * 1024 * 1024


@define
class Turn:
    """One turn's folder, and what was started in it."""

    path: Path
    session_lock: Path
    hosts: list[int] = field(factory=list)
    clients: list[HostClient] = field(factory=list)

    @property
    def folder(self) -> TurnFolder:
        return TurnFolder(self.path)

    def prepare(
        self,
        script: str = "",
        *,
        argv: tuple[str, ...] = (),
        cwd: str = "/",
        env: dict[str, str] | None = None,
        env_drop: tuple[str, ...] = (),
        env_file: str = "",
        containment: str = "auto",
        spool_max: int = SPOOL_MAX,
    ) -> None:
        """Make the folder for a CLI that is this Python script, or this argv."""
        launch = Launch(
            argv=argv or (sys.executable, "-I", "-S", "-c", script),
            cwd=cwd,
            env=env or {},
            env_drop=env_drop,
            env_file=env_file,
        )
        prepare(
            self.path,
            launch,
            session_lock=self.session_lock,
            spool_max=spool_max,
            containment=containment,
        )

    def start(self) -> int:
        pid = start_host(self.path)
        self.hosts.append(pid)
        return pid

    async def run(self, script: str = "", **options: object) -> HostClient:
        """Prepare, start and connect."""
        self.prepare(script, **options)  # type: ignore[arg-type]
        return await self.run_again()

    async def run_again(self) -> HostClient:
        """Start a host in the folder as it is, and connect."""
        self.start()
        return await self.connect()

    async def connect(self) -> HostClient:
        client = await HostClient.connect(self.path)
        self.clients.append(client)
        return client

    async def end(self) -> None:
        for client in self.clients:
            await client.aclose()
        for pid in self.hosts:
            with contextlib.suppress(ProcessLookupError, ChildProcessError):
                os.kill(pid, signal.SIGKILL)
                await reaped(pid)
        if self.folder.status() is FolderStatus.VANISHED:
            self.folder.close_vanished()


@pytest.fixture
async def turns(tmp_path: Path) -> AsyncIterator[Callable[[], Turn]]:
    """Makes turns of one session in folders of their own."""
    made: list[Turn] = []

    def make(*, name: str = "", session: str = "session") -> Turn:
        path = tmp_path / (name or f"turn-{len(made)}")
        made.append(Turn(path, tmp_path / f"{session}.lock"))
        return made[-1]

    yield make
    for turn in made:
        await turn.end()


@pytest.fixture
def turn(turns: Callable[[], Turn]) -> Turn:
    return turns()


@pytest.fixture
def wait_for() -> Callable[..., object]:
    """Wait until a condition holds and give what it gave; fail after a time."""

    async def wait(condition: Callable[[], object], seconds: float = 20.0) -> object:
        with trio.fail_after(seconds):
            while not (found := condition()):  # noqa: ASYNC110  no event tells of it
                await trio.sleep(0.005)
            return found

    return wait


@pytest.fixture
def all_lines() -> Callable[..., object]:
    """Read a turn to its end: the data of all whole lines."""

    async def read(client: HostClient, from_byte: int = 0) -> list[bytes]:
        found = []
        with trio.fail_after(60):
            async for item in client.lines(from_byte):
                assert isinstance(item, SpoolLine) and not item.torn, item
                found.append(item.data)
        return found

    return read


@pytest.fixture
def living() -> Callable[[str], list[int]]:
    """Pids of the living processes that have this word in their command line."""

    def find(word: str) -> list[int]:
        found = []
        for one in processes.every():
            try:
                line = Path(f"/proc/{one.pid}/cmdline").read_bytes()
            except OSError:
                continue
            if word.encode() in line and one.pid != os.getpid():
                found.append(one.pid)
        return found

    return find
