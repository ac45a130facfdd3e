"""Questions: whom they may be asked, how they are read, and that each end is told once."""

import json
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hived import limits
from hived.decisions.answers import option_of, read_answer
from hived.decisions.lifecycle import RemoveAgent
from hived.decisions.question_ends import Answer, CancelQuestion, ExpireQuestion
from hived.decisions.questions import Ask
from hived.decisions.timers import due
from hived.errors import CommandRefused
from hived.events import Cause, Recorded
from hived.names import HIVE
from hived.projections import Hive
from hived.projections.questions import Question
from tests.decisions.bench import Bench, kinds
from tests.decisions.test_notices import notices

ANN, BOB = "operator:ann", "operator:bob"


def hive() -> Bench:
    """boss, a manager; ada and bob, of whom ada answers to boss; eve may write to few."""
    b = Bench()
    b.new("boss", role="manager")
    b.new("ada", parent="boss")
    b.new("bob")
    b.new("eve", recipients=("bob",))
    return b


def ask(b: Bench, text: str = "Shall I?", by: str = "agent:ada", **more: object) -> str:
    """The id of a question that was asked."""
    made = b.do(Ask(text, **more), by)  # type: ignore[arg-type]
    assert made[0].kind == "question_asked"
    question: str = made[0].event.question
    return question


def refused(b: Bench, command: object, by: str = ANN) -> CommandRefused:
    before = b.hive.dump()
    with pytest.raises(CommandRefused) as error:
        b.plan(command, by)
    assert b.hive.dump() == before
    return error.value


def mail(made: Sequence[Recorded]) -> list[tuple[str, str, str]]:
    """(sender, to, body) of each message among these events that is no notice to a manager."""
    sent = [r.event for r in made if r.kind == "message_sent"]
    return [(e.sender, e.to, e.body) for e in sent if not e.body.endswith("}")]


def test_the_operator_is_asked_and_gets_no_mail_of_it() -> None:
    b = hive()
    made = b.do(Ask("Shall I?"), "agent:ada")
    assert kinds(made) == ["question_asked"]
    question = b.hive.questions.open[made[0].event.question]
    assert question.id.startswith("q") and len(question.id) == 17
    assert (question.asker, question.to, question.text) == ("ada", "operator", "Shall I?")
    assert (question.deadline, question.position, question.asked_at) == (0.0, 9, b.now)
    assert b.hive.questions.counts.of == {"operator": 1}


def test_an_agent_is_asked_by_mail_in_the_same_append() -> None:
    b = hive()
    made = b.do(Ask("Which?", ("red", "blue"), True, 60.0, "bob"), "agent:ada")
    assert kinds(made) == ["question_asked", "message_sent"]
    [(sender, to, body)] = mail(made)
    question = made[0].event.question
    assert (sender, to) == ("ada", "bob")
    assert f"Question {question}: Which?" in body
    assert "1. red\n2. blue" in body and f'id "{question}"' in body
    assert "several" in body and "expires at 2023-11-14T22:14:20Z" in body
    assert made[1].cause == (made[0].stream, 1)
    # Who answers may name the mail: it has the same digits.
    assert made[1].event.message[1:] == question[1:]
    b.do(Answer(made[1].event.message, ("1",)), "agent:bob")
    assert b.hive.questions.closed[question].answer == "red"


def test_the_manager_and_an_agent_are_asked_by_the_operator_too() -> None:
    b = hive()
    for to, asked in (("manager", "boss"), ("bob", "bob")):
        made = b.do(Ask("How far?", to=to), ANN)
        assert (made[0].event.asker, made[0].event.to) == ("operator", asked)
    [(sender, to, body)] = mail(b.do(Answer(made[0].event.question, ("half",)), "agent:bob"))
    assert (sender, to) == ("bob", "operator") and body.endswith("\n\nhalf")


@pytest.mark.parametrize(
    ("to", "by", "code"),
    [
        ("ada", "agent:ada", "not_allowed"),
        ("operator", ANN, "not_allowed"),
        ("manager", "agent:boss", "not_found"),
        ("*", "agent:ada", "not_allowed"),
        ("gone", "agent:ada", "not_found"),
        ("hive", "agent:ada", "not_found"),
        ("x" * 99_999, "agent:ada", "not_found"),
        ("ada", "agent:eve", "not_allowed"),
        ("operator", "agent:eve", "not_allowed"),
    ],
)
def test_whom_nobody_may_ask(to: str, by: str, code: str) -> None:
    b = hive()
    b.new("gone")
    b.do(RemoveAgent("gone"))
    error = refused(b, Ask("x?", to=to), by)
    assert error.code == code
    assert len(error.message) < 200


