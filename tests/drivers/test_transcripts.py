"""Every recording of the real CLI, replayed: the class of its end, its usage, its tool calls.

Each is fed whole, byte by byte and in random chunks; all three must give the same.
"""

import itertools
import json
from collections.abc import Sequence

import pytest
from attrs import frozen
from hypothesis import given
from hypothesis import strategies as st

from hived.drivers.base import Exit
from hived.drivers.observations import (
    CompactionBegan,
    CompactionOver,
    HiveToolCalled,
    PermissionAsked,
    Receipt,
    RequestWithdrawn,
    ToolCalled,
    ToolEnded,
)
from hived.events.values import Usage
from tests.drivers import recordings
from tests.drivers.recordings import NAMES, conversation, output, play


@frozen
class Expected:
    """input, output: tokens. calls: (tool, summary, outcome), "" for a call that never ended."""

    outcome: str
    why: str = ""
    input: int = 10
    output: int = 5
    cost: float = 0.00014
    calls: tuple[tuple[str, str, str], ...] = ()
    context: int = 10
    model: str = "claude-opus-5-5"
    window: int = 1_000_000
    transient: bool = False
    settled: bool = True
    signalled: bool = False
    exit: int = 0


LOG = "git log --oneline"
SLEEP = LOG + "; python3 -c 'import time; time.sleep(31)'"
ASSIGN_7 = ("mcp__hive__assign", '{"issue":7}', "ok")


def answered(turns: int, *calls: tuple[str, str, str]) -> Expected:
    """An ok end after this many answers of the API, each of 10 tokens in and 5 out."""
    return Expected("ok", "", 10 * turns, 5 * turns, 0.00014 * turns, calls)


def failed(outcome: str, why: str, *, transient: bool = False, window: int = 0) -> Expected:
    """An end without any answer of the API."""
    return Expected(outcome, why, 0, 0, 0.0, context=0, window=window, transient=transient, exit=1)


