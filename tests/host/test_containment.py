"""Nothing of a turn lives after it, in each of the three containments, however it ends."""

import os
import signal
from pathlib import Path

import pytest
import trio

from hived.errors import CommandRefused
from hived.host.client import HostGone, reaped
from hived.host.folder import FolderStatus
from hived.world import processes

KINDS = ["cgroup", "pidns", "subreaper"]

# A child that leaves its session, is orphaned and ignores SIGTERM; it says when it is ready.
STUBBORN = """
import os, signal, sys, time
WORD = {word!r}
def stray(depth):
    r, w = os.pipe()
    if os.fork() == 0:
        os.setsid()
        if depth and os.fork():
            os._exit(0)
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        os.close(r)
        os.write(w, b'x')
        os.close(w)
        os.execvp('sleep', ['sleep', '1000' + WORD]) if depth == 2 else time.sleep(1000)
    os.close(w)
    os.read(r, 1)
    os.close(r)
stray(0)
stray(1)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print('ready', flush=True)
{then}
"""


@pytest.fixture
def word(tmp_path: Path) -> str:
    """Stands in the command line of all processes of this test's CLI, and of no other."""
    return f"stray-{os.getpid()}-{tmp_path.name}-{abs(hash(str(tmp_path)))}"


@pytest.mark.parametrize("kind", KINDS)
async def test_what_a_cli_leaves_behind_is_killed(turn, kind, word, living, all_lines) -> None:
    client = await turn.run(STUBBORN.format(word=word, then="sys.exit(5)"), containment=kind)
    assert client.containment == kind
    assert await all_lines(client) == [b"ready"]
    end = client.exit_info
    assert (end.code, end.leftovers, end.containment) == (5, 2, kind)
    assert living(word) == []
    await reaped(turn.hosts[0])
    assert not _cgroup(turn).exists()


@pytest.mark.parametrize("kind", KINDS)
async def test_kill_ends_everything_at_once(turn, kind, word, living) -> None:
    client = await turn.run(STUBBORN.format(word=word, then="time.sleep(1000)"), containment=kind)
    await anext(client.lines())
    assert len(living(word)) >= 3
    await client.kill()
    with trio.fail_after(1.9):  # it does not wait for SIGTERM first
        end = await client.wait_ended()
    assert end.code == -signal.SIGKILL and end.killed
    assert living(word) == []


@pytest.mark.parametrize("kind", KINDS)
async def test_a_host_killed_with_sigkill_leaves_what_close_vanished_ends(
    turn, kind, word, living, wait_for
) -> None:
    client = await turn.run(STUBBORN.format(word=word, then="time.sleep(1000)"), containment=kind)
    lines = client.lines()
    await anext(lines)
    cli = client.cli_pid
    os.kill(turn.hosts[0], signal.SIGKILL)
    with pytest.raises(HostGone):
        await anext(lines)
    await reaped(turn.hosts[0])
    await wait_for(lambda: processes.look(cli) is None)  # it dies with its host, at once
    if kind == "pidns":
        await wait_for(lambda: living(word) == [])
    else:
        assert len(living(word)) == 2
    assert turn.folder.status() is FolderStatus.VANISHED
    with pytest.raises(HostGone):
        await turn.connect()
    assert turn.folder.close_vanished() == (0 if kind == "pidns" else 2)
    assert living(word) == []
    assert not _cgroup(turn).exists()
    assert turn.folder.close_vanished() == 0
    assert turn.folder.status() is FolderStatus.VANISHED
    remains = await turn.connect()
    assert [item.data async for item in remains.lines()] == [b"ready"]
    assert remains.ended and remains.exit_info is None


async def test_a_stray_that_cleared_its_environment_is_found_by_its_cgroup(
    turn, word, living
) -> None:
    script = f"""
import os, time
if os.fork() == 0:
    os.setsid()
    os.execve('/bin/sh', ['sh', '-c', 'echo ready; while :; do sleep 1; done # {word}'], {{}})
time.sleep(1000)
"""
    client = await turn.run(script)
    if client.containment != "cgroup":
        pytest.skip(f"no cgroup can be made here: {turn.folder.started()['notes']}")
    await anext(client.lines())
    os.kill(turn.hosts[0], signal.SIGKILL)
    await reaped(turn.hosts[0])
    assert turn.folder.close_vanished() >= 1
    assert living(word) == []


@pytest.mark.parametrize("kind", KINDS)
async def test_a_family_that_keeps_forking_does_not_outrun_the_end(
    turn, kind, word, living
) -> None:
    script = f"""
import os, sys, time
WORD = {word!r}
if os.fork() == 0:
    os.setsid()
    for _ in range(2000):
        time.sleep(0.002)
        if os.fork():
            os._exit(0)
    os._exit(0)
print('ready', flush=True)
"""
    client = await turn.run(script, containment=kind)
    with trio.fail_after(20):
        end = await client.wait_ended()
    assert end.code == 0
    assert living(word) == []


async def test_a_live_host_is_not_closed(turn) -> None:
    client = await turn.run("import time; print('up', flush=True); time.sleep(1000)")
    await anext(client.lines())
    with pytest.raises(CommandRefused):
        turn.folder.close_vanished()
    assert not turn.folder.closed()
    assert processes.look(client.cli_pid) is not None
    await client.kill()
    await client.wait_ended()


async def test_the_host_itself_is_outside_its_cgroup(turn) -> None:
    client = await turn.run("import time; print('up', flush=True); time.sleep(1000)")
    if client.containment != "cgroup":
        pytest.skip(f"no cgroup can be made here: {turn.folder.started()['notes']}")
    inside = {one.pid for one in processes.cgroup_processes(_cgroup(turn))}
    assert inside == {client.cli_pid}
    processes.cgroup_kill_each(_cgroup(turn))  # what is done where there is no cgroup.kill
    end = await client.wait_ended()
    assert end.code == -signal.SIGKILL and not end.killed


async def test_a_pid_namespace_has_a_proc_of_its_own(turn, all_lines) -> None:
    client = await turn.run(
        "import os; print(os.getpid(), len([n for n in os.listdir('/proc') if n.isdigit()]))",
        containment="pidns",
    )
    (line,) = await all_lines(client)
    pid, seen = map(int, line.split())
    assert pid == 2
    if os.geteuid() == 0:
        assert seen == 2


async def test_an_unknown_containment_is_refused(turn) -> None:
    turn.prepare("print('never')", containment="jail")
    turn.start()
    assert await reaped(turn.hosts[0]) == 0
    end = turn.folder.read_exit()
    assert end.code == 127 and "jail" in end.error


def _cgroup(turn) -> Path:
    return Path(turn.folder.started().get("cgroup") or "/none")
