"""Keeps the agents at work: a turn loop for each, and the clocks that end their waits."""

import logging
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from pathlib import Path

import trio

from hived import limits
from hived.supervisor.approvals import carry_out_approvals, keep_places
from hived.supervisor.credentials import watch_logins
from hived.supervisor.loop import put_away, turn_loop
from hived.supervisor.purging import carry_out_purges
from hived.supervisor.timers import run_timers
from hived.supervisor.world import EVERY, World

__all__ = ["World", "supervise"]

logger = logging.getLogger("hived.turns")


# Each looks at the state, does what that orders, and waits for more.
LOOPS: tuple[Callable[[World], Awaitable[None]], ...] = (
    watch_logins,
    run_timers,
    carry_out_approvals,
    keep_places,
    carry_out_purges,
)


async def supervise(
    world: World, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
) -> None:
    """Run a loop for every agent of this node, those to come too, until cancelled.

    Cancellation: running turns are left alone; they go on in their hosts.
    """
    world.engine.on_durable.append(world.notice)
    looping: set[str] = set()
    async with trio.open_nursery() as nursery:
        for loop in LOOPS:
            nursery.start_soon(_lasting, world, loop.__name__, partial(loop, world))
        nursery.start_soon(_tidy, world)
        task_status.started()
        while True:
            wake = world.wakes.take(EVERY)
            for agent in world.engine.durable.agents.live.values():
                if agent.name not in looping and agent.node == world.engine.node:
                    looping.add(agent.name)
                    nursery.start_soon(_loop, world, agent.name, looping, nursery)
            await wake.wait()


async def _lasting(world: World, name: str, loop: Callable[[], Awaitable[None]]) -> None:
    """Run a loop to its end. A fault of ours in it must not take the hive down: it begins anew."""
    while True:
        try:
            await loop()
            return
        except Exception:
            if world.engine.broken is not None:
                raise
            logger.exception("%s failed; it begins anew", name)
            await trio.sleep(limits.LOOP_RESTART_SECONDS)


async def _loop(world: World, name: str, looping: set[str], nursery: trio.Nursery) -> None:
    """One agent's loop, until the agent is gone."""
    try:
        loop = partial(turn_loop, world, name, nursery)
        await _lasting(world, f"the turn loop of {name}", loop)
    finally:
        looping.discard(name)
        world.wakes.wake(EVERY)  # the name may have been taken anew meanwhile


async def _tidy(world: World) -> None:
    """Put away the output of turns that ended just before hived died."""
    open_turns = {
        agent.turn.id for agent in world.engine.durable.agents.live.values() if agent.turn
    }
    rows = world.engine.durable.turns.of
    owners = {turn: name for name, turns in rows.items() for turn in turns}
    for turn in await trio.to_thread.run_sync(lambda: list(_folders(Path(world.home.turns)))):
        if turn not in open_turns and turn in owners:
            await put_away(world, owners[turn], turn)


def _folders(turns: Path) -> Iterator[str]:
    if turns.is_dir():
        yield from (entry.name for entry in turns.iterdir() if entry.is_dir())
