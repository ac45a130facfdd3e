"""The keys of agent.toml: one literal table, which parses, explains, writes and documents."""

import posixpath
from collections.abc import Mapping
from typing import Any

from attrs import frozen

from hived import limits
from hived.config.nested import Entry, Listed, Named, Record
from hived.config.problems import ConfigInvalid
from hived.config.shapes import Number, Shape, Size, Text
from hived.events.values import Budget, McpServer
from hived.names import HIVE, MANAGER, OPERATOR, ROLES, agent_name


@frozen
class Key:
    """One key. path: dotted, as in the text. field: dotted, as in AgentConfig.

    builtin: what holds where no text names it, as in TOML. agent_only: not for hive.toml.
    """

    shape: Shape
    field: str
    doc: str
    builtin: Any = ""
    agent_only: bool = False


def _recipient(text: str) -> None:
    if text not in (MANAGER, OPERATOR):
        agent_name(text)


def _absolute(text: str) -> None:
    if not text.startswith("/") or posixpath.normpath(text) != text:
        raise ConfigInvalid("must be an absolute path without . or ..", hint="give the whole path")


def _program(text: str) -> None:
    if "/" in text:
        _absolute(text)


def inner_path(text: str) -> None:
    """Refuses what is no path of a file within the folder of the configuration."""
    steps = text.split("/")
    if any(step in ("", ".", "..") or step.lower() == ".git" for step in steps):
        raise ConfigInvalid(
            "must be a path within the configuration's folder", hint="such as prompt.md"
        )


def _server(text: str) -> None:
    if text == HIVE:
        raise ConfigInvalid("the server hive is hived's own", hint="choose another name")


_PATH = Text(limits.PATH_CHARS_MAX, "an absolute path", check=_absolute)
_MODEL = Text(limits.MODEL_CHARS_MAX, "the name of a model", pattern=r"[^\s-]\S*")
_SECONDS = Number(1.0, limits.SETTING_SECONDS_MAX, zero=True)

BUDGETS = Listed(
    Record(
        {
            "amount": Entry(Number(0.000_001, 1e12), "How much, as amount = 5", required=True),
            "unit": Entry(Text(choices=("usd", "tokens")), "usd, or tokens"),
            "per": Entry(Text(choices=("hour", "day", "month")), "hour, day or month, in UTC"),
        },
        Budget,
    ),
    limits.BUDGETS_MAX,
)
_SERVERS = Named(
    Text(60, "a name of letters, digits, - and _", _server, r"[A-Za-z0-9-]+(_[A-Za-z0-9-]+)*"),
    Record(
        {
            "command": Entry(Text(limits.PATH_CHARS_MAX, empty=False), "The program", True),
            "args": Entry(Listed(Text(limits.PATH_CHARS_MAX), 100), "Its arguments"),
            "env": Entry(
                Named(
                    Text(100, "a variable's name", pattern=r"[A-Za-z_][A-Za-z0-9_]*", empty=False),
                    Text(limits.PATH_CHARS_MAX),
                    limits.OPTIONS_MAX,
                ),
                "Variables of its environment. No secrets: they would stand in the log",
            ),
        },
        McpServer,
    ),
    limits.MCP_SERVERS_MAX,
)

KEYS: Mapping[str, Key] = {
    "driver": Key(Text(60), "driver", "The CLI that runs the turns.", "claude"),
    "model": Key(_MODEL, "model", "As the CLI takes it; empty for the CLI's own default."),
    "fallback": Key(_MODEL, "fallback", "The model where the other is not to be had."),
    "role": Key(
        Text(choices=ROLES),
        "role",
        "worker, or manager, which can ask for changes of the hive.",
        "worker",
        agent_only=True,
    ),
    "workdir": Key(_PATH, "workdir", "Where the CLI runs; else one of its own.", "", True),
    "allow": Key(
        Listed(Text(limits.ALLOW_RULE_CHARS_MAX, "a rule", empty=False), limits.ALLOW_RULES_MAX),
        "allow",
        'What it may do unasked, in the CLI\'s own rules: "Bash(git *)", "Read".',
        [],
    ),
    "tools": Key(
        Listed(
            Text(limits.TOOL_NAME_CHARS_MAX, "the name of a tool", pattern=r"[^\s,]+", empty=False),
            limits.ALLOW_RULES_MAX,
        ),
        "tools",
        "Built-in tools the CLI offers to the model; empty for the driver's default.",
        [],
    ),
    "recipients": Key(
        Listed(Text(limits.NAME_CHARS_MAX, "a name", _recipient, empty=False), limits.AGENTS_MAX),
        "recipients",
        "Whom it may write to: agents, manager, operator; empty for everyone.",
        [],
    ),
    "prompt_file": Key(
        Text(limits.CONFIG_PATH_CHARS_MAX, "a path within this folder", inner_path),
        "prompt_file",
        "Text of this folder for the system prompt; prompt.md if there is one; empty for none.",
        "prompt.md",
        agent_only=True,
    ),
    "env_file": Key(_PATH, "env_file", "A file of NAME=value lines for the CLI: secrets go here."),
    "config_dir": Key(_PATH, "config_dir", "The CLI's own folder; empty for one of the agent's."),
    "program": Key(
        Text(limits.PATH_CHARS_MAX, "a program", _program), "program", "The CLI's program."
    ),
    "sandbox": Key(Text(choices=("none",)), "sandbox", "What confines its turns: none.", "none"),
    "options": Key(
        Named(
            Text(60, "a word", pattern=r"[A-Za-z][A-Za-z0-9_-]*", empty=False),
            Text(limits.PATH_CHARS_MAX),
            limits.OPTIONS_MAX,
        ),
        "options",
        "The driver's own settings.",
        {},
    ),
    "resources.memory": Key(
        Size(2**50, 2**20), "resources.memory_bytes", 'Of one turn, as "2GiB"; 0 for no bound.', 0
    ),
    "resources.cpus": Key(
        Number(0.01, 4_096, zero=True), "resources.cpus", "Of one turn, as 1.5; 0 for no bound.", 0
    ),
    "resources.pids": Key(
        Number(1, 2**22, whole=True, zero=True),
        "resources.pids",
        "Processes and threads of one turn; 0 for no bound.",
        0,
    ),
    "notes.limit": Key(
        Size(limits.NOTES_BYTES_MAX, limits.NOTES_LIMIT_BYTES_MIN),
        "notes_limit_bytes",
        'Notes beyond it are compacted, as "32KiB"; 0 for the built-in limit.',
        0,
    ),
    "compaction.at": Key(
        Number(0.05, 1.0, zero=True),
        "compact_at",
        "Share of the context window to compact at, after a turn; 1: never, 0: the built-in share.",
        0,
    ),
    "limits.idle_seconds": Key(
        _SECONDS, "idle_limit_s", "Of a silent CLI with nothing open; 0 for the built-in limit.", 0
    ),
    "limits.tool_seconds": Key(
        _SECONDS, "tool_limit_s", "Of one running tool; 0 for the built-in limit.", 0
    ),
    "budgets": Key(BUDGETS, "budgets", "What it may spend; each holds by itself.", []),
    "mcp_servers": Key(_SERVERS, "mcp_servers", "Further MCP servers for the CLI, by name.", {}),
}
GROUPS = frozenset(path.partition(".")[0] for path in KEYS if "." in path)
