"""What a returning hived finds in a turn's folder, for every way that things can have ended."""

import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from hived.drivers.base import Launch
from hived.host.client import SpoolLine, prepare, reaped
from hived.host.folder import FolderStatus, HostExit, TurnFolder
from hived.world import processes

STRAY = """
import os, time
stray = os.fork()
if not stray:
    os.setsid()
    time.sleep(1000)
print(stray, flush=True)
time.sleep(1000)
"""
WAITS = "import time\nprint('whole')\nprint('hal', end='', flush=True)\ntime.sleep(1000)"


async def test_a_turn_goes_through_the_statuses(turn, wait_for) -> None:
    folder = turn.folder
    assert folder.status() is FolderStatus.NOT_MADE
    turn.prepare("input()")
    assert folder.status() is FolderStatus.NOT_STARTED
    client = await turn.run_again()
    assert folder.status() is FolderStatus.RUNNING
    assert folder.started()["pid"] == turn.hosts[0]
    await client.close_stdin()
    await reaped(turn.hosts[0])
    assert folder.status() is FolderStatus.EXITED
    assert turn.path.stat().st_mode & 0o077 == 0


def test_a_folder_half_made_is_made_whole(tmp_path) -> None:
    launch = Launch(argv=("true",), cwd="/")
    folder = TurnFolder(tmp_path / "turn")
    folder.path.mkdir()
    (folder.path / "launch.json.new").write_text("{")
    assert folder.status() is FolderStatus.HALF_MADE
    prepare(folder.path, launch, session_lock=tmp_path / "lock", spool_max=1)
    assert folder.status() is FolderStatus.NOT_STARTED
    with pytest.raises(FileExistsError):
        prepare(folder.path, launch, session_lock=tmp_path / "lock", spool_max=1)


async def test_a_half_made_folder_starts_nothing(turn) -> None:
    turn.path.mkdir()
    assert await reaped(turn.start()) == 77
    assert turn.folder.status() is FolderStatus.HALF_MADE


async def test_looking_at_a_starting_host_never_stops_it(turn) -> None:
    turn.prepare("input()")
    turn.start()
    while turn.folder.status() is FolderStatus.NOT_STARTED:
        pass  # as hard as it can be looked at
    client = await turn.connect()
    await client.close_stdin()
    assert (await client.wait_ended()).code == 1


class StartsJustAfter(TurnFolder):
    """A folder whose host takes the lock and says so right after the lock was found free."""

    @contextmanager
    def _locked(self, how: int) -> Iterator[None]:
        with super()._locked(how):
            yield
        (self.path / "started").write_text("{}")


async def test_a_host_that_starts_while_it_is_looked_at_is_not_taken_for_dead(turn) -> None:
    turn.prepare("input()")
    assert StartsJustAfter(turn.path).status() is FolderStatus.NOT_STARTED


async def test_a_host_that_died_leaves_a_spool_cut_in_mid_line(turn, wait_for) -> None:
    await turn.run(WAITS)
    await wait_for(lambda: turn.folder.spool.stat().st_size == 9)
    os.kill(turn.hosts[0], signal.SIGKILL)
    await reaped(turn.hosts[0])
    assert turn.folder.status() is FolderStatus.VANISHED
    assert await reaped(turn.start()) == 76  # a turn that was started is never started again
    turn.folder.close_vanished()
    remains = await turn.connect()
    items = [item async for item in remains.lines()]
    assert items == [SpoolLine(b"whole", 6), SpoolLine(b"hal", 9, torn=True)]
    assert remains.exit_info is None
    assert await reaped(turn.start()) == 76  # closed is closed


async def test_after_a_reboot_nobody_is_taken_for_what_the_turn_left(turn) -> None:
    client = await turn.run(STRAY, containment="subreaper")
    stray = int((await anext(client.lines())).data)
    os.kill(turn.hosts[0], signal.SIGKILL)
    await reaped(turn.hosts[0])
    record = turn.path / "started"
    truth = record.read_text()
    record.write_text(json.dumps(json.loads(truth) | {"boot_id": "0-0-0"}))
    assert turn.folder.status() is FolderStatus.VANISHED
    assert turn.folder.close_vanished() == 0
    assert processes.look(stray) is not None
    record.write_text(truth)
    assert turn.folder.close_vanished() == 1
    assert processes.look(stray) is None


async def test_a_closed_folder_is_never_started(turn) -> None:
    turn.prepare("print('never')")
    assert turn.folder.close_vanished() == 0
    assert turn.folder.status() is FolderStatus.VANISHED
    assert await reaped(turn.start()) == 76
    assert not turn.folder.spool.exists()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"code"'])
def test_an_exit_record_that_cannot_be_read_is_none(tmp_path, text) -> None:
    folder = TurnFolder(tmp_path / "turn")
    prepare(folder.path, Launch(("true",), "/"), session_lock=tmp_path / "l", spool_max=1)
    (folder.path / "exit").write_text(text)
    assert folder.read_exit() is None
    assert folder.status() is FolderStatus.VANISHED


def test_an_exit_record_of_a_later_host_is_understood(tmp_path) -> None:
    folder = TurnFolder(tmp_path)
    words = {"code": -9, "duration_ms": 5, "novelty": 1, "containment": None}
    (tmp_path / "exit").write_text(json.dumps(words))
    assert folder.read_exit() == HostExit(code=-9, duration_ms=5)
