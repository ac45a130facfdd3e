"""The CLI's side of the dialogue: user lines to a queue, control requests answered, answers kept.

All waiting of the program passes through `Desk.wait`, so a line is taken in wherever the
scenario stands, and an interrupt or a signal comes up there as an exception.
"""

import json
import signal
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

from hived.rehearsal import shapes, words
from hived.rehearsal.options import Options
from hived.rehearsal.scenario import Scenario, resolve
from hived.rehearsal.session import Session
from hived.rehearsal.wire import Line, Wire, new_uuid, now, stamp

Answer = Line
_STAMPED = ("assistant", "user")


class Interrupted(Exception):
    """The turn is to be given up: an interrupt request, or SIGINT."""


class Terminated(Exception):
    """SIGTERM came: the program ends without a result."""


class Malformed(Exception):
    """A line on stdin is not JSON."""


class StreamClosed(Exception):
    """Stdin ended while an answer from it was waited for."""


class Message(NamedTuple):
    """A user line that waits. uuid: given by the sender; "" if none was."""

    uuid: str
    content: object
    text: str
    command: bool


class Desk:
    """What the program knows of its peer: the queue, open requests, the model and mode set."""

    def __init__(self, wire: Wire, options: Options, scenario: Scenario, session: Session) -> None:
        self.wire = wire
        self.options = options
        self.scenario = scenario
        self.session = session
        self.queue: deque[Message] = deque()
        self.model = resolve(scenario, options.get("--model"))
        self.mode = options.get("--permission-mode") or "default"
        self.in_turn = False
        self.leaving = False  # SIGINT came: no further turn
        self.servers: list[str] = []  # in-pipe MCP servers that the peer offered
        self.on_servers: Callable[[], None] = lambda: None
        self._open: dict[str, Callable[[Answer | None], None]] = {}
        self._interrupted = False

    def send(self, line: Line) -> Line:
        """Write a line with its session, uuid and (where the real one has it) time."""
        line = {**line, "session_id": self.session.id, "uuid": new_uuid()}
        if line["type"] in _STAMPED:
            line["timestamp"] = stamp()
        self.wire.send(line)
        return line

    def lifecycle(self, uuid: str, state: str) -> None:
        """Tell what became of a user line that came with a uuid."""
        if uuid:
            self.send({"type": "command_lifecycle", "command_uuid": uuid, "state": state})

    def wait(
        self,
        seconds: float | None,
        *,
        until: Callable[[], bool] = lambda: False,
        fds: tuple[int, ...] = (),
    ) -> list[int]:
        """Wait for the time (None: without end), the condition, or one of fds; give those ready.

        Raises:
          Interrupted: In a turn, when it is to be given up. Once a turn.
          Terminated: SIGTERM.
          Malformed: A line of stdin is not JSON.
        """
        deadline = None if seconds is None else now() + seconds
        while True:
            self._take_in()
            if until():
                return []
            left = None if deadline is None else deadline - now()
            if left is not None and left <= 0 and not fds:
                return []
            ready = self.wire.wait(left, fds)
            if ready or (left is not None and left <= 0):
                self._take_in()
                return ready

    def post(self, request: Line, on_answer: Callable[[Answer | None], None]) -> str:
        """Send a control request. on_answer gets the response object, or None at end of input."""
        identity = new_uuid()
        self._open[identity] = on_answer
        self.wire.send({"type": "control_request", "request_id": identity, "request": request})
        return identity

    def ask(self, request: Line, *, cancel: bool = False) -> Answer:
        """Send a control request and wait for its answer, without limit.

        Args:
          cancel: Tell the peer when the answer is no longer wanted.

        Raises:
          StreamClosed: Stdin ended first.
          Interrupted: The turn is to be given up.
        """
        got: list[Answer | None] = []
        identity = self.post(request, got.append)
        try:
            self.wait(None, until=lambda: bool(got))
        except Interrupted:
            self._open.pop(identity, None)
            if cancel:
                self.wire.send({"type": "control_cancel_request", "request_id": identity})
            raise
        if got[0] is None:
            raise StreamClosed
        return got[0]

    def begin_turn(self) -> None:
        """From now on an interrupt comes up in `wait`."""
        self.in_turn, self._interrupted = True, False

    def end_turn(self) -> None:
        self.in_turn = False

    def _take_in(self) -> None:
        while self.wire.signals:
            if self.wire.signals.popleft() == signal.SIGTERM:
                raise Terminated
            self.leaving = True
            self._interrupt()
        while self.wire.lines:
            self._line(self.wire.lines.popleft())
        if self.wire.eof:
            for on_answer in self._open.values():
                on_answer(None)
            self._open.clear()
        if self._interrupted and self.in_turn:
            self._interrupted = False
            self.in_turn = False  # one turn is given up once
            raise Interrupted

    def _interrupt(self) -> None:
        self._interrupted = self.in_turn

    def _line(self, raw: bytes) -> None:
        if not raw.strip():
            return
        try:
            line = json.loads(raw)
        except ValueError as error:
            shown = raw[:200].decode("utf-8", "replace")
            raise Malformed(f"Error parsing streaming input line: {shown}: {error}") from None
        if not isinstance(line, dict):
            return
        kind = line.get("type")
        if kind == "user" and isinstance(line.get("message"), dict):
            self._user(line)
        elif kind == "control_request" and isinstance(line.get("request"), dict):
            self._control(str(line.get("request_id")), line["request"])
        elif kind == "control_response" and isinstance(line.get("response"), dict):
            on_answer = self._open.pop(str(line["response"].get("request_id")), None)
            if on_answer is not None:
                on_answer(line["response"])

    def _user(self, line: Line) -> None:
        uuid = line["uuid"] if isinstance(line.get("uuid"), str) else ""
        content = line["message"].get("content")
        if uuid and uuid in self.session.seen:
            self.replay(content)
            self.lifecycle(uuid, "completed")
            return
        if uuid and any(uuid == waiting.uuid for waiting in self.queue):
            return
        self.add(content, uuid, composed=line.get("client_composed") is True)

    def add(self, content: object, uuid: str, *, composed: bool) -> None:
        """Put a user line into the queue."""
        text = words.user_text(content)
        command = not composed and text.startswith("/")
        self.lifecycle(uuid, "queued")
        self.queue.append(Message(uuid, content, text, command))

    def replay(self, content: object) -> None:
        """Echo a user line, if the command line asks for it."""
        if "--replay-user-messages" in self.options.flags:
            self.send(shapes.user(content, isReplay=True))

    def _control(self, identity: str, request: Line) -> None:
        subtype = str(request.get("subtype"))
        answer = self._answer(subtype, request)
        response: dict[str, Any] = {"subtype": "success", "request_id": identity}
        if answer is None:
            response["subtype"] = "error"
            response["error"] = f"Unsupported control request subtype: {subtype}"
            response["error_code"] = "unsupported_request"
        else:
            response["response"] = answer
        self.wire.send({"type": "control_response", "response": response})
        if subtype == "set_permission_mode":
            status = {"type": "system", "subtype": "status", "status": None}
            self.send({**status, "permissionMode": self.mode})

    def _answer(self, subtype: str, request: Line) -> Line | None:
        """The answer to a control request, or None for one that is not known."""
        if subtype == "initialize":
            offered = request.get("sdkMcpServers")
            self.servers = [str(name) for name in offered] if isinstance(offered, list) else []
            self.on_servers()
            return {
                "commands": [{"name": "compact", "description": "", "argumentHint": ""}],
                "agents": [],
                "output_style": "default",
                "available_output_styles": ["default"],
                "models": [],
                "account": {"apiKeySource": "none", "apiProvider": "firstParty"},
                "claude_code_version": shapes.VERSION,
                "current_permission_mode": self.mode,
                "session_state": "running" if self.in_turn else "idle",
            }
        if subtype == "interrupt":
            if request.get("cancel_queued") is True:
                while self.queue:
                    self.lifecycle(self.queue.popleft().uuid, "cancelled")
            self._interrupt()
            return {"still_queued": [message.uuid for message in self.queue if message.uuid]}
        if subtype == "set_model":
            self.model = resolve(self.scenario, str(request.get("model") or ""))
            said = f"<local-command-stdout>Set model to `{self.model.name}`</local-command-stdout>"
            self.send(shapes.user(said, isReplay=True))
            return {"model": self.model.name}
        if subtype == "set_permission_mode":
            self.mode = str(request.get("mode"))
            return {"mode": self.mode}
        if subtype == "mcp_status":
            return {"mcpServers": [{"name": name} for name in self.servers]}
        if subtype == "get_session_cost":
            return {"text": f"Estimated cost:        ${self.session.cost:.4f}"}
        return None
