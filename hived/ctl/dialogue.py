"""A line of a coding CLI's stream-json, in words for people. Pure.

What it does not know it leaves out, or shows shortened where it is not JSON at all: the line as
it was is one `--raw` away.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from hived import limits
from hived.ctl.when import local_unix
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
    try:
        return _said(message)
    except (ArithmeticError, OSError, ValueError):  # a figure that is no duration or time
        return [(_short(line), "dim")]


def _said(message: Mapping[str, Any]) -> list[Said]:
    kind = message.get("type")
    if kind in ("assistant", "user"):
        return list(_blocks(str(kind), message.get("message")))
    if kind == "result":
        return [_result(message)]
    if kind == "system":
        return list(_system(message))
    if kind == "rate_limit_event":
        return list(_limit(message.get("rate_limit_info")))
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
    failed = bool(message.get("is_error"))
    subtype = str(message.get("subtype", ""))
    # To claude a turn that ended by a failed request is a success with an error.
    parts = ["failed" if failed and subtype == "success" else subtype.replace("_", " ")]
    if isinstance(duration, int | float):
        parts.append(took(duration))
    if isinstance(cost, int | float) and cost:
        parts.append(money(cost))
    text = "= " + ", ".join(part for part in parts if part)
    if failed and message.get("result"):
        text += f": {_short(str(message['result']))}"
    return (text, "red" if failed else "green")


def _system(message: Mapping[str, Any]) -> Iterator[Said]:
    match message.get("subtype"):
        case "init":
            yield (f"· session {message.get('session_id')}, {message.get('model')}", "dim")
            yield from _servers(message.get("mcp_servers"))
        case "api_retry":
            yield (_retry(message), "yellow")
        case "model_fallback":
            was, now = message.get("original_model"), message.get("fallback_model")
            yield (f"· the CLI goes on with {now} instead of {was}", "yellow")
        case "compact_boundary":
            yield ("· compacted", "dim")


def _servers(servers: Any) -> Iterator[Said]:
    """The MCP servers whose tools the model does not have."""
    for server in servers if isinstance(servers, list) else ():
        if isinstance(server, dict) and server.get("status") != "connected":
            yield (f"· MCP server {server.get('name')}: {server.get('status')}", "yellow")


def _retry(message: Mapping[str, Any]) -> str:
    attempt, most = message.get("attempt"), message.get("max_retries")
    wait, status = message.get("retry_delay_ms"), message.get("error_status")
    soon = f" in {took(wait)}" if isinstance(wait, int | float) else ""
    why = f"{message.get('error')} {status or ''}".rstrip()
    return f"· the CLI tries again{soon} ({attempt} of {most}): {why}"


def _limit(info: Any) -> Iterator[Said]:
    """A rate limit that is near, or reached."""
    if not isinstance(info, dict) or info.get("status") == "allowed":
        return
    resets = info.get("resetsAt")
    until = f", until {local_unix(resets)}" if isinstance(resets, int | float) else ""
    kind, status = info.get("rateLimitType"), str(info.get("status")).replace("_", " ")
    yield (f"· rate limit {kind}: {status}{until}", "yellow")


def _short(text: str) -> str:
    """A text that may be long, cut: a transcript for people is no dump."""
    text = text.strip()
    if len(text) <= limits.SHOWN_CHARS_MAX:
        return text
    return text[: limits.SHOWN_CHARS_MAX] + f" … ({len(text)} characters)"
