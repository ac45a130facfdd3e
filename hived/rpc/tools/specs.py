"""The hive's tools as the agents' models see them (MCP): one literal table, TOOL_SPECS.

A row is the tool's name, who has it, what it is for, and its arguments. The handlers are joined
to it in `tools/__init__`, and one without the other is an error at import.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from hived import limits
from hived.drivers.base import ToolSpec
from hived.names import MANAGER

ALL, MANAGERS = "all", "managers"


class Arg(NamedTuple):
    """One argument. type: string, integer, number, boolean, strings, or a `|` of two of them."""

    type: str
    description: str
    required: bool = False


class Row(NamedTuple):
    """One tool. access: ALL, or MANAGERS for those whose role it is."""

    access: str
    description: str
    args: Mapping[str, Arg]


_NAP = f"from {limits.NAP_SECONDS_MIN:.0f} to {limits.NAP_SECONDS_MAX:.0f} seconds"

TOOL_SPECS: Mapping[str, Row] = {
    "send": Row(
        ALL,
        "Send a message to another agent, to `operator` (the person in charge), to `manager`, "
        "or to `*` (everyone). It arrives in their inbox; an answer comes back as mail.",
        {
            "to": Arg("string", "an agent's name, operator, manager or *", True),
            "body": Arg("string", f"at most {limits.BODY_BYTES_MAX} bytes", True),
            "in_reply_to": Arg("string", "the id of the mail you answer"),
        },
    ),
    "ask": Row(
        ALL,
        "Ask the operator (or another agent) something. Gives the question's id at once and never "
        "waits: the answer arrives as mail. Free words are always a possible answer.",
        {
            "question": Arg("string", f"at most {limits.QUESTION_CHARS_MAX} characters", True),
            "options": Arg("strings", f"answers to choose from, {limits.QUESTION_OPTIONS_MAX} max"),
            "multi": Arg("boolean", "whether several options may be chosen"),
            "ttl_seconds": Arg("number", "after so long the question expires; never, if left out"),
            "to": Arg("string", "operator (the default), manager or an agent's name"),
        },
    ),
    "answer": Row(
        ALL,
        "Answer a question that you were asked by mail.",
        {
            "id": Arg("string", "the question's id, as the mail says it", True),
            "answer": Arg(
                "string|strings",
                "an option's text or number, or words of your own; several where they may be",
                True,
            ),
        },
    ),
    "cancel_question": Row(
        ALL,
        "Take back a question of yours that has no answer yet.",
        {"id": Arg("string", "the question's id", True)},
    ),
    "set_status": Row(
        ALL,
        "Say in a few words what you are doing; the operator sees it beside your name.",
        {"text": Arg("string", f"at most {limits.STATUS_CHARS_MAX} characters", True)},
    ),
    "nap": Row(
        ALL,
        "Rest: from the end of this turn on you are given no mail and no turn until the time is "
        "over; then a turn wakes you. Only urgent mail of the operator ends it early. A second "
        "call in the same turn takes the place of the first.",
        {
            "seconds": Arg("number", _NAP, True),
            "reason": Arg("string", f"at most {limits.NAP_REASON_CHARS_MAX} characters"),
        },
    ),
    "recv": Row(
        ALL,
        "Take mail that waits for you, within this turn. Mail also comes by itself: use this to "
        "wait for an answer.",
        {
            "wait_seconds": Arg(
                "number",
                f"how long to wait for mail, at most {limits.RECV_WAIT_SECONDS_MAX:.0f}; "
                "without it the call does not wait",
            ),
            "max": Arg("integer", f"messages, 1 to {limits.RECV_MESSAGES_MAX}; 1 without it"),
        },
    ),
    "remind": Row(
        ALL,
        "Send yourself mail at a later time. Give delay_seconds or at.",
        {
            "message": Arg("string", f"at most {limits.REMINDER_CHARS_MAX} characters", True),
            "delay_seconds": Arg("number", "seconds from now"),
            "at": Arg("string|number", "RFC 3339 with its zone, or unix seconds"),
        },
    ),
    "cancel_reminder": Row(
        ALL,
        "Cancel a reminder of yours.",
        {"reminder": Arg("string", "its id", True)},
    ),
    "loose_ends": Row(
        ALL,
        "List what is open: questions you asked or owe an answer, your reminders, approvals you "
        "asked for, mail that waits.",
        {},
    ),
    "who": Row(ALL, "List the agents of the hive, with role and state.", {}),
    "start": Row(
        MANAGERS,
        "Start a stopped or failed agent that answers to you.",
        {"agent": Arg("string", "its name", True)},
    ),
    "stop": Row(
        MANAGERS,
        "Stop an agent that answers to you. Its running turn is cancelled, its mail is kept.",
        {"agent": Arg("string", "its name", True)},
    ),
    "restart": Row(
        MANAGERS,
        "Stop and start an agent that answers to you. Its running turn is cancelled, a nap of it "
        "ends, its conversation is kept.",
        {"agent": Arg("string", "its name", True)},
    ),
    "logs": Row(
        MANAGERS,
        "Look at what an agent that answers to you did last: its state, how its last turns ended, "
        "its last events.",
        {
            "agent": Arg("string", "its name", True),
            "lines": Arg("integer", f"events, 1 to {limits.LOGS_LINES_MAX}"),
        },
    ),
    "request_spawn": Row(
        MANAGERS,
        "Ask the operator for a new agent with the default configuration. Returns at once; the "
        "decision comes as mail.",
        {
            "name": Arg("string", "a new agent's name: a-z, 0-9 and single - or _", True),
            "description": Arg("string", "what it is for; the operator reads it"),
        },
    ),
    "request_spawn_draft": Row(
        MANAGERS,
        "Make a draft of a new agent: a git repository with its configuration and a state folder, "
        "which you can edit and fill before it runs. Then call request_spawn_commit.",
        {
            "name": Arg("string", "a new agent's name: a-z, 0-9 and single - or _", True),
            "description": Arg("string", "what it is for"),
        },
    ),
    "request_spawn_commit": Row(
        MANAGERS,
        "Ask the operator to make an agent of a draft, with the configuration of a commit of its "
        "repository. The commit is taken at once: later changes need a new request.",
        {
            "name": Arg("string", "the draft's name", True),
            "commit_ref": Arg("string", "7 to 40 digits of the commit's id", True),
            "description": Arg("string", "the operator reads it beside the diff"),
        },
    ),
    "request_apply_commit": Row(
        MANAGERS,
        "Ask the operator to have an agent run with a commit of its configuration's repository, "
        "from its next turn on. The commit is taken at once: later changes need a new request.",
        {
            "agent": Arg("string", "an agent that answers to you, or you", True),
            "commit_ref": Arg("string", "7 to 40 digits of the commit's id", True),
            "description": Arg("string", "the operator reads it beside the diff"),
        },
    ),
    "withdraw": Row(
        MANAGERS,
        "Take back a request of yours that waits for the operator's word.",
        {"approval": Arg("string", "its id", True)},
    ),
}

_JSON: Mapping[str, Mapping[str, Any]] = {
    "string": {"type": "string"},
    "integer": {"type": "integer"},
    "number": {"type": "number"},
    "boolean": {"type": "boolean"},
    "strings": {"type": "array", "items": {"type": "string"}},
}


def schema(row: Row) -> Mapping[str, Any]:
    """The JSON Schema of a tool's arguments."""
    properties = {}
    for name, arg in row.args.items():
        kinds = [_JSON[kind] for kind in arg.type.split("|")]
        shape = kinds[0] if len(kinds) == 1 else {"anyOf": kinds}
        properties[name] = {**shape, "description": arg.description}
    return {
        "type": "object",
        "properties": properties,
        "required": [name for name, arg in row.args.items() if arg.required],
        "additionalProperties": False,
    }


def tool_specs(role: str) -> tuple[ToolSpec, ...]:
    """The tools listed to an agent of that role. A manager's are not listed to a worker."""
    return tuple(
        ToolSpec(name, row.description, schema(row))
        for name, row in TOOL_SPECS.items()
        if row.access == ALL or role == MANAGER
    )