EXPECTED = {
    "bash-allowed": answered(2, ("Bash", LOG, "ok")),
    "bash-denied": answered(2, ("Bash", "touch new.txt", "refused")),
    "bash-deny-rule": answered(2, ("Bash", "git push origin main", "refused")),
    "compact-manual": Expected("ok", "", 9000, 300, 0.042, context=2538),
    "compact-nothing": failed("failed", "compaction", window=1_000_000),
    "dont-ask": answered(2, ("Bash", "touch new.txt", "refused")),
    "err-400": failed("failed", "bad_request"),
    "err-401": failed("auth_failed", "authentication_failed"),
    "err-403": failed("auth_failed", "authentication_failed"),
    "err-404-model": Expected(
        "failed", "model_not_found", 0, 0, 0.0, context=0, model="claude-nope", window=0, exit=1
    ),
    "err-429": failed("rate_limited", "rate_limited", transient=True),
    "err-500": failed("failed", "server_error", transient=True),
    "err-529": failed("failed", "overloaded", transient=True),
    "err-529-fallback": Expected("ok", cost=0.00007, model="claude-sonnet-5-5"),
    "err-connection": failed("failed", "connection", transient=True),
    "err-not-logged-in": failed("auth_failed", "authentication_failed"),
    "err-prompt-too-long": failed("prompt_too_long", "prompt_too_long"),
    "hooks": answered(4, ("Bash", "echo forbidden", "refused"), ("Bash", "touch approve-me", "ok")),
    "json-schema": answered(1, ("StructuredOutput", '{"verdict":"ok"}', "ok")),
    "live-interrupt": answered(4, ("Bash", SLEEP, "error")),
    "live-malformed": Expected("ok", exit=1),
    "live-permissions": Expected(
        "cancelled",
        "interrupted",
        40,
        20,
        0.00056,
        (
            ("Bash", "echo asked > f1.txt", "ok"),
            ("Write", "/home/user/work/proj/w.txt", "refused"),
            ("Bash", "touch zz", "refused"),
        ),
    ),
    "live-same-uuid": Expected(
        "failed", "repeated", 0, 0, 0.0, context=0, model="", window=0, transient=True
    ),
    "live-sdk-mcp": answered(3, ASSIGN_7, ("Bash", LOG, "ok")),
    "live-slash": Expected("ok", "", 9030, 315, 0.04242),
    "live-turns": Expected(
        "ok",
        "",
        40,
        20,
        0.000455,
        (("Bash", LOG, "ok"),),
        model="claude-haiku-4-5",
        window=200_000,
    ),
    "max-tokens": answered(2),
    "max-turns": Expected(
        "failed", "limit", 20, 10, 0.00028, (("Bash", LOG, "ok"), ("Bash", LOG, "ok")), exit=1
    ),
    "mcp-dead-server": answered(1),
    "mcp-denied": answered(2, ("mcp__hive__echo", '{"x":"1"}', "refused")),
    "mcp-http": answered(2, ("mcp__hiveh__echo", '{"x":"1"}', "ok")),
    "mcp-stdio": answered(2, ("mcp__hive__echo", '{"x":"1"}', "ok")),
    "mcp-tool-error": answered(
        3, ("mcp__hive__fail", "{}", "error"), ("mcp__hive__slow", '{"x":"5"}', "error")
    ),
    "mcp-unix-url": answered(1),
    "partial": answered(2, ("Bash", LOG, "ok")),
    "plain": answered(1),
    "prompt-too-long-lost": failed("prompt_too_long", "prompt_too_long", window=1_000_000),
    "rate-limit-warning": Expected("ok", cost=0.00007, model="claude-sonnet-5-5"),
    "refusal": Expected("failed", "refused", 20, 10, 0.00028, context=0, exit=1),
    "resume-missing": Expected(
        "failed", "session_missing", 0, 0, 0.0, context=0, model="", window=0, exit=1
    ),
    "root-skip-permissions": Expected(
        "failed", "configuration", 0, 0, 0.0, context=0, model="", window=0, settled=False, exit=1
    ),
    "session-1-new": answered(1),
    "session-2-resume": answered(1),
    "session-3-fork": answered(1),
    "sigint-stream": Expected("cancelled", "interrupted", signalled=True),
    # No result: what the messages said of themselves, and no cost.
    "sigkill-bash": Expected(
        "cancelled",
        "signalled",
        10,
        1,
        0.0,
        (("Bash", SLEEP, ""),),
        window=0,
        settled=False,
        signalled=True,
        exit=-9,
    ),
    "sigterm-bash": Expected(
        "cancelled",
        "signalled",
        10,
        1,
        0.0,
        (("Bash", SLEEP, "error"),),
        window=0,
        settled=False,
        signalled=True,
        exit=143,
    ),
    "sigterm-stream": Expected(
        "cancelled",
        "signalled",
        0,
        0,
        0.0,
        context=0,
        window=0,
        settled=False,
        signalled=True,
        exit=143,
    ),
    "stream-cut": Expected("ok", "", 20, 7, 0.00022),
}


def test_every_recording_is_expected() -> None:
    assert set(EXPECTED) == set(NAMES)


def check(name: str, chunks: Sequence[bytes]) -> None:
    expected = EXPECTED[name]
    talk = conversation(name)
    seen = play(talk, chunks)
    ending = talk.ending(Exit(expected.exit), signalled=expected.signalled)
    assert (ending.outcome, ending.why) == (expected.outcome, expected.why)
    assert ending.usage == Usage(expected.input, expected.output)
    assert ending.cost_usd == pytest.approx(expected.cost)
    assert (ending.model, ending.context_used) == (expected.model, expected.context)
    assert ending.context_window == expected.window
    assert ending.transient == expected.transient
    assert talk.settled == expected.settled

    ended = {end.call: end.outcome for end in seen if isinstance(end, ToolEnded)}
    calls = [call for call in seen if isinstance(call, ToolCalled)]
    told = [(call.tool, call.summary, ended.get(call.call, "")) for call in calls]
    assert told == list(expected.calls)
    assert sum(ending.tools.values()) == len(expected.calls)
    never_ended = {call.call for call in calls} - set(ended)
    assert talk.open_tools == never_ended


