"""Questions: asked, of the operator or of an agent, and found again by their ids."""

from attrs import frozen

from hived import limits
from hived.decisions.answers import listed
from hived.decisions.base import Context, Plan, Planned, check_unique, on_message
from hived.decisions.mail import check_allowed, check_body, make_room, recipients_of
from hived.decisions.times import utc
from hived.errors import CommandRefused
from hived.events import Cause
from hived.events import questions as e
from hived.events.messages import MessageSent
from hived.names import EVERYONE, OPERATOR, question_stream, shown
from hived.projections import Hive
from hived.projections.questions import Question


@frozen
class Ask:
    """to: operator, an agent, or manager. ttl_seconds: until it expires, 0 for never."""

    text: str
    options: tuple[str, ...] = ()
    multi: bool = False
    ttl_seconds: float = 0.0
    to: str = OPERATOR


def ask(hive: Hive, command: Ask, context: Context) -> Plan:
    asker = context.sender
    options = tuple(option.strip() for option in command.options)
    _check_question(command, options)
    to = _whom(hive, command.to, asker)
    if hive.questions.counts.by.get(asker, 0) >= limits.QUESTIONS_OPEN_MAX:
        raise CommandRefused(
            f"{asker} has {limits.QUESTIONS_OPEN_MAX} open questions, the most there may be",
            code="too_many",
            hint="wait for answers",
        )
    if asker != OPERATOR and len(hive.inboxes.box(asker).open) >= limits.INBOX_OPEN_MAX:
        raise CommandRefused(  # the mail that tells of its end counts on it
            "your own inbox is full: there is no room for an answer",
            code="inbox_full",
            hint="read your mail first",
        )
    # The mail that asks has the question's digits, so that an answer may name either.
    question = context.make_id("q")
    message = "m" + question[1:]
    deadline = context.now + command.ttl_seconds if command.ttl_seconds else 0.0
    asked = e.QuestionAsked(question, asker, to, command.text, options, command.multi, deadline)
    plan = [on_question(question, asked)]
    if to != OPERATOR:
        make_room(hive, to)  # an agent's inbox that is full refuses
        body = _asking(asked)
        check_body(body)
        plan.append(on_message(message, MessageSent(message, asker, to, body)))
    return plan


def _check_question(command: Ask, options: tuple[str, ...]) -> None:
    problem = ""
    if not command.text.strip():
        problem = "the question has no words"
    elif len(command.text) > limits.QUESTION_CHARS_MAX:
        problem = f"a question has at most {limits.QUESTION_CHARS_MAX} characters"
    elif len(options) > limits.QUESTION_OPTIONS_MAX:
        problem = f"a question has at most {limits.QUESTION_OPTIONS_MAX} options"
    elif not all(o and len(o) <= limits.QUESTION_OPTION_CHARS_MAX for o in options):
        problem = f"an option has 1 to {limits.QUESTION_OPTION_CHARS_MAX} characters"
    elif not all(option.isprintable() for option in options):
        problem = "an option is one line without control characters"
    elif len({option.casefold() for option in options}) < len(options):
        problem = "two options are the same"
    elif command.multi and not options:
        problem = "multi is for a question with options"
    elif command.ttl_seconds and not (
        limits.QUESTION_SECONDS_MIN <= command.ttl_seconds <= limits.QUESTION_SECONDS_MAX
    ):
        span = f"{limits.QUESTION_SECONDS_MIN:.0f} to {limits.QUESTION_SECONDS_MAX:.0f}"
        problem = f"a question lives {span} seconds"
    if problem:
        raise CommandRefused(problem, code="invalid_params")


def _whom(hive: Hive, to: str, asker: str) -> str:
    if to == asker:
        raise CommandRefused("nobody can ask themselves", code="not_allowed", hint="ask another")
    if to == EVERYONE:
        raise CommandRefused("a question goes to one", code="not_allowed", hint="name an agent")
    [name] = recipients_of(hive, to, asker)
    check_allowed(hive, asker, name)
    return name


def _asking(asked: e.QuestionAsked) -> str:
    parts = [f"Question {asked.question}: {asked.text}"]
    if asked.options:
        parts.append("Options:\n" + listed(asked.options))
    kind = "an option's text or number, or words of your own" if asked.options else "your words"
    if asked.multi:
        kind = "options' texts or numbers (several may be chosen), or words of your own"
    until = f" It expires at {utc(asked.deadline)}." if asked.deadline else ""
    parts.append(f'Answer it with the tool answer: id "{asked.question}", answer {kind}.{until}')
    return "\n\n".join(parts)


def need_question(hive: Hive, text: str) -> Question:
    """The question of that id, of the only id that begins so, or that this mail asked.

    Raises:
      CommandRefused: not_found; ambiguous_name with the `candidates`.
    """
    text = text.strip()
    wanted = "q" + text[1:] if text.startswith("m") else text
    found = hive.questions.find(wanted)
    if found is not None:
        return found
    candidates = [question.id for question in hive.questions.beginning(wanted)]
    check_unique(text, candidates, "questions")
    if not candidates:
        raise CommandRefused(
            f"there is no question {shown(text)}, or it is too long ago",
            code="not_found",
            hint="hivectl questions lists those that are open",
        )
    return hive.questions.open.get(candidates[0]) or hive.questions.closed[candidates[0]]


def on_question(question: str, event: object, cause: Cause | None = None) -> Planned:
    return Planned(question_stream(question), event, cause)


def quoted(question: Question) -> str:
    """Its id and how it begins, on one line."""
    text = " ".join(question.text.split())
    more = " ..." if len(text) > limits.QUESTION_QUOTED_CHARS else ""
    return f'{question.id} ("{text[: limits.QUESTION_QUOTED_CHARS]}{more}")'


def cause_of(question: Question) -> Cause:
    return Cause(question_stream(question.id), question.version)
