"""A store that fails stops the engine; everyone who waits is told; nothing was said too early."""

import subprocess
import sys
from pathlib import Path

import pytest
import trio

from hived.decisions.lifecycle import NewAgent, SetStatus
from hived.decisions.mail import SendMessage
from hived.engine import Engine
from hived.errors import HivedError, StoreError
from hived.events import Recorded
from hived.events.agents import StatusSet
from hived.projections import Hive
from hived.store.log import EventLog
from hived.store.snapshots import Snapshots
from tests.decisions.bench import config

OPERATOR = "operator:tester"


async def test_another_writer_on_the_store_stops_the_engine_and_tells_all_who_wait(
    tmp_path: Path,
) -> None:
    log = EventLog.open(None)
    ids = iter(f"{n:032x}" for n in range(1, 1000))
    engine = Engine(
        log, Snapshots(tmp_path), Hive(), node="here", clock=lambda: 1e9, new_id=lambda: next(ids)
    )
    told: list[str] = []

    async def send(number: int) -> None:
        try:
            await engine.submit(SendMessage("ada", str(number)), by=OPERATOR)
        except HivedError as error:
            told.append(error.code)

    with pytest.raises(ExceptionGroup) as failed, trio.fail_after(30):
        async with trio.open_nursery() as nursery:
            await nursery.start(engine.run)
            await engine.submit(NewAgent("ada", config(), "here", "key"), by=OPERATOR)
            listener = engine.subscribe()
            foreign = Recorded(
                3, "agent:ada", 3, 1e9, "x", "x", None, None, "status_set", status("mine")
            )
            log.insert([log.prepare([foreign])])
            async with trio.open_nursery() as callers:
                for number in range(5):
                    callers.start_soon(send, number)
            await trio.sleep_forever()
    # The engine's end takes its nursery along: what was told is looked at from outside.
    assert failed.group_contains(StoreError)
    assert told == ["version_conflict"] * 5
    assert engine.broken is not None
    assert engine.broken.message.startswith("the log is not as hived left it: ")
    assert "hivectl verify" in engine.broken.hint
    assert engine.durable.position == 2
    with trio.fail_after(10):
        assert [batch async for batch in listener] == []
    with pytest.raises(StoreError):
        await engine.submit(SetStatus("ada", "x"), by=OPERATOR)
    log.close()


def status(text: str) -> object:
    return StatusSet("ada", text)


FULL_DISK = """
import resource, sys, uuid
import trio
from pathlib import Path
from hived.decisions.lifecycle import NewAgent
from hived.decisions.mail import SendMessage
from hived.engine import Engine
from hived.errors import HivedError
from hived.events.values import AgentConfig
from hived.projections import Hive
from hived.store.log import EventLog
from hived.store.snapshots import Snapshots

async def main(folder):
    log = EventLog.open(folder + "/log.db")
    snapshots = Snapshots(Path(folder))
    engine = Engine(log, snapshots, Hive(), node="here", clock=lambda: 1e9,
                    new_id=lambda: uuid.uuid4().hex)
    made = AgentConfig("rehearsal", "/srv")
    async def send(number):
        try:
            await engine.submit(SendMessage("ada", uuid.uuid4().hex * 500), by="operator:x",
                                command_id=f"c:{number}")
            print("done", number, flush=True)
        except HivedError as error:
            print("failed", error.code, flush=True)
    async def callers():
        await engine.submit(NewAgent("ada", made, "here", "key"), by="operator:x")
        for start in range(0, 400, 4):
            async with trio.open_nursery() as nursery:
                for number in range(start, start + 4):
                    nursery.start_soon(send, number)
            if engine.broken is not None:
                break
            if start == 20:
                resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
    try:
        async with trio.open_nursery() as nursery:
            await nursery.start(engine.run)
            nursery.start_soon(callers)
    except* HivedError as group:
        print("ended", group.exceptions[0].code, flush=True)

trio.run(main, sys.argv[1])
"""


def test_a_disk_that_fails_is_told_to_all_and_what_was_answered_is_there(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    words = [line.split() for line in done.stdout.splitlines()]
    answered = [word[1] for word in words if word[0] == "done"]
    failed = {word[1] for word in words if word[0] == "failed"}
    assert len(answered) >= 24, done.stderr
    assert failed, "the disk took it all"
    assert failed <= {"store_full", "store_unavailable"}
    assert words[-1][0] == "ended"
    log = EventLog.open(str(tmp_path / "log.db"))
    try:
        assert all(log.find_command(f"c:{number}") is not None for number in answered)
        assert log.verify().problems == ()
    finally:
        log.close()


async def test_a_stopping_engine_writes_what_it_has_and_refuses_the_rest(tmp_path: Path) -> None:
    log = EventLog.open(None)
    ids = iter(f"{n:032x}" for n in range(1, 1000))
    engine = Engine(
        log, Snapshots(tmp_path), Hive(), node="here", clock=lambda: 1e9, new_id=lambda: next(ids)
    )
    with pytest.raises(HivedError) as early:
        await engine.submit(SetStatus("ada", "x"), by=OPERATOR)
    assert early.value.code == "shutting_down"
    with trio.fail_after(30):
        async with trio.open_nursery() as nursery:
            await nursery.start(engine.run)
            new = NewAgent("ada", config(), "here", "key")
            with trio.CancelScope() as caller:
                caller.cancel()
                await engine.submit(new, by=OPERATOR)
            nursery.cancel_scope.cancel()
    assert log.head() == 2
    log.close()
