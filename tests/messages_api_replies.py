"""What the scripted Messages API answers with, and how an answer is put on the wire."""

import itertools
import json
from collections.abc import Iterator, Mapping
from typing import Any

from attrs import field, frozen

_IDS = itertools.count(1)


@frozen
class Tool:
    """A call of a tool by the model."""

    name: str
    input: Mapping[str, Any] = field(factory=dict)


@frozen
class Failed:
    """An error of the API. headers: such as {"retry-after": "2"}."""

    status: int
    type: str
    message: str


@frozen
class Reply:
    """One answer of the model.

    text: {last} in it stands for the last words the model was given.
    tools: calls, after the text. stop_reason: by default end_turn, tool_use with calls.
    usage: tokens by the API's names, in place of 10 in and 5 out.
    failed: an error in place of the answer. headers: sent with either.
    chunks: pieces that the text is streamed in. pause_s: seconds before each but the first.
    gate: before its last piece the answer waits until the test calls `api.open(gate)`.
    hang: no answer at all until the server closes.
    cut_after: the connection is cut after this many pieces.
    """

    text: str = ""
    tools: tuple[Tool, ...] = ()
    stop_reason: str = ""
    usage: Mapping[str, int] = field(factory=dict)
    failed: Failed | None = None
    headers: Mapping[str, str] = field(factory=dict)
    chunks: int = 1
    pause_s: float = 0.0
    gate: str = ""
    hang: bool = False
    cut_after: int | None = None


@frozen
class Rule:
    """An answer for requests of a kind, whatever the script says; looked at before it.

    model, contains: both must be found, in the model's name and in the last words given; mentions:
    anywhere in the request. key: the whole x-api-key of the request. times: how often it answers,
    None for always.
    """

    reply: Reply
    model: str = ""
    contains: str = ""
    mentions: str = ""
    key: str = ""
    times: int | None = None


RATE_LIMITED = Failed(429, "rate_limit_error", "Number of request tokens has exceeded your limit")
OVERLOADED = Failed(529, "overloaded_error", "Overloaded")
WRONG_KEY = Failed(401, "authentication_error", "invalid x-api-key")
NO_SUCH_MODEL = Failed(404, "not_found_error", "model: none of that name")
TOO_LONG = Failed(
    400, "invalid_request_error", "prompt is too long: 1204000 tokens > 1000000 maximum"
)


def usage_limit(resets_at: int) -> Reply:
    """The refusal of a subscription whose five hours are used up, until unix second `resets_at`.

    The CLI understands it only with an OAuth token (CLAUDE_CODE_OAUTH_TOKEN).
    """
    prefix = "anthropic-ratelimit-unified"
    headers = {
        f"{prefix}-status": "rejected",
        f"{prefix}-reset": str(resets_at),
        f"{prefix}-representative-claim": "five_hour",
        f"{prefix}-5h-status": "rejected",
        f"{prefix}-5h-reset": str(resets_at),
        f"{prefix}-5h-utilization": "1.0",
    }
    return Reply(failed=RATE_LIMITED, headers=headers)


def message(reply: Reply, model: str, last: str) -> dict[str, Any]:
    """The whole answer, as a request without streaming gets it."""
    content: list[dict[str, Any]] = []
    words = reply.text.replace("{last}", last)
    if words or not reply.tools:
        content.append({"type": "text", "text": words})
    for tool in reply.tools:
        call = {"type": "tool_use", "id": f"toolu_{next(_IDS):08d}", "name": tool.name}
        content.append({**call, "input": dict(tool.input)})
    usage = {
        "input_tokens": 10,
        "output_tokens": 5,
        "cache_read_input_tokens": 0,
        "cache_creation_input_tokens": 0,
    }
    return {
        "id": f"msg_{next(_IDS):08d}",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": content,
        "stop_reason": reply.stop_reason or ("tool_use" if reply.tools else "end_turn"),
        "stop_sequence": None,
        "usage": {**usage, **reply.usage},
    }


def events(whole: Mapping[str, Any], chunks: int) -> Iterator[bytes]:
    """The whole answer as server-sent events, its texts in `chunks` pieces."""
    start = {**whole, "content": [], "stop_reason": None}
    start["usage"] = {**whole["usage"], "output_tokens": 1}
    yield _event("message_start", message=start)
    for index, block in enumerate(whole["content"]):
        if block["type"] == "text":
            empty, key, kind, words = {"type": "text", "text": ""}, "text", "text_delta", "text"
            data = block[words]
        else:
            empty, key, kind = {**block, "input": {}}, "partial_json", "input_json_delta"
            data = json.dumps(block["input"])
        yield _event("content_block_start", index=index, content_block=empty)
        width = max(1, -(-len(data) // chunks))
        for at in range(0, len(data), width):
            delta = {"type": kind, key: data[at : at + width]}
            yield _event("content_block_delta", index=index, delta=delta)
        yield _event("content_block_stop", index=index)
    stop = {"stop_reason": whole["stop_reason"], "stop_sequence": None}
    usage = {"output_tokens": whole["usage"]["output_tokens"]}
    yield _event("message_delta", delta=stop, usage=usage)
    yield _event("message_stop")


def _event(name: str, **data: Any) -> bytes:
    return f"event: {name}\ndata: {json.dumps({'type': name, **data})}\n\n".encode()