@pytest.mark.parametrize(
    "bad",
    [
        {"text": " \n"},
        {"text": "x" * (limits.QUESTION_CHARS_MAX + 1)},
        {"options": ("a", " ")},
        {"options": ("a", "x" * (limits.QUESTION_OPTION_CHARS_MAX + 1))},
        {"options": ("a", "A ")},
        {"options": ("a", "b\nc")},
        {"options": ("a", "\x1b[2J")},
        {"options": tuple(str(n) for n in range(limits.QUESTION_OPTIONS_MAX + 1))},
        {"multi": True},
        {"ttl_seconds": -1.0},
        {"ttl_seconds": 0.5},
        {"ttl_seconds": float("nan")},
        {"ttl_seconds": limits.QUESTION_SECONDS_MAX + 1},
    ],
)
def test_what_is_no_question(bad: dict[str, object]) -> None:
    b = hive()
    error = refused(b, Ask(**{"text": "x?", **bad}), "agent:ada")  # type: ignore[arg-type]
    assert error.code == "invalid_params"


def test_a_question_too_long_for_a_message_is_not_asked_of_an_agent() -> None:
    b = hive()
    options = tuple(f"{n}" + "😀" * 490 for n in range(limits.QUESTION_OPTIONS_MAX))
    long = Ask("😀" * limits.QUESTION_CHARS_MAX, options, to="bob")
    assert refused(b, long, "agent:ada").code == "too_large"


def test_open_questions_of_one_asker_are_bounded() -> None:
    b = hive()
    first = ask(b)
    for _ in range(limits.QUESTIONS_OPEN_MAX - 1):
        ask(b)
    assert refused(b, Ask("x?"), "agent:ada").code == "too_many"
    ask(b, by="agent:bob")
    b.do(Answer(first, ("yes",)))
    ask(b)


def test_closed_ones_are_kept_so_many() -> None:
    b = hive()
    ids = [ask(b) for _ in range(2)]
    for question in ids:
        b.do(Answer(question, ("yes",)))
    for _ in range(limits.RECENT_QUESTIONS_MAX - 1):
        b.do(Answer(ask(b), ("yes",)))
    assert b.hive.questions.find(ids[0]) is None
    assert refused(b, Answer(ids[0], ("yes",))).code == "not_found"
    assert refused(b, Answer(ids[1], ("yes",))).code == "wrong_state"


def test_the_answer_and_the_mail_that_tells_of_it_are_one_append() -> None:
    b = hive()
    question = ask(b, "Shall I\ngo on?", to="bob")
    made = b.do(Answer(question, ("yes, do",)), "agent:bob")
    assert kinds(made) == ["question_answered", "message_sent"]
    assert made[0].by == "agent:bob"
    assert made[0].cause == Cause(f"question:{question}", 1)
    [(sender, to, body)] = mail(made)
    assert (sender, to) == ("bob", "ada")
    assert body == f'Your question {question} ("Shall I go on?") was answered by bob:\n\nyes, do'


def test_the_operator_may_answer_between_agents_and_nobody_else_may() -> None:
    b = hive()
    question = ask(b, to="bob")
    assert refused(b, Answer(question, ("x",)), "agent:boss").code == "not_allowed"
    assert refused(b, Answer(question, ("x",)), "agent:ada").code == "not_allowed"
    made = b.do(Answer(question, ("x",)), ANN)
    assert made[0].by == ANN
    assert b.hive.questions.closed[question].closed_by == ANN
    [(sender, to, body)] = mail(made)
    assert (sender, to) == ("operator", "ada") and "by operator:ann" in body


def test_what_is_closed_says_who_closed_it_and_when() -> None:
    b = hive()
    question = ask(b)
    b.now += 60
    position = b.do(Answer(question, ("yes",)), ANN)[0].position
    error = refused(b, Answer(question, ("no",)), BOB)
    assert error.code == "wrong_state"
    assert error.message == (
        f"question {question} was answered by operator:ann at 2023-11-14T22:14:20Z, "
        f"position {position}"
    )
    assert refused(b, CancelQuestion(question), BOB).message == error.message
    late = ask(b, ttl_seconds=1.0)
    b.now += 1
    b.do(ExpireQuestion(late), "policy:question_deadline")
    assert f"{late} expired at" in refused(b, Answer(late, ("no",))).message
    gone = ask(b)
    b.do(CancelQuestion(gone), ANN)
    message = refused(b, Answer(gone, ("no",))).message
    assert f"{gone} was cancelled (operator) by operator:ann at" in message


