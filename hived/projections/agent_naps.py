"""How naps are folded into an agent: asked for, over, told of by a turn."""

from attrs import evolve

from hived import limits
from hived.events import Cause, Recorded
from hived.events.turn import TurnEnd
from hived.projections.agent import Agent, Nap, NapOver, OpenTurn


def nap_started(agent: Agent, rec: Recorded) -> None:
    e = rec.event
    agent.nap = Nap(e.until, rec.recorded_at, Cause(rec.stream, rec.version), e.reason)
    agent.nap_over = None


def nap_ended(agent: Agent, rec: Recorded) -> None:
    nap, agent.nap = agent.nap, None
    if nap is not None:
        e = rec.event
        by = Cause(rec.stream, rec.version)
        agent.nap_over = NapOver(e.why, nap, rec.recorded_at, by, e.waiting)


def turn_began(agent: Agent, turn: OpenTurn) -> None:
    """A turn of work tells the agent of its last nap; one that only saves its notes does not."""
    if _tells(turn):
        turn.nap_over, agent.nap_over = agent.nap_over, None


def turn_over(agent: Agent, turn: OpenTurn | None, end: TurnEnd) -> None:
    """What was to be told and was not, a later turn tells; unless the operator cancelled it."""
    if turn is None or not _tells(turn):
        return
    if _wished(end):
        agent.nap_over = None
    elif agent.nap is None and agent.nap_over is None:
        agent.nap_over = untold(turn, end)


def untold(turn: OpenTurn, end: TurnEnd) -> NapOver | None:
    """The end of a nap that another turn has to tell of, after this end of the turn."""
    over = turn.nap_over
    if over is None or end.outcome == "ok" or _wished(end):
        return None
    tries = over.tries + (end.outcome in ("failed", "lost"))
    return evolve(over, tries=tries) if tries < limits.ATTEMPTS_MAX else None


def _tells(turn: OpenTurn) -> bool:
    """Whether the turn's opening is put to the agent as its own work."""
    return turn.kind == "work" and turn.reason != "checkpoint"


def _wished(end: TurnEnd) -> bool:
    return end.outcome == "cancelled" and end.why == "operator"
