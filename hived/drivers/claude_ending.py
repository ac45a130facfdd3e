"""The class of a turn's end: from the CLI's last result, else from how its process died.

The rules stand in the order in which they are tried. They look at the protocol's own fields,
never at words in a text; only where the CLI died without a line is its stderr looked at.
"""

from attrs import frozen

from hived import limits
from hived.drivers import claude_lines as lines
from hived.drivers.base import Exit

_AUTH = frozenset(
    {
        "authentication_failed",
        "oauth_org_not_allowed",
        "account_on_hold",
        "verification_required",
        "billing_error",
    }
)
_AUTH_STATUS = frozenset({401, 403})
_OVERLOADED = 529
_ABORTED = frozenset({"aborted_streaming", "aborted_tools"})
_LIMITS = frozenset({"error_max_turns", "error_max_budget_usd"})

# What the CLI writes to stderr when its command line cannot be used; nothing is on stdout then.
_IN_USE = "already in use"
_NOT_STARTED = frozenset({126, 127})  # a shell's or host's "cannot run" and "not found"


@frozen
class Verdict:
    """A class of end: the first four fields of an Ending."""

    outcome: str
    why: str = ""
    detail: str = ""
    transient: bool = False


@frozen
class Failure:
    """What the CLI's last made-up assistant line said of a failed request."""

    error: str = ""
    status: int = 0
    api_error: str = ""


@frozen
class Facts:
    """What a turn's lines said, as far as its end goes.

    result: the last one, None if there was none or the CLI went on after it and died.
    began: an init line was seen. any_line: the CLI said anything at all.
    compacted: a compaction went well. repeated: the session had seen all user lines before.
    """

    result: lines.Object | None = None
    failure: Failure = Failure()
    began: bool = False
    any_line: bool = False
    compacted: bool = False
    compact_error: str = ""
    repeated: bool = False
    resumed: bool = False


def verdict(facts: Facts, exit: Exit | None, *, signalled: bool) -> Verdict:
    """The class of the end of a turn whose process is gone."""
    if facts.result is None:
        return _of_death(facts, exit, signalled=signalled)
    return of_result(facts.result, facts)


def of_result(result: lines.Object, facts: Facts) -> Verdict:
    """The class that one result line gives."""
    if lines.text(result, "terminal_reason") in _ABORTED:
        return Verdict("cancelled", "interrupted")
    if lines.text(result, "local_command") == "compact":
        return _of_compaction(result, facts)
    if result.get("is_error") is False:
        return Verdict("ok")
    detail = _detail(result)
    return _of_request(result, facts.failure, detail) or _of_run(result, facts, detail)


def _of_death(facts: Facts, exit: Exit | None, *, signalled: bool) -> Verdict:
    stderr = exit.stderr.strip()[-limits.DETAIL_CHARS_MAX :] if exit else ""
    if facts.repeated:
        return Verdict("failed", "repeated", "the session has seen these lines before", True)
    if signalled:
        return Verdict("cancelled", "signalled", stderr)
    if exit is None:
        return Verdict("lost", "unseen", "nobody saw the end of the CLI", True)
    if not facts.any_line:
        if _IN_USE in stderr:
            return Verdict("failed", "session_in_use", stderr, True)
        if exit.code == 1 or exit.code in _NOT_STARTED:
            return Verdict("failed", "configuration", stderr)
    return Verdict("failed", "crashed", stderr, True)


def _of_compaction(result: lines.Object, facts: Facts) -> Verdict:
    if facts.compacted:
        return Verdict("ok")
    detail = facts.compact_error or _detail(result)
    failed = Verdict("failed", "compaction", detail)
    return _of_request(result, facts.failure, detail) or failed


def _of_request(result: lines.Object, failure: Failure, detail: str) -> Verdict | None:
    """The class of a failed request to the API, None where the result tells of none."""
    status = lines.count(result, "api_error_status") or failure.status
    error = failure.error
    api_error = lines.text(result, "api_error") or failure.api_error
    if lines.text(result, "terminal_reason") == "prompt_too_long" or status == 413:
        return Verdict("prompt_too_long", "prompt_too_long", detail)
    if status == 429 or error == "rate_limit":
        return Verdict("rate_limited", "rate_limited", detail, True)
    if error in _AUTH or status in _AUTH_STATUS:
        why = error if error in _AUTH else "authentication_failed"
        return Verdict("auth_failed", why, detail)
    if error == "model_not_found":
        return Verdict("failed", "model_not_found", detail)
    if api_error == "connection_failed":
        return Verdict("failed", "connection", detail, True)
    if status == _OVERLOADED or error == "overloaded":
        return Verdict("failed", "overloaded", detail, True)
    if status >= 500 or error == "server_error":
        return Verdict("failed", "server_error", detail, True)
    return None


def _of_run(result: lines.Object, facts: Facts, detail: str) -> Verdict:
    """The class of an error that no request explains."""
    subtype = lines.text(result, "subtype")
    if subtype in _LIMITS:
        return Verdict("failed", "limit", detail)
    if lines.text(result, "stop_reason") == "refusal":
        return Verdict("failed", "refused", detail)
    if subtype == "error_during_execution" and facts.resumed and not facts.began:
        return Verdict("failed", "session_missing", detail)
    if 400 <= (lines.count(result, "api_error_status") or facts.failure.status) < 500:
        return Verdict("failed", "bad_request", detail)
    return Verdict("failed", "unknown", detail, True)


def _detail(result: lines.Object) -> str:
    words = lines.text(result, "result") or "\n".join(lines.strings(result, "errors"))
    return words[: limits.DETAIL_CHARS_MAX]
