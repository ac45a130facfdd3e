"""The classes of a turn's end that no recording shows, rule by rule."""

from typing import Any

import pytest

from hived.drivers.base import Exit
from hived.drivers.claude_ending import Facts, Failure, Verdict, of_result, verdict


def death(exit: Exit | None, *, signalled: bool = False, **facts: Any) -> tuple[str, str, bool]:
    found = verdict(Facts(**facts), exit, signalled=signalled)
    return found.outcome, found.why, found.transient


def test_deaths_without_a_result() -> None:
    assert death(None) == ("lost", "unseen", True)
    assert death(Exit(-9), any_line=True) == ("failed", "crashed", True)
    assert death(Exit(1), any_line=True) == ("failed", "crashed", True)
    assert death(Exit(-11)) == ("failed", "crashed", True)
    assert death(Exit(1)) == ("failed", "configuration", False)
    assert death(Exit(127)) == ("failed", "configuration", False)
    assert death(Exit(1, "Error: Session ID x is already in use.")) == (
        *("failed", "session_in_use"),
        True,
    )
    assert death(Exit(143), any_line=True, signalled=True) == ("cancelled", "signalled", False)
    # Nobody saw the exit, but the order to end it was given.
    assert death(None, signalled=True) == ("cancelled", "signalled", False)
    assert death(Exit(0), any_line=True, repeated=True) == ("failed", "repeated", True)


def test_stderr_is_told_and_cut() -> None:
    found = verdict(Facts(), Exit(1, "x" * 9999 + "unknown option"), signalled=False)
    assert found.detail.endswith("unknown option")
    assert len(found.detail) == 500


def failed(error: str = "", status: int = 0, api_error: str = "", **result: Any) -> Verdict:
    facts = Facts(failure=Failure(error, status, api_error), began=True)
    return of_result({"is_error": True, "subtype": "success", **result}, facts)


@pytest.mark.parametrize(
    ("found", "outcome", "why", "transient"),
    [
        (failed(api_error_status=413), "prompt_too_long", "prompt_too_long", False),
        (failed(terminal_reason="prompt_too_long"), "prompt_too_long", "prompt_too_long", False),
        (failed(api_error_status=429), "rate_limited", "rate_limited", True),
        (failed("rate_limit"), "rate_limited", "rate_limited", True),
        (failed("billing_error", 400), "auth_failed", "billing_error", False),
        (failed("account_on_hold"), "auth_failed", "account_on_hold", False),
        (failed("oauth_org_not_allowed"), "auth_failed", "oauth_org_not_allowed", False),
        (failed("verification_required"), "auth_failed", "verification_required", False),
        (failed(api_error_status=401), "auth_failed", "authentication_failed", False),
        (failed(api_error_status=403), "auth_failed", "authentication_failed", False),
        (failed("overloaded"), "failed", "overloaded", True),
        (failed("server_error", 529), "failed", "overloaded", True),
        (failed("server_error", 503), "failed", "server_error", True),
        (failed("server_error", api_error="connection_failed"), "failed", "connection", True),
        (failed("model_not_found", 404), "failed", "model_not_found", False),
        (failed(subtype="error_max_budget_usd"), "failed", "limit", False),
        (failed(stop_reason="refusal"), "failed", "refused", False),
        (failed("unknown", 400), "failed", "bad_request", False),
        (failed(subtype="error_of_the_future"), "failed", "unknown", True),
        (failed(terminal_reason="aborted_tools"), "cancelled", "interrupted", False),
        (of_result({}, Facts()), "failed", "unknown", True),
        (of_result({"is_error": "no"}, Facts()), "failed", "unknown", True),
    ],
)
def test_results(found: Verdict, outcome: str, why: str, transient: bool) -> None:
    assert (found.outcome, found.why, found.transient) == (outcome, why, transient)


def test_words_class_nothing() -> None:
    """A text that speaks of limits, keys and prompts is only a text."""
    words = "429 rate_limit: Invalid API key, prompt is too long, 529 Overloaded"
    assert of_result({"is_error": False, "result": words}, Facts()).outcome == "ok"
    assert failed(result=words).why == "unknown"


def test_compactions() -> None:
    done = {"is_error": False, "local_command": "compact", "result": "Not enough messages"}
    assert of_result(done, Facts(compacted=True)) == Verdict("ok")
    nothing = of_result(done, Facts())
    assert (nothing.why, nothing.detail) == ("compaction", "Not enough messages")
    # What kept it from the API is told as for a turn, so the agent waits as for a turn.
    limited = Facts(failure=Failure("rate_limit", 429), compact_error="failed")
    assert of_result(done, limited).outcome == "rate_limited"
