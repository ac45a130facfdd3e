"""Subscribers: every durable event once and in order; a slow one is cut and goes on gap-free."""

import pytest
import trio
import trio.testing

from hived import limits
from hived.decisions.lifecycle import NewAgent, SetStatus
from hived.engine import Engine
from hived.publish import SubscriberTooSlow
from tests.decisions.bench import config

OPERATOR = "operator:tester"


async def start(engine: Engine) -> None:
    await engine.submit(NewAgent("ada", config(), "here", "key"), by=OPERATOR)


async def say(engine: Engine, number: int) -> None:
    for n in range(number):
        await engine.submit(SetStatus("ada", str(n)), by=OPERATOR)


async def test_a_subscriber_gets_every_event_once_from_where_it_began(engine: Engine) -> None:
    await start(engine)
    subscription = engine.subscribe()
    assert subscription.position == 2
    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(say, engine, 10)
        positions: list[int] = []
        async for batch in subscription:
            assert engine.durable.position >= batch[-1].position
            positions += [record.position for record in batch]
            assert subscription.position == positions[-1]
            if len(positions) == 50:
                break
    assert positions == list(range(3, 53))


async def test_a_slow_subscriber_is_cut_and_resumes_without_a_gap(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "SUBSCRIBER_QUEUE_EVENTS_MAX", 8)
    await start(engine)
    slow, other = engine.subscribe(), engine.subscribe()
    await say(engine, 3)
    got = [record.position for record in await anext(slow)]
    await say(engine, 30)
    with pytest.raises(SubscriberTooSlow) as cut:
        await anext(slow)
    assert cut.value.position == got[-1]
    assert cut.value.data["resume_from"] == got[-1]
    again = engine.subscribe()
    got += [r.position for r in engine.log.read(cut.value.position, 1000)]
    assert got == list(range(3, again.position + 1))
    await say(engine, 1)
    assert (await anext(again))[0].position == got[-1] + 1
    other.close()


async def test_one_batch_larger_than_the_bound_is_not_a_cut(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "SUBSCRIBER_QUEUE_EVENTS_MAX", 1)
    subscription = engine.subscribe()
    await start(engine)
    assert [r.kind for r in await anext(subscription)] == ["agent_created", "agent_started"]


async def test_a_closed_subscription_ends_its_reader(engine: Engine) -> None:
    subscription = engine.subscribe()
    ended = trio.Event()

    async def read() -> None:
        async for _ in subscription:
            pass
        ended.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(read)
        await trio.testing.wait_all_tasks_blocked()
        subscription.close()
        with trio.fail_after(10):
            await ended.wait()
    await start(engine)
    with pytest.raises(StopAsyncIteration):
        await anext(subscription)