def test_a_cancelled_question_is_told_to_both_but_to_who_withdrew_it() -> None:
    b = hive()
    question = ask(b, to="bob")
    assert refused(b, CancelQuestion(question), "agent:bob").code == "not_allowed"
    made = b.do(CancelQuestion(question), "agent:ada")
    assert made[0].event.why == "withdrawn"
    assert [to for _, to, _ in mail(made)] == ["bob"]
    question = ask(b, to="bob")
    made = b.do(CancelQuestion(question), ANN)
    assert made[0].event.why == "operator"
    assert [(sender, to) for sender, to, _ in mail(made)] == [(HIVE, "ada"), (HIVE, "bob")]
    question = ask(b)
    assert [to for _, to, _ in mail(b.do(CancelQuestion(question), ANN))] == ["ada"]


def test_a_deadline_falls_due_once_and_never_early() -> None:
    b = hive()
    ask(b)
    question = ask(b, "Now?", to="bob", ttl_seconds=30.0)
    [item] = list(due(b.hive))
    assert (item.at, item.by) == (b.now + 30, "policy:question_deadline")
    assert b.do(item.command, item.by) == []
    b.now = item.at + 3_600  # hived was down
    made = b.do(item.command, item.by)
    assert kinds(made)[:2] == ["question_expired", "message_sent"]
    assert made[0].by == "policy:question_deadline"
    [(sender, to, body)] = mail(made)
    assert (sender, to) == (HIVE, "ada") and "bob did not answer in time" in body
    [(to, data)] = notices(made)
    assert (to, data["event"], data["agent"]) == ("boss", "question_expired", "ada")
    assert (data["question"], data["to"]) == (question, "bob")
    assert b.do(item.command, item.by) == []
    assert list(due(b.hive)) == []


def test_an_answer_in_the_last_moment_stands() -> None:
    b = hive()
    question = ask(b, ttl_seconds=30.0)
    b.now += 30
    b.do(Answer(question, ("yes",)))
    assert b.do(ExpireQuestion(question), "policy:question_deadline") == []


def test_an_answer_comes_into_a_full_inbox_and_none_is_asked_from_one() -> None:
    b = hive()
    questions = [ask(b, to="bob") for _ in range(limits.QUESTIONS_OPEN_MAX)]
    for _ in range(limits.INBOX_OPEN_MAX):
        b.send("ada", "x")
    for question in questions:
        b.do(Answer(question, ("yes",)), "agent:bob")
    assert len(b.hive.inboxes.box("ada").open) == limits.INBOX_OPEN_MAX + len(questions)
    assert refused(b, Ask("more?"), "agent:ada").code == "inbox_full"
    assert refused(b, Ask("more?", to="ada"), "agent:bob").code == "inbox_full"


def test_the_operators_full_inbox_closes_its_oldest_for_an_answer() -> None:
    b = hive()
    question = ask(b, by=ANN, to="bob")
    ids = [b.send("operator", "n", "agent:ada") for _ in range(limits.INBOX_OPEN_MAX)]
    made = b.do(Answer(question, ("x",)), "agent:bob")
    assert kinds(made) == ["question_answered", "message_acked", "message_sent"]
    assert made[1].event.message == ids[0]


def test_who_is_taken_out_takes_its_questions_along_and_the_others_are_told_once() -> None:
    b = hive()
    asked = [ask(b, f"n{n}", to="bob") for n in range(2)]
    by_hand = ask(b, by=ANN, to="bob")
    of_bob = ask(b, by="agent:bob", to="eve")
    other = ask(b)
    made = b.do(RemoveAgent("bob"))
    over = [r for r in made if r.kind == "question_cancelled"]
    assert {r.event.question for r in over} == {*asked, by_hand, of_bob}
    assert {r.event.why for r in over} == {"gone"}
    told = {to: body for sender, to, body in mail(made) if "was cancelled" in body}
    assert sorted(told) == ["ada", "eve", "operator"]
    assert all(question in told["ada"] for question in asked)
    assert list(b.hive.questions.open) == [other]
    assert b.hive.questions.counts.by == {"ada": 1}


def test_an_id_may_be_its_beginning_while_that_is_clear() -> None:
    b = hive()
    one, two = ask(b), ask(b)
    assert refused(b, Answer("q00", ("x",))).code == "ambiguous_name"
    for text in ("", "q", "zz", "\x1b" * 9_999):
        error = refused(b, Answer(text, ("x",)))
        assert error.code in ("not_found", "ambiguous_name") and len(error.message) < 200
    b.do(Answer(f" {one[:13]} ", ("x",)))
    assert list(b.hive.questions.open) == [two]
    b.do(Answer("q0", ("x",)))  # open ones come before closed ones
    assert b.hive.questions.open == {}


