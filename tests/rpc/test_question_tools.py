"""The tools ask, answer and send as an agent calls them: what they answer, and bad input."""

import re
from typing import Any

import pytest
import trio

from hived import limits
from hived.rpc.tools import Caller, call_tool, thread_limiter


class Agent:
    """Calls tools as one agent, each call under an id of its own."""

    def __init__(self, world: Any, name: str) -> None:
        self.world, self.name, self.calls = world, name, 0

    async def call(self, tool: str, again: str = "", **arguments: Any) -> tuple[str, bool]:
        self.calls += 1
        caller = Caller(
            self.world.engine,
            self.world.home,
            self.name,
            "",
            again or f"socket:{self.name}/{self.calls}",
            trio.Event,
            thread_limiter(),
        )
        return await call_tool(caller, tool, arguments)

    async def good(self, tool: str, again: str = "", **arguments: Any) -> str:
        words, wrong = await self.call(tool, again, **arguments)
        assert not wrong, words
        return words

    async def bad(self, tool: str, **arguments: Any) -> str:
        """The words of a refusal, which changed nothing."""
        before = self.world.engine.durable.position
        words, wrong = await self.call(tool, **arguments)
        assert wrong, words
        assert self.world.engine.durable.position == before
        assert len(words) < 600, words
        return words

    def mail(self) -> list[str]:
        box = self.world.engine.durable.inboxes.box(self.name)
        return [letter.body for letter in box.open.values()]


@pytest.fixture
async def ada(world: Any) -> Agent:
    await world.agent("ada")
    return Agent(world, "ada")


@pytest.fixture
async def bob(world: Any) -> Agent:
    await world.agent("bob")
    return Agent(world, "bob")


def _id(words: str) -> str:
    found = re.search("q[0-9a-f]{16}", words)
    assert found is not None, words
    return found[0]


async def test_an_agent_asks_the_operator_and_reads_the_answer(ada: Agent, raw: Any) -> None:
    words = await ada.good("ask", question="May I?", options=["yes", "no"], ttl_seconds=60)
    assert words.startswith("asked operator: question q") and "expires" in words
    question = _id(words)
    [row] = (await raw.call("questions"))["questions"]
    assert (row["question"], row["asker"], row["options"]) == (question, "ada", ["yes", "no"])
    assert row["deadline"] is not None
    assert (await raw.call("agents"))["hive"]["questions"] == 1
    said = await raw.call("answer", question=question[:6], options=["1"])
    assert (said["question"], said["answer"], said["chosen"]) == (question, "yes", ["yes"])
    [told] = ada.mail()
    assert told.startswith(f'Your question {question} ("May I?") was answered by operator:')
    assert told.endswith("\n\nyes")
    assert (await raw.call("agents"))["hive"]["questions"] == 0


async def test_agents_ask_one_another(ada: Agent, bob: Agent, raw: Any) -> None:
    question = _id(
        await ada.good("ask", question="Which?", options=["a", "b"], multi=True, to="bob")
    )
    [asked] = bob.mail()
    assert f'id "{question}"' in asked
    assert await ada.bad("answer", id=question, answer="a") == (
        f"not_allowed: question {question} is asked of bob (only who is asked answers, or the "
        "operator)"
    )
    assert await bob.good("answer", id=question, answer=["2", "1"]) == (
        f"answered {question}: ada is told"
    )
    assert ada.mail()[0].endswith("\n\nb, a")
    words = await bob.bad("answer", id=question, answer="a")
    assert words.startswith(f"wrong_state: question {question} was answered by agent:bob at 20")
    assert ", position " in words
    row = (await raw.call("question", question=question))["question"]
    assert (row["state"], row["closed_by"], row["chosen"]) == ("answered", "agent:bob", ["b", "a"])


async def test_who_asked_takes_a_question_back(ada: Agent, bob: Agent) -> None:
    question = _id(await ada.good("ask", question="Which?", to="bob"))
    assert (await bob.bad("cancel_question", id=question)).startswith("not_allowed: ")
    assert await ada.good("cancel_question", id=question) == f"question {question} is cancelled"
    assert bob.mail()[-1].startswith(f"Question {question} from ada was cancelled")
    assert ada.mail() == []
    words = await bob.bad("answer", id=question, answer="late")
    assert "was cancelled (withdrawn) by agent:ada at 20" in words
    assert (await ada.bad("cancel_question", id=question)).startswith("wrong_state: ")


