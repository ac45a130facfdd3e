"""How questions end: answered, cancelled, expired. Their asker is told of it, once.

The event that ends a question and the mail that tells of it are one append, so neither can be
without the other. An answer is words and never an approval of anything.
"""

from collections.abc import Iterator

from attrs import frozen

from hived.decisions.answers import read_answer
from hived.decisions.base import Context, Plan, on_message
from hived.decisions.due import Due
from hived.decisions.mail import make_room
from hived.decisions.notices import tell, tell_manager
from hived.decisions.questions import cause_of, need_question, on_question, quoted
from hived.decisions.times import utc
from hived.errors import CommandRefused
from hived.events import questions as e
from hived.events.messages import MessageSent
from hived.names import HIVE, OPERATOR
from hived.projections import Hive
from hived.projections.questions import ANSWERED, EXPIRED, OPEN, Question


@frozen
class Answer:
    """question: its id, the beginning of it, or that of the mail that asked. One of words and
    options is given, as `read_answer` takes them."""

    question: str
    words: tuple[str, ...] = ()
    options: tuple[str, ...] = ()


def answer(hive: Hive, command: Answer, context: Context) -> Plan:
    question = need_question(hive, command.question)
    if context.agent and context.agent != question.to:
        raise CommandRefused(
            f"question {question.id} is asked of {question.to}",
            code="not_allowed",
            hint="only who is asked answers, or the operator",
        )
    _need_open(question)
    said, chosen = read_answer(question, command.words, command.options)
    closed = e.QuestionAnswered(question.id, question.asker, said, chosen)
    # Whom the answerer may write to is not asked: the asker may write to it, and wants to hear.
    who = context.agent or context.by
    body = f"Your question {quoted(question)} was answered by {who}:\n\n{said}"
    return [
        on_question(question.id, closed, cause_of(question)),
        *_to_asker(hive, question.asker, body, context, context.sender),
    ]


@frozen
class CancelQuestion:
    """By its asker, or the operator. question: as in Answer."""

    question: str


def cancel_question(hive: Hive, command: CancelQuestion, context: Context) -> Plan:
    question = need_question(hive, command.question)
    if context.agent and context.agent != question.asker:
        raise CommandRefused(
            f"question {question.id} was asked by {question.asker}",
            code="not_allowed",
            hint="only its asker cancels it, or the operator",
        )
    _need_open(question)
    why = "withdrawn" if context.sender == question.asker else "operator"
    over = e.QuestionCancelled(question.id, question.asker, why)
    plan = [on_question(question.id, over, cause_of(question))]
    if not context.agent:  # who withdraws its own question knows it
        body = f"Your question {quoted(question)} was cancelled by {context.by}."
        plan += _to_asker(hive, question.asker, body, context)
    gone = f"Question {question.id} from {question.asker} was cancelled: answer it no more."
    return plan + tell(hive, question.to, gone, context)


@frozen
class ExpireQuestion:
    """Its deadline has passed."""

    question: str


def expire_question(hive: Hive, command: ExpireQuestion, context: Context) -> Plan:
    question = hive.questions.open.get(command.question)
    if question is None or not question.deadline or question.deadline > context.now:
        return []
    over = e.QuestionExpired(question.id, question.asker)
    body = f"Your question {quoted(question)} expired: {question.to} did not answer in time."
    about = question.to if question.asker == OPERATOR else question.asker
    words = f"Question {quoted(question)} from {question.asker} to {question.to} expired."
    data = {"question": question.id, "asker": question.asker, "to": question.to}
    return [
        on_question(question.id, over, cause_of(question)),
        *_to_asker(hive, question.asker, body, context),
        *tell_manager(hive, about, "question_expired", words, context, **data),
    ]


def timer(hive: Hive) -> Iterator[Due]:
    """When open questions expire."""
    for question in hive.questions.open.values():
        if question.deadline:
            yield Due(question.deadline, ExpireQuestion(question.id), "policy:question_deadline")


def cancel_of_gone(hive: Hive, agent: str, context: Context) -> Plan:
    """What taking an agent out does to the questions it asked or is asked.

    The other side is told, in one message of all of them.
    """
    plan: Plan = []
    told: dict[tuple[str, bool], list[str]] = {}
    for question in hive.questions.of(agent):
        over = e.QuestionCancelled(question.id, question.asker, "gone")
        plan.append(on_question(question.id, over, cause_of(question)))
        if question.asker != agent:
            line = f"Your question {quoted(question)} was cancelled: {agent} was taken out."
            told.setdefault((question.asker, True), []).append(line)
        else:
            line = f"Question {question.id} was cancelled: {agent}, who asked it, was taken out."
            told.setdefault((question.to, False), []).append(line)
    for (name, asked), lines in told.items():
        body = "\n".join(lines)
        plan += _to_asker(hive, name, body, context) if asked else tell(hive, name, body, context)
    return plan


def _need_open(question: Question) -> None:
    if question.state == OPEN:
        return
    where = f"at {utc(question.closed_at)}, position {question.closed_position}"
    if question.state == EXPIRED:
        ended = f"expired {where}"
    elif question.state == ANSWERED:
        ended = f"was answered by {question.closed_by} {where}"
    else:
        ended = f"was cancelled ({question.why}) by {question.closed_by} {where}"
    raise CommandRefused(f"question {question.id} {ended}", hint="ask again if it still matters")


def _to_asker(hive: Hive, asker: str, body: str, context: Context, sender: str = HIVE) -> Plan:
    """The mail that tells of a question's end, into a full inbox too: an answer must not be lost.

    Nothing is asked from a full inbox, so one never holds more than QUESTIONS_OPEN_MAX above its
    bound. The operator's closes its oldest message instead, as for all mail.
    """
    plan = make_room(hive, OPERATOR) if asker == OPERATOR else []
    message = context.make_id("m")
    return [*plan, on_message(message, MessageSent(message, sender, asker, body))]
