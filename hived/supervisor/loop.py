"""One agent's turn loop: look at the state, do the next step, wait for the next word of it."""

import logging
from pathlib import Path
from shutil import rmtree
from typing import Any

import trio

from hived import limits
from hived.decisions.next_step import RUN, WAIT, next_step
from hived.decisions.turns import BeginTurn
from hived.errors import CommandRefused
from hived.store import transcripts
from hived.supervisor.drive import begin_drive
from hived.supervisor.world import World

logger = logging.getLogger("hived.turns")


async def turn_loop(world: World, name: str, nursery: trio.Nursery) -> None:
    """Run until the agent is gone. nursery: outlives turns, for what reaps their hosts."""
    while True:
        wake = world.wakes.take(name)
        agent = world.agent(name)
        if agent is None:
            return
        if agent.turn is not None:
            turn = agent.turn.id
            drive = await begin_drive(world, agent, agent.turn)
            await drive.run(nursery)
            await put_away(world, name, turn)
            continue
        step = next_step(agent, world.engine.durable, world.clock())
        if step.kind == RUN and not world.draining:
            try:
                await world.engine.submit(BeginTurn(name), by="policy:next_step")
            except CommandRefused as refused:
                # Decided on a state that is newer than what is durable; its events will wake us.
                logger.info("%s: %s", name, refused)
                await wait_until(world, world.clock() + limits.RETRY_WAIT_SECONDS, wake)
            continue
        until = step.until if step.kind == WAIT and not world.draining else 0.0
        await wait_until(world, until, wake)


async def wait_until(world: World, until: float, wake: trio.Event) -> None:
    """Wait for the event, at most until a time of the wall clock (0 for no such time).

    The wall clock can be set; it is looked at again every CLOCK_LOOK_SECONDS.
    """
    while until == 0.0 or world.clock() < until:
        wait = until - world.clock() if until else float("inf")
        with trio.move_on_after(min(wait, limits.CLOCK_LOOK_SECONDS) if until else wait):
            await wake.wait()
            return


async def put_away(world: World, agent: str, turn: str) -> None:
    """Move a finished turn's output to the transcripts, compressed, and clear its folder.

    A crash at any point leaves it in one of the two places, and this is done again.
    """
    try:
        await trio.to_thread.run_sync(
            _put_away, world.turn_folder(turn), world.transcript(agent, turn)
        )
    except OSError as error:
        logger.warning("the output of turn %s stays in its folder: %s", turn, error)


def _put_away(folder: Path, transcript: Path) -> None:
    spool = folder / "spool"
    if spool.exists() or transcripts.compressed(spool).exists():
        packed = transcripts.compress(spool)
        transcript.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        packed.replace(transcripts.compressed(transcript))
    if folder.is_dir():
        rmtree(folder, onerror=_unless_gone)


def _unless_gone(_: object, __: object, raised: Any) -> None:
    """The host takes its socket away while it ends: what is gone by itself need not be cleared."""
    if not isinstance(raised[1], FileNotFoundError):
        raise raised[1]
