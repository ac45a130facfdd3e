"""The hive's tools as the agents' models see them (MCP): one literal table, TOOL_SPECS.

A row is the tool's name, who has it, what it is for, and its arguments. The handlers are joined
to it in `tools/__init__`, and one without the other is an error at import.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from hived import limits
from hived.drivers.base import ToolSpec

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
    "set_status": Row(
        ALL,
        "Say in a few words what you are doing; the operator sees it beside your name.",
        {"text": Arg("string", f"at most {limits.STATUS_CHARS_MAX} characters", True)},
    ),
    "who": Row(ALL, "List the agents of the hive, with role and state.", {}),
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
        if row.access == ALL or role == "manager"
    )
