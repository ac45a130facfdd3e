"""What a CLI printed, in words: lines of the recordings, and lines of nobody."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hived.ctl.dialogue import said
from tests.drivers import recordings


def yellow(name: str) -> list[str]:
    """What a recording shows that is out of the ordinary."""
    lines = recordings.output(name).decode().splitlines()
    return [text for line in lines for text, style in said(line) if style == "yellow"]


def test_why_a_turn_takes_long_is_shown() -> None:
    assert yellow("err-529-fallback") == [
        "· the CLI tries again in 0.6s (1 of 10): overloaded 529",
        "· the CLI tries again in 1.0s (2 of 10): overloaded 529",
        "· the CLI goes on with claude-sonnet-5-5 instead of claude-opus-5-5",
    ]
    [near] = yellow("rate-limit-warning")
    assert near.startswith("· rate limit five_hour: allowed warning, until ")


def test_mcp_servers_that_did_not_connect_are_shown() -> None:
    assert yellow("mcp-dead-server")[0] == "· MCP server hive: failed"
    assert yellow("plain") == []


@pytest.mark.parametrize("name", ["err-429", "max-turns", "plain"])
def test_a_result_says_whether_the_turn_failed(name: str) -> None:
    last = recordings.output(name).decode().splitlines()[-1]
    [(text, style)] = said(last)
    good = name == "plain"
    assert style == ("green" if good else "red")
    assert text.startswith("= success" if good else "= ")
    assert good or "success" not in text


@pytest.mark.parametrize("name", recordings.NAMES)
def test_every_recorded_line_has_words_or_none(name: str) -> None:
    for line in recordings.output(name).decode().splitlines():
        assert all(isinstance(text, str) for text, _ in said(line))


WORDS = st.sampled_from(
    ["system", "result", "rate_limit_event", "assistant", "init", "api_retry", "rejected"]
)
KEYS = st.sampled_from(
    [
        *("type", "subtype", "message", "content", "mcp_servers", "rate_limit_info", "resetsAt"),
        *("duration_ms", "total_cost_usd", "retry_delay_ms", "is_error", "result", "status"),
    ]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=6),
    max_leaves=12,
)


@given(st.dictionaries(KEYS, VALUES, max_size=8), WORDS)
def test_no_line_is_too_odd_to_show(line: dict[str, Any], kind: str) -> None:
    assert all(isinstance(text, str) for text, _ in said(json.dumps({**line, "type": kind})))


@pytest.mark.parametrize(
    "line",
    [
        '{"type":"result","duration_ms":NaN}',
        '{"type":"result","duration_ms":1e400}',
        '{"type":"system","subtype":"api_retry","retry_delay_ms":1e400}',
        '{"type":"rate_limit_event","rate_limit_info":{"status":"rejected","resetsAt":1e30}}',
    ],
)
def test_a_figure_that_is_no_time_leaves_the_line_as_it_was(line: str) -> None:
    assert said(line) == [(line, "dim")]
