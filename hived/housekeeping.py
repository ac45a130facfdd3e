"""Keeps the caches beside the log: snapshots of the state, segments of old history.

Neither is ever needed: both only make a start and a look into the past quick. With them the
garbage is seen to: Python's own search goes through all that lives, so it would stop the daemon
the longer the larger the state is, and again whenever that has grown.
"""

import gc
import logging
from itertools import count

import trio

from hived import limits
from hived.engine import Engine
from hived.errors import HivedError
from hived.store.past import save_snapshot
from hived.store.replay import no_collection
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
    for number in count(1):
        await due.wait()
        due = trio.Event()
        kept = engine.durable.position
        with no_collection():
            state = engine.durable.dump()
        settle(whole=number % limits.COLLECTION_EVERY_SNAPSHOTS == 0)
        try:
            await trio.to_thread.run_sync(save_snapshot, snapshots, kept, state)
            while await trio.to_thread.run_sync(engine.log.build_segments, kept):
                await trio.lowlevel.checkpoint()
        except (OSError, HivedError, TypeError) as error:
            # Besides a disk that refuses: old history that does not read, and a sum beyond what
            # JSON can carry, of a CLI that lies about its tokens.
            logger.warning("a cache beside the log is not kept: %s", error)


def settle(*, whole: bool) -> None:
    """Search for cyclic garbage in what is new since the last time, or in all; then pass it over.

    What is passed over goes as soon as nothing names it any more, like everything. Only a cycle
    that lived when it was passed over and ended later waits for the next search in all.
    """
    if whole:
        gc.unfreeze()
    gc.collect()
    gc.freeze()
