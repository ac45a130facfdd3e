"""Who calls a tool, and what its handler may do: submit commands, look at the state, wait."""

from collections.abc import Callable
from typing import Any, TypeVar

import trio
from attrs import define

from hived import limits
from hived.engine import Answer, Engine
from hived.events import Recorded
from hived.paths import Home
from hived.projections import Hive
from hived.projections.agent import Agent

T = TypeVar("T")


@define
class Caller:
    """One call of a tool. Who calls is known from the pipe or the socket it came through.

    Fields:
      turn: The turn it came out of; empty where the agent is in none.
      command_id: Of the one command the call may submit. A call that is read again after a
        restart of hived has the same, so it is done once and answered as at first.
      listening: Whether anybody is there still to be given the answer.
      coming: Whether mail was put to the running turn that its CLI has not taken up yet.
      changed: Waits until something about the agent is durable that was not when it was called.
    """

    engine: Engine
    home: Home
    agent: str
    turn: str
    command_id: str
    changed: Callable[[], trio.Event]
    threads: trio.CapacityLimiter
    coming: Callable[[], bool] = lambda: False
    listening: Callable[[], bool] = lambda: True

    @property
    def hive(self) -> Hive:
        """What is durable now."""
        return self.engine.durable

    @property
    def me(self) -> Agent | None:
        return self.hive.agents.live.get(self.agent)

    async def submit(self, command: Any) -> Answer:
        """Do the call's command as the agent. Raises CommandRefused, StoreError."""
        # Not looked up in the log: the calls of an open turn are remembered, and any other id is
        # of one connection, which never comes again.
        return await self.engine.submit(
            command, by=f"agent:{self.agent}", command_id=self.command_id
        )

    async def events(self) -> list[Recorded]:
        """The events of the command submitted, from the log: the same for a repeat."""
        return await self.in_thread(self.engine.log.command_events, self.command_id)

    async def in_thread(self, fn: Callable[..., T], *args: Any) -> T:
        """Run what blocks, with a bound on how many do so at once."""
        return await trio.to_thread.run_sync(fn, *args, limiter=self.threads)


def thread_limiter() -> trio.CapacityLimiter:
    return trio.CapacityLimiter(limits.TOOL_THREADS_MAX)
