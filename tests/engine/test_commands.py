"""Commands through the real engine: durable before they are answered, done once."""

import random

import pytest
import trio
import trio.testing

from hived import limits
from hived.decisions.access import WaitElapsed
from hived.decisions.lifecycle import NewAgent, PauseAgent, ResumeAgent, SetStatus
from hived.decisions.mail import SendMessage
from hived.engine import Answer, Engine
from hived.errors import CommandRefused, HivedError
from hived.projections import Hive
from tests.decisions.bench import config
from tests.engine.conftest import Running

OPERATOR = "operator:tester"


async def new(engine: Engine, name: str = "ada") -> Answer:
    return await engine.submit(NewAgent(name, config(), "here", "key"), by=OPERATOR)


async def code_of(engine: Engine, command: object, **more: object) -> str:
    with pytest.raises(CommandRefused) as refused:
        await engine.submit(command, by=OPERATOR, **more)  # type: ignore[arg-type]
    return refused.value.code


async def test_many_callers_at_once_each_get_their_own_place(engine: Engine) -> None:
    await new(engine)
    answers: list[Answer] = []

    async def send(number: int) -> None:
        answers.append(await engine.submit(SendMessage("ada", f"n{number}"), by=OPERATOR))
        assert engine.durable.position >= answers[-1].position

    async with trio.open_nursery() as nursery:
        for number in range(300):
            nursery.start_soon(send, number)
    assert len({answer.position for answer in answers}) == 300
    assert [r.position for r in engine.log.read(0, 1000)] == list(range(1, 303))
    assert len(engine.durable.inboxes.box("ada").open) == 300
    assert engine.queued == 0


async def test_pending_equals_durable_when_all_is_quiet(engine: Engine) -> None:
    async with trio.open_nursery() as nursery:
        for number in range(20):
            nursery.start_soon(new, engine, f"a{number}")
    views = engine.durable.dump()["views"]
    for name, view in engine._pending.dump()["views"].items():
        assert view == views[name]
    assert engine._pending.position == engine.durable.position == engine.log.head()


async def test_of_two_that_contradict_each_other_one_is_refused_and_told_when_it_is_durable(
    engine: Engine,
) -> None:
    seen: list[str] = []

    async def one() -> None:
        try:
            await new(engine)
            seen.append("done")
        except CommandRefused as refused:
            # The refusal speaks of an agent that the caller can now see.
            assert "ada" in engine.durable.agents.live
            seen.append(refused.code)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(one)
        nursery.start_soon(one)
    assert sorted(seen) == ["done", "exists"]


async def test_a_command_with_nothing_to_do_answers_with_the_state_it_was_decided_on(
    engine: Engine,
) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(new, engine)
        await trio.testing.wait_all_tasks_blocked()
        answer = await engine.submit(WaitElapsed("key"), by="hive")
    assert answer.streams == ()
    assert answer.position == 2


async def test_a_repeat_gets_the_first_answer_and_appends_nothing(engine: Engine) -> None:
    await new(engine)
    send = SendMessage("ada", "once")
    answers = []

    async def give() -> None:
        answers.append(await engine.submit(send, by=OPERATOR, command_id="c:1"))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(give)
        nursery.start_soon(give)  # while the first is in flight
    await give()  # while it is remembered
    assert sorted(a.repeated for a in answers) == [False, True, True]
    assert len({(a.position, a.streams) for a in answers}) == 1
    assert engine.log.head() == 3


async def test_an_id_with_another_content_is_refused(engine: Engine) -> None:
    await new(engine)
    codes = []

    async def give(body: str) -> None:
        try:
            await engine.submit(SendMessage("ada", body), by=OPERATOR, command_id="c:1")
        except CommandRefused as refused:
            codes.append((refused.code, engine.durable.position))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(give, "one")
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(give, "two")  # in flight: told once what it was used for is durable
    await give("three")
    assert codes == [("command_reused", 3)] * 2


