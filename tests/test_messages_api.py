"""The scripted Messages API itself: what a test may rely on."""

import http.client
import json
import threading
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request as Ask
from urllib.request import urlopen

import pytest

from tests.messages_api import MessagesApi
from tests.messages_api_replies import OVERLOADED, RATE_LIMITED, Reply, Rule, Tool


def ask(api: MessagesApi, words: str, **more: Any) -> bytes:
    body = {
        "model": "claude-x",
        "messages": [{"role": "user", "content": words}],
        "tools": [{"name": "Bash"}],
        **more,
    }
    with urlopen(
        Ask(f"{api.url}/v1/messages?beta=true", json.dumps(body).encode()), timeout=20
    ) as answer:
        return bytes(answer.read())


def said(answer: bytes) -> str:
    return "".join(block.get("text", "") for block in json.loads(answer)["content"])


def test_replies_in_order_then_the_default() -> None:
    with MessagesApi([Reply("one"), Reply("you said {last}")], default=Reply("over")) as api:
        assert [said(ask(api, words)) for words in "abc"] == ["one", "you said b", "over"]
        assert [request.last for request in api.requests] == ["a", "b", "c"]


def test_a_stream_says_the_same_as_the_whole() -> None:
    reply = Reply("a long text", tools=(Tool("Bash", {"command": "ls"}),), chunks=4, pause_s=0.01)
    with MessagesApi([reply]) as api:
        raw = ask(api, "x", stream=True).decode()
    events = [json.loads(line[6:]) for line in raw.splitlines() if line.startswith("data: ")]
    deltas = [event["delta"] for event in events if event["type"] == "content_block_delta"]
    assert "".join(delta.get("text", "") for delta in deltas) == "a long text"
    assert json.loads("".join(delta.get("partial_json", "") for delta in deltas)) == {
        "command": "ls"
    }
    assert len([delta for delta in deltas if "text" in delta]) == 4
    assert events[-2]["delta"]["stop_reason"] == "tool_use"
    assert (events[0]["type"], events[-1]["type"]) == ("message_start", "message_stop")


def test_side_requests_and_summaries_do_not_use_up_the_script() -> None:
    with MessagesApi([Reply("one")]) as api:
        assert said(ask(api, "a title please", tools=[])) == "fine"
        assert "THE SUMMARY" in said(ask(api, "Please create a detailed summary of all"))
        assert said(ask(api, "hello")) == "one"
        assert (len(api.requests), len(api.side)) == (2, 1)


def test_rules_come_first_by_model_words_and_times() -> None:
    rules = [
        Rule(Reply(failed=OVERLOADED, headers={"x-should-retry": "false"}), model="opus"),
        Rule(Reply("once"), contains="ada", times=1),
        Rule(Reply("deep"), mentions="claude-deep"),
    ]
    with MessagesApi([Reply("script")], rules=rules) as api:
        with pytest.raises(HTTPError) as refused:
            ask(api, "x", model="claude-opus")
        assert refused.value.code == 529
        assert refused.value.headers["x-should-retry"] == "false"
        assert json.load(refused.value)["error"]["type"] == "overloaded_error"
        assert said(ask(api, "for ada")) == "once"
        assert said(ask(api, "for ada")) == "script"
        assert said(ask(api, "x", model="claude-deep")) == "deep"


def test_an_error_with_its_headers_and_a_count_of_tokens() -> None:
    with MessagesApi([Reply(failed=RATE_LIMITED, headers={"retry-after": "2"})]) as api:
        with pytest.raises(HTTPError) as refused:
            ask(api, "x")
        assert (refused.value.code, refused.value.headers["retry-after"]) == (429, "2")
        refused.value.close()
        count = Ask(f"{api.url}/v1/messages/count_tokens", b'{"messages":[]}')
        with urlopen(count, timeout=20) as answer:
            assert json.load(answer)["input_tokens"] > 0


def test_a_gate_holds_an_answer_until_it_is_opened() -> None:
    with MessagesApi([Reply("slow", gate="g")]) as api:
        done: list[bytes] = []
        thread = threading.Thread(target=lambda: done.append(ask(api, "x", stream=True)))
        thread.start()
        api.wait_for(lambda: len(api.requests) == 1)
        assert not done
        api.open("g")
        thread.join(20)
        assert b"message_stop" in done[0]


def test_a_cut_stream_and_a_hang_end_with_the_connection() -> None:
    with MessagesApi([Reply("a text that is cut", chunks=6, cut_after=2)]) as api:
        raw = ask(api, "x", stream=True)
        assert b"content_block_delta" in raw
        assert b"message_stop" not in raw
    with MessagesApi([Reply(hang=True)]) as api:
        failed: list[Exception] = []

        def hang() -> None:
            try:
                ask(api, "x")
            except (OSError, http.client.HTTPException) as error:
                failed.append(error)

        thread = threading.Thread(target=hang)
        thread.start()
        api.wait_for(lambda: len(api.requests) == 1)
        assert not failed
    thread.join(20)
    assert len(failed) == 1


def test_a_wait_that_fails_says_what_came() -> None:
    with MessagesApi() as api:
        ask(api, "only this")
        with pytest.raises(AssertionError, match="only this"):
            api.wait_for(lambda: False, seconds=0.05)
