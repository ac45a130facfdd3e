"""What a line of output means for the log and for the CLI's stdin. No I/O.

Each observation gives events to append, and things to do once they are durable. The same line
read again gives the same, so a turn is taken up after a restart by reading its spool anew.
"""

from typing import Any

from attrs import define, field

from hived import limits
from hived.drivers import allow
from hived.drivers import observations as o
from hived.drivers.base import Conversation
from hived.events import turn as e


@define
class Heard:
    """One line's outcome: events in order, then writes, then calls of the hive's tools.

    withdrawn: requests whose answers the CLI no longer waits for.
    """

    events: list[Any] = field(factory=list)
    writes: list[o.Write] = field(factory=list)
    calls: list[o.HiveToolCalled] = field(factory=list)
    withdrawn: list[str] = field(factory=list)


@define
class Listener:
    """Turns the observations of one turn into what they lead to.

    tools: name of each call that was not over yet. compacting: told of by the CLI and not over.
    """

    agent: str
    turn: str
    kind: str
    rules: tuple[str, ...]
    workdir: str
    conversation: Conversation
    tools: dict[str, str] = field(factory=dict)
    compacting: bool = False

    def hear(self, line: bytes, end: int) -> Heard:
        """Take in a line. end: the byte after it."""
        heard = Heard()
        for seen in self.conversation.feed(line):
            match seen:
                case o.Reply(write):
                    heard.writes.append(write)
                case o.ToolCalled():
                    self._called(seen, end, heard)
                case o.ToolEnded():
                    self._ended(seen, end, heard)
                case o.PermissionAsked():
                    self._asked(seen, end, heard)
                case o.HiveToolCalled():
                    heard.calls.append(seen)
                case o.RequestWithdrawn(request):
                    heard.withdrawn.append(request)
                case o.CompactionBegan():
                    self._compaction_began(seen, end, heard)
                case o.CompactionOver():
                    self._compaction_over(seen, end, heard)
                case _:
                    pass  # for people who watch, or kept by the conversation itself
        return heard

    def _called(self, seen: o.ToolCalled, end: int, heard: Heard) -> None:
        self.tools[seen.call] = seen.tool
        heard.events.append(
            e.ToolCall(self.agent, self.turn, seen.call, seen.tool, seen.summary, end)
        )

    def _ended(self, seen: o.ToolEnded, end: int, heard: Heard) -> None:
        tool = self.tools.pop(seen.call, "")
        heard.events.append(e.ToolResult(self.agent, self.turn, seen.call, tool, seen.outcome, end))

    def _asked(self, seen: o.PermissionAsked, end: int, heard: Heard) -> None:
        """Answer at once from the agent's allow list. What it does not name is refused."""
        decision = allow.decide(self.rules, seen.tool, seen.input, self.workdir)
        reason = decision.reason[: limits.DETAIL_CHARS_MAX]
        heard.events.append(
            e.PermissionAnswer(
                self.agent,
                self.turn,
                seen.call,
                seen.tool,
                decision.allowed,
                decision.rule,
                reason,
                end,
            )
        )
        answer = self.conversation.permission_answer(seen, allowed=decision.allowed, reason=reason)
        heard.writes.append(answer)

    def _compaction_began(self, seen: o.CompactionBegan, end: int, heard: Heard) -> None:
        if self.kind == "notes":
            return  # of a session that is not the agent's
        # A drive that only compacts was logged as compacting when it was ordered.
        if self.kind != "compact" and not self.compacting:
            event = e.CompactionStart(self.agent, self.turn, "session", seen.trigger, end)
            heard.events.append(event)
        self.compacting = True

    def _compaction_over(self, seen: o.CompactionOver, end: int, heard: Heard) -> None:
        if not self.compacting and self.kind != "compact":
            return
        self.compacting = False
        heard.events.append(
            e.CompactionEnd(
                self.agent,
                self.turn,
                "session",
                "ok" if seen.ok else "failed",
                seen.before,
                seen.after,
                seen.detail[: limits.DETAIL_CHARS_MAX],
                end,
            )
        )
