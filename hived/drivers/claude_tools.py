"""The tool calls of one turn: what runs, what came of it, how many of each."""

from collections.abc import Callable, Mapping

from hived import limits
from hived.drivers import claude_lines as lines
from hived.drivers.observations import Observation, Said, ToolCalled, ToolEnded

_OTHERS = "others"  # stands for all names beyond TURN_TOOL_NAMES_MAX


class Tools:
    """Follows calls by their ids, subagents' calls too."""

    def __init__(self) -> None:
        self._open: dict[str, str] = {}
        self._told: set[str] = set()
        self._refused: set[str] = set()
        self._calls: dict[str, int] = {}

    @property
    def open(self) -> frozenset[str]:
        """Ids of the calls that run now."""
        return frozenset(self._open)

    @property
    def calls(self) -> Mapping[str, int]:
        """Calls by tool name."""
        return dict(self._calls)

    def message(self, message: lines.Object) -> tuple[Observation, ...]:
        """What the model said and called in one assistant message."""
        seen: list[Observation] = []
        for block in lines.objects(message, "content"):
            match lines.text(block, "type"):
                case "text":
                    words = lines.text(block, "text", limits.LINE_BYTES_MAX)
                    if words:
                        seen.append(Said(words))
                case "tool_use":
                    seen.extend(self._called(block))
        return tuple(seen)

    def _called(self, block: lines.Object) -> tuple[Observation, ...]:
        call = lines.text(block, "id", limits.CLI_ID_CHARS_MAX)
        tool = lines.text(block, "name", limits.TOOL_NAME_CHARS_MAX)
        # Beyond the bound calls are counted and no longer told one by one.
        full = len(self._told) >= limits.TURN_TOOL_CALLS_MAX
        if not call or not tool or call in self._told:
            return ()
        known = tool in self._calls or len(self._calls) < limits.TURN_TOOL_NAMES_MAX
        name = tool if known else _OTHERS
        self._calls[name] = self._calls.get(name, 0) + 1
        if full:
            return ()
        self._told.add(call)
        self._open[call] = tool
        shown = lines.summary(tool, lines.mapping(block, "input"))
        return (ToolCalled(call, tool, shown),)

    def answered(self, call: str, *, allowed: bool) -> None:
        """Whether a call may run, as the CLI or hived said. A question counts as a no so far."""
        if allowed:
            self._refused.discard(call)
        elif call in self._open:
            self._refused.add(call)

    def results(self, line: lines.Object, close: Callable[[str], None]) -> tuple[Observation, ...]:
        """The ends of calls that a user line tells; `close` is told each call's id."""
        decided = {
            lines.text(meta, "id", limits.CLI_ID_CHARS_MAX): lines.text(
                lines.mapping(meta, "permission_decision"), "decision"
            )
            for meta in lines.objects(line, "tool_result_meta")
        }
        ended: list[Observation] = []
        for block in lines.objects(lines.mapping(line, "message"), "content"):
            call = lines.text(block, "tool_use_id", limits.CLI_ID_CHARS_MAX)
            if lines.text(block, "type") != "tool_result" or self._open.pop(call, None) is None:
                continue
            close(call)
            outcome = self._outcome(call, block, decided.get(call, ""))
            reason = "" if outcome == "ok" else lines.content_text(block)
            ended.append(ToolEnded(call, outcome, reason))
        return tuple(ended)

    def _outcome(self, call: str, block: lines.Object, decided: str) -> str:
        if block.get("is_error") is not True:
            return "ok"
        # A call stopped while it ran is marked like a refused one, but for these.
        refused = decided == "reject" or (decided != "accept" and call in self._refused)
        return "refused" if refused else "error"

    def clear(self) -> None:
        """The CLI's turn is over: nothing of it runs on."""
        self._open.clear()
