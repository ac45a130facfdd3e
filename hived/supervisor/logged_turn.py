"""One open turn as the log has it: looked at, waited for, and told what to append."""

from typing import Any

from attrs import frozen

from hived.decisions.turns import CancelTurn, Observe
from hived.errors import CommandRefused
from hived.projections.agent import OpenTurn
from hived.projections.inboxes import Inbox
from hived.supervisor.world import World


@frozen
class LoggedTurn:
    """Turn `id` of an agent, by its durable state."""

    world: World
    agent: str
    id: str

    @property
    def now(self) -> OpenTurn | None:
        """The turn as the log has it now; None once it has ended."""
        agent = self.world.agent(self.agent)
        turn = agent.turn if agent is not None else None
        return turn if turn is not None and turn.id == self.id else None

    @property
    def box(self) -> Inbox:
        """The inbox of its agent."""
        return self.world.engine.durable.inboxes.box(self.agent)

    @property
    def cancelled(self) -> bool:
        """Whether it runs and is ordered to end."""
        turn = self.now
        return turn is not None and bool(turn.cancel)

    async def cancelled_or_over(self) -> None:
        """Wait until it is ordered to end, or has ended."""
        while True:
            wake = self.world.wakes.take(self.agent)
            turn = self.now
            if turn is None or turn.cancel:
                return
            await wake.wait()

    async def append(self, events: list[Any], end: int) -> None:
        """What a line of output told. end: the byte after it; a line is taken in once."""
        turn = self.now
        if turn is None or end <= turn.byte:
            return  # taken in by an earlier life of hived
        observed = Observe(self.agent, self.id, end, tuple(events))
        await self.world.engine.submit(observed, by=f"agent:{self.agent}")

    async def cancel(self, why: str) -> None:
        """Order its end, by the limit that was passed."""
        try:
            command = CancelTurn(self.agent, why, self.id)
            await self.world.engine.submit(command, by=f"policy:{why}")
        except CommandRefused:
            pass  # it is being cancelled already, or is over
