"""What surrounds an event: where it stands, when and by whom it was recorded, and why."""

from typing import Any, NamedTuple


class CommandMark(NamedTuple):
    """On the first event of a command, and only there.

    id: scoped by who sent it, unique in the store. digest: of the command's content, so that
    the same id with another content is refused. extent: how many events the command gave; they
    stand next to one another, so its answer can be found again from the log.
    """

    id: str
    digest: str
    extent: int


class Cause(NamedTuple):
    """The event that led to this one."""

    stream: str
    version: int


class Recorded(NamedTuple):
    """An event with its envelope.

    position: its place in the whole log, given by the store on insert; 0 until then.
    recorded_at: unix seconds, never earlier than the one before it from this node.
    by: operator:NAME, agent:NAME, policy:RULE or hive.
    """

    position: int
    stream: str
    version: int
    recorded_at: float
    node: str
    by: str
    command: CommandMark | None
    cause: Cause | None
    kind: str
    event: Any
