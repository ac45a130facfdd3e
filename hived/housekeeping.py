"""Keeps the caches beside the log: snapshots of the state, segments of old history.

Neither is ever needed: both only make a start and a look into the past quick.
"""

import logging

import trio

from hived import limits
from hived.engine import Engine
from hived.store.past import save_snapshot
from hived.store.snapshots import Snapshots

logger = logging.getLogger("hived")


async def keep_house(engine: Engine, snapshots: Snapshots) -> None:
    """After every SNAPSHOT_EVERY_EVENTS events: a snapshot, then segments. Sleeps in between."""
    kept = engine.durable.position - engine.durable.position % limits.SNAPSHOT_EVERY_EVENTS
    due = trio.Event()

    def look(_: object) -> None:
        if engine.durable.position - kept >= limits.SNAPSHOT_EVERY_EVENTS:
            due.set()

    engine.on_durable.append(look)
    while True:
        await due.wait()
        due = trio.Event()
        kept = engine.durable.position
        state = engine.durable.dump()
        try:
            await trio.to_thread.run_sync(save_snapshot, snapshots, kept, state)
            while await trio.to_thread.run_sync(engine.log.build_segments, kept):
                await trio.lowlevel.checkpoint()
        except OSError as error:
            logger.warning("a cache beside the log is not kept: %s", error)
