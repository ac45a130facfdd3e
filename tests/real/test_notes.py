"""The real CLI keeps its notes, saves them before a compaction, and rewrites them."""

import pytest

from tests.messages_api import MessagesApi
from tests.messages_api_replies import Reply, Rule, Tool
from tests.real.hive import Hive
from tests.real.test_failures import COMPACTION, SUMMARY

pytestmark = [pytest.mark.real_cli, pytest.mark.timeout(100)]

NOTES = "".join(f"note {number:04d}\n" for number in range(40))


def test_notes_are_rewritten_by_a_session_that_can_only_read(hive: Hive) -> None:
    notes = hive.home / "agents" / "ada" / "state" / "notes.md"
    rules = [Rule(Reply("the beans are wet"), contains="Rewrite the notes below")]
    script = [
        Reply(tools=(Tool("Write", {"file_path": str(notes), "content": NOTES}),)),
        Reply("noted"),
        Reply("went on"),
    ]
    with MessagesApi(script, rules=rules) as api:
        hive.new("ada", api)
        hive.ctl("send", "ada", "begin")
        first = hive.wait("turn_end")
        assert first["tools"] == {"Write": 1}
        assert hive.wait("notes_measured")["bytes"] == len(NOTES), notes
        hive.ctl("compact", "ada", "--notes")
        over = hive.wait("compaction_end")
        hive.wait("turn_end", 2)
        asked = next(r for r in api.requests if "Rewrite the notes below" in r.last)
        hive.ctl("send", "ada", "go on")
        hive.wait("turn_end", 3)
        later = api.requests[-1]
        work = api.requests[0]
    assert (over["of"], over["outcome"], over["detail"]) == ("notes", "ok", "")
    assert notes.read_text() == "the beans are wet\n"
    assert "note 0039" in asked.last
    tools = {tool["name"] for tool in asked.body["tools"]}
    assert tools - {"DeferredToolPlaceholder"} == {"Read"}  # the CLI's own, which does nothing
    assert "You rewrite the notes of a coding agent" in str(asked.body["system"])
    assert "Rewrite the notes" not in later.all
    assert f"Your notes are the file {notes}" in str(work.body["system"])
    ends = hive.events("turn_end")
    assert all(row["models"] and row["cost_usd"] > 0 for row in ends)
    sessions = list((hive.home / "agents" / "ada" / "claude" / "projects").glob("*/*.jsonl"))
    assert len(sessions) == 1  # the rewrite's own session leaves nothing


def test_a_full_session_is_saved_then_compacted(hive: Hive) -> None:
    full = {"input_tokens": 800_000, "output_tokens": 5}
    rules = [
        Rule(SUMMARY, contains=COMPACTION),
        Rule(Reply("saved"), contains="Your conversation is about to be compacted"),
    ]
    with MessagesApi([Reply("well", usage=full), Reply("went on")], rules=rules) as api:
        hive.new("ada", api)
        hive.ctl("send", "ada", "begin")
        over = hive.wait("compaction_end")
        hive.ctl("send", "ada", "go on")
        hive.wait("turn_end", 4)
    assert over["outcome"] == "ok"
    starts = [(row["data"]["kind"], row["reason"]) for row in hive.events("turn_start")]
    assert starts == [
        ("work", "mail"),
        ("work", "checkpoint"),
        ("compact", "compaction"),
        ("work", "mail"),
    ]