@pytest.mark.parametrize("name", NAMES)
def test_whole(name: str) -> None:
    check(name, [output(name)])


@pytest.mark.parametrize("name", NAMES)
def test_byte_by_byte(name: str) -> None:
    whole = output(name)
    check(name, [whole[at : at + 1] for at in range(len(whole))])


@given(name=st.sampled_from(NAMES), cuts=st.lists(st.integers(0, 40_000), max_size=40))
def test_random_chunks(name: str, cuts: list[int]) -> None:
    whole = output(name)
    edges = [0, *sorted(cut % (len(whole) + 1) for cut in cuts), len(whole)]
    check(name, [whole[a:b] for a, b in itertools.pairwise(edges)])


@given(name=st.sampled_from(NAMES), data=st.data())
def test_any_order_of_keys_and_unknown_lines_between(name: str, data: st.DataObject) -> None:
    strange = data.draw(st.sampled_from(STRANGE))
    lines = [strange]
    for line in output(name).splitlines():
        keys = list(json.loads(line).items())
        lines += [json.dumps(dict(data.draw(st.permutations(keys)))).encode(), strange]
    # A line of an unknown type is a line; only the death before the first one shows that.
    if EXPECTED[name].why != "configuration":
        check(name, [line + b"\n" for line in lines])


STRANGE = (
    b'{"type":"telemetry_v9","uuid":"x"}',
    b'{"type":"system","subtype":"brand_new","detail":{"a":[1,2]}}',
    b'{"type":"control_response","response":{"subtype":"error","request_id":"none"}}',
    b"Warning: a word on stdout",
    b"",
)


@pytest.mark.parametrize("name", NAMES)
def test_fed_twice_the_same_comes(name: str) -> None:
    first, second = conversation(name), conversation(name)
    assert play(first, [output(name)]) == play(second, [output(name)])
    assert first.ending(None, signalled=False) == second.ending(None, signalled=False)


def only(name: str, *kinds: type) -> list[object]:
    return [seen for seen in play(conversation(name), [output(name)]) if type(seen) in kinds]


def test_compactions() -> None:
    kinds = (CompactionBegan, CompactionOver)
    assert only("compact-manual", *kinds) == [
        CompactionBegan("manual"),
        CompactionOver(True, 106, 2538),
    ]
    assert only("compact-nothing", *kinds) == [
        CompactionBegan("manual"),
        CompactionOver(False, detail="Not enough messages to compact."),
    ]
    assert only("prompt-too-long-lost", *kinds) == [
        CompactionBegan("auto"),
        CompactionOver(False, detail="exhausted"),
    ]


def test_questions_of_the_cli() -> None:
    asked = only("live-permissions", PermissionAsked, RequestWithdrawn)
    assert [(question.tool, question.call) for question in asked] == [
        ("Bash", "toolu_fake_001_0"),
        ("Write", "toolu_fake_002_0"),
        ("Bash", "toolu_fake_004_0"),
    ]
    [called] = only("live-sdk-mcp", HiveToolCalled)
    assert called == HiveToolCalled(
        "3ef434bd-1b35-427c-895a-6f683b94c672", "toolu_fake_001_0", "assign", {"issue": 7}
    )


def test_receipts() -> None:
    first, second, third, fourth = (line.uuid for line in recordings.user_lines("live-interrupt"))
    states = [(seen.uuid, seen.state) for seen in only("live-interrupt", Receipt)]
    assert states == [
        (uuid, state)
        for uuid, last in (
            (first, "cancelled"),
            (second, "completed"),
            (third, "cancelled"),
            (fourth, "completed"),
        )
        for state in ("queued", "started", last)
    ]
    talk = conversation("live-interrupt")
    play(talk, [output("live-interrupt")])
    assert talk.ending(Exit(0), signalled=False).seen == {first, second, third, fourth}


def test_a_repeated_line_is_taken_up_but_not_seen() -> None:
    talk = conversation("live-same-uuid")
    play(talk, [output("live-same-uuid")])
    ending = talk.ending(Exit(0), signalled=False)
    assert talk.settled
    assert ending.seen == frozenset()
