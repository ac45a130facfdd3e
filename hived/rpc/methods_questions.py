"""Questions: read, asked, answered, cancelled."""

from collections.abc import Callable, Mapping
from typing import Any

from hived.decisions.question_ends import Answer, CancelQuestion
from hived.decisions.questions import Ask, need_question
from hived.names import MANAGER, OPERATOR
from hived.rpc import rows
from hived.rpc.session import Call, Written
from hived.rpc.specs import JSON_VERSION


def questions(call: Call, *, agent: str | None, all: bool, limit: int) -> dict[str, Any]:
    view = call.hive.questions
    name = agent if agent in (None, OPERATOR) else call.past_agent(str(agent))
    found = list(view.open.values())
    if all:
        found += view.closed.values()
        found.sort(key=lambda question: question.position)
    if name is not None:
        found = [question for question in found if name in (question.asker, question.to)]
    body = {
        "questions": [rows.question_row(question) for question in found[-limit:]],
        "left_out": max(0, len(found) - limit),
    }
    return rows.stamped(call.hive, body, version=JSON_VERSION)


def question(call: Call, *, question: str) -> dict[str, Any]:
    row = rows.question_row(need_question(call.hive, question))
    return rows.stamped(call.hive, {"question": row}, version=JSON_VERSION)


async def ask(
    call: Call, *, to: str, text: str, options: tuple[str, ...], multi: bool, ttl_seconds: float
) -> dict[str, Any]:
    name = to if to in (MANAGER, OPERATOR) else call.agent(to)
    written = await call.submit(Ask(text, options, multi, ttl_seconds, name))
    return written.row(question=_id(written))


async def answer(
    call: Call, *, question: str, answer: str, options: tuple[str, ...]
) -> dict[str, Any]:
    written = await call.submit(Answer(question, (answer,) if answer else (), options))
    [said, *_] = await written.events()
    chosen = list(said.event.chosen)
    return written.row(question=_id(written), answer=said.event.answer, chosen=chosen)


async def cancel_question(call: Call, *, question: str) -> dict[str, Any]:
    written = await call.submit(CancelQuestion(question))
    return written.row(question=_id(written))


def _id(written: Written) -> str:
    return written.answer.streams[0].removeprefix("question:")


HANDLERS: Mapping[str, Callable[..., Any]] = {
    "questions": questions,
    "question": question,
    "ask": ask,
    "answer": answer,
    "cancel_question": cancel_question,
}
