"""The command line of the real CLI, as far as hived uses it, with the real one's refusals.

Hand-written, for argparse takes several values only in ways that the real CLI does not, and
costs a quarter of the start-up time.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

USAGE = """\
usage: hived-rehearsal [--scenario FILE] -p --input-format stream-json \\
           --output-format stream-json --verbose [options of claude] [-- PROMPT]
       hived-rehearsal --check FILE     say what is wrong with a scenario
       hived-rehearsal --list-steps     what a scenario can do
       hived-rehearsal --version

Speaks on stdin and stdout as claude does, with a scenario in the place of a model.
The scenario is --scenario FILE or $HIVED_REHEARSAL_SCENARIO; without one it echoes.
"""

_FLAGS = """--print --verbose --strict-mcp-config --include-partial-messages --include-hook-events
  --replay-user-messages --no-session-persistence --help --version --list-steps"""
_ONE = """--input-format --output-format --session-id --resume --setting-sources --permission-mode
  --permission-prompt-tool --append-system-prompt --append-system-prompt-file --system-prompt
  --system-prompt-snapshot --model --fallback-model --settings --max-turns --max-budget-usd
  --autocompact --effort --scenario --check"""
_MANY = "--tools --allowedTools --disallowedTools --mcp-config --add-dir"
_KIND = dict.fromkeys(_FLAGS.split(), 0)  # how many values: 0, 1, or 2 for many
_KIND |= dict.fromkeys(_ONE.split(), 1) | dict.fromkeys(_MANY.split(), 2)
_SAME = {
    "-p": "--print",
    "-v": "--version",
    "-h": "--help",
    "-r": "--resume",
    "--allowed-tools": "--allowedTools",
    "--disallowed-tools": "--disallowedTools",
}
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\Z", re.IGNORECASE)
_MODES = ("default", "acceptEdits", "plan", "auto", "dontAsk", "bypassPermissions")


class Refused(Exception):
    """The command line cannot be used. The text goes to stderr, the exit code is 1."""


class Options(NamedTuple):
    """What the command line asks for; see the real CLI's own help for each."""

    flags: frozenset[str]
    one: Mapping[str, str]
    tools: tuple[str, ...] | None
    allow: tuple[str, ...]
    deny: tuple[str, ...]
    servers: Mapping[str, Mapping[str, object]]
    prompt: str | None

    def get(self, name: str) -> str:
        """The value of an option of one value, or nothing."""
        return self.one.get(name, "")

    @property
    def asks_host(self) -> bool:
        """Permission questions go to whoever drives the pipes."""
        return self.get("--permission-prompt-tool") == "stdio"


def read(argv: list[str]) -> Options:
    """The options of a command line.

    Raises:
      Refused: In the words of the real CLI.
    """
    flags: set[str] = set()
    one: dict[str, str] = {}
    many: dict[str, list[str]] = {}
    prompt: str | None = None
    rest = list(argv)
    while rest:
        word = rest.pop(0)
        if word == "--":
            prompt = " ".join(rest) or prompt
            break
        if not word.startswith("-") or word == "-":
            prompt = word
            continue
        name, eq, value = word.partition("=")
        name = _SAME.get(name, name)
        kind = _KIND.get(name)
        if kind == 0:
            flags.add(name)
        elif kind == 1:
            if not eq and not rest:
                raise Refused(f"error: option '{name} <value>' argument missing")
            one[name] = value if eq else rest.pop(0)
        elif kind == 2:
            given = many.setdefault(name, [])
            if eq:
                given.append(value)
            while not eq and rest and not rest[0].startswith("-"):
                given.append(rest.pop(0))
        else:
            raise Refused(f"error: unknown option '{name}'")
    found = Options(
        frozenset(flags),
        one,
        None if "--tools" not in many else tuple(split_rules(many["--tools"])),
        tuple(split_rules(many.get("--allowedTools", []))),
        tuple(split_rules(many.get("--disallowedTools", []))),
        _servers(many.get("--mcp-config", [])),
        prompt,
    )
    if not found.flags & {"--version", "--help", "--list-steps"} and "--check" not in one:
        _check(found)
    return found


def split_rules(values: list[str]) -> list[str]:
    """Rules parted by commas, spaces or arguments, but not inside parentheses."""
    rules: list[str] = []
    for value in values:
        depth, start = 0, 0
        for place, char in enumerate(value):
            depth += (char == "(") - (char == ")" and depth > 0)
            if depth == 0 and char in ", ":
                rules.append(value[start:place])
                start = place + 1
        rules.append(value[start:])
    return [rule for rule in rules if rule]


def _check(options: Options) -> None:
    if "--print" not in options.flags:
        raise Refused("Error: hived-rehearsal has no terminal mode: give --print\n" + USAGE)
    if options.get("--output-format") != "stream-json":
        raise Refused("Error: hived-rehearsal speaks only --output-format stream-json")
    if "--verbose" not in options.flags:
        raise Refused("Error: When using --print, --output-format=stream-json requires --verbose")
    if options.prompt is None and options.get("--input-format") != "stream-json":
        raise Refused(
            "Error: Input must be provided either through stdin or as a prompt argument when using"
            " --print"
        )
    for name in ("--session-id", "--resume"):
        if name in options.one and not _UUID.match(options.one[name]):
            raise Refused(f"Error: {name}: Invalid session ID. Must be a valid UUID.")
    if "--session-id" in options.one and "--resume" in options.one:
        raise Refused(
            "Error: --session-id can only be used with --continue or --resume if --fork-session"
            " is also specified."
        )
    mode = options.get("--permission-mode")
    if mode and mode not in _MODES:
        raise Refused(
            f"error: option '--permission-mode <mode>' argument '{mode}' is invalid."
            f" Allowed choices are {', '.join(_MODES)}."
        )
    if not options.one.get("--max-turns", "1").isdecimal():
        raise Refused("error: option '--max-turns <turns>' argument is invalid")
    _check_files(options)


def _check_files(options: Options) -> None:
    prompt_file = options.get("--append-system-prompt-file")
    if prompt_file and not Path(prompt_file).is_file():
        raise Refused(f"Error: Append system prompt file not found: {prompt_file}")
    settings = options.get("--settings")
    if settings and not settings.lstrip().startswith("{") and not Path(settings).is_file():
        raise Refused(f"Error: Settings file not found: {settings}")


def _servers(configs: list[str]) -> dict[str, Mapping[str, object]]:
    """The MCP servers of --mcp-config: JSON texts or files."""
    found: dict[str, Mapping[str, object]] = {}
    for config in configs:
        text = config
        if not config.lstrip().startswith("{"):
            path = Path(config)
            if not path.is_file():
                raise Refused(
                    f"Error: Invalid MCP configuration:\nMCP config file not found: {config}"
                )
            text = path.read_text(encoding="utf-8")
        try:
            servers = json.loads(text)["mcpServers"]
            found.update({name: dict(server) for name, server in servers.items()})
        except (ValueError, KeyError, TypeError, AttributeError):
            raise Refused(
                "Error: Invalid MCP configuration:\nmcpServers: Does not adhere to MCP server"
                " configuration schema"
            ) from None
    return found
