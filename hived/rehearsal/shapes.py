"""The shapes of the CLI's lines, as recorded from the real one. Pure: ids and times are given."""

from typing import Any

Line = dict[str, Any]

VERSION = "2.1.330"
BUILT_IN_TOOLS = ("Bash", "Edit", "Read", "Write")
_ZERO_USAGE: Line = {
    "input_tokens": 0,
    "cache_creation_input_tokens": 0,
    "cache_read_input_tokens": 0,
    "output_tokens": 0,
}
_STATS: Line = {
    "spawned": 0,
    "requested": {"background": 0, "foreground": 0, "unset": 0},
    "started_in_background": 0,
    "max_depth": 0,
    "spawned_by_subagents": 0,
    "completed": 0,
    "failed": 0,
    "killed": {"parent": 0, "user": 0, "system": 0},
    "refused": {"depth_limit": 0, "concurrency_limit": 0, "budget": 0},
    "by_type": {},
}
_FAST: Line = {"fast_mode_state": "off", "fast_mode_disabled_reason": "sdk_opt_in_required"}
SUMMARY = (
    "This session is being continued from a previous conversation that ran out of context. The"
    " summary below covers the earlier portion of the conversation.\n\nSummary:\n"
)


def init(
    cwd: str,
    tools: list[str],
    servers: list[Line],
    model: str,
    mode: str,
    key_source: str,
) -> Line:
    """The line that opens every turn."""
    return {
        "type": "system",
        "subtype": "init",
        "cwd": cwd,
        "tools": tools,
        "mcp_servers": servers,
        "model": model,
        "permissionMode": mode,
        "slash_commands": ["clear", "compact"],
        "terminal_slash_commands": [],
        "apiKeySource": key_source,
        "claude_code_version": VERSION,
        "output_style": "default",
        "agents": [],
        "skills": [],
        "plugins": [],
        "capabilities": ["interrupt_receipt_v1", "interrupt_cancel_queued_v1", "msg_lifecycle_v1"],
        "analytics_disabled": True,
        "product_feedback_disabled": True,
        "served_by_anthropic": False,
        "original_cwd": cwd,
        "additional_directories": [],
        **_FAST,
        "view_mode": "default",
    }


def usage(counts: tuple[int, int, int, int]) -> Line:
    """`usage` of an assistant line: input, output, read from cache, written to cache."""
    return {
        "input_tokens": counts[0],
        "cache_creation_input_tokens": counts[3],
        "cache_read_input_tokens": counts[2],
        "output_tokens": counts[1],
    }


def assistant(
    message: str, request: str, model: str, block: Line, counts: tuple[int, int, int, int]
) -> Line:
    """One content block of a message of the model."""
    return {
        "type": "assistant",
        "message": {
            "id": message,
            "type": "message",
            "role": "assistant",
            "model": model,
            "content": [block],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": usage(counts),
            "context_management": None,
        },
        "parent_tool_use_id": None,
        "request_id": request,
    }


def synthetic(identity: str, text: str, stop_reason: str = "stop_sequence") -> Line:
    """Words of the CLI itself in the place of the model's."""
    return {
        "type": "assistant",
        "message": {
            "diagnostics": None,
            "id": identity,
            "container": None,
            "model": "<synthetic>",
            "role": "assistant",
            "stop_details": None,
            "stop_reason": stop_reason,
            "stop_sequence": "" if stop_reason != "end_turn" else None,
            "type": "message",
            "usage": {"output_tokens_details": None, **_ZERO_USAGE},
            "content": [{"type": "text", "text": text}],
            "context_management": None,
        },
        "parent_tool_use_id": None,
    }


def user(content: object, **more: object) -> Line:
    """A user line of the CLI's own: a tool's result, a nudge, an echo."""
    return {
        "type": "user",
        "message": {"role": "user", "content": content},
        "parent_tool_use_id": None,
        **more,
    }


def tool_result(
    call: str, content: object, shown: object, meta: Line, *, error: bool | None
) -> Line:
    """What a tool call gave. error: None leaves is_error out, as for an MCP tool that went well."""
    block: Line = {"tool_use_id": call, "type": "tool_result", "content": content}
    if error is not None:
        block["is_error"] = error
    return user([block], tool_use_result=shown, tool_result_meta=[{"id": call, **meta}])


def result(
    counts: tuple[int, int, int, int],
    *,
    subtype: str,
    is_error: bool,
    num_turns: int,
    durations: tuple[int, int],
    cost: float,
    totals: Line,
    since: Line,
    index: int,
    queued: int,
    **more: object,
) -> Line:
    """The line that ends a turn. durations: whole and API, in ms. more: what the case adds."""
    return {
        "type": "result",
        "subtype": subtype,
        "is_error": is_error,
        "duration_ms": durations[0],
        "duration_api_ms": durations[1],
        "num_turns": num_turns,
        "stop_reason": None,
        "total_cost_usd": cost,
        "usage": {
            **usage(counts),
            "output_tokens_details": {"thinking_tokens": 0},
            "server_tool_use": {"web_search_requests": 0, "web_fetch_requests": 0},
            "service_tier": "standard",
            "cache_creation": {"ephemeral_1h_input_tokens": 0, "ephemeral_5m_input_tokens": 0},
            "inference_geo": "",
            "iterations": [],
            "speed": "standard",
            "fallback_credit": None,
        },
        "modelUsage": totals,
        "permission_denials": [],
        **_FAST,
        "subagent_stats": _STATS,
        "safety_stops": 0,
        "queued_turn_count": queued,
        "result_index": index,
        "model_usage_since_last_result": since,
        **more,
    }
