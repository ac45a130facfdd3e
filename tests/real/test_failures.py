"""Turns of the real CLI that fail: limits, logins, models, prompts too long, and compactions."""

import json
import time
from datetime import datetime

import pytest

from tests.messages_api import MessagesApi
from tests.messages_api_replies import (
    NO_SUCH_MODEL,
    OVERLOADED,
    TOO_LONG,
    WRONG_KEY,
    Reply,
    Rule,
    Tool,
    usage_limit,
)
from tests.real.hive import SECRET, Hive
from tests.real_cli import write_env_file

pytestmark = [pytest.mark.real_cli, pytest.mark.timeout(100)]

SUMMARY = Reply(
    "<analysis>a</analysis><summary>THE SUMMARY</summary>",
    usage={"input_tokens": 9_000, "output_tokens": 300},
)
COMPACTION = "create a detailed summary"  # what the CLI asks for when it compacts


def test_compact(hive: Hive) -> None:
    with MessagesApi([Reply("one " * 500), Reply("two")], summary=SUMMARY) as api:
        hive.new("ada", api)
        hive.ctl("send", "ada", "first words")
        hive.wait("turn_end")
        hive.ctl("compact", "ada")
        end = hive.wait("turn_end", 2)
        context = hive.agent("ada")["context_used"]
        hive.ctl("send", "ada", "second words")
        hive.wait("turn_end", 3)
        request = api.requests[-1]
    start, done = hive.events("compaction_start", "compaction_end")
    assert (start["of"], start["why"]) == ("session", "operator")
    assert (done["outcome"], done["of"]) == ("ok", "session")
    assert done["before"] > 0
    assert context == done["after"]
    assert end["outcome"] == "ok"
    assert end["usage"] == {"input": 9_000, "output": 300, "cache_read": 0, "cache_write": 0}
    assert hive.events("turn_start")[1]["data"]["kind"] == "compact"
    assert "THE SUMMARY" in request.all
    assert "one one one" not in request.all
    assert hive.agent("ada")["word"] == "idle"


def test_compact_behind_a_running_turn(hive: Hive) -> None:
    with MessagesApi([Reply("one " * 500, gate="end")], summary=SUMMARY) as api:
        hive.new("ada", api)
        hive.ctl("send", "ada", "first words")
        api.wait_for(lambda: len(api.requests) == 1)
        hive.ctl("compact", "ada")
        assert not hive.events("compaction_start")
        api.open("end")
        hive.wait("turn_end", 2)
    kinds = [r["kind"] for r in hive.events("turn_end", "compaction_start", "compaction_end")]
    assert kinds == ["turn_end", "compaction_start", "compaction_end", "turn_end"]


def test_a_compaction_that_fails_is_told_and_the_session_goes_on(hive: Hive) -> None:
    wrong = Rule(Reply(failed=TOO_LONG), contains=COMPACTION)
    with MessagesApi([Reply("one"), Reply("two")], rules=[wrong]) as api:
        hive.new("ada", api)
        hive.ctl("send", "ada", "first words")
        hive.wait("turn_end")
        hive.ctl("compact", "ada")
        failed = hive.wait("turn_end", 2)
        assert hive.agent("ada")["word"] == "idle"  # and waits for nothing
        hive.ctl("send", "ada", "second words")
        end = hive.wait("turn_end", 3)
        assert "first words" in api.requests[-1].all
    [done] = hive.events("compaction_end")
    assert done["outcome"] == "failed"
    assert done["detail"]
    assert (failed["outcome"], failed["retry_at"]) == ("failed", 0)
    assert end["outcome"] == "ok"
    assert len(hive.events("compaction_start")) == 1


