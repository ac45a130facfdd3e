"""The claude driver: Claude Code, one process for each turn, driven over stream-json."""

import posixpath

import orjson

from hived.drivers.base import Conversation, Launch, TurnSpec
from hived.drivers.claude_conversation import ClaudeConversation
from hived.drivers.claude_sessions import session_path
from hived.drivers.mcp import SERVER

DEFAULT_TOOLS = ("Bash", "Read", "Edit", "Write")

# The CLI deletes sessions that were not used for this long; its own default is a month, after
# which a quiet agent would have lost its memory.
_KEEP_SESSIONS_DAYS = 36_500

_ENV = {
    # Without these the CLI speaks to more hosts than the API.
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    "DISABLE_AUTOUPDATER": "1",
    "DISABLE_TELEMETRY": "1",
    "DISABLE_ERROR_REPORTING": "1",
    # A background task would start turns that nobody ordered.
    "CLAUDE_CODE_DISABLE_BACKGROUND_TASKS": "1",
    # By default a wrong key is tried for minutes. hived waits and retries by itself.
    "CLAUDE_CODE_MAX_RETRIES": "3",
    "CLAUDE_CODE_EMIT_SESSION_STATE_EVENTS": "1",
}
# A CLI started by hived must not think it runs within another, and must sign in with what its
# agent's config names, not with what hived happened to inherit.
# Nor is it told where hived keeps its things.
_ENV_DROP = ("CLAUDECODE", "CLAUDE_*", "ANTHROPIC_*", "HIVED_HOME")


class ClaudeDriver:
    """Implements drivers.base.Driver."""

    name = "claude"

    def launch(self, spec: TurnSpec) -> Launch:
        """How to start the CLI. It makes its configuration and temporary folders itself."""
        return Launch(
            argv=(*self._program(spec), *_flags(spec)),
            cwd=spec.workdir,
            env={
                **_ENV,
                "CLAUDE_CONFIG_DIR": config_dir(spec),
                "TMPDIR": temp_dir(spec),
                "HIVE_NOTES": notes_file(spec),
                "HIVE_SOCKET": spec.socket,
            },
            env_drop=_ENV_DROP,
            env_file=spec.env_file,
        )

    def _program(self, spec: TurnSpec) -> tuple[str, ...]:
        return (spec.program or "claude",)

    def converse(self, spec: TurnSpec) -> Conversation:
        """A fresh dialogue for a turn, to be fed from the first byte."""
        return ClaudeConversation(spec)

    def session_file(self, spec: TurnSpec) -> str:
        """Where the CLI keeps the session. workdir must be free of symbolic links."""
        return session_path(config_dir(spec), spec.workdir, spec.session)

    def credential(self, spec: TurnSpec) -> str:
        """Agents with the same env_file and config_dir share a credential."""
        parts = [f"env_file={spec.env_file}"] if spec.env_file else []
        # An agent's own config folder holds a login only where no file brings one.
        if spec.config_dir or not spec.env_file:
            parts.append(f"config_dir={config_dir(spec)}")
        return f"{self.name}:{','.join(parts)}"

    def credential_files(self, spec: TurnSpec) -> tuple[str, ...]:
        """The env_file, and the file that a login writes."""
        login = posixpath.join(config_dir(spec), ".credentials.json")
        return (spec.env_file, login) if spec.env_file else (login,)


def config_dir(spec: TurnSpec) -> str:
    """The CLI's own folder: the one that the agent's config names, else one of the agent's."""
    return spec.config_dir or posixpath.join(spec.home, "claude")


def notes_file(spec: TurnSpec) -> str:
    """Where the agent keeps its notes."""
    return posixpath.join(spec.home, "state", "notes.md")


def temp_dir(spec: TurnSpec) -> str:
    """The agent's own folder for temporary files, where the CLI also puts its sockets."""
    return posixpath.join(spec.home, "tmp")


def _flags(spec: TurnSpec) -> tuple[str, ...]:
    session = "--resume" if spec.resume else "--session-id"
    # Values stand behind `=`, so none of them can be read as a flag.
    flags = [
        "-p",
        "--input-format=stream-json",
        "--output-format=stream-json",
        "--verbose",
        f"{session}={spec.session}",
        # The work tree's own settings could start programs before any rule is asked.
        "--setting-sources=",
        "--strict-mcp-config",
        f"--settings={_json({'cleanupPeriodDays': _KEEP_SESSIONS_DAYS})}",
        "--permission-mode=default",
        "--permission-prompt-tool=stdio",
        f"--tools={','.join(spec.tools or DEFAULT_TOOLS)}",
    ]
    if servers := _servers(spec):
        flags.append(f"--mcp-config={_json({'mcpServers': servers})}")
    if spec.hive_tools:
        flags.append(f"--allowedTools=mcp__{SERVER}")
    flags.extend(f"--allowedTools={rule}" for rule in spec.allow)
    flags.extend(f"--add-dir={folder}" for folder in spec.add_dirs)
    if spec.kind == "notes":
        flags.append("--no-session-persistence")
    if spec.system_prompt:
        flags.append(f"--system-prompt={spec.system_prompt}")
    if spec.prompt_file:
        flags.append(f"--append-system-prompt-file={spec.prompt_file}")
    if spec.model:
        flags.append(f"--model={spec.model}")
    if spec.fallback:
        flags.append(f"--fallback-model={spec.fallback}")
    return tuple(flags)


def _servers(spec: TurnSpec) -> dict[str, dict[str, object]]:
    """The MCP servers of a turn. Without alwaysLoad the model would see no more than names."""
    found: dict[str, dict[str, object]] = {}
    if spec.hive_tools:
        found[SERVER] = {"type": "sdk", "name": SERVER, "alwaysLoad": True}
        # A turn without the hive's tools does one thing only, and needs no others either.
        for name, server in spec.mcp_servers.items():
            if name != SERVER:
                found[name] = {
                    "type": "stdio",
                    "command": server.command,
                    "args": list(server.args),
                    "env": dict(server.env),
                    "alwaysLoad": True,
                }
    return found


def _json(value: object) -> str:
    return orjson.dumps(value).decode()
