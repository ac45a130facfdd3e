"""What a driver is: one CLI's dialect, as pure data in and data out.

A driver turns a TurnSpec into a Launch (how to start the CLI) and a Conversation (what to write
to it, and what its lines mean). It reads no clock, file or environment: what it must know of the
world stands in the TurnSpec. The same lines fed again give the same writes with the same ids, so
a turn can be taken up after a restart of hived by feeding its spool from the first byte.
"""

from collections.abc import Mapping
from typing import Any, Protocol

from attrs import field, frozen

from hived.drivers.observations import HiveToolCalled, Observation, PermissionAsked, Write
from hived.events.values import McpServer, ModelUse, Usage


@frozen
class Launch:
    """How to start a process. A sandbox wraps one Launch into another.

    env: set for it, no secrets. env_drop: names taken out of what is inherited (a trailing * is
    a prefix). env_file: NAME=value lines that the turn host itself reads; they win over env.
    """

    argv: tuple[str, ...]
    cwd: str
    env: Mapping[str, str] = field(factory=dict)
    env_drop: tuple[str, ...] = ()
    env_file: str = ""


@frozen
class UserLine:
    """One line of words for the CLI.

    number: 1 for the turn's first. uuid: names it in the CLI's receipts. composed: the words
    of others, in a frame; nothing in it may act as a command. False only for hived's own
    `/compact`.
    """

    number: int
    uuid: str
    text: str
    composed: bool = True


@frozen
class ToolSpec:
    """A tool of the hive as the model sees it: MCP name, description, JSON Schema of arguments."""

    name: str
    description: str
    schema: Mapping[str, Any]


@frozen
class TurnSpec:
    """All that a driver may know of a turn.

    kind: as in TurnStart; "notes" is a short session of its own that leaves nothing behind.
    resume: the session has a file already. home: a folder of the agent's own that the driver
    may name in environment variables (CLI configuration, temporary files). system_prompt: in the
    place of the CLI's own; empty for that. add_dirs: folders it may read beside the workdir.
    """

    agent: str
    turn: str
    kind: str
    session: str
    resume: bool
    workdir: str
    home: str
    model: str = ""
    fallback: str = ""
    allow: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    env_file: str = ""
    config_dir: str = ""
    prompt_file: str = ""
    system_prompt: str = ""
    program: str = ""
    options: Mapping[str, str] = field(factory=dict)
    hive_tools: tuple[ToolSpec, ...] = ()
    socket: str = ""
    mcp_servers: Mapping[str, McpServer] = field(factory=dict)
    opening: tuple[UserLine, ...] = ()
    add_dirs: tuple[str, ...] = ()


@frozen
class Exit:
    """How the CLI's process ended. code: negative for a signal. stderr: its last part."""

    code: int | None
    stderr: str = ""


@frozen
class Ending:
    """The class of a turn's end.

    outcome: ok, failed, cancelled, prompt_too_long, rate_limited, auth_failed, lost.
    why: a stable word: crashed, configuration, overloaded, connection, limit, refused,
    compaction, model_not_found, unknown, ...; transient: the same turn may go well later.
    until: unix seconds at which a rate limit ends, 0 if the CLI did not say.
    seen: uuids of user lines that the CLI took up (started, completed, named by the result).
    said: the turn's final words, cut to NOTES_WORDS_CHARS_MAX. models: what each model used.
    """

    outcome: str
    why: str = ""
    detail: str = ""
    transient: bool = False
    until: float = 0.0
    usage: Usage = Usage()
    cost_usd: float = 0.0
    model: str = ""
    context_used: int = 0
    context_window: int = 0
    tools: Mapping[str, int] = field(factory=dict)
    seen: frozenset[str] = frozenset()
    said: str = ""
    models: Mapping[str, ModelUse] = field(factory=dict)


class Conversation(Protocol):
    """One turn's dialogue. Fed whole lines, without the newline, in order."""

    def opening(self) -> tuple[Write, ...]:
        """What is written before anything is read: the handshake and the opening user lines."""
        ...

    def user(self, line: UserLine) -> Write:
        """Words put to the CLI in the middle of the turn. Its id is `user:NUMBER`."""
        ...

    def interrupt(self) -> Write: ...

    def permission_answer(self, asked: PermissionAsked, *, allowed: bool, reason: str) -> Write: ...

    def tool_answer(self, called: HiveToolCalled, text: str, *, error: bool) -> Write: ...

    def feed(self, line: bytes) -> tuple[Observation, ...]:
        """What a line means. Any bytes are taken; what is not understood gives nothing."""
        ...

    @property
    def settled(self) -> bool:
        """A result came, nothing is queued in the CLI, and every user line has been taken up."""
        ...

    def took(self, uuid: str) -> bool:
        """Whether the CLI has taken up the user line with this uuid."""
        ...

    @property
    def open_tools(self) -> frozenset[str]:
        """Ids of tool calls that run now."""
        ...

    def ending(self, exit: Exit | None, *, signalled: bool) -> Ending:
        """The class of the end. exit: None where nobody saw it. signalled: hived ended it."""
        ...


class Driver(Protocol):
    """One CLI. Stateless."""

    name: str

    def launch(self, spec: TurnSpec) -> Launch: ...

    def converse(self, spec: TurnSpec) -> Conversation: ...

    def session_file(self, spec: TurnSpec) -> str:
        """The file whose being there says that the session can be resumed."""
        ...

    def credential(self, spec: TurnSpec) -> str:
        """A name for what the CLI signs in with, the same for all agents that share it."""
        ...

    def credential_files(self, spec: TurnSpec) -> tuple[str, ...]:
        """Files whose change may mean that the credential works again."""
        ...