def test_a_compaction_inside_a_turn(hive: Hive) -> None:
    # The CLI compacts by itself once its last request filled the window.
    full = {"input_tokens": 985_000, "output_tokens": 5}
    call = Reply("one " * 500, tools=(Tool("Bash", {"command": "git --version"}),), usage=full)
    with MessagesApi([call, Reply("two")], summary=SUMMARY) as api:
        hive.new("ada", api, "--allow=Bash(git *)")
        hive.ctl("send", "ada", "first words")
        end = hive.wait("turn_end")
        assert "THE SUMMARY" in api.requests[-1].all
    kinds = ("turn_start", "compaction_start", "compaction_end", "turn_end")
    assert [row["kind"] for row in hive.events(*kinds)] == list(kinds)
    start, done = hive.events("compaction_start", "compaction_end")
    assert (start["why"], done["outcome"], start["turn"]) == ("auto", "ok", end["turn"])
    assert end["outcome"] == "ok"
    assert end["usage"]["input"] == 985_000 + 9_000 + 10


def test_a_rate_limit_parks_all_agents_of_the_credential_until_it_is_lifted(hive: Hive) -> None:
    resets_at = int(time.time()) + 3_600
    limited = Rule(usage_limit(resets_at), times=1)
    with MessagesApi([Reply("went on"), Reply("ben too")], rules=[limited]) as api:
        oauth = {"CLAUDE_CODE_OAUTH_TOKEN": SECRET, "ANTHROPIC_API_KEY": ""}
        hive.new("ada", api, env=oauth)
        hive.new("ben", api, "--env-file", str(hive.env_files / "ada"))
        hive.ctl("send", "ada", "begin")
        end = hive.wait("turn_end")
        row = hive.wait_word("ada", "rate limited")
        hive.ctl("send", "ben", "you too")
        assert hive.agent("ben")["word"] == "rate limited"
        assert datetime.fromisoformat(row["until"]).timestamp() == resets_at
        assert "rate limited" in hive.ctl("ps")
        why = hive.json("why", "ben")
        assert (why["next_step"], why["chain"][0]["kind"]) == ("park", "rate_limit_hit")
        assert len(hive.events("turn_start")) == 1
        hive.ctl("lift", "ada")
        hive.wait("turn_end", 3)
        assert len(api.requests) == 3
    assert (end["outcome"], end["retry_at"]) == ("rate_limited", 0)
    [hit] = hive.events("rate_limit_hit")
    assert (hit["until"], hit["named"]) == (resets_at, True)
    [over] = hive.events("rate_limit_over")
    assert (over["why"], over["by"].split(":")[0]) == ("operator", "operator")
    [returned] = hive.events("message_returned")
    assert not returned["counted"]
    assert hive.agent("ada")["word"] == "idle"


def test_a_rate_limit_ends_at_its_time(hive: Hive) -> None:
    with MessagesApi() as api:
        hive.new("ada", api, env={"CLAUDE_CODE_OAUTH_TOKEN": SECRET, "ANTHROPIC_API_KEY": ""})
        resets_at = int(time.time()) + 8
        api.script(usage_limit(resets_at), Reply("went on"))
        hive.ctl("send", "ada", "begin")
        hit = hive.wait("rate_limit_hit")
        again = hive.wait("turn_end", 2)
    assert (hit["until"], hit["named"]) == (resets_at, True)
    [over] = hive.events("rate_limit_over")
    assert over["why"] == "elapsed"
    assert datetime.fromisoformat(over["at"]).timestamp() >= resets_at
    assert again["outcome"] == "ok"


TOO_LONG_ONCE = ["ok", "prompt_too_long", "ok", "ok"]
TOO_LONG_TWICE = ["ok", "prompt_too_long", "ok", "prompt_too_long", "ok"]


