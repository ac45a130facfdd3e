"""hived ends and comes back in the middle of turns of the real CLI: nothing is lost or doubled."""

import os
import signal
import time

import pytest

from tests.messages_api import MessagesApi
from tests.messages_api_replies import WRONG_KEY, Reply, Rule, Tool, usage_limit
from tests.real.hive import SECRET, Hive, Row
from tests.real.test_busy import SLOW, bash, begun

pytestmark = [pytest.mark.real_cli, pytest.mark.timeout(100)]


def whole(hive: Hive, end: Row) -> list[Row]:
    """A finished turn's lines, after a look that each stands there once and none is missing."""
    lines = hive.transcript(end["agent"], end["turn"])
    places = [line["_byte"] for line in lines]
    assert places == sorted(set(places))
    assert places[-1] == end["byte"]
    uuids = [line["uuid"] for line in lines if "uuid" in line]
    assert len(uuids) == len(set(uuids))
    assert not (hive.home / "turns" / end["turn"]).exists()
    return lines


def said(lines: list[Row]) -> list[str]:
    return [line["result"] for line in lines if line["type"] == "result"]


def test_kill_9_in_the_middle_of_a_command_and_a_tool_call_while_hived_is_away(hive: Hive) -> None:
    send = Tool("mcp__hive__send", {"to": "operator", "body": "sent while you were away"})
    with MessagesApi([bash(SLOW), Reply(tools=(send,)), Reply("all done")]) as api:
        workdir = hive.new("ada", api, "--allow", "Bash")
        hive.ctl("send", "ada", "begin")
        begun(hive, workdir / "began")
        turn = hive.agent("ada")["turn"]["turn"]
        since = hive.agent("ada")["since"]
        hive.kill()
        # The CLI goes on, and asks for a tool that nobody answers now.
        (workdir / "go").touch()
        api.wait_for(lambda: len(api.requests) == 2)
        spool = hive.home / "turns" / turn / "spool"
        hive.until(lambda: b"tools/call" in spool.read_bytes(), "the call is in the spool")
        hive.start()
        end = hive.wait("turn_end")
        assert len(api.requests) == 3
        assert "sent: m" in api.requests[2].last
    assert (end["turn"], end["outcome"], end["exit_code"]) == (turn, "ok", 0)
    assert end["tools"] == {"Bash": 1, "mcp__hive__send": 1}
    assert said(whole(hive, end)) == ["all done"]
    [letter] = hive.json("inbox")["messages"]
    assert letter["body"] == "sent while you were away"
    assert len(hive.events("turn_start")) == 1
    assert [row["tool"] for row in hive.events("tool_call")] == ["Bash", "mcp__hive__send"]
    assert [row["outcome"] for row in hive.events("tool_result")] == ["ok", "ok"]
    [start] = hive.events("turn_start")
    assert start["at"] == since
    assert len(hive.events("message_acked")) == 1
    hive.wait_alone()
    assert hive.json("verify")["ok"]


def test_kill_9_again_and_again_while_tools_are_called(hive: Hive) -> None:
    calls = [
        Reply(tools=(Tool("mcp__hive__send", {"to": "operator", "body": f"letter {n}"}),))
        for n in range(12)
    ]
    with MessagesApi([*calls, Reply("all sent")]) as api:
        hive.new("ada", api)
        hive.ctl("send", "ada", "begin")
        for life in range(4):
            api.wait_for(lambda enough=2 + 3 * life: len(api.requests) >= enough)
            hive.kill()
            hive.start()
        end = hive.wait("turn_end")
        assert len(api.requests) == 13
    assert (end["outcome"], end["tools"]) == ("ok", {"mcp__hive__send": 12})
    letters = [row["body"] for row in hive.json("inbox")["messages"]]
    assert letters == [f"letter {n}" for n in range(12)]
    assert end["sent"] == {"operator": 12}
    called = [row["call"] for row in hive.events("tool_call")]
    assert len(called) == len(set(called)) == 12
    ended = [row["call"] for row in hive.events("tool_result")]
    assert sorted(ended) == sorted(called)
    assert said(whole(hive, end)) == ["all sent"]
    assert len(hive.events("hive_started")) == 5


