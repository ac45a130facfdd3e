"""The hive's tools as the agents' models see them (MCP). TOOLS is the registry.

A tool makes a command of its arguments, or reads. Who calls is known from the pipe the call came
through, never from an argument. To add a tool: its functions and its row here.
"""

from collections.abc import Callable, Mapping
from typing import Any

from attrs import frozen

from hived import limits
from hived.decisions.lifecycle import SetStatus
from hived.decisions.mail import SendMessage
from hived.drivers.base import ToolSpec
from hived.errors import CommandRefused
from hived.projections import Hive
from hived.projections.status import status

Arguments = Mapping[str, Any]


@frozen
class Tool:
    """One tool. Either `command` (and `answer` from the streams it wrote to) or `read`."""

    spec: ToolSpec
    command: Callable[[str, Arguments], Any] | None = None
    answer: Callable[[tuple[str, ...]], str] | None = None
    read: Callable[[Hive, str], str] | None = None


def _schema(required: tuple[str, ...] = (), **properties: Mapping[str, Any]) -> Mapping[str, Any]:
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(required),
        "additionalProperties": False,
    }


def _send(agent: str, arguments: Arguments) -> SendMessage:
    return SendMessage(arguments["to"], arguments["body"], arguments.get("in_reply_to", ""))


def _sent(streams: tuple[str, ...]) -> str:
    ids = [s.partition(":")[2] for s in streams if s.startswith("message:")]
    return "sent: " + ", ".join(ids[:20]) + (f" and {len(ids) - 20} more" if ids[20:] else "")


def _who(hive: Hive, agent: str) -> str:
    rows = []
    for other in hive.agents.live.values():
        words = [other.name, other.config.role, status(other, hive.credentials).word]
        if other.name == agent:
            words.append("(you)")
        if other.status:
            words.append("- " + other.status)
        rows.append(" ".join(words))
    return "\n".join([*rows, "operator: the person in charge"])


TOOLS: Mapping[str, Tool] = {
    "send": Tool(
        ToolSpec(
            "send",
            "Send a message to another agent, to `operator` (the person in charge), to `manager`, "
            "or to `*` (everyone). It arrives in their inbox; an answer comes back as mail.",
            _schema(
                ("to", "body"),
                to={"type": "string", "description": "an agent's name, operator, manager or *"},
                body={"type": "string", "description": f"at most {limits.BODY_BYTES_MAX} bytes"},
                in_reply_to={"type": "string", "description": "the id of the mail you answer"},
            ),
        ),
        command=_send,
        answer=_sent,
    ),
    "set_status": Tool(
        ToolSpec(
            "set_status",
            "Say in a few words what you are doing; the operator sees it beside your name.",
            _schema(("text",), text={"type": "string"}),
        ),
        command=lambda agent, arguments: SetStatus(agent, arguments["text"]),
        answer=lambda streams: "status set",
    ),
    "who": Tool(
        ToolSpec("who", "List the agents of the hive, with role and state.", _schema()),
        read=_who,
    ),
}


def check_arguments(tool: Tool, arguments: Arguments) -> None:
    """Hold a call's arguments against the tool's schema: known, present, of the right type.

    Raises:
      CommandRefused: invalid_params, naming the argument.
    """
    properties = tool.spec.schema["properties"]
    for name, value in arguments.items():
        if name not in properties:
            known = ", ".join(properties) or "none"
            raise CommandRefused(
                f"{tool.spec.name} has no argument {name!r:.60}; it takes {known}",
                code="invalid_params",
            )
        wanted = properties[name]["type"]
        if wanted == "string" and not isinstance(value, str):
            raise CommandRefused(
                f"the argument {name} of {tool.spec.name} must be a string", code="invalid_params"
            )
    for name in tool.spec.schema["required"]:
        if name not in arguments:
            raise CommandRefused(f"{tool.spec.name} needs {name}", code="invalid_params")


def tool_specs() -> tuple[ToolSpec, ...]:
    """The tools listed to an agent."""
    return tuple(tool.spec for tool in TOOLS.values())
