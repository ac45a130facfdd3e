"""The word and the group of an agent in every mix of turn, process and access; and the turn's
state machine, pair by pair."""

from itertools import product

import pytest
from attrs import NOTHING, fields

from hived.decisions.base import Planned
from hived.decisions.next_step import PARK, RUN, TURN, WAIT, next_step
from hived.events import EVENT_TYPES, Cause
from hived.projections.agent import COMPACTING, IDLE, NAPPING, THINKING, TRANSITIONS, OpenTurn
from hived.projections.credentials import Credential
from hived.projections.status import GROUPS, status
from hived.projections.turns import TurnRow
from tests.decisions.bench import T0, Bench, config

PROCESSES = ("running", "paused", "stopped", "failed")
TURNS = ("none", THINKING, COMPACTING, "cancelled")
WORD_OF = {
    "failed": ("failed", "Failed"),
    "stopped": ("stopped", "Stopped"),
    "paused": ("paused", "Stopped"),
}


def mixed(process: str, turn: str, login: bool, limited: bool, waiting: bool, mail: bool) -> Bench:
    b = Bench()
    b.new()
    agent = b.agent()
    agent.process = process
    if turn != "none":
        agent.turn = OpenTurn("t1", 1, "work", T0, "mail", "", "s", False, 1)
        agent.state = THINKING if turn == "cancelled" else turn
        agent.turn.cancel = "operator" if turn == "cancelled" else ""
    if login or limited:
        b.hive.credentials.known["key"] = Credential(
            until=T0 + 60 if limited else 0.0, needs_login=login, by=Cause("hive", 1)
        )
    if waiting:
        agent.retry_at = T0 + 5
        agent.retry_by = Cause("agent:ada", 2)
    if mail:
        b.send()
    return b


AXES = list(product(PROCESSES, TURNS, *[(False, True)] * 4))


@pytest.mark.parametrize("axes", AXES)
def test_the_word_the_group_and_the_next_step_of_every_mix(
    axes: tuple[str, str, bool, bool, bool, bool],
) -> None:
    process, turn, login, limited, waiting, mail = axes
    b = mixed(*axes)
    shown = status(b.agent(), b.hive)
    step = next_step(b.agent(), b.hive, b.now)
    if turn != "none":
        word, group, kind = ("cancelling" if turn == "cancelled" else turn), "Working", TURN
    elif process in ("failed", "stopped"):
        (word, group), kind = WORD_OF[process], PARK
    elif login:
        word, group, kind = "needs login", "Needs you", PARK
    elif process == "paused":
        (word, group), kind = WORD_OF[process], PARK
    elif limited:
        word, group, kind = "rate limited", "Idle or napping", PARK
    elif waiting:
        word, group, kind = "waiting", "Idle or napping", WAIT if mail else PARK
    else:
        word, group, kind = IDLE, "Idle or napping", RUN if mail else PARK
    assert (shown.word, shown.group, step.kind) == (word, group, kind)
    assert shown.group in GROUPS
    assert shown.by is not None
    assert step.because
    assert shown.until == {"rate limited": T0 + 60, "waiting": T0 + 5}.get(word, 0.0)
    assert (step.until > 0) == (kind == WAIT or (kind == PARK and word == "rate limited"))


@pytest.mark.parametrize(
    ("state", "kind"), list(product((IDLE, THINKING, COMPACTING, NAPPING), EVENT_TYPES)), ids=str
)
def test_each_state_moves_by_each_event_as_the_table_says_and_by_no_other(
    state: str, kind: str
) -> None:
    b = Bench()
    b.new()
    agent = b.agent()
    if state in (THINKING, COMPACTING):
        b.working()
    agent.state = state
    before = (agent.since, agent.state_by)
    b.now += 10
    turn = agent.turn.id if agent.turn is not None else "t9"
    event = a_plain(kind, turn)
    stream = "agent:ada" if hasattr(event, "agent") else "hive"
    (made,) = b.append([Planned(stream, event)])
    if kind in ("agent_created", "agent_destroyed"):
        return  # another agent begins, or none is left
    moved = TRANSITIONS.get((state, kind))
    assert agent.state == (moved or state)
    if moved:
        assert (agent.since, agent.state_by) == (made.recorded_at, (made.stream, made.version))
    else:
        assert (agent.since, agent.state_by) == before


def a_plain(kind: str, turn: str) -> object:
    """An event of that kind about ada, all other values plain."""
    cls = EVENT_TYPES[kind][0]
    given = {"agent": "ada", "turn": turn, "to": "ada", "credential": "key", "outcome": "ok"}
    plain = {"str": "", "int": 0, "float": 0.0, "bool": False}
    values: dict[str, object] = {}
    for attribute in fields(cls):
        if attribute.name in given:
            values[attribute.name] = given[attribute.name]
        elif attribute.default is NOTHING:
            values[attribute.name] = plain.get(getattr(attribute.type, "__name__", ""))
    if kind in ("agent_created", "config_applied"):
        values["config"] = config()
    return cls(**values)


def test_a_turn_row_is_complete_once_its_turn_is_over() -> None:
    b = Bench()
    b.new()
    turn = b.working()
    row: TurnRow = b.hive.turns.of["ada"][turn.id]
    assert (row.outcome, row.end_position) == ("", 0)
    b.now += 3
    b.end("failed", "crashed", exit_code=9, duration_ms=2_500, byte=77, model="haiku")
    assert (row.outcome, row.why, row.exit_code, row.duration_ms) == ("failed", "crashed", 9, 2_500)
    assert (row.bytes, row.model, row.ended_at) == (77, "haiku", T0 + 3)
    last = b.agent().last_turn
    assert last is not None
    assert (last.id, last.outcome, last.duration_ms) == (turn.id, "failed", 2_500)
