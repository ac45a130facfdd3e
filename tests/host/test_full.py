"""Output that does not fit: told, held back, and taken up again; and the end is still recorded."""

import os
import resource
import subprocess
from pathlib import Path

import pytest
import trio

from hived.host.client import HostRefused, reaped
from hived.host.folder import FolderStatus
from hived.world import processes

# Prints 300 kB, then says on stderr that all of it was taken.
PRINTER = """
import sys
for n in range(3000):
    print('%099d' % n)
sys.stdout.flush()
sys.stderr.write('all printed')
"""
WHOLE = b"".join(b"%099d\n" % n for n in range(3000))


async def test_a_spool_at_its_bound_says_so_and_the_cli_is_held(turn, wait_for) -> None:
    client = await turn.run(PRINTER, spool_max=50_000)
    await client.until(lambda: client.full is not None)
    assert client.full == "spool_max"
    await wait_for(lambda: turn.folder.spool.stat().st_size == 50_000)
    late = await turn.connect()
    await late.close_stdin()  # the host answers, and tells a late comer too
    assert late.full == "spool_max" and not late.ended
    await client.kill()
    end = await client.wait_ended()
    assert end.cut and end.killed and end.spool_bytes == 50_000
    items = [item async for item in client.lines()]
    assert b"".join(item.data + b"\n" for item in items) == WHOLE[:50_000]
    assert turn.folder.stderr_tail() == ""


async def test_a_spool_that_is_just_full_is_not_cut(turn) -> None:
    client = await turn.run(PRINTER, spool_max=len(WHOLE))
    end = await client.wait_ended()
    assert (end.code, end.cut, end.spool_bytes) == (0, False, len(WHOLE))


async def test_a_full_disk_holds_the_cli_until_there_is_space(turn, wait_for) -> None:
    client = await turn.run(f"input()\n{PRINTER}")
    host = turn.hosts[0]
    await client.write("go", b"\n")  # journalled while there is space
    _limit(host, 40_000)
    await wait_for(lambda: client.full == "disk" or _stalled(turn, 40_000))
    await client.until(lambda: client.full is not None)
    assert client.full == "disk"
    assert turn.folder.spool.stat().st_size == 40_000
    _limit(host, resource.RLIM_INFINITY)
    lines = [item.data + b"\n" async for item in client.lines()]
    assert b"".join(lines) == WHOLE
    assert client.full is None
    assert (client.exit_info.code, client.exit_info.cut) == (0, False)


def _stalled(turn, size: int) -> bool:
    return turn.folder.spool.stat().st_size == size


async def test_a_cli_that_exits_while_the_disk_is_full_ends_when_all_is_stored(
    turn, wait_for
) -> None:
    script = "import os, sys\ninput()\nprint('x' * 49_999, flush=True)\nos._exit(4)"
    client = await turn.run(script)
    _limit(turn.hosts[0], 40_000)
    await client.write("go", b"\n")
    await wait_for(lambda: processes.look(client.cli_pid) is None)
    await client.until(lambda: client.full == "disk")
    assert turn.folder.status() is FolderStatus.RUNNING and not client.ended
    _limit(turn.hosts[0], resource.RLIM_INFINITY)
    end = await client.wait_ended()
    assert (end.code, end.cut, end.spool_bytes) == (4, False, 50_000)


async def test_kill_gives_up_waiting_for_space(turn, wait_for) -> None:
    client = await turn.run(f"input()\n{PRINTER}")
    _limit(turn.hosts[0], 40_000)
    await client.write("go", b"\n")
    await client.until(lambda: client.full == "disk")
    await client.kill()
    with trio.fail_after(20):
        end = await client.wait_ended()
    assert end.cut and end.killed and end.spool_bytes == 40_000


@pytest.fixture
def small_disk(tmp_path: Path):
    """A file system of one megabyte of its own.

    Not async: such fixtures end side by side, and the turn's end still looks into its folder.
    """
    path = tmp_path / "disk"
    path.mkdir()
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(path)], check=True)
    yield path
    subprocess.run(["umount", "-l", str(path)], check=True)


async def test_the_end_is_recorded_on_a_disk_that_is_full(turn, small_disk, wait_for) -> None:
    turn.path = small_disk / "turn"
    script = "import sys\nfor line in sys.stdin: print(line, end='', flush=True)\nsys.exit(9)"
    client = await turn.run(script)
    await client.write("one", b"one\n")
    await wait_for(lambda: turn.folder.spool.stat().st_size == 4)
    _fill(small_disk / "filler")
    with pytest.raises(HostRefused) as refused:  # it fills its last page, then it is full
        for n in range(2000):
            await client.write(f"more-{n:0100d}", b"x" * 1000 + b"\n")
    assert refused.value.code == "busy"
    await client.until(lambda: client.full == "disk")
    await client.close_stdin()
    await client.kill()
    with trio.fail_after(20):
        end = await client.wait_ended()
    assert end.killed
    await reaped(turn.hosts[0])
    assert turn.folder.status() is FolderStatus.EXITED
    assert turn.folder.read_exit() == end
    torn = turn.folder.written() - client.written
    assert torn == frozenset()


async def test_a_host_that_cannot_write_its_start_starts_nothing(turn, small_disk) -> None:
    turn.path = small_disk / "turn"
    turn.prepare("open('/proc/self/ran')")
    (turn.path / "host.log").touch()
    _fill(small_disk / "filler")
    assert await reaped(turn.start()) not in (0, 75, 76)
    assert turn.folder.status() is FolderStatus.NOT_STARTED
    (small_disk / "filler").unlink()
    client = await turn.run_again()
    assert (await client.wait_ended()).code == 1


def _limit(pid: int, size: int) -> None:
    """Files of this process may grow to this size: to the host the same as a full disk."""
    _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, hard))


def _fill(path: Path) -> None:
    subprocess.run(["dd", "if=/dev/zero", f"of={path}", "bs=4k"], stderr=subprocess.DEVNULL)
