"""The clock of the hive: sends the commands that time alone brings, each when it is due."""

import logging

import trio

from hived import limits
from hived.decisions.timers import due
from hived.errors import CommandRefused
from hived.supervisor.loop import wait_until
from hived.supervisor.world import CLOCK, World

logger = logging.getLogger("hived.timers")


async def run_timers(world: World) -> None:
    """Until cancelled. What ran out while hived was down is sent at once."""
    while True:
        wake = world.wakes.take(CLOCK)
        now = world.clock()
        waiting = 0.0
        sent = False
        for item in tuple(due(world.engine.durable)):
            if item.at > now:
                waiting = min(waiting or item.at, item.at)
            elif await _send(world, item.command, item.by):
                sent = True
        if sent:
            continue  # what it changed is durable: look again
        await wait_until(world, waiting, wake)


async def _send(world: World, command: object, by: str) -> bool:
    """Whether it gave an event. One that is refused or gives none is not sent again at once."""
    before = world.engine.durable.position
    try:
        answer = await world.engine.submit(command, by=by)
    except CommandRefused as refused:
        logger.info("%s: %s", type(command).__name__, refused)
        await trio.sleep(limits.RETRY_WAIT_SECONDS)
        return True
    return bool(answer.streams) and answer.position > before
