"""The caches beside the log: kept while hived runs, and never a reason for it to stop."""

import logging
from pathlib import Path

import pytest
import trio
import trio.testing

from hived import limits
from hived.decisions.access import StartHive
from hived.engine import Engine
from hived.housekeeping import keep_house
from hived.projections import FINGERPRINT
from hived.store.snapshots import Snapshots


async def fill(engine: Engine) -> None:
    for _ in range(limits.SNAPSHOT_EVERY_EVENTS):
        await engine.submit(StartHive("0", "here", "boot"), by="hive")


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
    caplog.set_level(logging.WARNING)
    await fill(engine)
    with trio.fail_after(20):
        while "is not kept" not in caplog.text:  # noqa: ASYNC110 (nor does a log)
            await trio.sleep(0.01)
    await fill(engine)
    assert engine.durable.position == 10
