"""Whether a tool call is on an agent's allow list, in the claude CLI's own rule grammar.

The CLI is given the same rules and asks only what none of them decides, so this decision is the
narrower of the two: it allows nothing that the CLI's own rules would not, and refuses what it
cannot be certain of. It reads letters: a symbolic link within the working folder is not seen.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from attrs import frozen

from hived import limits
from hived.drivers import allow_shell
from hived.errors import InvalidName

TOOLS = (
    "Bash",
    "Read",
    "Edit",
    "Write",
    "NotebookEdit",
    "Grep",
    "Glob",
    "WebFetch",
    "WebSearch",
    "Task",
)

_RULE = re.compile(r"(?P<tool>[A-Za-z][A-Za-z0-9]*)(?:\((?P<content>.*)\))?\Z")
_MCP_RULE = re.compile(r"mcp__[A-Za-z0-9-]+(?:_[A-Za-z0-9-]+)*(?:__(?:\*|[A-Za-z0-9_-]+))?\Z")
_EDITORS = ("Edit", "Write", "NotebookEdit")
# Files by which a work tree can start programs: the CLI asks for them whatever the rules say.
_GUARDED = frozenset({".git", ".claude", ".mcp.json"})


@frozen
class Decision:
    """allowed: with the rule that allows it. reason: for the model, names the list."""

    allowed: bool
    rule: str
    reason: str


def decide(rules: Sequence[str], tool: str, input: Mapping[str, Any], cwd: str) -> Decision:
    """Whether `rules` allow a call of `tool` with `input` by an agent that works in `cwd`.

    `rules` have been checked by `check_rule`; `cwd` is absolute. Any input is taken.
    """
    try:
        rule = _allowing(rules, tool, input, cwd)
    except allow_shell.NotDecided as undecided:
        return Decision(False, "", f"{undecided} is {_refusal(rules)}")
    if rule:
        return Decision(True, rule, f"allowed by {rule}")
    return Decision(False, "", _refusal(rules))


def _refusal(rules: Sequence[str]) -> str:
    shown = ", ".join(rules) or "which is empty"
    if len(shown) > limits.ALLOW_SHOWN_CHARS_MAX:
        shown = shown[: limits.ALLOW_SHOWN_CHARS_MAX - 1] + "…"
    return f"not on the allow list of this agent ({shown})"


def _allowing(rules: Sequence[str], tool: str, input: Mapping[str, Any], cwd: str) -> str:
    """The rule that allows the call; empty if none does."""
    if tool == "Bash":
        return _allowing_command(rules, input, cwd)
    if tool.startswith("mcp__"):
        return next((rule for rule in rules if _covers_mcp(rule, tool)), "")
    if tool in _EDITORS or tool == "Read":
        return _allowing_path(rules, tool, input, cwd)
    if tool == "WebFetch":
        host = _host(input)
        wanted = {tool, f"{tool}(domain:{host})"} if host else {tool}
        return next((rule for rule in rules if rule in wanted), "")
    return tool if tool in rules else ""


def _allowing_command(rules: Sequence[str], input: Mapping[str, Any], cwd: str) -> str:
    for rule in ("Bash", "Bash(*)"):
        if rule in rules:
            return rule
    command = input.get("command")
    patterns = {rule: content for rule in rules if (content := _content(rule, "Bash"))}
    if not isinstance(command, str) or not patterns:
        return ""
    used: list[str] = []
    for part in allow_shell.parts(command):
        if part == f"cd {cwd}":
            continue
        allow_shell.check_part(part, cwd)
        rule = next((rule for rule, pattern in patterns.items() if _fits(part, pattern)), "")
        if not rule:
            return ""
        used.append(rule)
    return ", ".join(dict.fromkeys(used))


def _fits(part: str, pattern: str) -> bool:
    """Whether a simple command fits a rule: `git *` is `git` with or without arguments."""
    if pattern.endswith(":*"):
        pattern = pattern[:-2] + " *"
    bare = pattern.endswith(" *") and glob(part, pattern[:-2])
    return bare or glob(part, pattern)


def glob(text: str, pattern: str) -> bool:
    """Whether all of `text` fits `pattern`, in which * stands for any characters."""
    first, *rest = pattern.split("*")
    if not rest:
        return text == pattern
    if not text.startswith(first):
        return False
    at = len(first)
    *middle, last = rest
    for piece in middle:
        at = text.find(piece, at)
        if at < 0:
            return False
        at += len(piece)
    return len(text) - at >= len(last) and text.endswith(last)


def _allowing_path(rules: Sequence[str], tool: str, input: Mapping[str, Any], cwd: str) -> str:
    path = input.get("file_path", input.get("notebook_path"))
    if not isinstance(path, str) or "\0" in path or path.startswith("~"):
        return ""
    whole = allow_shell.resolved(path, cwd)
    family = "Read" if tool == "Read" else "Edit"
    if family == "Edit" and not _GUARDED.isdisjoint(whole.split("/")):
        raise allow_shell.NotDecided(f"a change within {path[:80]}")
    for rule in rules:
        # The CLI's own table: Edit(path) speaks for all editors, a bare name for its tool alone.
        content = _content(rule, family)
        if rule == tool or (content and _path_fits(whole, content, cwd)):
            return rule
    return ""


def _path_fits(whole: str, pattern: str, cwd: str) -> bool:
    if pattern.startswith("~"):
        return False  # whose home, only the CLI knows
    if pattern.startswith("//"):
        return _steps_fit(whole.split("/")[1:], pattern[2:].split("/"))
    root = allow_shell.resolved(cwd, "/").rstrip("/") + "/"
    if not whole.startswith(root):
        return False
    steps = whole[len(root) :].split("/")
    if "/" not in pattern:
        return glob(steps[-1], pattern)
    pattern = pattern.removeprefix("./").removeprefix("/")
    return _steps_fit(steps, pattern.split("/"))


def _steps_fit(steps: Sequence[str], patterns: Sequence[str]) -> bool:
    """Whether a path's steps fit a pattern's, in which ** stands for any number of steps."""
    reached = {0}
    for pattern in patterns:
        if pattern == "**":
            reached = set(range(min(reached), len(steps) + 1)) if reached else set()
        else:
            reached = {at + 1 for at in reached if at < len(steps) and glob(steps[at], pattern)}
    return len(steps) in reached


def _covers_mcp(rule: str, tool: str) -> bool:
    if rule.endswith("__*"):
        return tool.startswith(rule[:-1])
    return tool == rule or tool.startswith(rule + "__")


def _content(rule: str, tool: str) -> str:
    """What stands in the parentheses of a rule for this tool; empty if it is another's."""
    return rule[len(tool) + 1 : -1] if rule.startswith(f"{tool}(") else ""