async def test_a_call_that_is_read_again_is_answered_as_at_first(
    ada: Agent, bob: Agent, world: Any
) -> None:
    first = await ada.good("ask", "socket:ada/x", question="Which?", to="bob")
    assert await ada.good("ask", "socket:ada/x", question="Which?", to="bob") == first
    assert len(world.engine.durable.questions.open) == 1 == len(bob.mail())
    question = _id(first)
    said = await bob.good("answer", "socket:bob/x", id=question, answer="this")
    assert await bob.good("answer", "socket:bob/x", id=question, answer="this") == said
    assert len(ada.mail()) == 1


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({}, "invalid_params"),
        ({"question": 5}, "invalid_params"),
        ({"question": " "}, "invalid_params"),
        ({"question": "x" * (limits.QUESTION_CHARS_MAX + 1)}, "invalid_params"),
        ({"question": "x" * (limits.TOOL_ARGUMENT_CHARS_MAX + 1)}, "invalid_params"),
        ({"question": "x", "option": "y"}, "invalid_params"),
        ({"question": "x", "options": "yes"}, "invalid_params"),
        ({"question": "x", "options": [1]}, "invalid_params"),
        ({"question": "x", "options": ["y", "Y"]}, "invalid_params"),
        ({"question": "x", "options": ["y"] * 10_000}, "invalid_params"),
        ({"question": "x", "multi": "yes"}, "invalid_params"),
        ({"question": "x", "multi": True}, "invalid_params"),
        ({"question": "x", "ttl_seconds": "soon"}, "invalid_params"),
        ({"question": "x", "ttl_seconds": -1}, "invalid_params"),
        ({"question": "x", "ttl_seconds": 1e300}, "invalid_params"),
        ({"question": "x", "to": ["bob", "ada"]}, "invalid_params"),
        ({"question": "x", "to": "ada"}, "not_allowed"),
        ({"question": "x", "to": "*"}, "not_allowed"),
        ({"question": "x", "to": "zoe"}, "not_found"),
        ({"question": "x", "to": "manager"}, "not_found"),
        ({"question": "x", "to": "z" * 100_000}, "not_found"),
        ({"question": "x", "to": "../../etc"}, "not_found"),
    ],
)
async def test_bad_questions(ada: Agent, arguments: dict[str, Any], code: str) -> None:
    assert (await ada.bad("ask", **arguments)).startswith(f"{code}: ")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"id": "q1"}, "invalid_params"),
        ({"id": "q1", "answer": "x"}, "not_found"),
        ({"id": "", "answer": "x"}, "not_found"),
        ({"id": "\x1b[2J" * 9_999, "answer": "x"}, "not_found"),
        ({"id": 7, "answer": "x"}, "invalid_params"),
        ({"id": "q1", "answer": 7}, "invalid_params"),
        ({"id": "q1", "answer": ["x", 7]}, "invalid_params"),
    ],
)
async def test_bad_answers(ada: Agent, arguments: dict[str, Any], code: str) -> None:
    assert (await ada.bad("answer", **arguments)).startswith(f"{code}: ")


@pytest.mark.parametrize("answer", ["", "  ", [], ["a", "b"], "x" * 9_000])
async def test_an_answer_that_is_none(ada: Agent, bob: Agent, answer: object) -> None:
    question = _id(await ada.good("ask", question="Which?", to="bob"))
    await bob.bad("answer", id=question, answer=answer)
    assert ada.mail() == []


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"to": "ada", "body": "x"}, "not_allowed: an agent cannot write to itself"),
        ({"to": "gone", "body": "x"}, "not_found: the agent gone was taken out"),
        ({"to": "zoe", "body": "x"}, "not_found: there is no agent zoe"),
        ({"to": [f"a{n}" for n in range(10_000)], "body": "x"}, "invalid_params: the argument to"),
        ({"to": "z" * 100_000, "body": "x"}, "not_found: there is no agent zzz"),
        ({"to": "bob"}, "invalid_params: send needs body"),
        ({"to": "bob", "body": "x", "urgent": True}, "invalid_params: send has no argument"),
        ({"to": "bob", "body": "x" * 100_000}, "too_large: the message has 100000 bytes"),
        ({"to": "bob", "body": {"x": 1}}, "invalid_params: the argument body"),
    ],
)
async def test_bad_mail(
    ada: Agent, bob: Agent, raw: Any, arguments: dict[str, Any], code: str
) -> None:
    await raw.call("new", agent="gone", driver="rehearsal", start=False)
    await raw.call("rm", agent="gone")
    assert (await ada.bad("send", **arguments)).startswith(code)
    assert bob.mail() == []


