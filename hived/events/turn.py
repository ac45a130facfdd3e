"""Turns: one drive of the CLI each, from the order to start it to the class of its end."""

from attrs import field, frozen

from hived.events.values import ModelUse, Usage


@frozen
class TurnStart:
    """Orders one drive of the CLI. The turn host is started only after this is on disk.

    Fields:
      turn: Its id; number: it is the agent's nth turn.
      kind: "work", or "compact" for a drive that only compacts the session, or "notes" for one
        that rewrites the agent's notes in a session of its own.
      reason: "mail", "nap_over", "retry", "hand_over", "compaction", "checkpoint" (of the notes,
        before a compaction).
      attempt: 1, or more where it repeats the turn `retry_of`.
      session: The CLI's session; fresh: hived has made no turn on it yet.
    """

    agent: str
    turn: str
    number: int
    kind: str
    reason: str
    session: str
    fresh: bool
    model: str = ""
    attempt: int = 1
    retry_of: str = ""
    why: str = ""
    messages: tuple[str, ...] = ()


@frozen
class TurnCancel:
    """Orders the end of a running turn: interrupt, then TERM, then KILL of all it started.

    why: "operator", "stop", "restart", "shutdown", "idle_limit", "tool_limit", "start_limit",
    "spool_full".
    """

    agent: str
    turn: str
    why: str


@frozen
class TurnEnd:
    """The turn is over and nothing of it lives.

    Fields:
      outcome: ok, failed, cancelled, prompt_too_long, rate_limited, auth_failed or lost.
      why: A stable word within the outcome (crashed, overloaded, configuration, idle_limit, ...).
      detail: What the CLI said, cut to DETAIL_CHARS_MAX.
      exit_code: Of the CLI; negative for a signal; None where nobody saw it end.
      duration_ms: By the turn host's monotonic clock; None where it is not known.
      tools: Calls by tool name. sent: messages by kind of recipient (peer, operator, manager).
      context_used, context_window: Tokens, the CLI's own figures; 0 where it gave none.
      byte: Length of the output taken in.
      leftovers: Processes that outlived the CLI and were ended.
      retry_at: Unix seconds before which the agent starts no other turn; 0 for at once.
      models: What each model used, by name, where the CLI told it.
    """

    agent: str
    turn: str
    outcome: str
    why: str = ""
    detail: str = ""
    exit_code: int | None = None
    duration_ms: int | None = None
    tools: dict[str, int] = field(factory=dict)
    sent: dict[str, int] = field(factory=dict)
    received: int = 0
    usage: Usage = Usage()
    cost_usd: float = 0.0
    model: str = ""
    context_used: int = 0
    context_window: int = 0
    byte: int = 0
    leftovers: int = 0
    retry_at: float = 0.0
    models: dict[str, ModelUse] = field(factory=dict)


@frozen
class ToolCall:
    """The model called a tool. `byte` is the end of its line in the transcript."""

    agent: str
    turn: str
    call: str
    tool: str
    summary: str
    byte: int


@frozen
class ToolResult:
    """A tool call ended: ok, error, or refused (by a rule, or by hived's answer)."""

    agent: str
    turn: str
    call: str
    tool: str
    outcome: str
    byte: int


@frozen
class PermissionAnswer:
    """What hived answers to the CLI's question whether a tool may run.

    rule: the allow rule that decided, empty where none did. reason: told to the model.
    """

    agent: str
    turn: str
    call: str
    tool: str
    allowed: bool
    rule: str
    reason: str
    byte: int


@frozen
class CompactionQueued:
    """The agent's session, or its notes (`of`), are to be compacted when its turn allows it.

    why: operator, watermark (of the session), bloat (of the notes).
    """

    agent: str
    why: str
    of: str = "session"


@frozen
class CompactionStart:
    """A compaction runs. of: "session" or "notes".

    why: operator, watermark, bloat, prompt_too_long, or the CLI's own word for one that it began
    (auto).
    """

    agent: str
    turn: str
    of: str
    why: str
    byte: int = 0


@frozen
class CompactionEnd:
    """It ended: ok, failed, cancelled, or deferred to a later turn.

    before, after: in tokens, 0 where the CLI did not say; of notes in bytes.
    """

    agent: str
    turn: str
    of: str
    outcome: str
    before: int = 0
    after: int = 0
    detail: str = ""
    byte: int = 0