@pytest.mark.parametrize(
    ("times", "outcomes"),
    [
        pytest.param(1, TOO_LONG_ONCE, id="once"),
        pytest.param(None, TOO_LONG_TWICE, id="twice"),
    ],
)
def test_a_prompt_too_long_is_compacted_once_then_handed_over(
    hive: Hive, times: int | None, outcomes: list[str]
) -> None:
    rules = [
        Rule(SUMMARY, contains=COMPACTION),
        Rule(Reply("fresh and well"), mentions="This is a fresh conversation"),
        Rule(Reply(failed=TOO_LONG), mentions="second words", times=times),
    ]
    with MessagesApi([Reply("one " * 500), Reply("well")], rules=rules) as api:
        # The CLI's own rescue is taken away: what hived does is looked at.
        hive.new("ada", api, env={"DISABLE_AUTO_COMPACT": "1"})
        hive.ctl("send", "ada", "first words")
        hive.wait("turn_end")
        (hive.home / "agents" / "ada" / "notes.md").write_text("The beans are wet.\n")
        hive.ctl("send", "ada", "second words")
        hive.wait("message_acked", 2)
        request = api.requests[-1]
    starts = [(row["data"]["kind"], row["reason"]) for row in hive.events("turn_start")]
    path = [("work", "mail"), ("work", "mail"), ("compact", "compaction"), ("work", "retry")]
    assert starts == (path if times else [*path, ("work", "hand_over")])
    # A retry names the turn that it repeats, not the compaction between them.
    rows = hive.events("turn_start")
    assert [row["retry_of"] for row in rows[2:4]] == ["", rows[1]["turn"]]
    assert [row["outcome"] for row in hive.events("turn_end")] == outcomes
    assert [row["outcome"] for row in hive.events("compaction_end")] == ["ok"]
    assert not any(row["counted"] for row in hive.events("message_returned"))
    assert "one one one" not in request.all
    assert "second words" in request.last
    handed_over = "The beans are wet." in request.last and "first words" in request.last
    assert handed_over is (times is None)
    if times is None:
        [reset] = hive.events("session_reset")
        start = hive.events("turn_start")[-1]
        assert (reset["why"], start["session"]) == ("prompt_too_long", reset["session"])
        assert start["fresh"]
        assert reset["was"] != reset["session"]


def test_a_prompt_too_long_that_cannot_be_compacted_is_handed_over_at_once(hive: Hive) -> None:
    rules = [
        Rule(Reply("fresh and well"), mentions="This is a fresh conversation"),
        Rule(Reply(failed=TOO_LONG), mentions="second words"),
    ]
    with MessagesApi([Reply("one")], rules=rules) as api:
        hive.new("ada", api)
        hive.ctl("send", "ada", "first words")
        hive.wait("turn_end")
        hive.ctl("send", "ada", "second words")
        hive.wait("message_acked", 2)
    assert [row["reason"] for row in hive.events("turn_start")] == [
        "mail",
        "mail",
        "compaction",
        "hand_over",
    ]
    assert hive.events("compaction_end")[-1]["outcome"] == "failed"
    assert hive.agent("ada")["word"] == "idle"


def test_a_refused_key_needs_login_and_another_goes_on(hive: Hive) -> None:
    wrong = Reply(failed=WRONG_KEY, headers={"x-should-retry": "false"})
    with MessagesApi([Reply("went on")], rules=[Rule(wrong, key="a-wrong-key")]) as api:
        hive.new("ada", api, env={"ANTHROPIC_API_KEY": "a-wrong-key"})
        hive.ctl("send", "ada", "begin now")
        end = hive.wait("turn_end")
        row = hive.wait_word("ada", "needs login")
        hive.wait_alone()
        tried = len(api.requests)
        write_env_file(hive.env_files / "ada", api.env(key=SECRET))
        again = hive.wait("turn_end", 2)
        assert len(api.requests) == tried + 1
        assert api.requests[-1].all.count("begin now") == 1
    assert (end["outcome"], end["why"]) == ("auth_failed", "authentication_failed")
    assert row["group"] == "Needs you"
    [needed] = hive.events("login_needed")
    assert needed["turn"] == end["turn"]
    [done] = hive.events("login_done")
    assert done["why"] == "changed"
    assert again["outcome"] == "ok"
    [returned] = hive.events("message_returned")
    assert not returned["counted"]
    assert hive.agent("ada")["word"] == "idle"


