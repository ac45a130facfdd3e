"""One turn's dialogue with the claude CLI over stream-json: lines in, observations out."""

from typing import Any

from hived import limits
from hived.drivers import claude_ending, mcp
from hived.drivers import claude_lines as lines
from hived.drivers.base import Ending, Exit, TurnSpec, UserLine
from hived.drivers.claude_ending import Facts, Failure
from hived.drivers.claude_lines import Object, count, mapping, number, parse, text
from hived.drivers.claude_receipts import Receipts
from hived.drivers.claude_requests import Requests, write
from hived.drivers.claude_tools import Tools
from hived.drivers.claude_usage import SYNTHETIC, Tally
from hived.drivers.observations import (
    Began,
    CompactionBegan,
    CompactionOver,
    Finished,
    HiveToolCalled,
    Observation,
    PermissionAsked,
    Receipt,
    Write,
)

# Such a turn may end well and its mail be done with, though the agent could answer nobody.
_WITHOUT_TOOLS = "the hive's tools were not connected when the CLI began"


class ClaudeConversation:
    """Implements drivers.base.Conversation. Its state is made by the lines fed, and by nothing
    that a second feeding would not make again."""

    def __init__(self, spec: TurnSpec) -> None:
        self._spec = spec
        self._tally = Tally()
        self._tools = Tools()
        self._receipts = Receipts()
        self._requests = Requests(spec.hive_tools, self._tools)
        self._interrupts = 0
        self._any_line = False
        self._began: Began | None = None
        self._compacting = False
        self._compacted = False
        self._compact_error = ""
        self._failure = Failure()
        self._result: Object | None = None
        self._limited_until = 0.0
        for line in spec.opening:
            self._receipts.written(line.uuid)

    # What is written.

    def opening(self) -> tuple[Write, ...]:
        servers = [mcp.SERVER] if self._spec.hive_tools else []
        hello = {
            "type": "control_request",
            "request_id": "init",
            "request": {"subtype": "initialize", "sdkMcpServers": servers},
        }
        return (write("init", hello), *(_user(line) for line in self._spec.opening))

    def user(self, line: UserLine) -> Write:
        self._receipts.written(line.uuid)
        return _user(line)

    def interrupt(self) -> Write:
        self._interrupts += 1
        name = f"interrupt:{self._interrupts}"
        request = {"subtype": "interrupt"}
        return write(name, {"type": "control_request", "request_id": name, "request": request})

    def permission_answer(self, asked: PermissionAsked, *, allowed: bool, reason: str) -> Write:
        return self._requests.permission_answer(asked, allowed=allowed, reason=reason)

    def tool_answer(self, called: HiveToolCalled, text: str, *, error: bool) -> Write:
        return self._requests.tool_answer(called, text, error=error)

    # What is read.

    def feed(self, line: bytes) -> tuple[Observation, ...]:
        found = parse(line)
        if found is None:
            return ()
        self._any_line = True
        self._receipts.named(found)
        match text(found, "type"):
            case "system":
                return self._system(found)
            case "assistant":
                return self._assistant(found)
            case "user":
                return self._tools.results(found, self._requests.close)
            case "result":
                return self._finished(found)
            case "control_request":
                return self._requests.asked(found)
            case "control_cancel_request":
                request = text(found, "request_id", limits.CLI_ID_CHARS_MAX)
                return self._requests.withdrawn(request)
            case "command_lifecycle":
                uuid = text(found, "command_uuid", limits.CLI_ID_CHARS_MAX)
                state = text(found, "state")
                return (Receipt(uuid, state),) if self._receipts.state(uuid, state) else ()
            case "rate_limit_event":
                self._limited(mapping(found, "rate_limit_info"))
        return ()

    @property
    def settled(self) -> bool:
        return not self._requests.open and self._receipts.settled

    def took(self, uuid: str) -> bool:
        return self._receipts.is_taken(uuid)

    @property
    def open_tools(self) -> frozenset[str]:
        return self._tools.open

    def ending(self, exit: Exit | None, *, signalled: bool) -> Ending:
        facts = self._facts()
        verdict = claude_ending.verdict(facts, exit, signalled=signalled)
        limited = verdict.outcome == "rate_limited"
        without_tools = self._began is not None and not self._began.hive_tools_ok
        detail = verdict.detail or (_WITHOUT_TOOLS if without_tools else "")
        return Ending(
            outcome=verdict.outcome,
            why=verdict.why,
            detail=lines.one_line(detail, limits.DETAIL_CHARS_MAX),
            transient=verdict.transient,
            until=self._limited_until if limited else 0.0,
            usage=self._tally.usage,
            cost_usd=self._tally.cost_usd,
            model=self._tally.model or (self._began.model if self._began else ""),
            context_used=self._tally.context_used,
            context_window=self._tally.context_window,
            tools=self._tools.calls,
            seen=self._receipts.seen,
            said=text(facts.result or lines.NOTHING, "result", limits.NOTES_WORDS_CHARS_MAX),
            models=self._tally.models,
        )

    def _facts(self) -> Facts:
        # A result with the CLI still at work after it is not the turn's end.
        whole = self._result if self._receipts.at_rest else None
        return Facts(
            result=whole,
            failure=self._failure,
            began=self._began is not None,
            any_line=self._any_line,
            compacted=self._compacted,
            compact_error=self._compact_error,
            repeated=self._receipts.repeated,
            resumed=self._spec.resume,
        )

    def _system(self, found: Object) -> tuple[Observation, ...]:
        match text(found, "subtype"):
            case "init":
                return self._init(found)
            case "status":
                return self._status(found)
            case "compact_boundary":
                figures = mapping(found, "compact_metadata")
                before, after = count(figures, "pre_tokens"), count(figures, "post_tokens")
                self._tally.compacted(after)
                self._compacted = True
                over = CompactionOver(True, before, after)
                began = () if self._compacting else (CompactionBegan(self._trigger(figures)),)
                self._compacting = False
                return (*began, over)
            case "permission_denied":
                self._tools.answered(
                    text(found, "tool_use_id", limits.CLI_ID_CHARS_MAX), allowed=False
                )
            case "session_state_changed":
                self._receipts.session(text(found, "state"))
        return ()

    def _init(self, found: Object) -> tuple[Observation, ...]:
        self._receipts.session("running")
        connected = any(
            text(server, "name") == mcp.SERVER and text(server, "status") == "connected"
            for server in lines.objects(found, "mcp_servers")
        )
        began = Began(
            session=text(found, "session_id", limits.CLI_ID_CHARS_MAX),
            model=text(found, "model", limits.MODEL_CHARS_MAX),
            hive_tools_ok=connected or not self._spec.hive_tools or "mcp_servers" not in found,
        )
        if began == self._began:  # the CLI says it again at the start of each of its own turns
            return ()
        self._began = began
        return (began,)

    def _status(self, found: Object) -> tuple[Observation, ...]:
        if text(found, "status") == "compacting" and not self._compacting:
            self._compacting = True
            return (CompactionBegan(self._trigger(lines.NOTHING)),)
        if text(found, "compact_result") == "failed":
            self._compact_error = text(found, "compact_error")
            began = () if self._compacting else (CompactionBegan(self._trigger(lines.NOTHING)),)
            self._compacting = False
            return (*began, CompactionOver(False, detail=self._compact_error))
        return ()

    def _trigger(self, figures: Object) -> str:
        """manual or auto, as the CLI says, else by what this turn is for."""
        return text(figures, "trigger") or ("manual" if self._spec.kind == "compact" else "auto")

    def _assistant(self, found: Object) -> tuple[Observation, ...]:
        message = mapping(found, "message")
        if text(message, "model") == SYNTHETIC:
            if text(found, "error") or found.get("is_api_error_message") is True:
                self._failure = Failure(
                    text(found, "error"), count(found, "api_error_status"), text(found, "api_error")
                )
            return ()
        # The model spoke, so what failed before it no longer explains the end.
        self._failure = Failure()
        main = not text(found, "parent_tool_use_id", limits.CLI_ID_CHARS_MAX)
        self._tally.message(found, main=main)
        return self._tools.message(message)

    def _finished(self, found: Object) -> tuple[Observation, ...]:
        self._tally.result(found)
        own = text(mapping(found, "origin"), "kind") == "task-notification"
        # The CLI's own turns (a background task ended) do not say how ours went.
        if not own or self._result is None:
            self._result = found
        queued = count(found, "queued_turn_count")
        self._receipts.result(queued)
        self._tools.clear()
        withdrawn = self._requests.clear()
        over: tuple[Observation, ...] = ()
        if self._compacting:
            self._compacting = False
            over = (CompactionOver(False, detail="interrupted"),)
        outcome = claude_ending.of_result(found, self._facts()).outcome
        return (*withdrawn, *over, Finished(outcome, more=queued > 0))

    def _limited(self, info: Object) -> None:
        if text(info, "status") == "rejected":
            self._limited_until = number(info, "resetsAt")


def _user(line: UserLine) -> Write:
    message: dict[str, Any] = {
        "type": "user",
        "message": {"role": "user", "content": line.text},
        "uuid": line.uuid,
    }
    if line.composed:
        message["client_composed"] = True
    return write(f"user:{line.number}", message)
