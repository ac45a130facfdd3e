"""Deletes what purges have ordered: now, and after a start what a hived before had not done."""

import logging

import trio

from hived import limits
from hived.decisions.kept import FinishPurge
from hived.errors import HivedError
from hived.supervisor.loop import wait_until
from hived.supervisor.world import EVERY, World
from hived.world import kept

logger = logging.getLogger("hived.purge")


async def carry_out_purges(world: World) -> None:
    """Until cancelled. A deletion that fails is told in hived's log and tried again later."""
    while True:
        wake = world.wakes.take(EVERY)
        failed = False
        for name in tuple(world.engine.durable.agents.purging):
            failed = not await _purge(world, name) or failed
        again = world.clock() + limits.RETRY_WAIT_SECONDS_MAX if failed else 0.0
        await wait_until(world, again, wake)


async def _purge(world: World, name: str) -> bool:
    """Whether all of it is deleted."""
    try:
        size = await trio.to_thread.run_sync(kept.delete, world.home, name)
    except (OSError, HivedError) as error:
        logger.warning("what is kept of %s cannot be deleted: %s", name, error)
        return False
    await world.engine.submit(FinishPurge(name, size), by="hive")
    return True
