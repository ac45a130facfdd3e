"""The caches beside the log: kept while hived runs, and never a reason for it to stop."""

import gc
import logging
import sqlite3
import weakref
from contextlib import closing
from pathlib import Path

import pytest
import trio
import trio.testing

from hived import limits
from hived.decisions.access import StartHive
from hived.engine import Engine
from hived.housekeeping import keep_house, settle
from hived.projections import FINGERPRINT
from hived.store.snapshots import Snapshots


async def fill(engine: Engine) -> None:
    for _ in range(limits.SNAPSHOT_EVERY_EVENTS):
        await engine.submit(StartHive("0", "here", "boot"), by="hive")


async def told(engine: Engine, caplog: pytest.LogCaptureFixture) -> None:
    """Fill the log until a snapshot is due, and wait for the words that it is not kept."""
    caplog.set_level(logging.WARNING)
    await fill(engine)
    with trio.fail_after(20):
        while "is not kept" not in caplog.text:  # noqa: ASYNC110 (a log tells nobody)
            await trio.sleep(0.01)


async def test_a_snapshot_is_kept_after_so_many_events(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nursery: trio.Nursery
) -> None:
    monkeypatch.setattr(limits, "SNAPSHOT_EVERY_EVENTS", 5)
    snapshots = Snapshots(tmp_path / "kept", engine.log.anchor)
    nursery.start_soon(keep_house, engine, snapshots)
    await trio.testing.wait_all_tasks_blocked()
    await fill(engine)
    with trio.fail_after(20):
        while (found := snapshots.nearest(engine.durable.position, FINGERPRINT)) is None:  # noqa: ASYNC110 (files tell nobody)
            await trio.sleep(0.01)
    assert found[0] == 5


async def test_a_snapshot_that_cannot_be_written_is_told_and_no_more(
    engine: Engine,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    nursery: trio.Nursery,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(limits, "SNAPSHOT_EVERY_EVENTS", 5)
    (tmp_path / "file").write_text("in the way")
    nursery.start_soon(keep_house, engine, Snapshots(tmp_path / "file" / "kept"))
    await trio.testing.wait_all_tasks_blocked()
    await told(engine, caplog)
    await fill(engine)
    assert engine.durable.position == 10


@pytest.mark.parametrize("damage", ["UPDATE {} SET state=x'00' WHERE", "DELETE FROM {} WHERE"])
async def test_old_history_that_does_not_read_is_told_and_no_more(
    engine: Engine,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    nursery: trio.Nursery,
    caplog: pytest.LogCaptureFixture,
    damage: str,
) -> None:
    monkeypatch.setattr(limits, "SNAPSHOT_EVERY_EVENTS", 5)
    monkeypatch.setattr(limits, "SEGMENT_EVENTS", 2)
    await fill(engine)
    assert engine.log.path is not None
    with closing(sqlite3.connect(engine.log.path)) as database, database:
        database.execute(damage.format("stored_events") + " position IN (3, 4)")
    nursery.start_soon(keep_house, engine, Snapshots(tmp_path / "kept", engine.log.anchor))
    await trio.testing.wait_all_tasks_blocked()
    await told(engine, caplog)
    await fill(engine)
    assert engine.durable.position == 15


class Knot:
    """Names itself, so only a search for cycles ends it."""

    def __init__(self) -> None:
        self.itself = self


def knot() -> "weakref.ref[Knot]":
    return weakref.ref(Knot())


def test_garbage_is_searched_in_what_is_new_and_in_all_when_asked() -> None:
    gc.disable()
    try:
        settle(whole=True)
        before = gc.get_freeze_count()
        young, kept = knot(), Knot()
        settle(whole=False)
        assert young() is None
        assert gc.get_freeze_count() > before
        old = weakref.ref(kept)
        del kept
        settle(whole=False)
        assert old() is not None
        settle(whole=True)
        assert old() is None
    finally:
        gc.unfreeze()
        gc.enable()


async def test_a_snapshot_is_followed_by_it(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nursery: trio.Nursery
) -> None:
    monkeypatch.setattr(limits, "SNAPSHOT_EVERY_EVENTS", 5)
    monkeypatch.setattr(limits, "COLLECTION_EVERY_SNAPSHOTS", 2)
    searched: list[bool] = []
    monkeypatch.setattr("hived.housekeeping.settle", lambda *, whole: searched.append(whole))
    nursery.start_soon(keep_house, engine, Snapshots(tmp_path / "kept", engine.log.anchor))
    await trio.testing.wait_all_tasks_blocked()
    for number in range(1, 4):
        await fill(engine)
        with trio.fail_after(20):
            while len(searched) < number:  # noqa: ASYNC110 (nor does garbage)
                await trio.sleep(0.01)
    assert searched == [False, True, False]


async def test_a_sum_that_no_snapshot_can_carry_is_told_and_no_more(
    engine: Engine,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    nursery: trio.Nursery,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(limits, "SNAPSHOT_EVERY_EVENTS", 5)
    snapshots = Snapshots(tmp_path / "kept", engine.log.anchor)
    nursery.start_soon(keep_house, engine, snapshots)
    await trio.testing.wait_all_tasks_blocked()
    engine.durable.ledger.spent.input = 2**64
    await told(engine, caplog)
    engine.durable.ledger.spent.input = 0
    await fill(engine)
    with trio.fail_after(20):
        while snapshots.nearest(engine.durable.position, FINGERPRINT) is None:  # noqa: ASYNC110
            await trio.sleep(0.01)
