"""The calls of the hive's tools that come out of a turn's CLI: done, and answered once."""

import trio
from attrs import define, field

from hived.drivers.base import Conversation
from hived.drivers.observations import HiveToolCalled
from hived.host.client import HostClient, wire_id
from hived.rpc.tools import call_tool
from hived.supervisor.hosting import write_once
from hived.supervisor.limits_watch import Silence
from hived.supervisor.world import World

# Tools that may wait for something to happen. Meanwhile the CLI's output is read on.
WAITING = frozenset({"recv"})


@define
class ToolCalls:
    """One turn's calls.

    receiving: calls of recv that wait; new mail is left to them.
    """

    world: World
    agent: str
    turn: str
    conversation: Conversation
    silence: Silence
    receiving: int = 0
    _open: dict[str, tuple[HiveToolCalled, trio.CancelScope]] = field(factory=dict)

    async def take(self, client: HostClient, called: HiveToolCalled, nursery: trio.Nursery) -> None:
        """Do a call; one of a tool that may wait is done in the nursery, beside this."""
        if wire_id(called.answer) in client.written:
            # Answered in an earlier life of hived: a refusal must not become a deed now.
            self.conversation.tool_answer(called, "", error=True)
            return
        if called.name not in WAITING:
            await self._answer(client, called)
            return
        self._open[called.request] = called, trio.CancelScope()
        nursery.start_soon(self._beside, client, called.request)

    def go_on(self, client: HostClient, nursery: trio.Nursery) -> None:
        """Take up what was open when the connection to the host was lost.

        Nothing is done twice: the engine knows the call by its id.
        """
        for request, (called, _) in self._open.items():
            self._open[request] = called, trio.CancelScope()
            nursery.start_soon(self._beside, client, request)

    def withdraw(self, request: str) -> None:
        """The CLI no longer waits for the answer."""
        _, scope = self._open.pop(request, (None, trio.CancelScope()))
        scope.cancel()

    async def _beside(self, client: HostClient, request: str) -> None:
        called, scope = self._open[request]
        self.receiving += 1
        try:
            with scope:
                await self._answer(client, called)
                if wire_id(called.answer) in client.written:
                    self._open.pop(request, None)
        finally:
            self.receiving -= 1
            self.world.wakes.wake(self.agent)  # mail that was left to it may be passed on again

    async def _answer(self, client: HostClient, called: HiveToolCalled) -> None:
        self.silence.busy_with(1)
        try:
            caller = self.world.caller(self.agent, self.turn, called.request)
            caller.coming = self._coming
            text, error = await call_tool(caller, called.name, called.arguments)
        finally:
            self.silence.busy_with(-1)
        await write_once(client, self.conversation.tool_answer(called, text, error=error))

    def _coming(self) -> bool:
        box = self.world.engine.durable.inboxes.box(self.agent)
        letters = box.in_turn(self.turn)
        return any(one.line > 1 and not self.conversation.took(one.uuid) for one in letters)
