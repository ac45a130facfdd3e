"""How each failure of the model's API looks in the CLI's lines: a table, from recordings. Pure."""

from collections.abc import Mapping
from typing import NamedTuple


class Failure(NamedTuple):
    """One row.

    word: `error` of the synthetic assistant line. text: its words; {message} is the API's.
    retries: tries the CLI tells before it gives up. told: `error` of its retry lines.
    subtype: of the result; for others than success the result has `errors` in place of `result`.
    """

    status: int | None
    api_type: str | None
    word: str
    text: str
    message: str = ""
    retries: int = 0
    told: str = "unknown"
    reason: str = "api_error"
    api_error: str | None = None
    subtype: str = "success"


_TOO_LONG = (
    "Prompt is too long · the request is ~{asked} tokens (limit {window}) but this conversation is"
    " only ~{context} tokens — the rest is system prompt, tool definitions, and attachment"
    " content. A single-exchange conversation cannot be compacted; reduce attached files/tools or"
    " start with less context."
)
_FLAGGED = "API Error: this model's safeguards flagged this message."

FAILURES: Mapping[str, Failure] = {
    "400": Failure(
        400,
        "invalid_request_error",
        "unknown",
        "API Error: 400 {message}",
        "messages.3: something is wrong",
    ),
    "401": Failure(
        401,
        "authentication_error",
        "authentication_failed",
        "Invalid API key · Fix external API key",
        retries=10,
        told="authentication_failed",
    ),
    "403": Failure(
        403,
        "permission_error",
        "authentication_failed",
        "Failed to authenticate. API Error: 403 {message}",
        "Your organization has disabled access",
    ),
    "404": Failure(
        404,
        "not_found_error",
        "model_not_found",
        "There's an issue with the selected model ({model}). It may not exist or you may not have"
        " access to it. Run --model to pick a different model.",
    ),
    "413": Failure(
        413,
        "request_too_large",
        "invalid_request",
        "API Error: 413 {message}",
        "Request exceeds the maximum size",
        reason="image_error",
    ),
    "429": Failure(
        429,
        "rate_limit_error",
        "rate_limit",
        "API Error: Request rejected (429) · {message}",
        "Number of request tokens has exceeded your per-minute rate limit",
        retries=10,
        told="rate_limit",
    ),
    "500": Failure(
        500,
        "api_error",
        "server_error",
        "API Error: 500 {message}. This is a server-side issue, usually temporary — try again in"
        " a moment.",
        "Internal server error",
        retries=10,
        told="server_error",
    ),
    "529": Failure(
        529,
        "overloaded_error",
        "server_error",
        "API Error: Repeated 529 Overloaded errors. The API is at capacity — this is usually"
        " temporary. Try again in a moment.",
        retries=2,
        told="overloaded",
    ),
    "billing": Failure(400, "invalid_request_error", "billing_error", "Credit balance is too low"),
    "connection": Failure(
        None,
        None,
        "server_error",
        "API Error: Connection refused — a firewall or proxy may be blocking it (ECONNREFUSED)",
        retries=10,
        api_error="connection_failed",
    ),
    "max_budget": Failure(
        None,
        None,
        "",
        "Reached maximum budget",
        reason="budget_exhausted",
        subtype="error_max_budget_usd",
    ),
    "max_turns": Failure(
        None,
        None,
        "",
        "Reached maximum number of turns ({limit})",
        reason="max_turns",
        subtype="error_max_turns",
    ),
    "not_logged_in": Failure(
        None, None, "authentication_failed", "Not logged in · Please run /login"
    ),
    "prompt_too_long": Failure(
        400, "invalid_request_error", "invalid_request", _TOO_LONG, reason="prompt_too_long"
    ),
    "refusal": Failure(None, None, "invalid_request", _FLAGGED),
    "usage_limit": Failure(
        429,
        "rate_limit_error",
        "rate_limit",
        "You've hit your usage limit · {message}",
        "wait until it resets",
        api_error="usage_limit_reached",
    ),
}


def retry_delays(failure: Failure, asked: int | None, cap: int | None, first: float) -> list[float]:
    """Seconds before each retry that is told.

    Args:
      asked: The scenario's number of them; None for the usual.
      cap: CLAUDE_CODE_MAX_RETRIES, if set. The 529s stop by themselves before it.
      first: Seconds before the first; doubled for each one more.
    """
    count = failure.retries if asked is None else asked
    if cap is not None:
        count = min(count, cap)
    return [first * 2**number for number in range(count)]