def test_mail_ordered_before_the_kill_reaches_the_turn_once(hive: Hive) -> None:
    with MessagesApi([bash(SLOW), Reply("both answered")]) as api:
        workdir = hive.new("ada", api, "--allow", "Bash")
        hive.ctl("send", "ada", "begin")
        begun(hive, workdir / "began")
        hive.ctl("send", "ada", "one thing more")
        hive.kill()  # the order may be in the log or not, the line written or not
        hive.start()
        hive.wait("message_delivered", 2)
        lifecycle = b"command_lifecycle"
        turn = hive.agent("ada")["turn"]["turn"]
        spool = hive.home / "turns" / turn / "spool"
        second = hive.events("message_delivered")[1]["uuid"].encode()
        hive.until(
            lambda: any(second in x and lifecycle in x for x in spool.read_bytes().split(b"\n")),
            "the CLI has the second line",
        )
        (workdir / "go").touch()
        end = hive.wait("turn_end")
        request = api.requests[1]
    assert (end["outcome"], end["received"]) == ("ok", 2)
    assert request.all.count("one thing more") == 1
    assert len(hive.events("message_delivered")) == 2
    assert len(hive.events("message_acked")) == 2


def test_a_turn_whose_answer_came_while_hived_was_away(hive: Hive) -> None:
    with MessagesApi([Reply("the end", gate="end"), Reply("next")]) as api:
        hive.new("ada", api)
        hive.ctl("send", "ada", "begin")
        api.wait_for(lambda: len(api.requests) == 1)
        turn = hive.agent("ada")["turn"]["turn"]
        hive.kill()
        api.open("end")
        spool = hive.home / "turns" / turn / "spool"
        hive.until(lambda: b'"type":"result"' in spool.read_bytes(), "the result is in the spool")
        hive.start()
        end = hive.wait("turn_end")
        hive.ctl("send", "ada", "and on")
        assert hive.wait("turn_end", 2)["outcome"] == "ok"
    assert (end["outcome"], end["duration_ms"] > 0) == ("ok", True)
    assert end["usage"]["output"] == 5
    assert said(whole(hive, end)) == ["the end"]


def test_the_cli_dies_while_hived_is_away(hive: Hive) -> None:
    with MessagesApi([bash(SLOW), Reply("went on")]) as api:
        workdir = hive.new("ada", api, "--allow", "Bash")
        hive.ctl("send", "ada", "begin now")
        begun(hive, workdir / "began")
        [cli] = hive.clis()
        hive.kill()
        os.kill(cli, signal.SIGKILL)
        hive.wait_alone()  # the host ends what is left, and itself, without hived
        hive.start()
        end = hive.wait("turn_end")
        retry = hive.wait("turn_end", 2)
        assert api.requests[-1].all.count("begin now") == 1
    assert (end["outcome"], end["why"], end["exit_code"]) == ("failed", "crashed", -signal.SIGKILL)
    assert end["usage"]["input"] == 10
    assert retry["outcome"] == "ok"
    whole(hive, end)


def test_a_polite_stop_leaves_the_turn_alone_and_a_cancel_after_it_works(hive: Hive) -> None:
    with MessagesApi([bash(SLOW)]) as api:
        workdir = hive.new("ada", api, "--allow", "Bash")
        hive.ctl("send", "ada", "begin")
        begun(hive, workdir / "began")
        hive.stop()
        assert len(hive.clis()) == 1
        hive.start()
        assert hive.agent("ada")["word"] == "thinking"
        hive.ctl("cancel", "ada")
        end = hive.wait("turn_end")
        hive.wait_alone()
    assert (end["outcome"], end["why"]) == ("cancelled", "operator")
    whole(hive, end)
    assert [row["turns"] for row in hive.events("hive_stopped")] == ["left"]


