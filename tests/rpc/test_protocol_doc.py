"""PROTOCOL.md against the code: whatever it lacks, and whatever it tells that is gone, fails."""

import re
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio
from attrs import fields

import hived.rpc
from hived import limits
from hived.errors import CODES
from hived.events import EVENT_TYPES
from hived.rpc.specs import METHODS, NOTIFICATIONS, OPERATOR, PROTOCOL, ROWS

DOC = Path(hived.rpc.__file__).with_name("PROTOCOL.md").read_text()
COMMON = ("at", "command_id", "expected_version")
STAMP = {"v", "position", "at", "streams", "version"}  # of every read's or write's answer


def _section(heading: str) -> str:
    """The text below a heading, up to the next of the same or a higher rank."""
    rank = heading.index(" ")
    _, found, rest = DOC.partition(f"\n{heading}\n")
    assert found, f"PROTOCOL.md has no section {heading}"
    return re.split(rf"\n#{{2,{rank}}} ", rest)[0]


def _rows(text: str) -> list[list[str]]:
    """The cells of a section's tables, heads left out."""
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    return [[cell.strip("` |") for cell in row[:1]] + row[1:] for row in cells]


def _names(text: str) -> set[str]:
    return {row[0] for row in _rows(text)}


def test_every_method_has_its_section_and_no_other() -> None:
    told = re.findall(r"\n### `(\w+)`\n", DOC)
    assert told == list(METHODS)


@pytest.mark.parametrize("name", METHODS)
def test_a_methods_parameters_and_access(name: str) -> None:
    spec, text = METHODS[name], _section(f"### `{name}`")
    own = {param: p for param, p in spec.params.items() if param not in COMMON}
    rows = {row[0]: row for row in _rows(text) if row[0] != "parameter"}
    assert set(rows) == set(own)
    for param, p in own.items():
        assert rows[param][1] == p.type
        assert (rows[param][2] == "required") == p.required
        assert p.summary in rows[param][3]
    access = "operators only" if spec.access == OPERATOR else "anyone"
    assert f"*{spec.kind.capitalize()}, {access}.*" in text
    assert spec.summary in text


def _members(shape: str) -> list[str]:
    """The names in the outermost braces: {agent, turns: [TurnRow]} has agent and turns."""
    inner = shape[1 : shape.index("}; ") if "}; " in shape else -1]
    while (flat := re.sub(r"\{[^{}]*\}|\[[^][]*\]", "", inner)) != inner:
        inner = flat
    return [member.partition(":")[0].strip() for member in inner.split(",")]


@pytest.mark.parametrize("name", METHODS)
def test_the_members_of_a_methods_answer(name: str) -> None:
    told = _section(f"### `{name}`").partition("Answers ")[2]
    for member in _members(METHODS[name].answers):
        assert member in ("", "...", "position") or f"`{member}`" in told


def test_common_parameters() -> None:
    text = _section("## Parameters that many methods take")
    assert _names(text) - {"parameter"} == set(COMMON)
    taken = {"at": "read", "command_id": "write", "expected_version": "write"}
    for row in _rows(text):
        if row[0] in taken:
            without = {
                name
                for name, spec in METHODS.items()
                if spec.kind == taken[row[0]] and row[0] not in spec.params
            }
            assert set(re.findall(r"`(\w+)`", row[2])) == without


def test_notifications() -> None:
    assert _names(_section("## Notifications")) - {"method"} == set(NOTIFICATIONS)
    rows = {row[0]: row[1] for row in _rows(_section("## Notifications"))}
    for name, shape in NOTIFICATIONS.items():
        for member in re.findall(r"\w+", shape.partition("}")[0].partition("[")[0]):
            assert f"`{member}`" in rows[name], (name, member)


@pytest.mark.parametrize("row", ROWS)
def test_row_fields(row: str) -> None:
    assert _names(_section(f"### {row}")) - {"field"} == set(ROWS[row])


def test_errors_with_their_numbers() -> None:
    told = {}
    for row in _rows(_section("## Errors")):
        if row[0] != "number":
            told[row[1].strip("`")] = int(row[0])
    assert told == dict(CODES)


def test_kinds_of_events_with_their_fields() -> None:
    rows = {row[0]: row[1] for row in _rows(_section("### Kinds of events")) if row[0] != "kind"}
    assert set(rows) == set(EVENT_TYPES)
    for kind, (cls, _) in EVENT_TYPES.items():
        assert re.findall(r"`(\w+)`", rows[kind]) == [field.name for field in fields(cls)]


