"""Group commit: order, atomicity, what fails alone and what fails together."""

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio

from hived import limits
from hived.errors import HivedError, StoreError, VersionConflict
from hived.events.agents import RateLimitHit, StatusSet
from hived.store.append import Appender
from hived.store.log import EventLog, Prepared
from hived.store.writer import Done, Failed, GroupWriter
from tests.store.history import History, placed, wait_for


class Ends:
    """Collects what a writer tells, and lets a test hold the writer's thread up."""

    def __init__(self) -> None:
        self.batches: list[list[Done | Failed]] = []
        self.go_on = threading.Event()
        self.go_on.set()

    def __call__(self, ends: list[Done | Failed]) -> None:
        self.batches.append(ends)
        assert self.go_on.wait(30)

    @property
    def all(self) -> list[Done | Failed]:
        return [end for batch in list(self.batches) for end in batch]


@pytest.fixture(params=["sqlite", "memory"])
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[EventLog]:
    log = EventLog.open(str(tmp_path / "log.db") if request.param == "sqlite" else None)
    yield log
    log.close()


@pytest.fixture
def ends() -> Ends:
    return Ends()


@pytest.fixture
def writer(log: EventLog, ends: Ends) -> Iterator[GroupWriter]:
    writer = GroupWriter(log, ends)
    yield writer
    ends.go_on.set()
    writer.close()


def held_up(writer: GroupWriter, ends: Ends, history: History) -> None:
    """Let the writer's thread stand still after a first command, so that the next ones gather."""
    ends.go_on.clear()
    writer.put((history.one("agent:first"),), "first")
    wait_for(lambda: ends.batches, "the first batch")


def test_what_waits_is_one_batch_in_order(log: EventLog, writer: GroupWriter, ends: Ends) -> None:
    history = History()
    held_up(writer, ends, history)
    commands = [tuple(history.many(1 + i % 3)) for i in range(20)]
    for i, command in enumerate(commands):
        writer.put(command, i)
    ends.go_on.set()
    wait_for(lambda: len(ends.batches) == 2, "the second batch")
    position = 2
    for i, (command, end) in enumerate(zip(commands, ends.batches[1], strict=True)):
        assert end == Done(i, position, position + len(command) - 1)
        position += len(command)
    assert log.read(1, 100) == placed([rec for command in commands for rec in command], 2)


def test_a_batch_is_bounded_but_takes_one_command_whole(
    log: EventLog, writer: GroupWriter, ends: Ends
) -> None:
    history = History()
    held_up(writer, ends, history)
    sizes = [limits.WRITER_BATCH_MAX - 1, 1, 1, limits.WRITER_BATCH_MAX + 5, 1]
    for i, size in enumerate(sizes):
        writer.put(tuple(history.many(size)), i)
    ends.go_on.set()
    wait_for(lambda: len(ends.all) == 6, "the end of all")
    assert [[end.token for end in batch] for batch in ends.batches[1:]] == [[0, 1], [2, 3], [4]]
    assert log.head() == 1 + sum(sizes)


def test_nothing_is_told_before_it_can_be_read(log: EventLog) -> None:
    seen: list[bool] = []

    def wake(ends: list[Done | Failed]) -> None:
        seen.extend(log.head() >= end.last_position for end in ends if isinstance(end, Done))

    writer = GroupWriter(log, wake)
    history = History()
    for i in range(200):
        writer.put((history.one(),), i)
    writer.close()
    assert seen == [True] * 200


def test_only_the_commands_that_conflict_fail(
    log: EventLog, writer: GroupWriter, ends: Ends
) -> None:
    history = History()
    writer.put((history.one("agent:ada", command="c1"),), "ada")
    wait_for(lambda: ends.batches, "the first command")
    stale = history.one("agent:ada")._replace(version=1)
    held_up(writer, ends, history)
    other = History()
    writer.put((history.one("agent:bob"),), "good")
    writer.put((other.one("agent:carl"), stale), "stale")
    writer.put((other.one("agent:carl"),), "decided on stale")
    writer.put((history.one("agent:dan", command="c1"),), "repeated")
    writer.put((history.one("agent:eve"), history.one("agent:bob")), "good too")
    ends.go_on.set()
    wait_for(lambda: len(ends.all) == 7, "the end of all")
    said = {end.token: end for end in ends.all[2:]}
    assert {token for token, end in said.items() if isinstance(end, Done)} == {"good", "good too"}
    assert all(isinstance(e.error, VersionConflict) for e in said.values() if isinstance(e, Failed))
    streams = [rec.stream for rec in log.read(2, 10)]
    assert streams == ["agent:bob", "agent:eve", "agent:bob"]
    assert log.verify().problems == ()


def test_a_version_that_leaves_a_gap_is_a_conflict(
    log: EventLog, writer: GroupWriter, ends: Ends
) -> None:
    history = History()
    writer.put((history.one(),), 1)
    writer.put((history.one()._replace(version=3),), 3)
    writer.put((history.one("agent:new")._replace(version=2),), 2)
    wait_for(lambda: len(ends.all) == 3, "the end of all")
    assert [type(end) for end in ends.all] == [Done, Failed, Failed]
    assert log.head() == 1


def test_a_stream_begun_before_the_writer_goes_on(log: EventLog, ends: Ends) -> None:
    history = History()
    log.insert([log.prepare(history.many(9))])
    writer = GroupWriter(log, ends)
    writer.put(tuple(history.many(3)), 1)
    writer.close()
    assert ends.all == [Done(1, 10, 12)]