def test_a_dump_is_the_whole_view() -> None:
    b = hive()
    ask(b, to="bob", options=("x", "y"), multi=True, ttl_seconds=9.0)
    b.do(Answer(ask(b), ("x",)))
    again = Hive.load(json.loads(json.dumps(b.hive.dump())))
    assert again.questions.open == b.hive.questions.open
    assert again.questions.closed == b.hive.questions.closed
    assert again.questions.counts == b.hive.questions.counts


# How an answer is read.


def question(*options: str, multi: bool = False) -> Question:
    return Question("q1", "ada", "operator", "?", 0.0, 1, 1, options, multi)


@pytest.mark.parametrize(
    ("options", "multi", "words", "expected"),
    [
        (("Yes", "No"), False, ("yes",), ("Yes", ("Yes",))),
        (("Yes", "No"), False, (" 2 ",), ("No", ("No",))),
        (("Yes", "No"), False, ("3",), ("3", ())),
        (("Yes", "No"), False, ("yes, no",), ("yes, no", ())),
        (("Yes", "No"), False, ("well, it depends",), ("well, it depends", ())),
        (("5", "10"), False, ("5",), ("5", ("5",))),
        (("2", "1"), False, ("1",), ("1", ("1",))),
        (("a", "b", "c"), True, ("c, 1",), ("c, a", ("c", "a"))),
        (("a", "b", "c"), True, ("a,a,",), ("a", ("a",))),
        (("a", "b, c"), True, ("b, c",), ("b, c", ("b, c",))),
        (("a", "b"), True, ("a, or so",), ("a, or so", ())),
        (("a", "b"), True, ("2", "and more"), ("b, and more", ("b",))),
        ((), False, ("any, words",), ("any, words", ())),
    ],
)
def test_what_an_answer_says(
    options: tuple[str, ...],
    multi: bool,
    words: tuple[str, ...],
    expected: tuple[str, tuple[str, ...]],
) -> None:
    assert read_answer(question(*options, multi=multi), words, ()) == expected


@pytest.mark.parametrize(
    ("asked", "words", "options"),
    [
        (question("a", "b"), (), ()),
        (question("a", "b"), ("a",), ("a",)),
        (question("a", "b"), (" ",), ()),
        (question("a", "b"), ("a", "b"), ()),
        (question("a", "b"), (), ("a", "b")),
        (question("a", "b"), (), ("3",)),
        (question(), (), ("1",)),
        (question("a", "b", multi=True), ("x", "y", "z"), ()),
    ],
)
def test_what_is_no_answer(
    asked: Question, words: tuple[str, ...], options: tuple[str, ...]
) -> None:
    with pytest.raises(CommandRefused) as error:
        read_answer(asked, words, options)
    assert error.value.code == "invalid_params" and error.value.hint


def test_a_huge_answer_is_refused() -> None:
    with pytest.raises(CommandRefused) as error:
        read_answer(question(), ("x" * (limits.QUESTION_CHARS_MAX + 1),), ())
    assert error.value.code == "too_large"


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
LINES = st.text(st.characters(categories=["L", "N", "P", "Zs"]), min_size=1, max_size=12)
OPTIONS = st.lists(
    LINES.map(str.strip).filter(bool), max_size=6, unique_by=lambda option: option.casefold()
).map(tuple)


@given(OPTIONS, st.booleans(), TEXTS.filter(lambda text: bool(text.strip())))
def test_any_words_are_an_answer(options: tuple[str, ...], multi: bool, words: str) -> None:
    asked = question(*options, multi=multi and bool(options))
    said, chosen = read_answer(asked, (words,), ())
    assert set(chosen) <= set(options) and len(set(chosen)) == len(chosen)
    assert said == ", ".join(chosen) if chosen else said == words.strip()
    assert multi or len(chosen) <= 1


@given(OPTIONS.filter(bool), st.data())
def test_every_option_is_chosen_by_its_text(options: tuple[str, ...], data: st.DataObject) -> None:
    asked = question(*options, multi=True)
    picked = tuple(data.draw(st.lists(st.sampled_from(options), min_size=1, unique=True)))
    assert read_answer(asked, picked, ()) == (", ".join(picked), picked)
    assert read_answer(asked, (), picked)[1] == picked
    number = data.draw(st.integers(1, len(options)))
    if str(number) not in options:
        assert option_of(asked, str(number)) == options[number - 1]


@given(st.lists(st.one_of(LINES, st.sampled_from(["", " ", "a\nb", "x" * 600])), max_size=25))
def test_what_was_asked_can_be_answered(options: list[str]) -> None:
    b = Bench()
    b.new()
    try:
        made = b.do(Ask("Which?", tuple(options)), "agent:ada")
    except CommandRefused as error:
        assert error.code == "invalid_params"
        return
    asked = b.hive.questions.open[made[0].event.question]
    for option in asked.options:
        assert read_answer(asked, (option,), ()) == (option, (option,))
