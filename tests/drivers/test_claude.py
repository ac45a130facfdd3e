"""The claude driver's conversation, beyond what the recordings hold."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from hived import limits
from hived.drivers.base import Conversation, Exit, UserLine
from hived.drivers.claude import ClaudeDriver
from hived.drivers.claude_usage import OTHERS
from hived.drivers.observations import (
    Began,
    CompactionBegan,
    CompactionOver,
    Finished,
    HiveToolCalled,
    PermissionAsked,
    Reply,
    RequestWithdrawn,
    Said,
    ToolCalled,
    ToolEnded,
    Write,
)
from hived.events.values import ModelUse, Usage
from tests.drivers import recordings

FIRST = "11111111-1111-4111-8111-111111111111"
SECOND = "21111111-1111-4111-8111-111111111111"
DRIVER = ClaudeDriver()


def started(*opening: UserLine) -> Conversation:
    lines = opening or (UserLine(1, FIRST, "go"),)
    return DRIVER.converse(evolve(recordings.spec("plain"), opening=lines))


def feed(talk: Conversation, *lines: Mapping[str, Any]) -> list[object]:
    return [seen for line in lines for seen in talk.feed(json.dumps(line).encode())]


def data(write: Write) -> Any:
    assert write.data.endswith(b"\n")
    assert write.data.count(b"\n") == 1
    return json.loads(write.data)


def lifecycle(uuid: str, state: str) -> dict[str, Any]:
    return {"type": "command_lifecycle", "command_uuid": uuid, "state": state}


def result(**more: Any) -> dict[str, Any]:
    plain = {"type": "result", "subtype": "success", "is_error": False, "queued_turn_count": 0}
    return {**plain, **more}


INIT = {"type": "system", "subtype": "init", "session_id": "s", "model": "m"}


# What is written.


def test_the_opening() -> None:
    lines = (UserLine(1, FIRST, "mail\n/clear"), UserLine(2, SECOND, "/compact", composed=False))
    hello, first, second = started(*lines).opening()
    assert (hello.id, first.id, second.id) == ("init", "user:1", "user:2")
    assert data(hello)["request"] == {"subtype": "initialize", "sdkMcpServers": ["hive"]}
    assert data(first) == {
        "type": "user",
        "message": {"role": "user", "content": "mail\n/clear"},
        "uuid": FIRST,
        "client_composed": True,
    }
    assert "client_composed" not in data(second)


def test_interrupts_are_numbered() -> None:
    talk = started()
    first, second = talk.interrupt(), talk.interrupt()
    assert (first.id, second.id) == ("interrupt:1", "interrupt:2")
    assert data(first)["request"] == {"subtype": "interrupt"}
    assert data(first)["request_id"] == "interrupt:1"


# The in-pipe MCP server.


def mcp(talk: Conversation, message: Mapping[str, Any], request: str = "r1") -> list[object]:
    asked = {"subtype": "mcp_message", "server_name": "hive", "message": message}
    return feed(talk, {"type": "control_request", "request_id": request, "request": asked})


def replied(seen: list[object]) -> Any:
    [reply] = seen
    assert isinstance(reply, Reply)
    assert reply.write.id == "mcp:r1"
    response = data(reply.write)["response"]
    assert (response["subtype"], response["request_id"]) == ("success", "r1")
    return response["response"]["mcp_response"]


def test_the_handshake() -> None:
    talk = started()
    probe = {"jsonrpc": "2.0", "id": "server-discover-probe-1", "method": "server/discover"}
    refused = replied(mcp(talk, probe))
    assert (refused["id"], refused["error"]["code"]) == ("server-discover-probe-1", -32601)
    for asked, spoken in (("2025-06-18", "2025-06-18"), ("1999-01-01", "2025-11-25")):
        hello = {"id": 0, "method": "initialize", "params": {"protocolVersion": asked}}
        assert replied(mcp(talk, hello))["result"]["protocolVersion"] == spoken
    assert "result" in replied(mcp(talk, {"method": "notifications/initialized"}))
    assert replied(mcp(talk, {"id": 7, "method": "ping"}))["result"] == {}
    listed = replied(mcp(talk, {"id": 8, "method": "tools/list"}))["result"]["tools"]
    assert listed == [
        {"name": "assign", "description": "Assign an issue", "inputSchema": {"type": "object"}}
    ]


CALL = {
    "id": 9,
    "method": "tools/call",
    "params": {
        "name": "assign",
        "arguments": {"issue": 7},
        "_meta": {"claudecode/toolUseId": "toolu_1"},
    },
}


def test_a_call_of_a_hive_tool() -> None:
    talk = started()
    [called] = mcp(talk, CALL)
    assert called == HiveToolCalled("r1", "toolu_1", "assign", {"issue": 7})
    assert isinstance(called, HiveToolCalled)
    answer = talk.tool_answer(called, "no such issue", error=True)
    assert answer.id == called.answer == "mcp:r1"
    assert data(answer)["response"]["response"]["mcp_response"] == {
        "jsonrpc": "2.0",
        "id": 9,
        "result": {"content": [{"type": "text", "text": "no such issue"}], "isError": True},
    }


def test_a_call_of_no_tool_of_the_hive_is_refused_by_the_driver() -> None:
    unknown = {"id": 9, "method": "tools/call", "params": {"name": "rm"}}
    assert replied(mcp(started(), unknown))["error"]["code"] == -32602


def test_a_cancelled_call_is_withdrawn() -> None:
    talk = started()
    mcp(talk, CALL)
    cancel = {"method": "notifications/cancelled", "params": {"requestId": 9}}
    reply, withdrawn = mcp(talk, cancel, "r2")
    assert isinstance(reply, Reply)
    assert withdrawn == RequestWithdrawn("r1")


@pytest.mark.parametrize(
    "request_", [{"subtype": "elicitation"}, {"subtype": "mcp_message", "server_name": "other"}, {}]
)
def test_an_unknown_request_is_refused_lest_the_cli_waits(request_: dict[str, Any]) -> None:
    [reply] = feed(started(), {"type": "control_request", "request_id": "r1", "request": request_})
    assert isinstance(reply, Reply)
    assert data(reply.write)["response"]["subtype"] == "error"


# Questions.


def ask(talk: Conversation, input: Mapping[str, Any]) -> PermissionAsked:
    request = {"subtype": "can_use_tool", "tool_name": "Bash", "input": input, "tool_use_id": "t1"}
    [asked] = feed(talk, {"type": "control_request", "request_id": "r1", "request": request})
    assert isinstance(asked, PermissionAsked)
    return asked


def test_answers_to_a_question() -> None:
    talk = started()
    asked = ask(talk, {"command": "ls"})
    yes = talk.permission_answer(asked, allowed=True, reason="")
    no = talk.permission_answer(asked, allowed=False, reason="not listed")
    assert yes.id == no.id == "perm:r1"
    assert data(yes)["response"]["response"] == {
        "behavior": "allow",
        "updatedInput": {"command": "ls"},
    }
    assert data(no)["response"]["response"] == {"behavior": "deny", "message": "not listed"}


def test_an_input_too_deep_to_pass_on_is_denied() -> None:
    talk = started()
    deep: Any = "x"
    for _ in range(400):
        deep = [deep]
    write = talk.permission_answer(ask(talk, {"a": deep}), allowed=True, reason="")
    assert data(write)["response"]["response"]["behavior"] == "deny"


def test_a_question_withdrawn() -> None:
    talk = started()
    ask(talk, {})
    cancel = {"type": "control_cancel_request", "request_id": "r1"}
    assert feed(talk, cancel, cancel) == [RequestWithdrawn("r1")]


# When it is settled.


def test_settled_only_when_every_line_is_taken_up_and_answered() -> None:
    talk = started()
    steps = (
        lifecycle(FIRST, "queued"),
        lifecycle(FIRST, "started"),
        INIT,
    )
    for step in steps:
        feed(talk, step)
        assert not talk.settled
    talk.user(UserLine(2, SECOND, "more"))
    feed(talk, result(user_message_uuids=[FIRST]), lifecycle(FIRST, "completed"))
    assert not talk.settled, "the second line is not yet taken up"
    feed(talk, lifecycle(SECOND, "queued"))
    assert not talk.settled
    feed(talk, lifecycle(SECOND, "started"))
    assert not talk.settled, "it is being answered"
    feed(talk, INIT)
    assert not talk.settled
    feed(talk, result(user_message_uuid=SECOND))
    assert talk.settled
    assert talk.ending(Exit(0), signalled=False).seen == {FIRST, SECOND}


def test_a_line_folded_into_the_turn_is_settled_by_its_result() -> None:
    talk = started()
    feed(talk, lifecycle(FIRST, "started"), INIT)
    talk.user(UserLine(2, SECOND, "more"))
    feed(talk, lifecycle(SECOND, "queued"), lifecycle(SECOND, "started"))
    feed(talk, result(user_message_uuids=[FIRST, SECOND]))
    assert talk.settled


def test_not_settled_while_turns_are_queued() -> None:
    talk = started()
    seen = feed(talk, INIT, result(user_message_uuid=FIRST, queued_turn_count=1))
    assert seen[-1] == Finished("ok", more=True)
    assert not talk.settled
    assert talk.ending(Exit(1), signalled=False).why == "crashed"


def test_not_settled_while_hived_owes_an_answer() -> None:
    talk = started()
    feed(talk, lifecycle(FIRST, "started"), result())
    assert talk.settled
    [called] = mcp(talk, CALL)
    assert not talk.settled
    assert isinstance(called, HiveToolCalled)
    talk.tool_answer(called, "fine", error=False)
    assert talk.settled


def test_a_turn_of_the_clis_own_does_not_settle_ours_nor_class_it() -> None:
    talk = started()
    own = result(origin={"kind": "task-notification"})
    feed(talk, own)
    assert not talk.settled
    feed(talk, lifecycle(FIRST, "started"), result(is_error=True, api_error_status=529))
    feed(talk, INIT)
    assert not talk.settled, "a turn that it began by itself runs"
    feed(talk, own)
    assert talk.settled
    assert talk.ending(Exit(0), signalled=False).why == "overloaded"


def test_a_death_after_a_result_is_a_death_if_it_had_gone_on() -> None:
    talk = started()
    feed(talk, lifecycle(FIRST, "started"), INIT, result(user_message_uuid=FIRST))
    assert talk.ending(Exit(-9), signalled=False).outcome == "ok"
    talk.user(UserLine(2, SECOND, "more"))
    feed(talk, lifecycle(SECOND, "started"), INIT)
    assert talk.ending(Exit(-9), signalled=False).outcome == "failed"
    assert talk.ending(Exit(-9), signalled=True).outcome == "cancelled"
    assert talk.ending(None, signalled=False).outcome == "lost"


def test_receipts_that_come_before_the_line_is_known_count() -> None:
    """As when a turn is taken up again from its spool."""
    talk = started()
    feed(talk, lifecycle(FIRST, "started"), lifecycle(SECOND, "started"), result())
    talk.user(UserLine(2, SECOND, "more"))
    assert talk.settled
    assert talk.ending(Exit(0), signalled=False).seen == {FIRST, SECOND}


# Calls and figures.


def call(id: str, name: str, input: Any, parent: str | None = None) -> dict[str, Any]:
    block = {"type": "tool_use", "id": id, "name": name, "input": input}
    message = {"id": f"m{id}", "model": "m", "content": [block], "usage": {"input_tokens": 3}}
    return {"type": "assistant", "message": message, "parent_tool_use_id": parent}


@pytest.mark.parametrize(
    ("tool", "input", "shown"),
    [
        ("Bash", {"command": "git log --oneline", "description": "x"}, "git log --oneline"),
        ("Bash", {"command": "a\nb\tc\x1b"}, "a\\nb\\tc\\x1b"),
        ("Read", {"file_path": "/a/b"}, "/a/b"),
        ("Write", {"file_path": "/a/b", "content": "z" * 9999}, "/a/b"),
        ("Bash", {"command": 7, "a": "é"}, '{"a":"é","command":7}'),
        ("mcp__hive__x", {"b": 1, "a": [2]}, '{"a":[2],"b":1}'),
        ("Bash", {"command": "x" * 500}, "x" * (limits.SUMMARY_CHARS_MAX - 1) + "…"),
    ],
)
def test_summaries(tool: str, input: Any, shown: str) -> None:
    [called] = feed(started(), call("t1", tool, input))
    assert called == ToolCalled("t1", tool, shown)


def test_calls_of_subagents_count_but_their_context_does_not() -> None:
    talk = started()
    inner = call("t2", "Bash", {"command": "ls"}, parent="t1")
    inner["message"]["usage"] = {"input_tokens": 999}
    seen = feed(talk, call("t1", "Task", {}), inner, inner)
    assert seen[1] == ToolCalled("t2", "Bash", "ls")
    assert len(seen) == 2, "the same call told twice is one call"
    ending = talk.ending(Exit(1), signalled=False)
    assert (ending.context_used, dict(ending.tools)) == (3, {"Task": 1, "Bash": 1})
    assert ending.usage == Usage(1002)


def test_a_call_ends_once_and_only_if_it_began() -> None:
    talk = started()
    feed(talk, call("t1", "Bash", {}))
    block = {"type": "tool_result", "tool_use_id": "t1", "is_error": True, "content": "bad"}
    other = {**block, "tool_use_id": "t9"}
    line = {"type": "user", "message": {"content": [other, block, block]}}
    assert feed(talk, line, line) == [ToolEnded("t1", "error", "bad")]
    assert not talk.open_tools


def test_a_failed_request_that_was_made_good_explains_nothing() -> None:
    talk = started()
    failed = {"type": "assistant", "message": {"model": "<synthetic>"}, "error": "rate_limit"}
    bad = result(is_error=True, user_message_uuid=FIRST)
    feed(talk, failed, bad)
    assert talk.ending(Exit(1), signalled=False).outcome == "rate_limited"
    feed(talk, call("t1", "Bash", {}), bad)
    assert talk.ending(Exit(1), signalled=False).why == "unknown"


def test_a_compaction_that_is_cut_short_is_over() -> None:
    talk = started()
    status = {"type": "system", "subtype": "status", "status": "compacting"}
    assert feed(talk, status, status) == [CompactionBegan("auto")]
    over, finished = feed(talk, result(is_error=True, terminal_reason="aborted_streaming"))
    assert over == CompactionOver(False, detail="interrupted")
    assert finished == Finished("cancelled", more=False)
    assert len(feed(talk, result())) == 1


def test_a_compaction_without_a_beginning_gets_one() -> None:
    boundary = {
        "type": "system",
        "subtype": "compact_boundary",
        "compact_metadata": {"trigger": "manual", "pre_tokens": 9, "post_tokens": 2},
    }
    failed = {"type": "system", "subtype": "status", "compact_result": "failed"}
    assert feed(started(), boundary) == [CompactionBegan("manual"), CompactionOver(True, 9, 2)]
    assert feed(started(), failed) == [CompactionBegan("auto"), CompactionOver(False)]


def test_half_a_surrogate_pair_does_not_lose_the_line() -> None:
    """JavaScript prints what it cut in the middle of an emoji."""
    block = b'{"type":"text","text":"a\\ud83d"}'
    line = b'{"type":"assistant","message":{"model":"m","content":[' + block + b"]}}"
    assert started().feed(line) == (Said("a?"),)


def test_an_end_says_that_the_hives_tools_were_not_there() -> None:
    """Such a turn may end ok, and its mail with it, though the agent could answer nobody."""
    failed = {**INIT, "mcp_servers": [{"name": "hive", "status": "failed"}]}
    for init, told in ((INIT, ""), (failed, "the hive's tools were not connected")):
        talk = started()
        feed(talk, init, result(user_message_uuid=FIRST))
        ending = talk.ending(Exit(0), signalled=False)
        assert ending.outcome == "ok"
        assert ending.detail.startswith(told) and bool(ending.detail) == bool(told)
    talk = started()
    feed(talk, failed)
    assert talk.ending(Exit(-9, "out of memory"), signalled=False).detail == "out of memory"


def test_began_says_whether_the_hive_is_connected() -> None:
    for servers, good in (
        ([{"name": "hive", "status": "connected"}], True),
        ([{"name": "hive", "status": "failed"}], False),
        ([], False),
    ):
        talk = started()
        init = {**INIT, "mcp_servers": servers}
        assert feed(talk, init, init) == [Began("s", "m", good)]


# Anything at all.

KEYS = st.sampled_from(
    [
        *("type", "subtype", "message", "content", "id", "name", "input", "usage", "model"),
        *("request", "request_id", "response", "command_uuid", "state", "is_error", "result"),
        *("tool_use_id", "tool_result_meta", "permission_decision", "compact_metadata"),
        *("queued_turn_count", "model_usage_since_last_result", "modelUsage", "server_name"),
        *("terminal_reason", "api_error_status", "user_message_uuids", "origin", "errors"),
    ]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=6),
    max_leaves=12,
)
TYPES = st.sampled_from(
    [
        *("system", "assistant", "user", "result", "control_request", "control_cancel_request"),
        *("command_lifecycle", "rate_limit_event", "new"),
    ]
)
SUBTYPES = st.sampled_from(
    [
        *("init", "status", "compact_boundary", "api_retry", "can_use_tool", "mcp_message"),
        *("session_state_changed", "permission_denied", "error_during_execution", "new"),
    ]
)


@given(
    lines=st.lists(
        st.builds(
            lambda base, kind, subtype, asked: {
                **base,
                "type": kind,
                "subtype": subtype,
                "request": {"subtype": subtype, "server_name": "hive", "message": asked},
            },
            st.dictionaries(KEYS, JSON, max_size=8),
            TYPES,
            SUBTYPES,
            JSON,
        ),
        max_size=8,
    ),
    signalled=st.booleans(),
)
def test_any_json_is_taken_and_gives_the_same_twice(
    lines: list[dict[str, Any]], signalled: bool
) -> None:
    first, second = started(), started()
    assert feed(first, *lines) == feed(second, *lines)
    for exit in (None, Exit(0), Exit(1, "x")):
        ending = first.ending(exit, signalled=signalled)
        assert ending == second.ending(exit, signalled=signalled)
        assert ending.outcome in OUTCOMES
    assert first.settled == second.settled


OUTCOMES = {
    *("ok", "failed", "cancelled", "prompt_too_long", "rate_limited", "auth_failed", "lost"),
}


@given(lines=st.lists(st.binary(max_size=40) | st.binary(max_size=20).map(lambda b: b"{" + b)))
def test_any_bytes_are_taken(lines: list[bytes]) -> None:
    talk = started()
    for line in lines:
        talk.feed(line)
    assert talk.ending(Exit(1), signalled=False).outcome == "failed"


@pytest.mark.parametrize(
    "line",
    [
        b"{" * 100_000,
        b'{"type":' + b"[" * 5000 + b"]" * 5000 + b"}",
        b'{"type":"result","total_cost_usd":1e999,"queued_turn_count":' + b"9" * 5000 + b"}",
        b'{"type":"result","queued_turn_count":NaN}',
        b"\xff\xfe{}",
        b'{"type":"system","subtype":"init","model":"' + b"m" * 100_000 + b'"}',
    ],
)
def test_extremes(line: bytes) -> None:
    talk = started()
    talk.feed(line)
    assert len(talk.ending(Exit(0), signalled=False).model) <= limits.MODEL_CHARS_MAX


def used(tokens: int, cost: float) -> dict[str, Any]:
    return {"inputTokens": tokens, "outputTokens": 1, "costUSD": cost, "contextWindow": 200_000}


def test_what_each_model_used_adds_up_to_the_turn() -> None:
    talk = started()
    first = {"haiku": used(10, 0.25), "opus": used(20, 0.5)}
    feed(talk, result(model_usage_since_last_result=first))
    feed(talk, result(model_usage_since_last_result={"haiku": used(5, 0.125)}, result="the end"))
    message = {"id": "m1", "model": "opus", "usage": {"input_tokens": 7}}
    feed(talk, {"type": "assistant", "message": message})
    ending = talk.ending(Exit(0), signalled=False)
    assert ending.models == {
        "haiku": ModelUse(Usage(15, 2), 0.375),
        "opus": ModelUse(Usage(27, 1), 0.5),
    }
    assert sum((use.usage for use in ending.models.values()), Usage()) == ending.usage
    assert sum(use.cost_usd for use in ending.models.values()) == ending.cost_usd


def test_models_without_end_are_summed_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "TURN_MODELS_MAX", 2)
    talk = started()
    feed(talk, result(model_usage_since_last_result={f"m{n}": used(1, 1.0) for n in range(5)}))
    models = talk.ending(Exit(0), signalled=False).models
    assert {name: use.cost_usd for name, use in models.items()} == {
        "m0": 1.0,
        "m1": 1.0,
        OTHERS: 3.0,
    }


def test_the_final_words_are_those_of_the_last_result() -> None:
    talk = started()
    feed(talk, result(result="not yet"), result(result="x" * 1_000))
    feed(talk, lifecycle(FIRST, "completed"))
    assert talk.ending(Exit(0), signalled=False).said == "x" * 1_000
