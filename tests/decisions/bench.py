"""A hive driven by decide and fold alone, with ids that count up: no disk, no clock."""

from collections.abc import Sequence
from typing import Any

from attrs import define, field

from hived.decisions import Context, Plan, Planned, decide, stream_version
from hived.decisions.compaction import Rewrite
from hived.decisions.delivery import line_uuid
from hived.decisions.endings import EndTurn
from hived.decisions.lifecycle import NewAgent
from hived.decisions.mail import SendMessage
from hived.decisions.turns import BeginTurn
from hived.events import Cause, CommandMark, Recorded, kind_of
from hived.events.turn import TurnEnd
from hived.events.values import AgentConfig
from hived.projections import Hive
from hived.projections.agent import Agent, OpenTurn
from hived.projections.inboxes import Message

OPERATOR = "operator:tester"
T0 = 1_700_000_000.0


def config(**changes: Any) -> AgentConfig:
    return AgentConfig(driver="rehearsal", workdir="/srv/x", **changes)


@define
class Bench:
    """A hive, the log that made it, and a clock that is set by hand."""

    hive: Hive = field(factory=Hive)
    log: list[Recorded] = field(factory=list)
    now: float = T0
    ids: int = 0

    def new_id(self) -> str:
        self.ids += 1
        return f"{self.ids:012x}{self.ids:020x}"

    def plan(self, command: Any, by: str = OPERATOR) -> Plan:
        return decide(self.hive, command, Context(by, self.now, self.new_id))

    def do(self, command: Any, by: str = OPERATOR, command_id: str = "") -> list[Recorded]:
        return self.append(self.plan(command, by), by, command_id)

    def append(
        self, plan: Sequence[Planned], by: str = OPERATOR, command_id: str = ""
    ) -> list[Recorded]:
        """Place events as the engine does, but by the log's own versions, and fold them."""
        made: list[Recorded] = []
        versions: dict[str, int] = {}
        for planned in plan:
            stream = planned.stream
            known = versions.get(stream, stream_version(self.hive, stream))
            versions[stream] = known + 1
            cause = planned.cause
            if cause is None and made:
                cause = Cause(made[0].stream, made[0].version)
            mark = CommandMark(command_id, "d", len(plan)) if command_id and not made else None
            place = len(self.log) + len(made) + 1
            made.append(
                Recorded(
                    place,
                    stream,
                    known + 1,
                    self.now,
                    "here",
                    planned.by or by,
                    mark,
                    cause,
                    kind_of(planned.event),
                    planned.event,
                )
            )
        self.log += made
        self.hive.fold(made)
        return made

    def new(
        self, name: str = "ada", *, start: bool = True, parent: str = "", **changes: Any
    ) -> str:
        credential = changes.pop("credential", "key")
        self.do(NewAgent(name, config(**changes), "here", credential, parent, start))
        return name

    def agent(self, name: str = "ada") -> Agent:
        return self.hive.agents.live[name]

    def send(self, to: str = "ada", body: str = "hello", by: str = OPERATOR, **more: Any) -> str:
        """The id of the message, which is the first event's."""
        message: str = self.do(SendMessage(to, body, **more), by)[0].event.message
        return message

    def begin(self, name: str = "ada") -> OpenTurn:
        self.do(BeginTurn(name), "policy:next_step")
        turn = self.agent(name).turn
        assert turn is not None
        return turn

    def working(self, name: str = "ada") -> OpenTurn:
        """A message, and the turn it wakes."""
        self.send(name)
        return self.begin(name)

    def end(
        self,
        outcome: str = "ok",
        why: str = "",
        name: str = "ada",
        *,
        seen: Sequence[int] = (),
        until: float = 0.0,
        notes: int | None = None,
        rewrite: Rewrite | None = None,
        **more: Any,
    ) -> list[Recorded]:
        """End the open turn. seen: numbers of the user lines that the CLI took up.

        notes: their size as measured. rewrite: what came of a turn that rewrites them.
        """
        turn = self.agent(name).turn
        assert turn is not None
        uuids = frozenset(line_uuid(turn.id, line) for line in seen)
        event = TurnEnd(name, turn.id, outcome, why, **more)
        return self.do(EndTurn(name, turn.id, event, uuids, until, notes, rewrite), "hive")

    def letter(self, message: str) -> Message:
        found = self.hive.inboxes.find(message)
        assert found is not None
        return found


def kinds(records: Sequence[Recorded]) -> list[str]:
    return [record.kind for record in records]


def all_open(hive: Hive) -> list[Message]:
    return [letter for box in hive.inboxes.boxes.values() for letter in box.open.values()]
