"""Mail that comes while a turn runs: ordered into it in the log, then written to its CLI."""

from collections.abc import Iterator

from attrs import define, field

from hived import limits
from hived.decisions.delivery import DeliverNow, portion, takes_mail
from hived.drivers.base import Conversation, UserLine
from hived.errors import CommandRefused
from hived.host.client import HostClient
from hived.projections.agent import OpenTurn
from hived.supervisor.hosting import write_once
from hived.supervisor.limits_watch import Silence
from hived.supervisor.logged_turn import LoggedTurn
from hived.supervisor.opening import later_lines
from hived.supervisor.tool_calls import ToolCalls


@define
class MidTurnMail:
    """One turn's later user lines.

    behind: what was printed up to this byte is read first, as a recv may wait in it; 0 once it is.
    closed: the CLI's stdin is closed or about to be, and takes no more.
    """

    turn: LoggedTurn
    conversation: Conversation
    silence: Silence
    calls: ToolCalls
    behind: int = 0
    closed: bool = False
    _known: set[int] = field(factory=lambda: {1})

    async def pass_on(self, client: HostClient) -> None:
        """Until the turn ends: write the lines that were ordered, and order mail that waits."""
        world = self.turn.world
        while True:
            wake = world.wakes.take(self.turn.agent)
            turn = self.turn.now
            if turn is None:
                return
            for line in self.unwritten():
                await write_once(client, self.conversation.user(line))
            if not self._takes(turn):
                await wake.wait()
                continue
            try:
                order = DeliverNow(self.turn.agent, self.turn.id)
                await world.engine.submit(order, by="policy:deliver_now")
            except CommandRefused:
                return  # the turn has ended

    def unwritten(self) -> Iterator[UserLine]:
        """Lines that are ordered and not known to the conversation; each given out is known."""
        turn = self.turn.now
        for line in later_lines(turn, self.turn.box, self._known) if turn is not None else ():
            self._known.add(line.number)
            yield line

    def read_up_to(self, end: int) -> None:
        """The output is read to this byte: mail may go on where that was waited for."""
        if self.behind and end >= self.behind:
            self.behind = 0
            self.turn.world.wakes.wake(self.turn.agent)

    def _takes(self, turn: OpenTurn) -> bool:
        agent = self.turn.world.agent(self.turn.agent)
        return (
            not self.closed
            and self.silence.begun
            and not self.behind
            and not self.calls.receiving
            and agent is not None
            and takes_mail(agent, turn)
            and turn.lines < limits.TURN_LINES_MAX
            and bool(portion(self.turn.box, turn.id))
        )
