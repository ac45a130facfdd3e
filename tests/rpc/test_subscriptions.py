"""Subscriptions: history and then live without a gap or a repeat, filters, cuts, live output."""

import tracemalloc
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio

from hived import limits
from hived.decisions.lifecycle import SetStatus
from hived.decisions.mail import SendMessage
from hived.events import Recorded
from hived.events.agents import AgentPaused
from hived.rpc.encoded import EncodedEvents
from hived.supervisor.outputs import Outputs


async def _write(world: Any, count: int, size: int = 1) -> None:
    """Append events, many at once."""
    async with trio.open_nursery() as nursery:
        for number in range(count):
            command = SetStatus("ada", f"{number:04}" + "x" * min(size, 190))
            nursery.start_soon(partial(world.engine.submit, command, by="agent:ada"))


async def _positions(raw: Any, upto: int) -> list[int]:
    """Positions of all events that come, until one at or after `upto`."""
    found: list[int] = []
    last = 0
    while last < upto:
        params = await raw.note("events")
        rows = [row["position"] for row in params["events"]]
        found += rows
        assert params["position"] >= max(rows)
        assert params["position"] > last
        last = params["position"]
    return found


@pytest.mark.parametrize("start", [0, 1, 40, 59, 60, 61, None])
async def test_history_then_live_without_gap_or_repeat(world: Any, raw: Any, start: Any) -> None:
    await world.agent("ada", start=False)
    await _write(world, 60)
    answer = await raw.call("subscribe", **({} if start is None else {"from": start}))
    assert answer["position"] == 61
    await _write(world, 50)
    begin = 61 if start is None else start
    assert await _positions(raw, 111) == list(range(begin + 1, 112))


async def test_a_long_history_while_others_write(world: Any, raw: Any) -> None:
    await world.agent("ada", start=False)
    await _write(world, 2_600)
    await raw.call("subscribe", **{"from": 0})
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_write, world, 1_500)
        assert await _positions(raw, 4_101) == list(range(1, 4_102))


async def test_rows_are_those_of_the_log(world: Any, raw: Any) -> None:
    await raw.call("subscribe")
    await world.agent("ada", start=False)
    live = (await raw.note("events"))["events"]
    assert (await raw.call("log", since=0))["events"] == live


async def test_filters_by_kind_and_agent(world: Any, raw: Any) -> None:
    await world.agent("ada", start=False)
    kinds = await raw.call("subscribe", **{"from": 0, "kinds": ["message_sent"]})
    bobs = await raw.call("subscribe", **{"from": 0, "agent": "ada"})
    await world.agent("bob", start=False)
    await world.engine.submit(SendMessage("bob", "hello"), by="agent:ada")
    await world.engine.submit(SendMessage("bob", "end"), by="operator:x")
    await world.engine.submit(SendMessage("ada", "end"), by="operator:x")
    seen: dict[int, list[tuple[int, str]]] = {
        kinds["subscription"]: [],
        bobs["subscription"]: [],
    }
    while not all(rows and rows[-1][0] == 5 for rows in seen.values()):
        params = await raw.note("events")
        rows = [(row["position"], row["kind"]) for row in params["events"]]
        seen[params["subscription"]] += rows
    assert seen[kinds["subscription"]] == [(n, "message_sent") for n in (3, 4, 5)]
    about = [(1, "agent_created"), (3, "message_sent"), (5, "message_sent")]
    assert seen[bobs["subscription"]] == about


async def test_a_removed_agent_can_still_be_subscribed_to(world: Any, raw: Any) -> None:
    await world.agent("ada", start=False)
    await raw.call("rm", agent="ada")
    await raw.call("subscribe", **{"from": 0, "agent": "ada"})
    assert await _positions(raw, 2) == [1, 2]


@pytest.mark.parametrize("start", [-1, 5_000, 2**62])
async def test_positions_that_are_not_there(raw: Any, start: int) -> None:
    assert (await raw.refused("subscribe", **{"from": start}))["data"]["code"] == "at_unknown"


