"""The steps a scenario may hold: one literal table that the parser, the help and the docs share."""

from collections.abc import Mapping
from typing import NamedTuple


class Field(NamedTuple):
    """One value of a step.

    kind: words (text in which {placeholders} are filled), text, shell (words whose filled-in
    values are quoted), number (of seconds or of things, >= 0), count (whole, >= 0), flag, table
    (words at its leaves), or choice.
    """

    kind: str
    doc: str
    default: object = None
    choices: tuple[str, ...] = ()


class StepSpec(NamedTuple):
    """A kind of step: what it does, its own value, and the options beside it."""

    doc: str
    value: Field
    options: Mapping[str, Field] = {}


FAILURES = (
    "400",
    "401",
    "403",
    "404",
    "413",
    "429",
    "500",
    "529",
    "billing",
    "connection",
    "max_budget",
    "max_turns",
    "not_logged_in",
    "prompt_too_long",
    "refusal",
    "usage_limit",
)

_PID_FILE = Field("words", "write the child's pid into this file", "")

STEPS: Mapping[str, StepSpec] = {
    "say": StepSpec(
        "One block of text.",
        Field("words", "the text"),
        {
            "times": Field("count", "how often", 1),
            "delay": Field("number", "seconds before each", 0.0),
        },
    ),
    "think": StepSpec("One block of thinking.", Field("words", "the thought")),
    "stream": StepSpec(
        "A text that comes slowly; an interrupt cuts it. With --include-partial-messages its"
        " pieces are told as they come.",
        Field("words", "the text"),
        {
            "chunks": Field("count", "pieces", 10),
            "delay": Field("number", "seconds before each piece", 0.1),
        },
    ),
    "bash": StepSpec(
        "A call of Bash; it really runs, if the rules or the host allow it.",
        Field("shell", "the command"),
        {
            "description": Field("words", "shown with the call", ""),
            "timeout": Field("number", "seconds", 120.0),
        },
    ),
    "tool": StepSpec(
        "A call of any tool by its name: Bash, Read and Write are done, others are unknown.",
        Field("text", "the tool"),
        {"input": Field("table", "its input", {})},
    ),
    "hive": StepSpec(
        "A call of one of the hive's own tools, over the in-pipe MCP server.",
        Field("text", "the tool's name in the hive, such as send"),
        {
            "args": Field("table", "its arguments", {}),
            "server": Field("text", "the MCP server", "hive"),
        },
    ),
    "sleep": StepSpec("A pause in which nothing is printed.", Field("number", "seconds")),
    "error": StepSpec(
        "The model's API fails; the turn ends, unless --fallback-model or a compaction saves it.",
        Field("choice", "which failure", None, FAILURES),
        {
            "retries": Field("count", "tries told before it gives up; else the usual number"),
            "retry_delay": Field("number", "seconds before the first retry; doubles", 0.5),
            "resets_in": Field("number", "usage_limit: seconds until it is over", 3600.0),
            "resets_at": Field("number", "usage_limit: the unix time instead"),
            "compactable": Field("flag", "prompt_too_long: a compaction helps", False),
            "message": Field("words", "the API's words", ""),
        },
    ),
    "rate_limit": StepSpec(
        "A rate_limit_event without a failure.",
        Field("choice", "status", None, ("allowed", "allowed_warning")),
        {
            "resets_in": Field("number", "seconds", 3600.0),
            "utilization": Field("number", "0 to 1", 0.9),
        },
    ),
    "compact": StepSpec(
        "A compaction inside the turn; in a rule for /compact: how that one goes.",
        Field("choice", "how it goes", None, ("ok", "fail")),
        {"message": Field("words", "why it failed", "exhausted")},
    ),
    "context": StepSpec(
        "Set the context in use, so that a watermark is crossed.", Field("count", "tokens")
    ),
    "exit": StepSpec("Exit at once, without a result.", Field("count", "exit code")),
    "die": StepSpec(
        "Die of a signal, without a result.",
        Field("choice", "signal", None, ("ABRT", "HUP", "KILL", "SEGV", "TERM")),
    ),
    "hang": StepSpec(
        "Print nothing more. quiet still listens (to an interrupt, a signal); deaf reads no line"
        " and ignores SIGINT and SIGTERM.",
        Field("choice", "how", None, ("quiet", "deaf")),
    ),
    "raw": StepSpec(
        "Write this text to stdout as it stands.",
        Field("text", "the text"),
        {"newline": Field("flag", "end it with a newline", True)},
    ),
    "long": StepSpec(
        "Write one line of text of this length.",
        Field("count", "bytes"),
        {"json": Field("flag", "a whole assistant line; else letters only", True)},
    ),
    "warn": StepSpec("Write a line to stderr.", Field("words", "the text")),
    "spawn": StepSpec(
        "Leave a process behind that the end of the CLI does not end.",
        Field("choice", "how", None, ("child", "setsid", "double-fork", "ignore-term", "all")),
        {
            "command": Field("text", "what it runs", "exec sleep 600"),
            "pid_file": _PID_FILE,
            "keep_stdout": Field("flag", "it keeps the CLI's stdout open", False),
        },
    ),
}


def listing() -> str:
    """The table as text for people: a step a paragraph, its options under it."""
    lines: list[str] = []
    for verb, spec in STEPS.items():
        shown = " | ".join(spec.value.choices) or f"<{spec.value.doc}>"
        lines.append(f"{verb} = {shown}")
        lines.append(f"    {spec.doc}")
        for name, option in spec.options.items():
            default = "" if option.default is None else f" (default {_shown(option.default)})"
            lines.append(f"    {name}: {option.doc}{default}")
    return "\n".join(lines)


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "{}" if value == {} else '""' if value == "" else str(value)
