"""Processes by identity, and cgroups, on real ones."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio

from hived.world import processes
from hived.world.containment import probe


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(
        ["sh", "-c", "sleep 1000 & echo; wait"],
        stdout=subprocess.PIPE,
        env={**os.environ, "A_MARK": "of this test"},
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def test_a_process_is_its_pid_and_its_start(child: subprocess.Popen[bytes]) -> None:
    found = processes.look(child.pid)
    assert found is not None and found.parent == os.getpid()
    assert processes.alive(child.pid, found.start)
    assert not processes.alive(child.pid, found.start + 1)
    other = processes.Process(child.pid, os.getpid(), found.start + 1)
    assert not processes.send_signal(other, signal.SIGKILL)
    assert child.poll() is None


def test_descendants_and_marked(child: subprocess.Popen[bytes]) -> None:
    (sleeper,) = processes.descendants(child.pid)
    assert child.pid in {one.pid for one in processes.descendants(os.getpid())}
    found = {one.pid for one in processes.marked("A_MARK", "of this test")}
    assert found >= {child.pid, sleeper.pid} and os.getpid() not in found
    assert processes.send_signal(sleeper, signal.SIGKILL)
    child.wait(10)  # the shell ends with its sleeper
    assert processes.look(child.pid) is None
    assert not processes.send_signal(sleeper, signal.SIGKILL)


def test_a_zombie_is_dead() -> None:
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert Path(f"/proc/{pid}").exists()
    assert processes.look(pid) is None
    os.waitpid(pid, 0)


def test_boot_id_is_the_same_twice() -> None:
    assert processes.boot_id() == processes.boot_id() != ""


def left_of_probes() -> list[Path]:
    return list(Path("/sys/fs/cgroup").glob("**/hived-probe-*"))


async def test_probe_names_what_turns_get_and_leaves_nothing() -> None:
    report = await trio.to_thread.run_sync(probe)
    assert report.kind in ("cgroup", "pidns", "subreaper")
    assert (report.kind == "cgroup") == (report.note == "")
    assert left_of_probes() == []


async def test_probe_says_why_nothing_can_be_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hived.world.containment.sys.executable", "/bin/false")
    report = await trio.to_thread.run_sync(probe)
    assert report.kind == "none" and "no turn can be started" in report.note