def _host(input: Mapping[str, Any]) -> str:
    url = input.get("url")
    try:
        return (urlsplit(url).hostname or "") if isinstance(url, str) else ""
    except ValueError:
        return ""


def check_rule(text: object) -> None:
    """Refuses a rule that the CLI would not understand, or that would allow nothing.

    Raises:
      InvalidName: With a hint at what was perhaps meant.
    """
    if not isinstance(text, str) or not text:
        what = "a string" if not isinstance(text, str) else "more than nothing"
        raise InvalidName(f"an allow rule must be {what}", hint="such as Bash(git *) or Read")
    if len(text) > limits.ALLOW_RULE_CHARS_MAX:
        raise InvalidName(
            f"an allow rule is longer than {limits.ALLOW_RULE_CHARS_MAX} characters",
            hint="give several rules",
        )
    shown = ascii(text[:60])
    if not text.isprintable():
        raise InvalidName(f"the allow rule {shown} holds a control character")
    if text.startswith("mcp__"):
        if not _MCP_RULE.match(text):
            raise InvalidName(
                f"{shown} is not an allow rule", hint="mcp__SERVER or mcp__SERVER__TOOL"
            )
        return
    rule = _RULE.match(text)
    if not rule or not _balanced(rule["content"] or ""):
        raise InvalidName(
            f"{shown} is not an allow rule",
            hint="TOOL or TOOL(CONTENT), one rule each, parentheses in pairs: Bash(git *)",
        )
    _check_tool(shown, rule["tool"])
    _check_content(shown, rule["tool"], rule["content"])


def _check_tool(shown: str, tool: str) -> None:
    meant = next((name for name in TOOLS if name.lower() == tool.lower()), "")
    if (meant and meant != tool) or not tool[0].isupper():
        raise InvalidName(
            f"the allow rule {shown} names no tool: names are case sensitive",
            hint=f"{meant or 'Bash, Read, Edit, Write'}",
        )


def _check_content(shown: str, tool: str, content: str | None) -> None:
    if content is None:
        return
    if not content.strip():
        raise InvalidName(f"the allow rule {shown} is empty", hint=f"{tool} alone allows all of it")
    if tool in ("Write", "NotebookEdit"):
        raise InvalidName(
            f"the allow rule {shown} would match nothing",
            hint=f"Edit({content}) covers {tool} as well",
        )


def _balanced(content: str) -> bool:
    depth = 0
    for character in content:
        depth += (character == "(") - (character == ")")
        if depth < 0:
            return False
    return depth == 0