def test_limits() -> None:
    text = _section("## Limits")
    for number, unit in (
        (limits.REQUEST_BYTES_MAX >> 20, "MiB"),
        (limits.REQUEST_DEPTH_MAX, "levels"),
        (limits.BATCH_MAX, "|"),
        (limits.IN_FLIGHT_MAX, "|"),
        (limits.SUBSCRIPTIONS_MAX, "|"),
        (limits.CONNECTIONS_MAX, "|"),
        (int(limits.HELLO_WAIT_SECONDS), "s |"),
        (limits.OUTPUT_BYTES_MAX >> 20, "MiB"),
        (int(limits.CLIENT_SEND_SECONDS), "s |"),
        (limits.NOTIFICATION_BYTES_MAX >> 20, "MiB, or one row"),
        (limits.LOG_PAGE_BYTES_MAX >> 20, "MiB"),
        (limits.ANSWER_BYTES_MAX >> 20, "MiB"),
    ):
        assert f"| {number} {unit}" in text, (number, unit)
    assert f"| {limits.LOG_PAGE_EVENTS_MAX:,} |" in text
    assert f"| {limits.COMMAND_MEMORY:,} |" in text
    assert f"{limits.SUBSCRIBER_QUEUE_EVENTS_MAX:,} events" in text
    assert f"{limits.FOLLOW_QUEUE_LINES_MAX:,} lines" in text
    assert f"{limits.LOG_SCAN_EVENTS_MAX:,} events" in DOC
    assert f"{limits.BODY_BYTES_MAX:,} bytes" in DOC
    assert f"now {PROTOCOL}" in _section("## Versions")


def _keys(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            if key not in ("state", "options", "tools"):  # whose keys are data, or not promised
                yield from _keys(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _keys(inner)


async def test_every_member_of_every_answer_is_told(world: Any, raw: Any) -> None:
    from hived.decisions.compaction import QueueCompaction
    from hived.decisions.mail import SendMessage
    from hived.decisions.turns import BeginTurn, Observe
    from hived.events.turn import ToolCall

    answers = [
        await raw.call("new", agent="ada", driver="rehearsal", allow=["Read"]),
        await raw.call("new", agent="bob", driver="rehearsal", parent="ada"),
        await raw.call("send", to="ada", body="x"),
        await raw.call("model", agent="ada", model="haiku"),
    ]
    await world.engine.submit(BeginTurn("ada"), by="hive")
    turn = world.engine.durable.agents.live["ada"].turn.id
    call = ToolCall("ada", turn, "c1", "Read", "a file", 5)
    await world.engine.submit(Observe("ada", turn, 5, (call,)), by="hive")
    await world.engine.submit(QueueCompaction("ada"), by="operator:x")
    await world.engine.submit(SendMessage("operator", "x"), by="agent:ada")
    for method, params in (
        ("agents", {}),
        ("agent", {"agent": "ada"}),
        ("inbox", {"agent": "ada"}),
        ("inbox", {}),
        ("log", {"since": 0}),
        ("transcript", {"agent": "ada"}),
        ("why", {"agent": "ada"}),
        ("state", {}),
        ("verify", {}),
        ("doctor", {}),
        ("daemon_status", {}),
        ("cancel", {"agent": "ada"}),
        ("nap", {"agent": "bob", "seconds": 5, "reason": "rest"}),
        ("remind", {"agent": "bob", "text": "look", "delay_seconds": 60}),
        ("agent", {"agent": "bob"}),
        ("reminders", {}),
        ("loose_ends", {}),
        ("wake", {"agent": "bob"}),
        ("stop", {"agent": "ada"}),
        ("rm", {"agent": "bob"}),
        ("daemon_stop", {}),
        ("subscribe", {}),
        ("follow", {}),
    ):
        answers.append(await raw.call(method, **params))
        members = set(_members(METHODS[method].answers))
        own = answers[-1].keys() - STAMP
        assert own >= members - STAMP - {"..."}, method
        assert own <= members or "..." in members, method
    told = set(re.findall(r"`(\w+)`", DOC))
    assert set(_keys(answers)) - told == set()


EXAMPLES = re.findall(r"```sh\n(python3 -c '\n.*?\n')\n```", DOC, re.DOTALL)


def test_there_are_examples() -> None:
    assert len(EXAMPLES) == 2


async def test_the_examples_run_as_they_stand(world: Any, raw: Any) -> None:
    await world.agent("ada", start=False)
    bin_folder = Path(sys.executable).parent
    env = {"HIVED_HOME": world.home.state, "PATH": f"{bin_folder}:/usr/bin:/bin"}
    done = await trio.run_process(["sh", "-c", EXAMPLES[0]], env=env, capture_stdout=True)
    assert b"'access': 'operator'" in done.stdout
    assert b"ada stopped" in done.stdout

    async with trio.open_nursery() as nursery:
        command = ["sh", "-c", "exec " + EXAMPLES[1].replace("-c", "-u -c", 1)]
        run = partial(trio.run_process, command, env=env, stdout=subprocess.PIPE, check=False)
        process = await nursery.start(run)
        with trio.fail_after(20):
            output = b""
            while b"agent_created agent:ada" not in output:
                output += await process.stdout.receive_some(4096)
        process.terminate()
