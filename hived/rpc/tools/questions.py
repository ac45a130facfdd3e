"""ask, answer, cancel_question."""

from collections.abc import Callable, Mapping
from typing import Any

from hived.decisions.question_ends import Answer, CancelQuestion
from hived.decisions.questions import Ask
from hived.names import OPERATOR
from hived.rpc.tools.caller import Caller


async def ask(
    caller: Caller,
    *,
    question: str,
    options: tuple[str, ...] = (),
    multi: bool = False,
    ttl_seconds: float = 0.0,
    to: str = OPERATOR,
) -> str:
    await caller.submit(Ask(question, options, multi, float(ttl_seconds), to))
    asked = (await caller.events())[0].event
    until = " It expires if there is none in time; you are told of that too." if ttl_seconds else ""
    return f"asked {asked.to}: question {asked.question}. The answer comes as mail.{until}"


async def answer(caller: Caller, *, id: str, answer: str | tuple[str, ...]) -> str:
    words = (answer,) if isinstance(answer, str) else answer
    await caller.submit(Answer(id, words))
    said = (await caller.events())[0].event
    return f"answered {said.question}: {said.asker} is told"


async def cancel_question(caller: Caller, *, id: str) -> str:
    await caller.submit(CancelQuestion(id))
    over = (await caller.events())[0].event
    return f"question {over.question} is cancelled"


HANDLERS: Mapping[str, Callable[..., Any]] = {
    "ask": ask,
    "answer": answer,
    "cancel_question": cancel_question,
}
