"""Random commands through decide and fold, against a model that counts messages and turns.

After every step: each message is queued, delivered, acknowledged or dead, and in one state only;
an agent has at most one open turn; versions have no gap; a fold of the log again, and one that
goes on from a dump at any command's end, give the same state.
"""

import json
import subprocess
import sys
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from hived.decisions.access import CredentialChanged, Lift, StartHive, StopHive, WaitElapsed
from hived.decisions.compaction import QueueCompaction, Rewrite
from hived.decisions.conversation import NewSession, QueueModel
from hived.decisions.delivery import DeliverNow, Receive
from hived.decisions.lifecycle import (
    NewAgent,
    PauseAgent,
    RemoveAgent,
    RestartAgent,
    ResumeAgent,
    SetStatus,
    StartAgent,
    StopAgent,
)
from hived.decisions.mail import AckMessages, SendMessage
from hived.decisions.naps import Nap, Wake
from hived.decisions.reminders import CancelReminder, SetReminder
from hived.decisions.settings import ConfigureHive
from hived.decisions.timers import due
from hived.decisions.turns import BeginTurn, CancelTurn, Observe
from hived.errors import CommandRefused
from hived.events.codec import Codec
from hived.events.settings import Settings
from hived.events.turn import CompactionEnd, CompactionStart, ToolCall, ToolResult
from hived.events.values import Budget
from hived.projections import PASSED_OVER, Hive
from hived.projections.inboxes import ACKED, DEAD, DELIVERED, QUEUED
from hived.projections.overtaken import needless
from hived.projections.status import status
from hived.store.columns import Columns
from tests.decisions.bench import Bench, config

COLUMNS = Columns(Codec())
NAMES = ("ada", "bob", "cyd")
OUTCOMES = ["ok", "failed", "cancelled", "prompt_too_long", "rate_limited", "auth_failed", "lost"]
names = st.sampled_from(NAMES)
by = st.sampled_from(["operator:x", *(f"agent:{n}" for n in NAMES)])


class HiveMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.b = Bench()
        self.sent: dict[str, str] = {}  # message -> state, as the model has it
        self.versions: dict[str, int] = {}
        self.open: dict[str, str] = {}  # agent -> turn
        self.naps: dict[str, float] = {}
        self.reminders: set[str] = set()
        self.reached: set[tuple[str, str]] = set()  # scope and window of budgets
        self.commands = 0
        self.do(NewAgent("ada", config(role="manager"), "here", "key"))
        poor = config(budgets=(Budget(1.0, per="hour"), Budget(1.5)))
        self.do(NewAgent("bob", poor, "here", "key", "ada"))

    def do(self, command: Any, by: str = "operator:x") -> None:
        self.commands += 1
        try:
            made = self.b.do(command, by, f"client:{self.commands}")
        except CommandRefused:
            return
        self.take(made)

    def take(self, made: list[Any]) -> None:
        for rec in made:
            assert rec.version == self.versions.get(rec.stream, 0) + 1, rec
            self.versions[rec.stream] = rec.version
            if rec.cause is not None:
                assert 0 < rec.cause.version <= self.versions.get(rec.cause.stream, 0), rec
            self.model(rec)

    def model(self, rec: Any) -> None:
        e = rec.event
        if rec.kind == "message_sent":
            assert e.message not in self.sent
            self.sent[e.message] = QUEUED
        elif rec.kind == "message_delivered":
            assert self.sent[e.message] == QUEUED
            assert self.open[e.agent] == e.turn
            self.sent[e.message] = DELIVERED
        elif rec.kind == "message_returned":
            assert self.sent[e.message] == DELIVERED
            self.sent[e.message] = QUEUED
        elif rec.kind in ("message_acked", "message_dead"):
            assert self.sent[e.message] in (QUEUED, DELIVERED)
            self.sent[e.message] = ACKED if rec.kind == "message_acked" else DEAD
        elif rec.kind == "turn_start":
            assert e.agent not in self.open
            self.open[e.agent] = e.turn
        elif rec.kind == "turn_end":
            assert self.open.pop(e.agent) == e.turn
        elif rec.kind == "nap_start":
            self.naps[e.agent] = e.until
        elif rec.kind in ("nap_end", "agent_destroyed"):
            self.naps.pop(e.agent, None)
        elif rec.kind == "reminder_set":
            self.reminders.add(e.reminder)
        elif rec.kind in ("reminder_fired", "reminder_cancelled"):
            self.reminders.remove(e.reminder)
        elif rec.kind == "budget_reached":
            assert (e.scope, e.per) not in self.reached and e.used >= e.amount
            self.reached.add((e.scope, e.per))
        elif rec.kind == "budget_over":
            self.reached.remove((e.scope, e.per))
        if rec.kind in ("message_delivered", "turn_start"):
            assert e.agent not in self.naps
        if rec.kind == "turn_start":
            assert not any(scope in (e.agent, "*") for scope, _ in self.reached)

    @rule(name=names, parent=st.sampled_from(["", *NAMES]), start=st.booleans())
    def new(self, name: str, parent: str, start: bool) -> None:
        self.do(NewAgent(name, config(), "here", "key", parent, start))

    @rule(name=names, by=by, body=st.sampled_from(["a", "b" * 300]), urgent=st.booleans())
    def send(self, name: str, by: str, body: str, urgent: bool) -> None:
        self.do(SendMessage(name, body, urgent=urgent and by.startswith("operator")), by)

    @rule(to=st.sampled_from(["*", "operator", "manager"]), by=by)
    def send_to_role(self, to: str, by: str) -> None:
        self.do(SendMessage(to, "c"), by)

    @rule(data=st.data())
    def read(self, data: st.DataObject) -> None:
        waiting = list(self.b.hive.inboxes.box("operator").open)
        if waiting:
            self.do(AckMessages((data.draw(st.sampled_from(waiting)),)))

    @rule(
        name=names,
        command=st.sampled_from(
            [StartAgent, StopAgent, RestartAgent, PauseAgent, ResumeAgent, NewSession, Lift]
        ),
    )
    def life(self, name: str, command: Any) -> None:
        self.do(command(name))

    @rule(name=names, own=st.booleans(), seconds=st.sampled_from([1.0, 60.0, 4_000.0]))
    def nap(self, name: str, own: bool, seconds: float) -> None:
        self.do(Nap(name, seconds, "rest"), f"agent:{name}" if own else "operator:x")

    @rule(name=names)
    def wake(self, name: str) -> None:
        self.do(Wake(name))

    @rule(name=names, delay=st.sampled_from([1.0, 300.0]))
    def remind(self, name: str, delay: float) -> None:
        self.do(SetReminder(name, "look", delay=delay), f"agent:{name}")

    @precondition(lambda self: self.reminders)
    @rule(data=st.data())
    def forget(self, data: st.DataObject) -> None:
        self.do(CancelReminder(data.draw(st.sampled_from(sorted(self.reminders)))))

    @rule(name=names)
    def say(self, name: str) -> None:
        self.do(SetStatus(name, "busy"), f"agent:{name}")
        self.do(QueueModel(name, "opus"))
        self.do(QueueCompaction(name))
        self.do(QueueCompaction(name, of="notes"))

    @rule(name=names)
    def lift(self, name: str) -> None:
        self.do(Lift(name))

    @rule(amount=st.sampled_from([0.0, 1.0, 5.0]))
    def settings(self, amount: float) -> None:
        budgets = (Budget(amount),) if amount else ()
        self.do(ConfigureHive(Settings(budgets=budgets)), "hive")

    @precondition(lambda self: self.commands > 20)
    @rule(name=names)
    def remove(self, name: str) -> None:
        self.do(RemoveAgent(name))

    @rule(name=names)
    def begin(self, name: str) -> None:
        self.do(BeginTurn(name), "policy:next_step")

    @precondition(lambda self: self.open)
    @rule(data=st.data(), what=st.sampled_from(["deliver", "receive", "cancel", "tool", "compact"]))
    def within(self, data: st.DataObject, what: str) -> None:
        name = data.draw(st.sampled_from(sorted(self.open)))
        turn = self.b.agent(name).turn
        assert turn is not None
        end = turn.byte + 1
        if what == "deliver":
            self.do(DeliverNow(name, turn.id), "policy:deliver")
        elif what == "receive":
            self.do(Receive(name, turn.id, 2), f"agent:{name}")
        elif what == "cancel":
            self.do(CancelTurn(name, data.draw(st.sampled_from(["operator", "idle_limit"]))))
        elif what == "tool":
            events = (
                ToolCall(name, turn.id, f"c{end}", "Bash", "ls", end),
                ToolResult(name, turn.id, f"c{end}", "Bash", "ok", end),
            )
            self.do(Observe(name, turn.id, end, events[: data.draw(st.integers(1, 2))]), "hive")
        else:
            start = CompactionStart(name, turn.id, "session", "auto", end)
            over = CompactionEnd(name, turn.id, "session", "ok", 9, 4, byte=end)
            event = over if self.b.agent(name).state == "compacting" else start
            self.do(Observe(name, turn.id, end, (event,)), "hive")

    @precondition(lambda self: self.open)
    @rule(data=st.data(), outcome=st.sampled_from(OUTCOMES), named=st.booleans())
    def end(self, data: st.DataObject, outcome: str, named: bool) -> None:
        name = data.draw(st.sampled_from(sorted(self.open)))
        seen = data.draw(st.lists(st.integers(1, 3)))
        why = data.draw(st.sampled_from(["", "crashed", "configuration"]))
        until = self.b.now + 30 if named else 0.0
        notes = data.draw(st.sampled_from([None, 0, 40_000, 50_000]))
        rewrite = Rewrite(40_000, 90, data.draw(st.sampled_from(["", "empty"])))
        figures = {
            "cost_usd": data.draw(st.sampled_from([0.0, 0.4])),
            "context_used": data.draw(st.sampled_from([0, 500, 900])),
            "context_window": 1_000,
        }
        self.take(
            self.b.end(
                outcome,
                why,
                name,
                seen=seen,
                until=until,
                notes=notes,
                rewrite=rewrite,
                **figures,
            )
        )

    @rule(seconds=st.sampled_from([0.0, 1.0, 50.0, 5_000.0]))
    def time(self, seconds: float) -> None:
        self.b.now += seconds
        self.do(WaitElapsed("key"), "policy:wait_elapsed")
        for item in tuple(due(self.b.hive)):
            if item.at <= self.b.now:
                self.do(item.command, item.by)

    @rule(command=st.sampled_from([CredentialChanged("key"), StartHive("1", "here", "b")]))
    def world(self, command: Any) -> None:
        self.do(command, "hive")
        self.do(StopHive("left"), "hive")

    @invariant()
    def every_message_is_in_one_state(self) -> None:
        found: dict[str, str] = {}
        for owner, box in self.b.hive.inboxes.boxes.items():
            for message in (*box.open.values(), *box.closed):
                assert message.id not in found
                assert message.to == owner
                found[message.id] = message.state
            assert all(m.state in (QUEUED, DELIVERED) for m in box.open.values())
            assert all(m.state in (ACKED, DEAD) for m in box.closed)
        still = {m for m, state in self.sent.items() if state in (QUEUED, DELIVERED)}
        assert still <= set(found), "an open message is lost"
        for message, state in found.items():
            assert self.sent[message] == state

    @invariant()
    def turns_are_as_the_model_has_them(self) -> None:
        live = self.b.hive.agents.live
        assert {n: a.turn.id for n, a in live.items() if a.turn is not None} == self.open
        for agent in live.values():
            assert (agent.state in ("idle", "napping")) == (agent.turn is None)
            napping = agent.turn is None and agent.nap is not None
            assert (agent.state == "napping") == napping
            assert (agent.nap.until if agent.nap else None) == self.naps.get(agent.name)
            assert agent.version == self.versions[f"agent:{agent.name}"]
            by = status(agent, self.b.hive).by
            assert by is not None
            assert 0 < by.version <= self.versions[by.stream]
        pending = {id for own in self.b.hive.reminders.of.values() for id in own}
        assert pending == self.reminders
        for box in self.b.hive.inboxes.boxes.values():
            for message in box.open.values():
                assert (message.state == DELIVERED) == (message.turn in self.open.values())
                assert message.turn or message.state == QUEUED
                assert not message.turn or message.state == DELIVERED

    def teardown(self) -> None:
        whole = Hive()
        whole.fold(self.b.log)
        expected = whole.dump()
        assert self.b.hive.dump() == expected
        deciding = Hive(deciding=True)
        deciding.fold(self.b.log)
        for name, view in deciding.dump()["views"].items():
            assert view == expected["views"][name]
        for cut in range(0, len(self.b.log), max(1, len(self.b.log) // 5)):
            head = Hive()
            head.fold(self.b.log[:cut])
            data = json.loads(json.dumps(head.dump()))
            tail = Hive.load(data)
            assert tail.dump() == head.dump()
            tail.fold(self.b.log[cut:])
            assert tail.dump() == expected
        # What belongs to a command is never passed over, so the log is also looked at without any.
        for log in (self.b.log, [rec._replace(command=None) for rec in self.b.log]):
            whole = Hive()
            whole.fold(log)
            for length in (3, 20, len(log)):
                assert of_history(log, length).dump() == whole.dump()


def of_history(log: list[Any], length: int) -> Hive:
    """The state as folded from blocks of closed history, without what is overtaken in each."""
    hive = Hive()
    for start in range(0, len(log), length):
        block = log[start : start + length]
        begun = start + hive.unfinished()
        without = needless(block, PASSED_OVER)
        needed = [
            rec
            for rec, lacks in zip(block, without, strict=True)
            if not lacks or rec.position <= begun
        ]
        hive.fold(COLUMNS.stream(COLUMNS.dump(needed)))
    return hive


TestHive = HiveMachine.TestCase
TestHive.settings = settings(max_examples=40, stateful_step_count=60, deadline=None)


def test_a_replay_is_the_same_whatever_the_seed_of_hashes() -> None:
    """The same commands in two processes give the same events and the same state, byte by byte."""
    program = """
import json
from hived.decisions.mail import SendMessage
from tests.decisions.bench import Bench
b = Bench()
for n in range(8):
    b.new(f"a{n}", recipients=(), role="manager" if n == 3 else "worker")
for n in range(30):
    b.send(f"a{n % 8}", f"words {n}", f"agent:a{(n + 1) % 8}")
    b.do(SendMessage("*", "all"), "operator:x", f"client:{n}")
    name = f"a{(n * 5) % 8}"
    b.now += 1000
    b.begin(name)
    b.end(["ok", "failed", "rate_limited"][n % 3], name=name, until=b.now + 9)
    b.hive.credentials.known.clear()
print(json.dumps([b.hive.dump(), [repr(r) for r in b.log]]))
"""
    outputs = []
    for seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(p or "." for p in sys.path)},
            capture_output=True,
            check=True,
            timeout=60,
        )
        outputs.append(done.stdout)
    assert outputs[0] == outputs[1]
    assert len(outputs[0]) > 10_000
