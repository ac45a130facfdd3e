"""The slash commands: /compact, /clear, and what the CLI says to any other."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from hived.rehearsal import acts, compaction, session, shapes
from hived.rehearsal.desk import Interrupted, Message
from hived.rehearsal.scenario import Facts, Step, pick_rule
from hived.rehearsal.turn import Turn
from hived.rehearsal.wire import Line, new_uuid, now

if TYPE_CHECKING:
    from hived.rehearsal.program import Program

Command = Callable[["Program", Message], bool]


def known(message: Message) -> Command | None:
    """What does a user line that is a command; None for a line that is not."""
    if not message.command:
        return None
    return _COMMANDS.get(message.text.split(maxsplit=1)[0], _unknown)


def _compact(program: "Program", message: Message) -> bool:
    desk = program.desk
    conversation = desk.session
    turn = Turn(desk, program.mcp, program.cwd)
    desk.begin_turn()
    _take(program, turn, message)
    if not conversation.exchanges and not conversation.compacted:
        program.mcp.connect()
        turn.init()
        return _say(program, turn, message, "No messages to compact")
    facts = Facts(message.text, "", turn.model.name, 1, conversation.turns, "compact")
    rule = pick_rule(desk.scenario, facts, conversation.rules)
    conversation.save()
    started = now()
    compaction.status(desk, "compacting")
    try:
        desk.wait(desk.scenario.compact_seconds)
        error = _play(program, rule.steps if rule else ())
    except Interrupted:
        compaction.status(desk, None, compact_result="failed", compact_error="aborted")
        more: Line = {"terminal_reason": "aborted_streaming", "errors": ["Compaction canceled."]}
        program.result(turn, "error_during_execution", True, 0, {**more, **turn.named()})
        _done(program, message, "cancelled")
        return True
    if not conversation.exchanges:
        error = "Not enough messages to compact."
    if error:
        compaction.status(desk, None, compact_result="failed", compact_error=error)
    else:
        before = compaction.shrink(desk, turn.model)
        compaction.status(desk, None, compact_result="success")
    program.mcp.connect()
    turn.init()
    if error:
        failed = bool(conversation.exchanges)
        return _say(program, turn, message, error, failed=failed)
    compaction.boundary(desk, "manual", before, started)
    said = "<local-command-stdout>Compacted </local-command-stdout>"
    desk.send(shapes.user(said, isReplay=True))
    return _finish(program, turn, message, "compact", "")


def _play(program: "Program", steps: tuple[Step, ...]) -> str:
    """The steps of a rule for /compact; gives why it fails, or nothing."""
    error = ""
    for step in steps:
        if step.verb == "compact" and step.value == "fail":
            error = step.options["message"]
        elif step.verb == "error":
            error = f"API Error: {step.options['message'] or step.value}"
        else:
            acts.act(program.desk, step, {})
    return error


def _clear(program: "Program", message: Message) -> bool:
    desk = program.desk
    turn = Turn(desk, program.mcp, program.cwd)
    _take(program, turn, message)
    fresh = new_uuid()
    desk.send({"type": "conversation_reset", "new_conversation_id": fresh, "trigger": "clear"})
    desk.send({"type": "system", "subtype": "background_tasks_changed", "tasks": []})
    saved = "--no-session-persistence" not in desk.options.flags
    desk.session = session.Session(fresh, session.path_of(fresh, program.cwd), saved=saved)
    turn.session = desk.session
    program.mcp.connect()
    turn.init()
    return _finish(program, turn, message, "clear", "")


def _unknown(program: "Program", message: Message) -> bool:
    turn = Turn(program.desk, program.mcp, program.cwd)
    _take(program, turn, message)
    program.mcp.connect()
    turn.init()
    name = message.text.split(maxsplit=1)[0]
    return _finish(program, turn, message, name[1:], f"Unknown command: {name}")


def _take(program: "Program", turn: Turn, message: Message) -> None:
    """Take up the line without making it part of the conversation's text."""
    program.desk.session.note_user(message.uuid, message.content)
    if message.uuid:
        turn.uuids.append(message.uuid)
    program.desk.lifecycle(message.uuid, "started")
    program.state("running")


def _say(
    program: "Program", turn: Turn, message: Message, text: str, *, failed: bool = False
) -> bool:
    """The CLI's own words to a command that did nothing."""
    line = shapes.synthetic(new_uuid(), text, "end_turn")
    line["local_command_source"] = f"<local-command-stdout>{text}</local-command-stdout>"
    name, _, args = message.text[1:].partition(" ")
    line["local_command_run"] = {"command": name, "args": args}
    if failed:
        line["local_command_outcome"] = {"kind": "failed"}
    program.desk.send(line)
    return _finish(program, turn, message, name, text)


def _finish(program: "Program", turn: Turn, message: Message, name: str, text: str) -> bool:
    more: Line = {"result": text, "local_command": name, **turn.named()}
    program.result(turn, "success", False, 0, more)
    _done(program, message, "completed")
    return False


def _done(program: "Program", message: Message, state: str) -> None:
    program.desk.end_turn()
    program.desk.lifecycle(message.uuid, state)
    if not program.desk.queue:
        program.state("idle")


_COMMANDS: dict[str, Command] = {"/compact": _compact, "/clear": _clear}
