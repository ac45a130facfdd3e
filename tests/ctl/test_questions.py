"""hivectl ask, questions, answer: what they send, and words without sense."""

import pytest

from tests.ctl.canned import Hive, Hivectl


def test_what_ask_sends(hive: Hive, hivectl: Hivectl) -> None:
    done = hivectl(
        "ask", "ada", "which", "one?", "--option", "a", "--option", "b", "--multi", "--ttl", "1.5h"
    )
    assert done.returncode == 0, done.stderr
    assert hive.params("ask") == {
        "to": "ada",
        "text": "which one?",
        "options": ["a", "b"],
        "multi": True,
        "ttl_seconds": 5_400.0,
    }
    hivectl("ask", "manager", "well?")
    assert hive.params("ask") == {"to": "manager", "text": "well?"}


def test_what_answer_sends(hive: Hive, hivectl: Hivectl) -> None:
    hivectl("answer", "q01", "as", "you", "like")
    assert hive.params("answer") == {"question": "q01", "answer": "as you like"}
    hivectl("answer", "q01", "--option", "2", "--option", "red")
    assert hive.params("answer") == {"question": "q01", "options": ["2", "red"]}


def test_a_question_is_shown_with_its_options_and_its_end(hive: Hive, hivectl: Hivectl) -> None:
    lines = hivectl("questions", "--all", COLUMNS="80").stdout.splitlines()
    at = lines.index("q0000000000000002  2026-11-23 18:04:11  ada asks bob  answered")
    assert lines[at + 1 : at + 5] == [
        "    Which one?",
        "      [ ] 1. red",
        "      [x] 2. blue",
        "  > operator:ann: blue",
    ]
    assert "      several may be chosen" in lines[:at]
    assert lines[-1] == "3 older ones left out (-n)"
    assert "  by operator:ann at 2026-11-23 18:04:11" in lines
    assert hive.params("questions") == {"all": True, "limit": 100}
    hivectl("questions", "--agent", "ada", "-n", "5")
    assert hive.params("questions") == {"agent": "ada", "limit": 5}


@pytest.mark.parametrize(
    "words",
    [
        ["ask"],
        ["ask", "ada"],
        ["ask", "ada", "x", "--ttl", "soon"],
        ["ask", "ada", "x", "--ttl", "-5"],
        ["ask", "ada", "x", "--ttl", "5y"],
        ["answer"],
        ["answer", "q01"],
        ["answer", "q01", "yes", "--option", "1"],
        ["questions", "cancel"],
        ["questions", "cancel", "q1", "q2"],
        ["questions", "forget", "q1"],
        ["questions", "cancel", "q1", "--all"],
        ["questions", "cancel", "q1", "--at", "5"],
        ["questions", "-n", "0"],
    ],
)
def test_words_without_sense(hive: Hive, hivectl: Hivectl, words: list[str]) -> None:
    done = hivectl(*words)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("hivectl: ") and "Traceback" not in done.stderr
    assert hive.calls == []
