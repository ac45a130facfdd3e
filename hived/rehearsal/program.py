"""The program: a session, and turn after turn until stdin ends."""

import os
import sys
from pathlib import Path

from hived.rehearsal import acts, commands, session, shapes
from hived.rehearsal.agenda import Agenda
from hived.rehearsal.desk import Desk, Malformed, Message, Terminated
from hived.rehearsal.mcp import Mcp
from hived.rehearsal.options import Options, Refused
from hived.rehearsal.play import End, play
from hived.rehearsal.scenario import Scenario
from hived.rehearsal.turn import Turn
from hived.rehearsal.wire import Line, Wire, new_uuid, now


def run(options: Options, scenario: Scenario) -> int:
    """Speak the dialect on stdin and stdout until the end; gives the exit code.

    Raises:
      Refused: The session cannot be begun.
    """
    cwd = str(Path.cwd())
    wire = Wire()
    conversation = _open_session(options, cwd)
    if conversation is None:
        return _missing(wire, options.get("--resume"))
    program = Program(Desk(wire, options, scenario, conversation), cwd)
    try:
        return program.run()
    except Terminated:
        return 143
    except acts.Leave as leave:
        return leave.code
    except Malformed as error:
        print(error, file=sys.stderr, flush=True)
        return 1


class Program:
    """Takes user lines from the queue, one turn each."""

    def __init__(self, desk: Desk, cwd: str) -> None:
        self.desk = desk
        self.cwd = cwd
        self.mcp = Mcp(desk)
        self.results = 0

    def run(self) -> int:
        """The exit code: 1 if the last result was an error, but 0 after SIGINT."""
        desk, code = self.desk, 0
        if desk.options.prompt is not None:
            desk.add(desk.options.prompt, "", composed=False)
            desk.wire.eof = desk.options.get("--input-format") != "stream-json"
        while True:
            desk.wait(None, until=lambda: bool(desk.queue) or desk.wire.eof or desk.leaving)
            if desk.leaving:
                return 0
            if not desk.queue:
                return code
            message = desk.queue.popleft()
            command = commands.known(message)
            failed = command(self, message) if command else self._turn(message)
            code = 1 if failed else 0

    def state(self, state: str) -> None:
        """Tell the session's state, if the environment asks for it."""
        if os.environ.get("CLAUDE_CODE_EMIT_SESSION_STATE_EVENTS") == "1":
            self.desk.send({"type": "system", "subtype": "session_state_changed", "state": state})

    def _turn(self, message: Message) -> bool:
        """One turn; says whether its result is an error."""
        desk = self.desk
        turn = Turn(desk, self.mcp, self.cwd)
        desk.begin_turn()
        desk.session.turns += 1
        turn.take(message)
        self.state("running")
        self.mcp.connect()
        turn.init()
        end = play(turn, Agenda(desk.scenario, desk.session), message.text)
        desk.end_turn()
        desk.session.exchanges += 1
        self._end(turn, end)
        return end.kind != "ok"

    def _end(self, turn: Turn, end: End) -> None:
        desk = self.desk
        more: Line = {"permission_denials": turn.denials, "terminal_reason": "completed"}
        num_turns, subtype = turn.opened, "success"
        if end.kind == "given_up":
            kind = " for tool use" if end.tools else ""
            asked = [{"type": "text", "text": f"[Request interrupted by user{kind}]"}]
            desk.session.note(desk.send(shapes.user(asked)))
            stop = "tool_use" if end.tools else None
            diagnostic = f"stop_reason={stop or 'null'}"
            more["terminal_reason"] = "aborted_tools" if end.tools else "aborted_streaming"
            more["stop_reason"] = stop
            shown = f"[ede_diagnostic] result_type=user last_content_type=n/a {diagnostic}"
            more["errors"] = [shown]
            subtype, num_turns = "error_during_execution", turn.opened + 1
        elif end.failure is not None:
            subtype = end.failure.subtype
            num_turns = turn.opened + 1
            more.update(self._failure(turn, end))
        else:
            more.update(stop_reason=turn.stop_reason, api_error_status=None, result=turn.text)
        more.update(turn.named())
        self.result(turn, subtype, end.kind != "ok", num_turns, more)
        state = "cancelled" if end.kind == "given_up" else "completed"
        for uuid in turn.uuids:
            desk.lifecycle(uuid, state)
        if not desk.queue:
            self.state("idle")

    def _failure(self, turn: Turn, end: End) -> Line:
        """Print the synthetic line of a failure; gives what the result says of it."""
        failure = end.failure
        assert failure is not None
        more: Line = {"terminal_reason": failure.reason, "stop_reason": "stop_sequence"}
        if failure.subtype != "success":
            more.update(stop_reason=turn.stop_reason, errors=[end.text])
            return more
        if failure.reason == "api_error" and not failure.api_type and not failure.api_error:
            refusal = failure.word == "invalid_request"
            more["stop_reason"] = "refusal" if refusal else "stop_sequence"
        line = shapes.synthetic(new_uuid(), end.text, more["stop_reason"])
        told: Line = {}
        if failure.api_type is not None:
            told["api_error_status"] = failure.status
            told["api_error_type"] = failure.api_type
        if failure.api_error is not None:
            told["api_error"] = failure.api_error
        named = {"error": failure.word, "is_api_error_message": True}
        self.desk.send({**line, **turn.named(fresh=True), **named, **told})
        more.update({"api_error_status": failure.status, **told, "result": end.text})
        return more

    def result(self, turn: Turn, subtype: str, is_error: bool, num_turns: int, more: Line) -> None:
        """Print the result line; what was used since the last one starts anew."""
        conversation = self.desk.session
        elapsed = int((now() - turn.started) * 1000)
        conversation.save()
        line = shapes.result(
            turn.counts,
            subtype=subtype,
            is_error=is_error,
            num_turns=num_turns,
            durations=(elapsed, elapsed if turn.opened else 0),
            cost=conversation.cost,
            totals=conversation.models,
            since=conversation.since,
            index=self.results,
            queued=len(self.desk.queue),
            **more,
        )
        self.desk.send(line)
        conversation.since = {}
        self.results += 1


def _open_session(options: Options, cwd: str) -> session.Session | None:
    """The session of the command line; None if it is to be resumed and is not there."""
    saved = "--no-session-persistence" not in options.flags
    resumed = options.get("--resume")
    if resumed:
        path = session.find(resumed, cwd)
        if path is None:
            return None
        conversation = session.Session(resumed, path, saved=saved)
        conversation.load()
        return conversation
    identity = options.get("--session-id") or new_uuid()
    if session.find(identity, cwd) is not None:
        raise Refused(f"Error: Session ID {identity} is already in use.")
    return session.Session(identity, session.path_of(identity, cwd), saved=saved)


def _missing(wire: Wire, identity: str) -> int:
    text = f"No conversation found with session ID: {identity}"
    line = shapes.result(
        (0, 0, 0, 0),
        subtype="error_during_execution",
        is_error=True,
        num_turns=0,
        durations=(0, 0),
        cost=0,
        totals={},
        since={},
        index=0,
        queued=0,
        errors=[text],
    )
    wire.send({**line, "session_id": identity, "uuid": new_uuid()})
    print(text, file=sys.stderr, flush=True)
    return 1