async def test_mail_to_a_full_inbox_of_the_operator_is_told_of_alone(
    ada: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "INBOX_OPEN_MAX", 2)
    for _ in range(3):
        assert re.fullmatch("sent: m[0-9a-f]{16}", await ada.good("send", to="operator", body="x"))


async def test_who_of_a_large_hive_leaves_out_what_agents_say_of_themselves(
    ada: Agent, bob: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    await bob.good("set_status", text="counting")
    assert "bob worker idle - counting" in (words := await ada.good("who")), words
    monkeypatch.setattr(limits, "WHO_STATUSES_MAX", 1)
    words = await ada.good("who")
    assert "bob worker idle\n" in words and "counting" not in words


async def test_who_was_taken_out_is_told_so(ada: Agent, raw: Any) -> None:
    await raw.call("rm", agent="ada")
    assert (await ada.bad("send", to="operator", body="x")).startswith("not_found: ada was taken")


async def test_questions_over_the_socket(ada: Agent, bob: Agent, raw: Any) -> None:
    asked = (await raw.call("ask", to="ad", text="Two\nlines?", command_id="c1"))["question"]
    again = await raw.call("ask", to="ad", text="Two\nlines?", command_id="c1")
    assert again["question"] == asked
    other = _id(await ada.good("ask", question="x?", to="bob"))
    rows = (await raw.call("questions"))["questions"]
    assert [row["question"] for row in rows] == [asked, other]
    for name, expected in (("bob", [other]), ("operator", [asked]), ("ada", [asked, other])):
        rows = (await raw.call("questions", agent=name))["questions"]
        assert [row["question"] for row in rows] == expected
    page = await raw.call("questions", limit=1)
    assert ([row["question"] for row in page["questions"]], page["left_out"]) == ([other], 1)
    before = (await raw.call("daemon_status"))["position"]
    assert (await raw.call("cancel_question", question=other))["question"] == other
    assert [row["question"] for row in (await raw.call("questions"))["questions"]] == [asked]
    rows = (await raw.call("questions", all=True))["questions"]
    assert [row["state"] for row in rows] == ["open", "cancelled"]
    rows = (await raw.call("questions", at=before))["questions"]
    assert [row["state"] for row in rows] == ["open", "open"]
    assert (await raw.call("question", question=other, at=before))["question"]["state"] == "open"
    log = (await raw.call("log", since=0, agent="ada"))["events"]
    assert "question_cancelled" in [row["kind"] for row in log]


@pytest.mark.parametrize(
    ("method", "params", "code"),
    [
        ("ask", {"to": "operator", "text": "x"}, "not_allowed"),
        ("ask", {"to": "zoe", "text": "x"}, "not_found"),
        ("ask", {"to": "ada", "text": "x\x1b[2J"}, "invalid_params"),
        ("ask", {"to": "ada", "text": "x", "options": ["a\nb"]}, "invalid_params"),
        ("answer", {"question": "q0"}, "not_found"),
        ("answer", {"question": "q\n0", "answer": "x"}, "invalid_params"),
        ("question", {"question": "q0"}, "not_found"),
        ("cancel_question", {"question": "q0"}, "not_found"),
        ("questions", {"agent": "zoe"}, "not_found"),
    ],
)
async def test_bad_calls(
    ada: Agent, raw: Any, method: str, params: dict[str, Any], code: str
) -> None:
    assert (await raw.refused(method, **params))["data"]["code"] == code
