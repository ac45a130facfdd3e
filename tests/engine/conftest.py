"""A real engine on a real log file, with the machine's clock."""

import time
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest
import trio

from hived.engine import Engine
from hived.store.log import EventLog
from hived.store.past import load_hive
from hived.store.snapshots import Snapshots

Running = Callable[[], AbstractAsyncContextManager[Engine]]


@pytest.fixture
def running(tmp_path: Path) -> Running:
    """Opens the log where the last one left it, and runs an engine on it."""

    @asynccontextmanager
    async def run() -> AsyncIterator[Engine]:
        log = EventLog.open(str(tmp_path / "log.db"))
        try:
            snapshots = Snapshots(tmp_path / "snapshots", log.anchor)
            hive = load_hive(log, snapshots)
            engine = Engine(
                log, snapshots, hive, node="here", clock=time.time, new_id=lambda: uuid.uuid4().hex
            )
            with trio.fail_after(60):
                async with trio.open_nursery() as nursery:
                    await nursery.start(engine.run)
                    yield engine
                    nursery.cancel_scope.cancel()
        finally:
            log.close()

    return run


@pytest.fixture
async def engine(running: Running) -> AsyncIterator[Engine]:
    async with running() as made:
        yield made
