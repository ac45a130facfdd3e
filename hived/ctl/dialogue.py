"""A line of a coding CLI's stream-json, in words for people. Pure.

What it does not know it leaves out, or shows shortened where it is not JSON at all: the line as
it was is one `--raw` away.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from hived import limits
from hived.ctl.words import money, took

Said = tuple[str, str]  # text of one or several lines, and its style


def said(line: str) -> list[Said]:
    """What a line says, in order; nothing where it is of no interest to people."""
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):
        return [(_short(line), "dim")] if line.strip() else []
    if not isinstance(message, dict):
        return [(_short(line), "dim")]
    kind = message.get("type")
    if kind in ("assistant", "user"):
        return list(_blocks(str(kind), message.get("message")))
    if kind == "result":
        return [_result(message)]
    if kind == "system":
        return list(_system(message))
    return []


def _blocks(kind: str, message: Any) -> Iterator[Said]:
    content = message.get("content") if isinstance(message, dict) else None
    if isinstance(content, str):
        yield (content, "" if kind == "assistant" else "cyan")
        return
    for block in content if isinstance(content, list) else ():
        if not isinstance(block, dict):
            continue
        match block.get("type"):
            case "text":
                yield (str(block.get("text", "")), "" if kind == "assistant" else "cyan")
            case "thinking":
                yield (str(block.get("thinking", "")), "dim")
            case "tool_use":
                yield (f"→ {block.get('name', '?')} {_input(block.get('input'))}", "yellow")
            case "tool_result":
                mark = "✗" if block.get("is_error") else "←"
                yield (f"{mark} {_short(_text(block.get('content')))}", "dim")


def _input(value: Any) -> str:
    if isinstance(value, Mapping) and len(value) == 1:
        return _short(str(next(iter(value.values()))))
    if isinstance(value, Mapping) and isinstance(value.get("command"), str):
        return _short(value["command"])
    return _short(json.dumps(value, ensure_ascii=False))


def _text(content: Any) -> str:
    if isinstance(content, list):
        parts = [block.get("text", "") for block in content if isinstance(block, dict)]
        return "\n".join(str(part) for part in parts)
    return "" if content is None else str(content)


def _result(message: Mapping[str, Any]) -> Said:
    duration, cost = message.get("duration_ms"), message.get("total_cost_usd")
    parts = [str(message.get("subtype", "")).replace("_", " ")]
    if isinstance(duration, int | float):
        parts.append(took(duration))
    if isinstance(cost, int | float) and cost:
        parts.append(money(cost))
    failed = bool(message.get("is_error"))
    text = "= " + ", ".join(part for part in parts if part)
    if failed and message.get("result"):
        text += f": {_short(str(message['result']))}"
    return (text, "red" if failed else "green")


def _system(message: Mapping[str, Any]) -> Iterator[Said]:
    match message.get("subtype"):
        case "init":
            yield (f"· session {message.get('session_id')}, {message.get('model')}", "dim")
        case "api_retry":
            status, error = message.get("error_status"), message.get("error")
            yield (f"· the CLI tries again: {error} {status or ''}".rstrip(), "yellow")
        case "compact_boundary":
            yield ("· compacted", "dim")


def _short(text: str) -> str:
    """A text that may be long, cut: a transcript for people is no dump."""
    text = text.strip()
    if len(text) <= limits.SHOWN_CHARS_MAX:
        return text
    return text[: limits.SHOWN_CHARS_MAX] + f" … ({len(text)} characters)"