def test_no_key_at_all_needs_login_too(hive: Hive) -> None:
    # hived's own environment holds a key; an agent signs in with what its config names.
    with MessagesApi() as api:
        hive.new("ada", None, env={"ANTHROPIC_BASE_URL": api.url})
        hive.ctl("send", "ada", "begin")
        end = hive.wait("turn_end")
        assert not api.requests
        assert not api.side
    assert end["outcome"] == "auth_failed"
    assert hive.agent("ada")["word"] == "needs login"


def test_a_login_in_the_config_folder_is_seen(hive: Hive) -> None:
    config = hive.folder / "config"
    config.mkdir()
    login = {
        "accessToken": "test-token-of-a-login",
        "refreshToken": "test-refresh",
        "expiresAt": int((time.time() + 36_000) * 1_000),
        "scopes": ["user:inference", "user:profile"],
        "subscriptionType": "max",
    }
    with MessagesApi([Reply("went on")]) as api:
        hive.new("ada", None, "--config-dir", str(config), env={"ANTHROPIC_BASE_URL": api.url})
        hive.ctl("send", "ada", "begin")
        hive.wait("turn_end", outcome="auth_failed")
        assert hive.agent("ada")["word"] == "needs login"
        (config / ".credentials.json").write_text(json.dumps({"claudeAiOauth": login}))
        again = hive.wait("turn_end", 2)
        [request] = api.requests
    assert again["outcome"] == "ok"
    assert request.headers["authorization"] == "Bearer test-token-of-a-login"
    [done] = hive.events("login_done")
    assert done["why"] == "changed"


def test_an_unknown_model_fails_the_agent_until_it_has_another(hive: Hive) -> None:
    with MessagesApi([Reply("ok")], rules=[Rule(Reply(failed=NO_SUCH_MODEL), model="nope")]) as api:
        hive.new("ada", api, model="claude-nope")
        hive.ctl("send", "ada", "begin")
        end = hive.wait("turn_end")
        row = hive.wait_word("ada", "failed")
        hive.ctl("model", "ada", "haiku")
        hive.ctl("start", "ada")
        again = hive.wait("turn_end", 2)
    assert (end["outcome"], end["why"], end["retry_at"]) == ("failed", "model_not_found", 0)
    assert row["group"] == "Failed"
    assert again["outcome"] == "ok"
    assert hive.agent("ada")["word"] == "idle"


def test_an_overloaded_api_is_tried_again_after_a_wait(hive: Hive) -> None:
    busy = Rule(Reply(failed=OVERLOADED), times=4)  # the CLI itself tries so often
    with MessagesApi([Reply("went on")], rules=[busy]) as api:
        hive.new("ada", api)
        hive.ctl("send", "ada", "begin now")
        end = hive.wait("turn_end")
        row = hive.agent("ada")
        again = hive.wait("turn_end", 2)
        request = api.requests[-1]
    assert (end["outcome"], end["why"]) == ("failed", "overloaded")
    assert (row["word"], row["until"] is None) == ("waiting", False)
    assert again["outcome"] == "ok"
    second = hive.events("turn_start")[1]
    assert (second["attempt"], second["retry_of"]) == (2, end["turn"])
    assert datetime.fromisoformat(second["at"]).timestamp() >= end["retry_at"] - 0.001
    assert request.all.count("begin now") == 1
    assert "This is attempt 2 of" in request.all


def test_a_program_that_is_gone_fails_the_agent(hive: Hive) -> None:
    program = hive.folder / "nothing"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o700)
    with MessagesApi() as api:
        hive.new("ada", api, "--program", str(program))
        program.unlink()
        hive.ctl("send", "ada", "begin")
        end = hive.wait("turn_end")
        hive.wait_word("ada", "failed")
        hive.wait_alone()
    assert (end["outcome"], end["why"]) == ("failed", "configuration")
    assert "nothing" in end["detail"]
    [crashed] = hive.events("agent_crashed")
    assert crashed["turn"] == end["turn"]
