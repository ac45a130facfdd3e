"""Calls that are wrong, of every tool: each an error with its code, and nothing of it done."""

import json
import math
import time
from collections.abc import Callable, Iterator
from itertools import groupby
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from hived.errors import CODES, CommandRefused
from hived.rpc.tools.arguments import check_arguments
from hived.rpc.tools.specs import TOOL_SPECS, Arg
from tests.daemon.harness import Hive
from tests.mcp.agent import Row, Talk, words

Connect = Callable[..., Talk]

HUGE = "x" * (1 << 20)
WRONG: dict[str, tuple[object, ...]] = {
    "string": (7, 1.5, True, ["a"], {"a": 1}),
    "integer": ("7", 1.5, True, [1], {}),
    "number": ("soon", True, [1], {}, 1e300, -1e300),
    "boolean": ("yes", 1, [True], {}),
    "strings": ("a", 7, [1], [["a"]], {}, ["x"] * 10_000),
    "string|strings": (7, True, [1], {}),
    "string|number": (True, ["now"], {}),
}
# What stands in the place of the other arguments: no call with these alone may do anything.
PLAIN: dict[str, object] = {
    "string": "nobody-at-all",
    "integer": 1,
    "number": -1,
    "boolean": False,
    "strings": ["a", "b"],
    "string|strings": "a",
    "string|number": 1,
}


def plain(args: Any) -> Row:
    return {name: PLAIN[arg.type] for name, arg in args.items() if arg.required}


def wrong_calls() -> Iterator[tuple[str, str, object]]:
    """Tool, what is wrong with the call, and its arguments."""
    for tool, row in TOOL_SPECS.items():
        good = plain(row.args)
        yield tool, "an extra", {**good, "agent_id": "queen", "x" * 500: 1}
        for name, arg in row.args.items():
            rest = {key: value for key, value in good.items() if key != name}
            if arg.required:
                yield tool, f"no {name}", rest
                yield tool, f"null for {name}", {**rest, name: None}
            for value in WRONG[arg.type]:
                yield tool, f"{name} is {value!r:.40}", {**rest, name: value}
            if "string" in arg.type.split("|"):
                yield tool, f"{name} is huge", {**rest, name: HUGE}
                yield tool, f"{name} is far too huge", {**rest, name: HUGE + "x"}


def test_every_wrong_call_of_every_tool(hive: Hive, talk: Connect) -> None:
    hive.call("pause", agent="queen")  # mail to her is a fact and no turn
    before = hive.call("daemon_status")["position"]
    with talk("queen") as queen:
        for tool, calls in groupby(wrong_calls(), lambda call: call[0]):
            for _, what, arguments in calls:
                text, failed = queen.call(tool, arguments)
                assert failed, (tool, what, text[:500])
                assert text.partition(": ")[0] in CODES, (tool, what, text[:500])
                assert len(text) < 2_000, (tool, what)
            after = hive.call("daemon_status")["position"]
            assert after == before, (tool, hive.events()[before:])
    hive.check()


RAW = {
    "NaN": "NaN",
    "infinity": "-Infinity",
    "an integer of 400 digits": "1" + "0" * 400,
    "half a surrogate pair": '"\\ud800"',
    "nested too deep": "[" * 50 + "]" * 50,
    "the same key twice": '1, "x": 2',
}


NAPS: tuple[tuple[Row, str], ...] = (
    ({"seconds": -1}, "-1"),
    ({"seconds": 0}, "0"),
    ({"seconds": "soon"}, "must be a number, not 'soon'"),
    ({"seconds": 1e14}, "86400"),
    ({"seconds": math.inf}, "not JSON"),
    ({}, "nap needs seconds"),
    ({"seconds": 60, "until": 5}, "nap has no argument 'until'; it takes seconds, reason"),
)


def test_what_cannot_be_read_or_cannot_be_is_told_under_its_id(hive: Hive, talk: Connect) -> None:
    with talk("bee") as bee:
        for what, raw in RAW.items():
            params = f'{{"name": "nap", "arguments": {{"seconds": 60, "x": {raw}}}}}'
            bee.put(f'{{"id": "c1", "method": "tools/call", "params": {params}}}'.encode())
            answer = bee.hear()
            assert answer["id"] == "c1", what
            text, failed = words(answer)
            assert failed and "invalid_params: the call is not JSON for hived: " in text, what
        for arguments, told in NAPS:
            text, failed = bee.call("nap", arguments)
            assert failed and told in text, (arguments, text)
        assert "(you)" in bee.call("who")[0]
    assert not hive.events("nap_start")


def test_huge_calls_hold_nobody_up(hive: Hive, talk: Connect) -> None:
    with talk("bee") as bee, talk("queen") as queen:
        asked = [
            bee.start("tools/call", {"name": "send", "arguments": {"to": "queen", "body": HUGE}})
            for _ in range(16)
        ]
        slowest = 0.0
        for _ in asked:
            began = time.monotonic()
            assert queen.ask("ping")["result"] == {}
            slowest = max(slowest, time.monotonic() - began)
        answers = {answer["id"]: words(answer) for answer in (bee.hear() for _ in asked)}
    assert set(answers) == set(asked)
    assert all(failed and "too_large" in text for text, failed in answers.values()), answers
    assert slowest < 5.0  # milliseconds, where the machine is not busy with others


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


@given(tool=st.sampled_from(sorted(TOOL_SPECS)), data=st.data())
def test_any_arguments_are_taken_or_refused(tool: str, data: st.DataObject) -> None:
    row = TOOL_SPECS[tool]
    names = st.sampled_from([*row.args, "else"])
    arguments = data.draw(st.dictionaries(names, JSON, max_size=4))
    try:
        checked = check_arguments(tool, row, arguments)
    except CommandRefused as refused:
        assert refused.code == "invalid_params"
        assert tool in refused.message
        return
    assert set(checked) <= set(row.args)
    assert {name for name, arg in row.args.items() if arg.required} <= set(checked)
    json.dumps(list(checked.values()), allow_nan=False)


def test_the_table_of_wrong_values_knows_every_type() -> None:
    types = {arg.type for row in TOOL_SPECS.values() for arg in row.args.values()}
    assert types <= set(WRONG) and types <= set(PLAIN)
    assert all(isinstance(arg, Arg) for row in TOOL_SPECS.values() for arg in row.args.values())
