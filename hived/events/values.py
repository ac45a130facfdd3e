"""Values that events carry. Frozen, JSON-shaped, with a default for every field added later."""

from attrs import field, frozen


@frozen
class Usage:
    """Tokens of a turn, as the CLI counted them, over all its models."""

    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write: int = 0

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            self.input + other.input,
            self.output + other.output,
            self.cache_read + other.cache_read,
            self.cache_write + other.cache_write,
        )


@frozen
class ModelUse:
    """What one model used in a turn."""

    usage: Usage = Usage()
    cost_usd: float = 0.0


@frozen
class Budget:
    """What may be spent in each hour, day or month (UTC): unit is usd or tokens, per the window.

    Tokens are counted as input, output and cache writes; what is read from a cache is not.
    """

    amount: float
    unit: str = "usd"
    per: str = "day"


@frozen
class Resources:
    """Bounds of all that one turn's processes use together; 0 for none."""

    memory_bytes: int = 0
    cpus: float = 0.0
    pids: int = 0


@frozen
class McpServer:
    """A further MCP server for the agent's CLI, started by it."""

    command: str
    args: tuple[str, ...] = ()
    env: dict[str, str] = field(factory=dict)


@frozen
class AgentConfig:
    """All that hived needs to know to run an agent's turns. Paths are absolute. No secrets.

    Fields:
      driver: A name in DRIVERS.
      workdir: Where the CLI runs.
      model, fallback: As the CLI takes them; empty for the CLI's own default.
      role: "worker" or "manager".
      allow: Permission rules in the CLI's own grammar, such as `Bash(git *)`.
      tools: Built-in tools the CLI offers to the model; empty for the driver's default.
      env_file: A file of NAME=value lines given to the CLI, read at each turn's start.
      config_dir: The CLI's own configuration folder; empty for one of the agent's own.
      prompt_file: Text appended to the CLI's system prompt.
      program: The CLI's program; empty for the driver's default.
      recipients: Whom it may write to; empty for everyone.
      idle_limit_s, tool_limit_s: Seconds; 0 for the defaults in limits.py.
      options: The driver's own settings (the rehearsal driver: scenario).
      sandbox: What confines its turns; "none" for nothing but containment.
      resources: Bounds of a turn's processes.
      mcp_servers: Further MCP servers by name; hive is hived's own.
      notes_limit_bytes: Notes beyond it are compacted; 0 for NOTES_LIMIT_BYTES.
      compact_at: Share of the context window beyond which the session is compacted after an ok
        turn; 0 for COMPACT_AT_SHARE, 1 for never.
      budgets: Each holds by itself.
      commit: The commit of its config repo that this came from; empty where from none.
    """

    driver: str
    workdir: str
    model: str = ""
    fallback: str = ""
    role: str = "worker"
    allow: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    env_file: str = ""
    config_dir: str = ""
    prompt_file: str = ""
    program: str = ""
    recipients: tuple[str, ...] = ()
    idle_limit_s: float = 0.0
    tool_limit_s: float = 0.0
    options: dict[str, str] = field(factory=dict)
    sandbox: str = "none"
    resources: Resources = Resources()
    mcp_servers: dict[str, McpServer] = field(factory=dict)
    notes_limit_bytes: int = 0
    compact_at: float = 0.0
    budgets: tuple[Budget, ...] = ()
    commit: str = ""
