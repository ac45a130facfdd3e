"""Questions at random, by agents and operators, over time: each ends at most once, told once."""

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from hived.decisions.lifecycle import RemoveAgent
from hived.decisions.question_ends import Answer, CancelQuestion
from hived.decisions.questions import Ask
from hived.decisions.timers import due
from hived.errors import CommandRefused
from hived.events import Recorded
from hived.projections import Hive
from hived.projections.questions import ANSWERED, CANCELLED, EXPIRED, OPEN
from tests.decisions.bench import Bench

NAMES = ("ada", "bob", "cyd")
WHO = st.sampled_from([*(f"agent:{name}" for name in NAMES), "operator:ann", "operator:bob"])
TO = st.sampled_from([*NAMES, "operator", "manager"])
ENDS = {
    "question_answered": ANSWERED,
    "question_cancelled": CANCELLED,
    "question_expired": EXPIRED,
}


class Questions(RuleBasedStateMachine):
    """The model: what became of each question, and how often its asker was told."""

    def __init__(self) -> None:
        super().__init__()
        self.bench = Bench()
        self.bench.new("ada", role="manager")
        self.bench.new("bob")
        self.bench.new("cyd", recipients=("ada", "operator"))
        self.state: dict[str, str] = {}
        self.asker: dict[str, str] = {}
        self.told: dict[str, int] = {}
        self.withdrawn: set[str] = set()

    def do(self, command: Any, by: str) -> list[Recorded]:
        """Carry it out, if it is not refused; a refusal changes nothing."""
        if by.startswith("agent:") and by[6:] not in self.bench.hive.agents.live:
            return []  # who is gone asks nothing
        before = self.bench.hive.dump()
        try:
            made = self.bench.do(command, by)
        except CommandRefused:
            assert self.bench.hive.dump() == before
            return []
        ended = [record for record in made if record.kind in ENDS]
        for record in ended:
            question = record.event.question
            assert self.state[question] == OPEN
            self.state[question] = ENDS[record.kind]
            if record.by == f"agent:{self.asker[question]}":
                self.withdrawn.add(question)
            for mail in (r.event for r in made if r.kind == "message_sent"):
                if mail.to == self.asker[question] and f"Your question {question}" in mail.body:
                    self.told[question] = self.told.get(question, 0) + 1
        return made

    def some(self, number: int) -> str:
        """The id of one of the questions, or one that nobody asked."""
        return [*self.state, "q0123"][number % (len(self.state) + 1)]

    @rule(by=WHO, to=TO, ttl=st.sampled_from([0.0, 5.0, 60.0]), options=st.booleans())
    def ask(self, by: str, to: str, ttl: float, options: bool) -> None:
        made = self.do(Ask("Which?", ("a", "b") if options else (), False, ttl, to), by)
        for record in made[:1]:
            self.state[record.event.question] = OPEN
            self.asker[record.event.question] = record.event.asker

    @rule(by=WHO, number=st.integers(0, 50), words=st.sampled_from(["1", "b", "so", " "]))
    def answer(self, by: str, number: int, words: str) -> None:
        question = self.some(number)
        asked = self.bench.hive.questions.find(question)
        if self.do(Answer(question, (words,)), by):
            assert asked is not None
            assert by.startswith("operator:") or by == f"agent:{asked.to}"

    @rule(by=WHO, number=st.integers(0, 50))
    def cancel(self, by: str, number: int) -> None:
        self.do(CancelQuestion(self.some(number)), by)

    @rule(seconds=st.sampled_from([1.0, 10.0, 100.0]))
    def wait(self, seconds: float) -> None:
        """Time passes; then the clock sends what fell due."""
        self.bench.now += seconds
        for item in list(due(self.bench.hive)):
            if item.at <= self.bench.now:
                assert self.do(item.command, item.by)
            else:
                assert self.bench.plan(item.command, item.by) == []

    @rule(name=st.sampled_from(NAMES))
    def take_out(self, name: str) -> None:
        self.do(RemoveAgent(name), "operator:ann")

    @invariant()
    def what_is_shown_is_what_happened(self) -> None:
        view = self.bench.hive.questions
        assert {q.id: q.state for q in (*view.open.values(), *view.closed.values())} == self.state
        live = self.bench.hive.agents.live
        for one in view.open.values():
            assert {one.asker, one.to} <= {*live, "operator"}

    @invariant()
    def each_end_is_told_once_to_its_asker(self) -> None:
        live = self.bench.hive.agents.live
        for question, state in self.state.items():
            told = self.told.get(question, 0)
            asker = self.asker[question]
            if state == OPEN or question in self.withdrawn:
                assert told == 0
            elif asker == "operator" or asker in live:
                assert told == 1
            else:
                assert told <= 1

    @invariant()
    def a_fold_of_the_log_gives_the_same(self) -> None:
        again = Hive()
        again.fold(self.bench.log)
        assert again.dump() == self.bench.hive.dump()
        assert again.questions.counts == self.bench.hive.questions.counts


TestQuestions = Questions.TestCase
TestQuestions.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