async def test_unsubscribe_ends_it(world: Any, raw: Any, until: Any) -> None:
    first = await raw.call("subscribe")
    second = await raw.call("subscribe")
    assert await raw.call("unsubscribe", subscription=first["subscription"]) == {}
    await world.agent("ada", start=False)
    assert (await raw.note("events"))["subscription"] == second["subscription"]
    error = await raw.refused("unsubscribe", subscription=first["subscription"])
    assert error["data"]["code"] == "not_found"
    assert raw.notes == []
    await raw.call("unsubscribe", subscription=second["subscription"])
    await until(lambda: not world.engine._publisher._subscriptions)


async def test_nothing_of_a_subscription_comes_after_its_end(world: Any, raw: Any) -> None:
    await world.agent("ada", start=False)
    for _ in range(20):
        number = (await raw.call("follow"))["subscription"]
        world.outputs.publish("ada", "t", 2, b"x")
        await raw.call("unsubscribe", subscription=number)
        raw.notes.clear()
        await raw.call("agents")
        assert raw.notes == []


async def test_subscriptions_of_a_connection_are_bounded(world: Any, raw: Any) -> None:
    for _ in range(limits.SUBSCRIPTIONS_MAX):
        await raw.call("subscribe")
    for method in ("subscribe", "follow"):
        assert (await raw.refused(method))["data"]["code"] == "too_many"
    assert len(world.engine._publisher._subscriptions) == limits.SUBSCRIPTIONS_MAX


