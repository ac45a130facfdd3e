"""What hive.toml's rules decide."""

import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hived.config.globs import check_glob, matches
from hived.config.problems import ConfigInvalid
from hived.config.rules import Request, Verdict, decide_policy, in_quiet_hours
from hived.events.settings import QuietHours, Settings
from tests.config.texts import settings

RULES = settings(
    """
[[policies]]
name = "no programs"
decision = "deny"
paths = ["**/*.sh", "bin/**"]
note = "no programs here"

[[policies]]
name = "words"
decision = "approve"
kinds = ["apply_commit"]
requesters = ["manager"]
paths = ["docs/**", "*.md"]

[[policies]]
name = "ada may"
decision = "approve"
requesters = ["ada"]
kinds = ["spawn"]
"""
)


def decided(kind: str, requester: str, *paths: str, role: str = "") -> Verdict | None:
    return decide_policy(RULES, Request(kind, requester, role, paths))


def test_an_approval_needs_all_paths_and_a_denial_any() -> None:
    words = Verdict("approve", "words", "")
    assert decided("apply_commit", "queen", "a.md", "docs/x/y", role="manager") == words
    assert decided("apply_commit", "queen", "a.md", "agent.toml", role="manager") is None
    assert decided("apply_commit", "queen", "docs/x.sh", "a.md", role="manager") == Verdict(
        "deny", "no programs", "no programs here"
    )
    assert decided("spawn_commit", "queen", "a.md", role="manager") is None


def test_a_rule_about_paths_says_nothing_where_none_is_touched() -> None:
    assert decided("apply_commit", "queen", role="manager") is None


def test_the_word_manager_is_the_role_and_no_name() -> None:
    assert decided("apply_commit", "manager", "a.md", role="worker") is None
    assert decided("apply_commit", "queen", "a.md", role="worker") is None


def test_a_requester_is_meant_by_its_name() -> None:
    assert decided("spawn", "ada", role="worker") == Verdict("approve", "ada may", "")
    assert decided("spawn", "bob", role="manager") is None


FITS = [
    ("prompt.md", "*.md", True),
    ("a/prompt.md", "*.md", False),
    ("a/prompt.md", "**/*.md", True),
    ("prompt.md", "**/*.md", True),
    ("a/b/c", "a/**", True),
    ("a", "a/**", True),
    ("ab/c", "a/**", False),
    ("a/b", "a/?", True),
    ("a/bc", "a/?", False),
    ("aXbXc", "a*b*c", True),
    ("aXbXd", "a*b*c", False),
    ("abcabd", "*abd", True),
    ("a/b/c/d", "**/b/**/d", True),
    ("a.md", "a[.]md", False),
    ("*", "\\*", False),
]


@pytest.mark.parametrize(("path", "pattern", "fits"), FITS)
def test_globs(path: str, pattern: str, fits: bool) -> None:
    check_glob(pattern)
    assert matches(path, pattern) is fits


STEP = st.text("ab*?", min_size=1, max_size=5).filter(lambda step: "**" not in step)


@given(
    st.lists(st.text("ab", min_size=1, max_size=5), min_size=1, max_size=4),
    st.lists(STEP | st.just("**"), min_size=1, max_size=4),
)
def test_a_glob_says_what_the_expression_for_it_says(steps: list[str], parts: list[str]) -> None:
    pattern = "".join(
        "(?:[^/]*/)*"
        if part == "**"
        else re.escape(part).replace(r"\*", "[^/]*").replace(r"\?", "[^/]") + "/"
        for part in parts
    )
    wanted = re.fullmatch(pattern, "/".join(steps) + "/") is not None
    assert matches("/".join(steps), "/".join(parts)) is wanted


def test_a_hard_glob_takes_no_time() -> None:
    assert not matches("a" * 4_000 + "b", "*a" * 190 + "c")
    assert not matches("/".join("a" * 1_000), "/".join(["**", "a"] * 130 + ["b"]))


@pytest.mark.parametrize("pattern", ["/a", "a//b", "../a", "a/./b", "a/", "a**b", "***"])
def test_what_could_match_nothing_is_no_glob(pattern: str) -> None:
    with pytest.raises(ConfigInvalid):
        check_glob(pattern)


QUIET = settings(
    """
[[quiet_hours]]
from = "22:00"
to = "07:00"
timezone = "+02:00"

[[quiet_hours]]
from = "07:00"
to = "08:00"
timezone = "+02:00"
agents = ["ada"]
"""
)


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def test_quiet_hours_hold_over_midnight_at_their_own_offset() -> None:
    end = at("2026-03-02T05:00:00")
    assert in_quiet_hours(QUIET, at("2026-03-01T19:59:59")) == 0
    assert in_quiet_hours(QUIET, at("2026-03-01T20:00:00")) == end
    assert in_quiet_hours(QUIET, at("2026-03-02T00:30:00")) == end
    assert in_quiet_hours(QUIET, at("2026-03-02T04:59:59")) == end
    assert in_quiet_hours(QUIET, end) == 0


def test_those_of_one_agent_are_added_to_those_of_all() -> None:
    end = at("2026-03-02T06:00:00")
    assert in_quiet_hours(QUIET, at("2026-03-01T21:00:00"), "ada") == end
    assert in_quiet_hours(QUIET, at("2026-03-02T05:30:00"), "ada") == end
    assert in_quiet_hours(QUIET, at("2026-03-02T05:30:00"), "bob") == 0
    assert in_quiet_hours(QUIET, at("2026-03-02T05:30:00")) == 0


def test_hours_that_cover_the_day_come_to_an_end_of_looking() -> None:
    always = settings(
        '[[quiet_hours]]\nfrom = "00:00"\nto = "12:00"\n'
        '[[quiet_hours]]\nfrom = "12:00"\nto = "00:00"\n'
    )
    now = at("2026-03-02T05:30:00")
    assert in_quiet_hours(always, now) > now


@given(st.floats(0, 4e9), st.integers(0, 1_439), st.integers(1, 1_439), st.integers(-840, 840))
def test_the_end_is_within_a_day_and_the_hours_hold_until_then(
    now: float, begin: int, length: int, offset: int
) -> None:
    hours = QuietHours("x", begin, (begin + length) % 1_440, offset)
    given_ = Settings(quiet_hours=(hours,))
    end = in_quiet_hours(given_, now)
    local = datetime.fromtimestamp(now + offset * 60, UTC)
    minute = (local.hour * 60 + local.minute - begin) % 1_440
    assert (end > 0) is (minute < length)
    if end:
        assert 0 < end - now <= length * 60
        assert in_quiet_hours(given_, end + 0.01) == 0
