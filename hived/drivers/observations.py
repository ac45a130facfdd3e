"""What a CLI's lines of output mean, and the bytes that are written to it.

A line may give no observation, one or several.
"""

from collections.abc import Mapping
from typing import Any

from attrs import field, frozen


@frozen
class Write:
    """Bytes for the CLI's stdin, with a newline at the end. The host writes each id once."""

    id: str
    data: bytes


@frozen
class Reply:
    """The driver itself answers the CLI (the handshake of the in-pipe MCP server)."""

    write: Write


@frozen
class Began:
    """The CLI took up its session. hive_tools_ok: as far as it says, it has the hive's tools."""

    session: str
    model: str
    hive_tools_ok: bool


@frozen
class Said:
    """Words of the model, for people who watch. Not an event."""

    text: str


@frozen
class Receipt:
    """What became of a user line: queued, started, completed or cancelled."""

    uuid: str
    state: str


@frozen
class ToolCalled:
    call: str
    tool: str
    summary: str


@frozen
class ToolEnded:
    """outcome: ok, error or refused."""

    call: str
    outcome: str
    reason: str = ""


@frozen
class PermissionAsked:
    """The CLI waits for a yes or no."""

    request: str
    call: str
    tool: str
    input: Mapping[str, Any]


@frozen
class HiveToolCalled:
    """The model called one of the hive's tools; it waits for `tool_answer`, with id `answer`."""

    request: str
    call: str
    name: str
    arguments: Mapping[str, Any]
    answer: str = field(default="", eq=False)


@frozen
class RequestWithdrawn:
    """The CLI no longer waits for the answer to this request."""

    request: str


@frozen
class CompactionBegan:
    trigger: str = "auto"


@frozen
class CompactionOver:
    ok: bool
    before: int = 0
    after: int = 0
    detail: str = ""


@frozen
class Finished:
    """A result line. more: the CLI goes on by itself with what it has queued."""

    outcome: str
    more: bool


Observation = (
    Reply
    | Began
    | Said
    | Receipt
    | ToolCalled
    | ToolEnded
    | PermissionAsked
    | HiveToolCalled
    | RequestWithdrawn
    | CompactionBegan
    | CompactionOver
    | Finished
)