async def test_a_client_too_slow_is_cut_and_resumes_without_gap(
    world: Any, raw: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr(limits, "OUTPUT_BYTES_MAX", 20_000)
    monkeypatch.setattr(limits, "SUBSCRIBER_QUEUE_EVENTS_MAX", 50)
    await world.agent("ada", start=False)
    first = await raw.call("subscribe", **{"from": 0})
    for _ in range(40):
        await _write(world, 100, 180)
    head = world.engine.durable.position
    found: list[int] = []
    while True:
        params = await raw.note()
        assert params["subscription"] == first["subscription"]
        if "resume_from" in params:
            break
        found += [row["position"] for row in params["events"]]
    assert found == list(range(1, params["resume_from"] + 1))
    assert params["resume_from"] < head
    await raw.call("subscribe", **{"from": params["resume_from"]})
    assert found + await _positions(raw, head) == list(range(1, head + 1))


async def test_a_subscriber_that_reads_is_not_cut_by_a_slow_disk(
    world: Any, raw: Any, until: Any, monkeypatch: Any
) -> None:
    """What is lost while history is read is found in the log, not told to the client."""
    monkeypatch.setattr(limits, "SUBSCRIBER_QUEUE_EVENTS_MAX", 5)
    threads = world.services.threads
    await world.agent("ada", start=False)
    held = [object() for _ in range(limits.READ_THREADS_MAX)]
    for token in held:
        threads.acquire_on_behalf_of_nowait(token)
    await raw.call("subscribe", **{"from": 0})
    await until(lambda: threads.statistics().tasks_waiting == 1)  # history waits for the disk
    for _ in range(5):
        await _write(world, 100)
    assert not world.engine._publisher._subscriptions  # the engine has cut it
    for token in held:
        threads.release_on_behalf_of(token)
    head = world.engine.durable.position
    assert await _positions(raw, head) == list(range(1, head + 1))


async def test_long_events_are_packed_into_bounded_notifications(
    world: Any, raw: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr(limits, "NOTIFICATION_BYTES_MAX", 3_000)
    await world.agent("ada", start=False)
    for number in range(20):
        body = str(number % 10) * (900 if number else 9_000)
        await world.engine.submit(SendMessage("ada", body), by="operator:x")
    await raw.call("subscribe", **{"from": 0})
    seen = 0
    while seen < 21:
        line = await raw.line()
        assert len(line) < 11_000
        seen += line.count(b'"kind":')


def test_a_row_is_encoded_once(monkeypatch: Any) -> None:
    monkeypatch.setattr(limits, "ENCODED_EVENTS_MAX", 10)
    event = AgentPaused("ada")
    records = [
        Recorded(n, "agent:ada", n, 1.0, "n", "hive", None, None, "agent_paused", event)
        for n in range(1, 9)
    ]
    encoded = EncodedEvents()
    first = encoded.rows(records)
    assert all(a is b for a, b in zip(first, encoded.rows(records), strict=True))
    later = [rec._replace(position=rec.position + 100) for rec in records]
    assert encoded.rows(later)
    assert len(encoded._rows) <= 10
    assert encoded.rows(records) == first


def test_kept_rows_take_no_more_room_than_they_are_long() -> None:
    event = AgentPaused("ada")
    records = [
        Recorded(n, "agent:ada", n, 1.0, "n", "hive", None, None, "agent_paused", event)
        for n in range(1, 101)
    ]
    tracemalloc.start()
    try:
        rows = EncodedEvents().rows(records)
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert taken < 3 * sum(map(len, rows))


# Live output.


async def test_follow_gives_lines_as_they_come(world: Any, raw: Any, until: Any) -> None:
    await world.agent("ada", start=False)
    one = await raw.call("follow", agent="a")
    everyone = await raw.call("follow")
    world.outputs.publish("ada", "t1", 6, b"hello")
    world.outputs.publish("bob", "t2", 3, b"\xff\n"[:1])
    seen: dict[int, list[Any]] = {one["subscription"]: [], everyone["subscription"]: []}
    while sum(map(len, seen.values())) < 3:
        params = await raw.note("output")
        seen[params["subscription"]] += params["lines"]
    row = {"agent": "ada", "turn": "t1", "byte": 6, "line": "hello"}
    assert seen[one["subscription"]] == [row]
    assert seen[everyone["subscription"]] == [
        row,
        {"agent": "bob", "turn": "t2", "byte": 3, "line": "\ufffd"},
    ]
    await raw.call("unsubscribe", subscription=one["subscription"])
    await raw.stream.aclose()
    await until(lambda: not world.outputs._feeds)


async def test_a_slow_follower_is_told_where_to_go_on(
    world: Any, raw: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr(limits, "OUTPUT_BYTES_MAX", 10_000)
    monkeypatch.setattr(limits, "FOLLOW_QUEUE_LINES_MAX", 20)
    await world.agent("ada", start=False)
    await raw.call("follow", agent="ada")
    byte = 0
    for number in range(3_000):
        line = b"%05d" % number + b"x" * 500
        byte += len(line) + 1
        world.outputs.publish("ada", "t1", byte, line)
        await trio.lowlevel.checkpoint()
    last = 0
    while True:
        params = await raw.note()
        if "resume_from" in params:
            break
        for row in params["lines"]:
            assert row["byte"] - len(row["line"]) - 1 == last
            last = row["byte"]
    assert params["resume_from"] == {"turn": "t1", "byte": last}
    assert last < byte


async def test_publishing_to_nobody_keeps_nothing() -> None:
    hub = Outputs()
    hub.publish("ada", "t", 2, b"x")
    feed = hub.subscribe("bob")
    hub.publish("ada", "t", 4, b"x")
    hub.publish("bob", "t", 6, b"y")
    assert [line.line for line in await feed.take()] == [b"y"]
    feed.close()
    hub.publish("bob", "t", 8, b"z")
    assert await feed.take() == []
    assert not feed.cut


# Transcripts.


async def _turn(world: Any, output: bytes) -> str:
    from hived.decisions.turns import BeginTurn

    await world.agent("ada")
    await world.engine.submit(SendMessage("ada", "go"), by="operator:x")
    await world.engine.submit(BeginTurn("ada"), by="hive")
    turn: str = world.engine.durable.agents.live["ada"].turn.id
    spool = Path(world.home.turns, turn, "spool")
    await trio.Path(spool.parent).mkdir(parents=True)
    await trio.Path(spool).write_bytes(output)
    return turn


async def _end(world: Any, turn: str) -> None:
    from hived.decisions.endings import EndTurn
    from hived.events.turn import TurnEnd

    await world.engine.submit(EndTurn("ada", turn, TurnEnd("ada", turn, "ok")), by="hive")


async def _pages(raw: Any, **params: Any) -> list[dict[str, Any]]:
    lines: list[dict[str, Any]] = []
    after: Any = 0
    while after is not None:
        page = await raw.call("transcript", agent="ada", from_byte=after, **params)
        lines += page["lines"]
        if page["running"] and not page["lines"]:
            break
        after = page["next"]
    return lines


@pytest.mark.parametrize("compressed", [False, True])
async def test_transcript_of_a_running_and_of_an_ended_turn(
    world: Any, raw: Any, compressed: bool, monkeypatch: Any
) -> None:
    from hived.store import transcripts

    monkeypatch.setattr(limits, "TRANSCRIPT_PAGE_BYTES", 64)
    text = [b'{"n":%d}' % n + b"x" * (n * 7 % 130) for n in range(50)]
    turn = await _turn(world, b"\n".join(text) + b"\nhalf a li")
    rows = await _pages(raw)
    assert [row["line"].encode() for row in rows] == text
    assert rows[-1]["byte"] == sum(len(line) + 1 for line in text)
    await _end(world, turn)
    if compressed:
        await trio.to_thread.run_sync(transcripts.compress, Path(world.home.turns, turn, "spool"))
    whole = await _pages(raw, turn=turn, limit=7)
    assert [row["line"].encode() for row in whole] == [*text, b"half a li"]
    assert await _pages(raw, turn="1") == whole
    page = await raw.call("transcript", agent="ada", from_byte=rows[3]["byte"], limit=1)
    assert page["lines"] == [rows[4]]


async def test_a_line_longer_than_a_read_comes_in_pieces(
    world: Any, raw: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr(limits, "TRANSCRIPT_PAGE_BYTES", 10)
    monkeypatch.setattr(limits, "TRANSCRIPT_READ_BYTES_MAX", 40)
    await _turn(world, b"a" * 100 + b"\nb\n")
    rows = await _pages(raw)
    assert "".join(row["line"] for row in rows) == "a" * 100 + "b"


async def test_a_long_last_line_that_was_cut_off_is_told_and_ends_the_transcript(
    world: Any, raw: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr(limits, "TRANSCRIPT_PAGE_BYTES", 10)
    monkeypatch.setattr(limits, "TRANSCRIPT_READ_BYTES_MAX", 40)
    turn = await _turn(world, b"a\n" + b"b" * 25)
    await _end(world, turn)
    with trio.fail_after(5):
        rows = await _pages(raw)
    assert [row["line"] for row in rows] == ["a", "b" * 25]


async def test_transcripts_that_are_not_there(world: Any, raw: Any) -> None:
    await world.agent("ada", start=False)
    assert (await raw.refused("transcript", agent="ada"))["data"]["code"] == "not_found"
    assert (await raw.refused("transcript", agent="ada", turn="9"))["data"]["code"] == "not_found"
    assert (await raw.refused("transcript", agent="bob"))["data"]["code"] == "not_found"


async def test_writes_on_a_turn_answer_with_what_they_did(world: Any, raw: Any) -> None:
    turn = await _turn(world, b"")
    queued = await raw.call("compact", agent="ada", command_id="k")
    assert queued["queued_behind"] == turn
    first = await raw.call("cancel", agent="ada", command_id="c")
    assert first["turn"] == turn
    await _end(world, turn)
    assert await raw.call("cancel", agent="ada", command_id="c") == first
    assert await raw.call("compact", agent="ada", command_id="k") == queued
    reset = await raw.call("new_session", agent="ada")
    assert reset["session"] != reset["was"]
    row = (await raw.call("agent", agent="ada"))["agent"]
    assert row["session"] == reset["session"]
    assert row["turns"][0]["turn"] == turn
    assert (await raw.refused("lift", agent="ada"))["data"]["code"] == "wrong_state"
