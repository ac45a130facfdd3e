"""Ends a turn that has gone silent: each kind of silence has a limit of its own.

A CLI that prints nothing while nothing is open is given idle_limit_s; before its first line
START_LIMIT_SECONDS; a running tool tool_limit_s. A question that hived has not answered yet
never counts against the CLI, nor does the time in which its host cannot take what it prints.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager

import trio
from attrs import define, field

from hived import limits
from hived.drivers.base import Conversation
from hived.events.values import AgentConfig


@define
class Silence:
    """When the turn has been silent for too long, and of which kind.

    busy: calls of the hive's own tools that hived is carrying out, and one while the CLI is held.
    """

    config: AgentConfig
    conversation: Conversation
    last: float = field(factory=trio.current_time)
    begun: bool = False
    busy: int = 0
    _tools: dict[str, float] = field(factory=dict)
    _changed: trio.Event = field(factory=trio.Event)

    def heard(self) -> None:
        """A line came."""
        self.last = trio.current_time()
        if not self.begun:
            self.begun = True
            self._changed.set()  # a limit shorter than that of the start may hold from now on
        open_tools = self.conversation.open_tools
        if open_tools != self._tools.keys():
            self._tools = {call: self._tools.get(call, self.last) for call in open_tools}
            self._changed.set()

    def busy_with(self, change: int) -> None:
        """hived begins (1) or ends (-1) work that the CLI waits for."""
        self.busy += change
        self.last = trio.current_time()
        self._changed.set()

    @contextmanager
    def held(self) -> Iterator[None]:
        """The CLI's host does not take what it prints: all time begins anew when it does."""
        self.busy_with(1)
        try:
            yield
        finally:
            self._tools = dict.fromkeys(self._tools, trio.current_time())
            self.busy_with(-1)

    def deadline(self) -> tuple[float, str]:
        """The time by which something must happen, on trio's clock, and the name of the limit."""
        if self.busy:
            return math.inf, ""
        if self._tools:
            limit = self.config.tool_limit_s or limits.TOOL_LIMIT_SECONDS
            return min(self._tools.values()) + limit, "tool_limit"
        idle = self.config.idle_limit_s or limits.IDLE_LIMIT_SECONDS
        if not self.begun:
            return self.last + limits.START_LIMIT_SECONDS, "start_limit"
        return self.last + idle, "idle_limit"

    async def wait_too_long(self) -> str:
        """Return the name of the first limit that is passed. Wakes only when one might be."""
        while True:
            self._changed = trio.Event()
            deadline, why = self.deadline()
            if trio.current_time() >= deadline:
                return why
            with trio.move_on_at(deadline):
                await self._changed.wait()
