"""Silence has a limit of its own for each of its kinds. The clock jumps: nothing is waited for."""

import json

import pytest
import trio
from trio.testing import MockClock

from hived import limits
from hived.drivers.base import Conversation
from hived.events.values import AgentConfig
from hived.supervisor.limits_watch import Silence
from tests.drivers.recordings import conversation

CALL = {
    "type": "assistant",
    "message": {
        "role": "assistant",
        "content": [{"type": "tool_use", "id": "toolu_1", "name": "Bash", "input": {}}],
    },
    "parent_tool_use_id": None,
    "session_id": "s",
}
RESULT = {
    "type": "user",
    "message": {
        "role": "user",
        "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "x"}],
    },
    "parent_tool_use_id": None,
    "session_id": "s",
}


def config(idle: float = 0.0, tool: float = 0.0) -> AgentConfig:
    return AgentConfig("claude", "/srv", idle_limit_s=idle, tool_limit_s=tool)


def feed(said: Conversation, line: object) -> None:
    said.feed(json.dumps(line).encode())


async def passed(silence: Silence) -> tuple[str, float]:
    """The limit that is passed, and after how long."""
    began = trio.current_time()
    return await silence.wait_too_long(), trio.current_time() - began


@pytest.mark.parametrize("idle", [0.0, 5.0, 2_000.0])
async def test_a_cli_that_never_speaks_has_the_time_of_a_start(
    idle: float, autojump_clock: MockClock
) -> None:
    silence = Silence(config(idle), conversation("plain"))
    assert await passed(silence) == ("start_limit", limits.START_LIMIT_SECONDS)


async def test_one_that_spoke_and_fell_silent_has_the_idle_limit(autojump_clock: MockClock) -> None:
    silence = Silence(config(7.0), conversation("plain"))
    await trio.sleep(3)
    silence.heard()
    assert await passed(silence) == ("idle_limit", 7.0)


async def test_each_line_begins_the_time_anew(autojump_clock: MockClock) -> None:
    silence = Silence(config(7.0), conversation("plain"))
    began = trio.current_time()

    async def talk() -> None:
        for _ in range(10):
            silence.heard()
            await trio.sleep(6)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(talk)
        why = await silence.wait_too_long()
    assert (why, trio.current_time() - began) == ("idle_limit", 9 * 6 + 7.0)


async def test_a_running_tool_has_a_limit_of_its_own_and_then_the_idle_one_holds(
    autojump_clock: MockClock,
) -> None:
    said = conversation("plain")
    silence = Silence(config(5.0, 100.0), said)
    feed(said, CALL)
    silence.heard()
    await trio.sleep(30)
    assert await passed(silence) == ("tool_limit", 70.0)
    feed(said, RESULT)
    silence.heard()
    assert await passed(silence) == ("idle_limit", 5.0)


async def test_words_beside_a_running_tool_do_not_stretch_its_limit(
    autojump_clock: MockClock,
) -> None:
    said = conversation("plain")
    silence = Silence(config(5.0, 100.0), said)
    feed(said, CALL)
    silence.heard()
    await trio.sleep(60)
    silence.heard()
    assert await passed(silence) == ("tool_limit", 40.0)


async def test_what_hived_itself_is_doing_never_counts_against_the_cli(
    autojump_clock: MockClock,
) -> None:
    silence = Silence(config(5.0), conversation("plain"))
    silence.heard()
    silence.busy_with(1)
    with trio.move_on_after(100_000) as waited:
        await silence.wait_too_long()
    assert waited.cancelled_caught
    silence.busy_with(-1)
    assert await passed(silence) == ("idle_limit", 5.0)


async def test_a_cli_that_is_held_has_all_its_time_when_it_goes_on(
    autojump_clock: MockClock,
) -> None:
    said = conversation("plain")
    silence = Silence(config(5.0, 100.0), said)
    feed(said, CALL)
    silence.heard()
    with silence.held(), trio.move_on_after(100_000) as waited:
        await silence.wait_too_long()
    assert waited.cancelled_caught
    assert await passed(silence) == ("tool_limit", 100.0)


async def test_the_first_line_brings_a_shorter_limit_in_force_at_once(
    autojump_clock: MockClock,
) -> None:
    silence = Silence(config(5.0), conversation("plain"))
    began = trio.current_time()

    async def speak_once() -> None:
        await trio.sleep(10)
        silence.heard()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(speak_once)
        why = await silence.wait_too_long()
    assert (why, trio.current_time() - began) == ("idle_limit", 15.0)