async def test_a_repeat_is_known_after_a_restart_and_beyond_memory(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "COMMAND_MEMORY", 2)
    send = SendMessage("*", "to all")
    async with running() as engine:
        await new(engine)
        await new(engine, "bob")
        first = await engine.submit(send, by=OPERATOR, command_id="c:1", lookup=True)
    async with running() as engine:
        again = await engine.submit(send, by=OPERATOR, command_id="c:1", lookup=True)
        assert again == Answer(first.position, first.streams, 0, repeated=True)
        for number in range(3):
            text = f"n{number}"
            await engine.submit(SendMessage("ada", text), by=OPERATOR, command_id=f"c:x{number}")
        assert engine.durable.commands.find("c:1") is None
        head = engine.log.head()
        again = await engine.submit(send, by=OPERATOR, command_id="c:1", lookup=True)
        assert again == Answer(first.position, first.streams, 0, repeated=True)
        other = SendMessage("*", "other")
        assert await code_of(engine, other, command_id="c:1", lookup=True) == "command_reused"
        assert engine.log.head() == head


async def test_a_refused_command_may_be_given_again_with_its_id(engine: Engine) -> None:
    await new(engine)
    resume = ResumeAgent("ada")
    assert await code_of(engine, resume, command_id="c:1") == "wrong_state"
    await engine.submit(PauseAgent("ada"), by=OPERATOR)
    assert not (await engine.submit(resume, by=OPERATOR, command_id="c:1")).repeated


async def test_an_expected_version_holds_against_what_is_only_decided(engine: Engine) -> None:
    version = (await new(engine)).version
    codes = []

    async def say(text: str) -> None:
        try:
            await engine.submit(SetStatus("ada", text), by=OPERATOR, expected_version=version)
        except CommandRefused as refused:
            codes.append((refused.code, refused.data["version"]))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(say, "one")
        nursery.start_soon(say, "two")
    assert codes == [("version_conflict", version + 1)]


async def test_a_cancelled_caller_leaves_its_events_written_once(engine: Engine) -> None:
    await new(engine)
    send = SendMessage("ada", "still written")
    with trio.CancelScope() as scope:
        scope.cancel()
        await engine.submit(send, by=OPERATOR, command_id="c:1")
    assert scope.cancelled_caught
    again = await engine.submit(send, by=OPERATOR, command_id="c:1")
    assert again.repeated
    assert len(engine.durable.inboxes.box("ada").open) == 1
    assert [r.kind for r in engine.log.read(0, 10)].count("message_sent") == 1


async def test_time_never_goes_back_in_the_log(running: Running) -> None:
    async with running() as engine:
        await new(engine)
        real, engine._clock = engine._clock, lambda: 5.0
        await engine.submit(SetStatus("ada", "x"), by=OPERATOR)
        engine._clock = real
    async with running() as engine:
        times = [r.recorded_at for r in engine.log.read(0, 10)]
        assert times == sorted(times)
        assert times[-1] > 5.0


async def test_the_state_at_any_position_equals_an_independent_fold(engine: Engine) -> None:
    await new(engine)
    for number in range(25):
        await engine.submit(SendMessage("ada", f"n{number}"), by=OPERATOR, command_id=f"c:{number}")
    whole = engine.log.read(0, 1000)
    for position in [0, *random.Random(7).sample(range(1, len(whole)), 8), len(whole)]:
        alone = Hive()
        alone.fold(whole[:position])
        assert (await engine.hive_at(position)).dump() == alone.dump()
    for position in (-1, len(whole) + 1):
        with pytest.raises(CommandRefused) as refused:
            await engine.hive_at(position)
        assert refused.value.code == "at_unknown"


async def test_a_command_that_cannot_be_stored_changes_nothing(engine: Engine) -> None:
    await new(engine)
    before = engine._pending.dump()
    with pytest.raises(HivedError):
        await engine.submit(SendMessage("ada", "half \ud800"), by=OPERATOR)
    assert engine._pending.dump() == before
    assert (await engine.submit(SetStatus("ada", "on"), by=OPERATOR)).position == 3
