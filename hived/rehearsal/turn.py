"""One turn of the made-up model: its messages, its tool calls, its result."""

import os
from typing import Any

from hived.rehearsal import compaction, rules, shapes, tools, words
from hived.rehearsal.desk import Desk, Interrupted, Message, StreamClosed
from hived.rehearsal.mcp import Mcp, ToolFailed
from hived.rehearsal.scenario import Model
from hived.rehearsal.wire import Line, now

_DONE = ("Bash", "Read", "Write")
_REJECTED = (
    "The user doesn't want to proceed with this tool use. The tool use was rejected (eg. if it was"
    " a file edit, the new_string was NOT written to the file). STOP what you are doing and wait"
    " for the user to tell you how to proceed."
)
_STOPPED = (
    _REJECTED + " Correction to the text above: this call was stopped while running, not refused"
    " before it ran. It may have run in part or in full, and its changes may have been written."
)
_ACCEPTED = {"decision": "accept", "source": "config"}


class GivenUp(Exception):
    """The turn ends as aborted. tools: in a tool call rather than in the model's stream."""

    def __init__(self, *, tools: bool) -> None:
        self.tools = tools


class TurnsOver(Exception):
    """--max-turns model calls were made."""


class Turn:
    """The state of a turn and the lines it prints. Raises what `Desk.wait` raises."""

    def __init__(self, desk: Desk, mcp: Mcp, cwd: str) -> None:
        self.desk = desk
        self.session = desk.session
        self.model: Model = desk.model
        self.text = ""  # the last text block
        self.answer = ""  # of the last tool call
        self.started = now()
        self.stop_reason: str | None = None
        self.opened = 0  # messages of the model
        self.counts = (0, 0, 0, 0)  # of those that were finished
        self.denials: list[Line] = []
        self.uuids: list[str] = []
        self._fresh: list[str] = []  # not yet named on an assistant line
        self._mcp = mcp
        self._cwd = cwd
        self._message = ""
        self._own = (0, 0, 0, 0)

    def take(self, message: Message) -> None:
        """A user line becomes part of the turn."""
        session = self.session
        self.desk.replay(message.content)
        session.note_user(message.uuid, message.content)
        session.context = session.context or self.desk.scenario.base_tokens
        session.context += words.tokens(message.text)
        if message.uuid:
            self.uuids.append(message.uuid)
            self._fresh.append(message.uuid)
        self.desk.lifecycle(message.uuid, "started")

    def fold(self) -> list[Message]:
        """Take up what came in the middle of the turn, but for commands; give it."""
        folded = []
        while self.desk.queue and not self.desk.queue[0].command:
            folded.append(self.desk.queue.popleft())
            self.take(folded[-1])
        return folded

    def open(self) -> None:
        """Begin a message of the model, if none is open; compact first if the window is full."""
        if self._message:
            return
        limit = self.desk.options.get("--max-turns")
        if limit and self.opened >= int(limit):
            raise TurnsOver
        session, scenario = self.session, self.desk.scenario
        full = session.context > scenario.auto_compact * self.model.window
        if full and "DISABLE_AUTO_COMPACT" not in os.environ:
            compaction.inside(self.desk, self.model, "ok")
        self.opened += 1
        session.messages += 1
        self._message = f"msg_{session.id[:8]}_{session.messages:04d}"
        self._own = (session.context - session.cached, 0, session.cached, 0)
        session.cached = session.context
        session.spend(self.model, self._own)

    def close(self, stop_reason: str) -> None:
        """The message of the model is whole."""
        if self._message:
            self._message = ""
            self.stop_reason = stop_reason
            mine, own = self.counts, self._own
            self.counts = (mine[0] + own[0], mine[1] + own[1], mine[2] + own[2], mine[3] + own[3])

    def block(self, block: Line, size: int, **more: object) -> None:
        """One content block of the open message. size: its tokens."""
        self.open()
        session, own = self.session, self._own
        session.spend(self.model, (0, size, 0, 0))
        session.context += size
        self._own = (own[0], own[1] + size, own[2], own[3])
        request = f"req_{self._message[4:]}"
        told = (own[0], 1, own[2], own[3])
        line = shapes.assistant(self._message, request, self.model.name, block, told)
        session.note(self.desk.send({**line, **self.named(fresh=True), **more}))
        self._fresh = []

    def say(self, text: str, **more: object) -> None:
        """A block of text."""
        self.text = text
        self.block({"type": "text", "text": text}, words.tokens(text), **more)

    @property
    def message(self) -> str:
        """The id of the open message."""
        return self._message

    def named(self, *, fresh: bool = False) -> Line:
        """The keys that name the user lines a line answers."""
        uuids = list(self._fresh if fresh else self.uuids)
        return {"user_message_uuid": uuids[0], "user_message_uuids": uuids} if uuids else {}

    def available(self) -> list[str]:
        """The tools of the init line."""
        given = self.desk.options.tools
        return [*(shapes.BUILT_IN_TOOLS if given is None else given), *self._mcp.tools()]

    def init(self) -> None:
        """The line that opens the turn."""
        source = "ANTHROPIC_API_KEY" if "ANTHROPIC_API_KEY" in os.environ else "none"
        servers = self._mcp.shown()
        mode, model = self.desk.mode, self.model.name
        line = shapes.init(self._cwd, self.available(), servers, model, mode, source)
        named = {"user_message_uuids": list(self.uuids)} if self.uuids else {}
        self.desk.send({**line, **named})

    def call(self, name: str, given: Line) -> None:
        """A tool call, from the question whether it may run to its result.

        Raises:
          GivenUp: The turn was interrupted in it, or the host said so with its no.
        """
        self.session.calls += 1
        call = f"toolu_{self.session.id[:8]}_{self.session.calls:04d}"
        block = {"type": "tool_use", "id": call, "name": name, "input": given}
        more: Line = {}
        if name.startswith("mcp__"):
            server, _, tool = name.removeprefix("mcp__").partition("__")
            meta = {"display_name": tool.capitalize(), "server_display_name": server}
            more["tool_use_meta"] = [{"id": call, **meta, "tool_name": tool}]
        self.block(block, words.tokens(name + str(given)), **more)
        self.close("tool_use")
        try:
            outcome, told = self._judged(call, name, given)
        except tools.BashKilled as killed:
            self._result(call, killed.outcome, {"permission_decision": _ACCEPTED})
            raise
        except Interrupted:
            self._result(call, _rejection(_STOPPED), {"non_execution_kind": "user-rejected"})
            raise GivenUp(tools=True) from None
        self._result(call, outcome, told)

    def _result(self, call: str, outcome: tools.Outcome, meta: Line) -> None:
        line = shapes.tool_result(call, outcome.content, outcome.shown, meta, error=outcome.error)
        self.session.note(self.desk.send(line))
        self.answer = words.user_text(outcome.content)
        self.session.context += words.tokens(self.answer)

    def _judged(self, call: str, name: str, given: Line) -> tuple[tools.Outcome, Line]:
        if name not in self.available():
            text = f"<tool_use_error>Error: No such tool available: {name}</tool_use_error>"
            return tools.failed(text), {}
        options = self.desk.options
        verdict = rules.judge(
            name,
            given,
            allow=options.allow,
            deny=options.deny,
            mode=self.desk.mode,
            cwd=self._cwd,
        )
        why: Line = {"reason_type": verdict.reason} if verdict.reason else {}
        if verdict.decision == "allow":
            return self._run(call, name, given), {"permission_decision": {**_ACCEPTED, **why}}
        if verdict.decision == "ask" and options.asks_host:
            return self._asked(call, name, given)
        denied = {"type": "system", "subtype": "permission_denied", "tool_name": name}
        typed = {"decision_reason_type": verdict.reason} if verdict.reason else {}
        self.desk.send({**denied, "tool_use_id": call, **typed, "message": verdict.message})
        self._deny(call, name, given)
        kind = "permission-rule" if verdict.decision == "deny" else "user-rejected"
        decision = {"decision": "reject", "source": "config", **why}
        meta = {"non_execution_kind": kind, "permission_decision": decision}
        return tools.failed(verdict.message), meta

    def _asked(self, call: str, name: str, given: Line) -> tuple[tools.Outcome, Line]:
        what = given.get("description") or given.get("command") or given.get("file_path") or name
        request: Line = {
            "subtype": "can_use_tool",
            "tool_name": name,
            "display_name": name,
            "input": given,
            "description": what,
            "permission_suggestions": [],
            "tool_use_id": call,
        }
        try:
            answer = self.desk.ask(request, cancel=True)
        except StreamClosed:
            self._deny(call, name, given)
            return tools.failed("Tool permission stream closed before response received"), {}
        said: Any = answer.get("response")
        said = said if isinstance(said, dict) else {}
        if said.get("behavior") == "allow":
            changed = said.get("updatedInput")
            outcome = self._run(call, name, changed if isinstance(changed, dict) else given)
            accepted = {"decision": "accept", "source": "user_temporary"}
            return outcome, {"permission_decision": accepted}
        self._deny(call, name, given)
        if said.get("interrupt") is True:
            self._result(call, _rejection(_REJECTED), {"non_execution_kind": "user-rejected"})
            raise GivenUp(tools=True)
        rejected = {"decision": "reject", "source": "user_reject"}
        meta = {"non_execution_kind": "permission-rule", "permission_decision": rejected}
        return tools.failed(str(said.get("message") or answer.get("error") or "denied")), meta

    def _deny(self, call: str, name: str, given: Line) -> None:
        self.denials.append({"tool_name": name, "tool_use_id": call, "tool_input": given})

    def _run(self, call: str, name: str, given: Line) -> tools.Outcome:
        if name == "Bash":
            return tools.bash(self.desk, given)
        if name == "Read":
            return tools.read(given, self._cwd)
        if name == "Write":
            return tools.write(given, self._cwd)
        if not name.startswith("mcp__"):
            return tools.failed(f"{name} is not done in a rehearsal; {', '.join(_DONE)} are")
        server, _, tool = name.removeprefix("mcp__").partition("__")
        try:
            result = self._mcp.call(server, tool, given, call)
        except ToolFailed as error:
            return tools.failed(str(error))
        content = result.get("content")
        if result.get("isError") is True:
            return tools.failed(words.user_text(content))
        return tools.Outcome(content, content, None)


def _rejection(text: str) -> tools.Outcome:
    return tools.Outcome(text, "User rejected tool use", True)