def test_streams_beyond_what_the_writer_remembers(
    log: EventLog, ends: Ends, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "STREAM_VERSIONS_KEPT", 3)
    history = History()
    writer = GroupWriter(log, ends)
    for i in range(40):
        writer.put((history.one(f"agent:a{i % 10}"),), i)
    writer.close()
    assert all(isinstance(end, Done) for end in ends.all)
    assert log.verify().problems == ()


def test_an_event_that_cannot_be_stored_is_refused_at_once(
    log: EventLog, writer: GroupWriter, ends: Ends
) -> None:
    history = History()
    long = history.one("agent:long")._replace(event=StatusSet("a", "x" * limits.EVENT_BYTES_MAX))
    nan = history.one("agent:nan")._replace(
        kind="rate_limit_hit", event=RateLimitHit("a", "c", "t", float("nan"), True)
    )
    for bad, code in ((long, "too_large"), (nan, "invalid_params")):
        with pytest.raises(HivedError) as caught:
            writer.put((History().one("agent:ada"), bad), "bad")
        assert caught.value.code == code
    with pytest.raises(ValueError, match="appends nothing"):
        writer.put((), "empty")
    writer.put((history.one("agent:ada"),), "good")
    wait_for(lambda: ends.all, "the end")
    assert ends.all == [Done("good", 1, 1)]


def test_above_the_bound_a_put_is_refused_and_waits_for_nothing(
    log: EventLog, writer: GroupWriter, ends: Ends, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "WRITER_QUEUE_MAX", 5)
    history = History()
    held_up(writer, ends, history)
    for i in range(5):
        writer.put((history.one(),), i)
    with pytest.raises(HivedError) as caught:
        writer.put((History().one("agent:late"),), "late")
    assert caught.value.code == "busy"
    ends.go_on.set()
    wait_for(lambda: len(ends.all) == 6, "the end of all")
    writer.put((history.one(),), "again")
    wait_for(lambda: len(ends.all) == 7, "the end of one more")


def test_close_writes_what_waits(log: EventLog, writer: GroupWriter, ends: Ends) -> None:
    history = History()
    for i in range(50):
        writer.put((history.one(),), i)
    writer.close()
    assert [end.token for end in ends.all] == list(range(50))
    with pytest.raises(HivedError) as caught:
        writer.put((history.one(),), "late")
    assert caught.value.code == "shutting_down"
    writer.close()


class BrokenDisk(EventLog):
    """A log whose disk fails from the second transaction on; what it wrote may be there."""

    inserts = 0

    def insert(self, commands: list[Prepared]) -> int:  # type: ignore[override]
        self.inserts += 1
        if self.inserts == 2:
            with self._explained():
                raise sqlite3.OperationalError("disk I/O error")
        return super().insert(commands)


def test_after_a_failed_write_nothing_is_written_any_more(tmp_path: Path, ends: Ends) -> None:
    log = BrokenDisk.open(str(tmp_path / "log.db"))
    assert isinstance(log, BrokenDisk)
    history = History()
    writer = GroupWriter(log, ends)
    held_up(writer, ends, history)
    for i in range(limits.WRITER_BATCH_MAX + 3):
        writer.put((history.one(),), i)
    ends.go_on.set()
    wait_for(lambda: len(ends.all) == limits.WRITER_BATCH_MAX + 4, "the end of all")
    assert all(isinstance(end, Failed) for end in ends.all[1:])
    assert log.inserts == 2, "the write was tried again"
    assert writer.broken is not None
    with pytest.raises(StoreError, match="disk I/O error"):
        writer.put((history.one(),), "late")
    writer.close()
    log.close()


def test_a_fault_of_ours_leaves_nobody_waiting(
    log: EventLog, writer: GroupWriter, ends: Ends, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fault(commands: list[Prepared]) -> int:
        raise ZeroDivisionError("a fault")

    monkeypatch.setattr(log, "insert", fault)
    writer.put((History().one(),), 1)
    wait_for(lambda: ends.all, "the end")
    end = ends.all[0]
    assert isinstance(end, Failed)
    assert "report it" in end.error.hint
    with pytest.raises(StoreError):
        writer.put((History().one(),), "late")


async def test_many_tasks_append_at_once(log: EventLog) -> None:
    appender = Appender(log)
    history, positions = History(), list[int]()

    async def caller() -> None:
        for _ in range(20):
            first, last = await appender.append(history.one(), history.one())
            assert last == first + 1
            positions.append(first)

    async with trio.open_nursery() as nursery:
        for _ in range(50):
            nursery.start_soon(caller)
    assert sorted(positions) == list(range(1, 2001, 2))
    await appender.aclose()
    assert log.verify().problems == ()


async def test_a_refused_append_raises_in_its_caller(log: EventLog) -> None:
    appender = Appender(log)
    event = History().one()
    await appender.append(event)
    with pytest.raises(VersionConflict):
        await appender.append(event)
    await appender.aclose()


async def test_what_was_handed_over_is_written_though_the_caller_is_cancelled(
    log: EventLog,
) -> None:
    appender = Appender(log)
    with trio.CancelScope() as scope:
        scope.cancel()
        await appender.append(History().one("agent:never"))
    assert scope.cancelled_caught
    finished: list[tuple[int, int]] = []
    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:

            async def caller() -> None:
                # Cancelled between the hand-over and the end: this runs while it is parked.
                trio.lowlevel.current_trio_token().run_sync_soon(scope.cancel)
                finished.append(await appender.append(History().one("agent:written")))

            nursery.start_soon(caller)
    await appender.aclose()
    assert [rec.stream for rec in log.read(0, 10)] == ["agent:written"]
    assert finished == [(1, 1)]
