"""Permission rules: a faithful subset of the real CLI's grammar. Pure.

Order: deny, allow, what needs no rule, the mode; what is left is asked. A narrow Bash rule must
cover every part of a command line, and never one that redirects, substitutes or backgrounds.
"""

import re
from typing import NamedTuple

# Commands that only look, which the real CLI runs without a rule (a few of many).
_LOOKING = (
    "cat *",
    "date *",
    "echo *",
    "git diff *",
    "git log *",
    "git show *",
    "git status *",
    "head *",
    "ls *",
    "pwd",
    "tail *",
    "true",
    "wc *",
    "whoami",
)
_DANGEROUS = re.compile(r"[<>`&()]|\$\(|\$\{")
_PARTS = re.compile(r"\|\||&&|[;|\n]")
_HARMLESS_REDIRECT = re.compile(r"\d?>&\d|\d?>\s*/dev/null")
_RULE = re.compile(r"([A-Za-z_][\w-]*)(?:\((.*)\))?\Z", re.DOTALL)

DONT_ASK = (
    "Permission to use {tool} has been denied because Claude Code is running in don't ask mode."
    " If you believe this capability is essential to complete the user's request, STOP and explain"
    " to the user what you were trying to do and why you need this permission."
)


class Verdict(NamedTuple):
    """decision: allow, deny or ask. reason: `reason_type` or None. message: why it is refused."""

    decision: str
    reason: str | None = None
    message: str = ""


def judge(
    tool: str,
    given: dict[str, object],
    *,
    allow: tuple[str, ...],
    deny: tuple[str, ...],
    mode: str,
    cwd: str,
) -> Verdict:
    """Whether a call may run, by the rules and the mode.

    Args:
      tool: Its full name, such as Bash or mcp__hive__send.
      given: Its input.
      mode: The permission mode.
      cwd: Where the CLI runs; reading below it needs no rule.
    """
    reason = "subcommandResults" if tool == "Bash" else "rule"
    command = str(given.get("command", ""))
    if any(_covers(rule, tool, command, any_part=True) for rule in deny):
        what = f"{tool} with command {command}" if tool == "Bash" else tool
        return Verdict("deny", reason, f"Permission to use {what} has been denied.")
    if mode == "bypassPermissions":
        return Verdict("allow", "mode")
    if any(_covers(rule, tool, command, any_part=False) for rule in allow):
        return Verdict("allow", reason)
    if tool == "Bash" and _covered(command, _LOOKING):
        return Verdict("allow", "other")
    if tool == "Read" and _inside(given, cwd):
        return Verdict("allow", "other")
    if tool == "Write" and mode == "acceptEdits" and _inside(given, cwd):
        return Verdict("allow", "mode")
    if mode == "dontAsk":
        return Verdict("deny", "mode", DONT_ASK.format(tool=tool))
    asked = f"Claude requested permissions to use {tool}, but you haven't granted it yet."
    return Verdict("ask", None, asked)


def _covers(rule: str, tool: str, command: str, *, any_part: bool) -> bool:
    found = _RULE.match(rule)
    if rule.startswith("mcp__"):
        stem = rule.removesuffix("__*")
        return tool == stem or tool.startswith(stem + "__")
    if found is None or found.group(1) != tool:
        return False
    inner = found.group(2)
    if inner is None or inner == "*":
        return True
    if tool != "Bash":
        return False
    if any_part:
        parts = (part.strip(" ()`$&") for part in re.split(r"\|\||&&|[;|\n&]|\$\(|`", command))
        return any(_fits(inner, part) for part in parts)
    return _covered(command, (inner,))


def _covered(command: str, patterns: tuple[str, ...]) -> bool:
    """Every part of the command fits a pattern, and nothing in it could do something else."""
    plain = _HARMLESS_REDIRECT.sub("", command)
    if _DANGEROUS.search(plain.replace("&&", "")):
        return False
    parts = [part.strip() for part in _PARTS.split(plain) if part.strip()]
    return bool(parts) and all(any(_fits(one, part) for one in patterns) for part in parts)


def _fits(pattern: str, part: str) -> bool:
    """`git *` and `git:*` fit git and git log; `git*` fits gitk as well; else * is any text."""
    if pattern.endswith(":*"):
        pattern = pattern[:-2] + " *"
    if pattern.endswith(" *") and part == pattern[:-2]:
        return True
    glob = ".*".join(re.escape(piece) for piece in pattern.split("*"))
    return re.fullmatch(glob, part, re.DOTALL) is not None


def _inside(given: dict[str, object], cwd: str) -> bool:
    path = str(given.get("file_path", ""))
    parts = path.split("/")
    if ".." in parts or ".git" in parts or ".claude" in parts:
        return False
    return not path.startswith("/") or path.startswith(cwd.rstrip("/") + "/")
