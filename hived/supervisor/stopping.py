"""How a turn's processes come to their end: asked, then told, then killed."""

import logging

import trio

from hived import limits
from hived.drivers.base import Conversation
from hived.host.client import HostClient
from hived.supervisor.hosting import Hosting, write_once
from hived.supervisor.limits_watch import Silence
from hived.supervisor.logged_turn import LoggedTurn

logger = logging.getLogger("hived.turns")


async def obey_cancel(turn: LoggedTurn, conversation: Conversation, client: HostClient) -> None:
    """Interrupt first, so that the usage is told; then TERM; then KILL of all there is."""
    await turn.cancelled_or_over()
    if turn.now is None:
        return
    with trio.move_on_after(limits.INTERRUPT_WAIT_SECONDS):
        await write_once(client, conversation.interrupt())
        await client.wait_ended()
        return
    await _put_down(client)


async def close(client: HostClient) -> None:
    """All is said: let the CLI exit, and make it where it does not."""
    with trio.move_on_after(limits.EXIT_WAIT_SECONDS):
        await client.close_stdin()
        await client.wait_ended()
        return
    await _put_down(client)


async def _put_down(client: HostClient) -> None:
    with trio.move_on_after(limits.TERM_WAIT_SECONDS):
        await client.signal("TERM")
        await client.wait_ended()
        return
    await client.kill()


async def watch_limits(turn: LoggedTurn, silence: Silence, client: HostClient) -> None:
    """Order the end of a turn that prints too much, or is silent for too long."""

    async def too_much_output() -> None:
        await client.until(lambda: client.full == "spool_max")
        if client.full == "spool_max":
            await turn.cancel("spool_full")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(too_much_output)
        nursery.start_soon(_sit_out_a_full_disk, turn, silence, client)
        why = await silence.wait_too_long()
        await turn.cancel(why)


async def _sit_out_a_full_disk(turn: LoggedTurn, silence: Silence, client: HostClient) -> None:
    """Let it be known while the host waits for space, and hold the silence against nobody."""
    waiting = turn.world.disk_waits
    while True:
        await client.until(lambda: client.full == "disk")
        if client.full != "disk":
            return  # the host says nothing more
        logger.warning("the disk is full: turn %s of %s waits for space", turn.id, turn.agent)
        waiting.add(turn.agent)
        try:
            with silence.held():
                await client.until(lambda: client.full != "disk" or client.ended)
        finally:
            waiting.discard(turn.agent)
        if client.full == "disk":
            return


async def end_a_deaf_host(turn: LoggedTurn, host: Hosting, scope: trio.CancelScope) -> None:
    """Kill a host that never came up, or that has not ended its turn long after a cancel.

    scope: cancelled once the turn is over.
    """
    with scope:
        with trio.move_on_after(limits.START_LIMIT_SECONDS) as start:
            await turn.cancelled_or_over()
        if start.cancelled_caught and host.reached:
            await turn.cancelled_or_over()
        if turn.cancelled:
            await trio.sleep(limits.HOST_DEAF_SECONDS)
        logger.warning("the host of turn %s does not answer: it is killed", turn.id)
        await host.kill()
