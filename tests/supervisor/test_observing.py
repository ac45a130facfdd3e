"""What lines of the real CLI mean for the log and for its stdin."""

import json
from typing import Any

import pytest
from attrs import evolve

from hived.decisions.turns import Observe
from hived.drivers import DRIVERS
from hived.drivers.base import ToolSpec
from hived.supervisor.ids import short_id
from hived.supervisor.observing import Heard, Listener
from tests.decisions.bench import Bench
from tests.drivers.recordings import NAMES, conversation, output, spec

RULES = ("Bash(echo *)",)


def heard(name: str, rules: tuple[str, ...] = RULES) -> list[tuple[int, Heard]]:
    """The outcome of each line of a recording, with the byte after it."""
    said = conversation(name)
    said.opening()
    turn = spec(name)
    listener = Listener("ada", "t1", turn.kind, rules, turn.workdir, said)
    outcomes = []
    end = 0
    for line in output(name).splitlines(keepends=True):
        end += len(line)
        outcomes.append((end, listener.hear(line.rstrip(b"\n"), end)))
    return outcomes


@pytest.mark.parametrize("name", NAMES)
def test_a_line_heard_again_means_the_same(name: str) -> None:
    assert heard(name) == heard(name)


@pytest.mark.parametrize("name", NAMES)
def test_every_event_stands_at_the_end_of_its_line(name: str) -> None:
    for end, outcome in heard(name):
        assert all(event.byte == end and event.agent == "ada" for event in outcome.events)


@pytest.mark.parametrize("name", NAMES)
def test_calls_and_their_results_pair_and_the_state_comes_back_to_thinking(name: str) -> None:
    b = Bench()
    b.new()
    turn = b.working()
    if spec(name).kind == "compact":
        turn.kind, b.agent().state = "compact", "compacting"
    calls: list[str] = []
    results: list[str] = []
    for end, outcome in heard(name):
        b.do(Observe("ada", turn.id, end, tuple(outcome.events)), "hive")
        calls += [e.call for e in outcome.events if type(e).__name__ == "ToolCall"]
        results += [e.call for e in outcome.events if type(e).__name__ == "ToolResult"]
    assert len(set(calls)) == len(calls)
    assert len(set(results)) == len(results)
    assert set(results) <= set(calls)
    assert set(turn.open_tools) == set(calls) - set(results)
    assert turn.tool_calls == len(calls)
    b.end()
    assert b.agent().state == "idle"


def answers(outcomes: list[tuple[int, Heard]]) -> list[Any]:
    return [
        event
        for _, outcome in outcomes
        for event in outcome.events
        if type(event).__name__ == "PermissionAnswer"
    ]


def test_a_permission_is_answered_once_from_the_allow_list_and_logged() -> None:
    refused = answers(heard("live-permissions", ()))
    assert refused
    assert not any(answer.allowed for answer in refused)
    assert all(answer.reason and not answer.rule for answer in refused)
    allowed = answers(heard("live-permissions", ("Bash", "Write", "Edit")))
    assert [a.call for a in allowed] == [a.call for a in refused]
    assert all(answer.allowed and answer.rule for answer in allowed)
    for _, outcome in heard("live-permissions", ()):
        assert len(answers([(0, outcome)])) <= len(outcome.writes)


def test_a_compaction_that_was_ordered_is_not_begun_twice() -> None:
    kinds = [type(e).__name__ for _, o in heard("compact-manual") for e in o.events]
    assert kinds.count("CompactionStart") == 0
    assert kinds.count("CompactionEnd") == 1


def test_ids_of_others_are_bounded_and_differ() -> None:
    assert short_id("5f0c-ABC") == "5f0c-ABC"
    long = [short_id("x" * n) for n in range(65, 200)]
    assert len(set(long)) == len(long)
    for odd in ("a/b", "", "\ud800", "é", "a b", "x" * 10_000_000):
        made = short_id(odd)
        assert len(made) == 33
        assert made.isalnum()


def asked(request: str, message: dict[str, Any]) -> bytes:
    """A message of the CLI to the hive's own MCP server."""
    wrapped = {"subtype": "mcp_message", "server_name": "hive", "message": message}
    line = {"type": "control_request", "request_id": request, "request": wrapped}
    return json.dumps(line).encode()


def test_a_call_that_the_cli_gives_up_is_withdrawn() -> None:
    tools = (ToolSpec("recv", "mail", {"type": "object"}),)
    talk = DRIVERS["claude"].converse(evolve(spec("plain"), hive_tools=tools))
    listener = Listener("ada", "t1", "work", RULES, "/", talk)
    call = {"id": 9, "method": "tools/call", "params": {"name": "recv", "arguments": {}}}
    [called] = listener.hear(asked("r1", call), 10).calls
    assert (called.request, called.name, called.answer) == ("r1", "recv", "mcp:r1")
    cancel = {"method": "notifications/cancelled", "params": {"requestId": 9}}
    assert listener.hear(asked("r2", cancel), 20).withdrawn == ["r1"]