def test_a_stop_with_turns_ends_them_and_the_mail_comes_again(hive: Hive) -> None:
    with MessagesApi([bash(SLOW), Reply("went on")]) as api:
        workdir = hive.new("ada", api, "--allow", "Bash")
        hive.ctl("send", "ada", "begin")
        begun(hive, workdir / "began")
        hive.stop("--turns")
        assert not hive.alive()
        hive.start()
        again = hive.wait("turn_end", 2)
    first = hive.events("turn_end")[0]
    assert (first["outcome"], first["why"]) == ("cancelled", "shutdown")
    [returned] = hive.events("message_returned")
    assert not returned["counted"]
    assert again["outcome"] == "ok"
    assert [row["turns"] for row in hive.events("hive_stopped")] == ["ended"]


def test_a_rate_limit_and_a_refused_login_outlive_hived(hive: Hive) -> None:
    resets_at = int(time.time()) + 3_600
    wrong = Reply(failed=WRONG_KEY, headers={"x-should-retry": "false"})
    rules = [Rule(wrong, key="a-wrong-key"), Rule(usage_limit(resets_at), times=1)]
    with MessagesApi([Reply("went on")], rules=rules) as api:
        hive.new("ada", api, env={"CLAUDE_CODE_OAUTH_TOKEN": SECRET, "ANTHROPIC_API_KEY": ""})
        hive.new("ben", api, env={"ANTHROPIC_API_KEY": "a-wrong-key"})
        hive.ctl("send", "*", "begin")
        hive.wait("rate_limit_hit")
        hive.wait("login_needed")
        hive.wait_alone()
        before = [hive.agent(name) for name in ("ada", "ben")]
        hive.kill()
        hive.start()
        after = [hive.agent(name) for name in ("ada", "ben")]
        assert [row["word"] for row in after] == ["rate limited", "needs login"]
        assert [(r["word"], r["until"], r["since"]) for r in before] == [
            (r["word"], r["until"], r["since"]) for r in after
        ]
        hive.ctl("lift", "ada")
        hive.wait("turn_end", 3)
    assert hive.agent("ada")["word"] == "idle"


def test_a_permission_question_asked_while_hived_is_away_is_answered_once(hive: Hive) -> None:
    ask = Reply(tools=(Tool("Bash", {"command": "touch new.txt"}),), gate="ask")
    with MessagesApi([ask, Reply("so be it")]) as api:
        workdir = hive.new("ada", api, "--allow", "Bash(git *)")
        hive.ctl("send", "ada", "begin")
        api.wait_for(lambda: len(api.requests) == 1)
        turn = hive.agent("ada")["turn"]["turn"]
        hive.kill()
        api.open("ask")
        spool = hive.home / "turns" / turn / "spool"
        hive.until(lambda: b"can_use_tool" in spool.read_bytes(), "the question is in the spool")
        hive.start()
        end = hive.wait("turn_end")
        assert "not on the allow list of this agent" in api.requests[1].last
    assert (end["turn"], end["outcome"], end["tools"]) == (turn, "ok", {"Bash": 1})
    [answer] = hive.events("permission_answer")
    assert not answer["allowed"]
    assert [row["outcome"] for row in hive.events("tool_result")] == ["refused"]
    assert not (workdir / "new.txt").exists()
    whole(hive, end)


def test_kill_9_in_a_compaction_inside_a_turn(hive: Hive) -> None:
    full = {"input_tokens": 985_000, "output_tokens": 5}
    call = Reply("one " * 500, tools=(Tool("Bash", {"command": "git --version"}),), usage=full)
    words = "<analysis>a</analysis><summary>THE SUMMARY</summary>"
    with MessagesApi([call, Reply("two")], summary=Reply(words, gate="summary")) as api:
        hive.new("ada", api, "--allow=Bash(git *)")
        hive.ctl("send", "ada", "first words")
        hive.wait("compaction_start")
        assert hive.agent("ada")["word"] == "compacting"
        since = hive.agent("ada")["since"]
        hive.kill()
        hive.start()
        row = hive.agent("ada")
        assert (row["word"], row["since"]) == ("compacting", since)
        api.open("summary")
        end = hive.wait("turn_end")
    kinds = ("turn_start", "compaction_start", "compaction_end", "turn_end")
    assert [row["kind"] for row in hive.events(*kinds)] == list(kinds)
    assert hive.events("compaction_end")[0]["outcome"] == "ok"
    assert end["outcome"] == "ok"
    assert said(whole(hive, end)) == ["two"]
