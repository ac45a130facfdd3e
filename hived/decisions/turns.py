"""Turns: begun, taken in line by line, cancelled."""

from typing import Any

from attrs import evolve, frozen

from hived.decisions.base import Context, Plan, need_agent, need_turn, on_agent
from hived.decisions.compaction import begin_compaction, cut_short
from hived.decisions.conversation import reset_session
from hived.decisions.delivery import deliver, portion
from hived.decisions.naps import nap_over
from hived.decisions.next_step import RUN, next_step
from hived.errors import CommandRefused
from hived.events import Cause
from hived.events import agents as a
from hived.events import turn as e
from hived.names import agent_stream, message_stream
from hived.projections import Hive
from hived.projections.agent import Agent, OpenTurn
from hived.projections.inboxes import Message


@frozen
class BeginTurn:
    """Start the agent's next turn, if the state still says that it should have one."""

    agent: str


def begin_turn(hive: Hive, command: BeginTurn, context: Context) -> Plan:
    agent = need_agent(hive, command.agent)
    step = next_step(agent, hive, context.now)
    if step.kind != RUN:
        raise CommandRefused(f"{agent.name} takes no turn now: {step.because}")
    turn = context.make_id("t")
    plan: Plan = []
    if agent.model_queued is not None:
        switch = a.ModelSwitched(agent.name, agent.model_queued, agent.model, turn)
        plan.append(on_agent(agent.name, switch))
    compact = begin_compaction(agent, turn, _model(agent), context)
    return plan + (compact or _work(hive, agent, turn, context))


def _work(hive: Hive, agent: Agent, turn: str, context: Context) -> Plan:
    plan: Plan = []
    session, fresh = agent.session, agent.session_fresh
    if agent.recovery == "fresh":
        reset = reset_session(agent, context, "prompt_too_long")
        plan.append(on_agent(agent.name, reset))
        session, fresh = reset.session, True
    mail = portion(hive.inboxes.box(agent.name), turn)
    over = agent.nap_over
    tries = over.tries if over is not None else 0
    attempt = 1 + max((letter.attempts for letter in mail), default=0)
    again = bool(agent.last_work) and (tries > 0 or any(letter.why for letter in mail))
    start = e.TurnStart(
        agent=agent.name,
        turn=turn,
        number=agent.turns + 1,
        kind="work",
        reason=_reason(agent, again, bool(mail)),
        session=session,
        fresh=fresh,
        model=_model(agent),
        attempt=max(attempt, 1 + tries),
        retry_of=agent.last_work if again else "",
        why=_why_again(agent, mail) if again else "",
        messages=tuple(letter.id for letter in mail),
    )
    cause = None
    if mail and start.reason != "nap_over":
        newest = max(mail, key=lambda letter: letter.position)
        cause = Cause(message_stream(newest.id), newest.version)
    elif over is not None:
        cause = over.by
    plan.append(on_agent(agent.name, start, cause))
    return plan + deliver(agent.name, turn, 1, mail)


def _reason(agent: Agent, again: bool, mail: bool) -> str:
    if agent.recovery == "fresh":
        return "hand_over"
    if again:
        return "retry"
    over = agent.nap_over
    return "nap_over" if over is not None and not (mail and over.why == "message") else "mail"


def _why_again(agent: Agent, mail: list[Message]) -> str:
    for letter in mail:
        if letter.why:
            return letter.why
    last = agent.last_turn
    return (last.why or last.outcome) if last is not None else ""


def _model(agent: Agent) -> str:
    return agent.model if agent.model_queued is None else agent.model_queued


@frozen
class Observe:
    """What one line of output told, as events. byte: the end of that line.

    A line at or before the turn's last byte was taken in before: it gives nothing again.
    """

    agent: str
    turn: str
    byte: int
    events: tuple[Any, ...]


def observe(hive: Hive, command: Observe, context: Context) -> Plan:
    agent, turn = need_turn(hive, command.agent, command.turn)
    if command.byte <= turn.byte:
        return []
    events = [_as_ordered(turn, event) for event in command.events]
    return [on_agent(agent.name, event, _start_of(agent, turn)) for event in events]


def _as_ordered(turn: OpenTurn, event: Any) -> Any:
    """The event, put right by what the CLI does not know: that it was hived who ended this."""
    if turn.cancel and isinstance(event, e.CompactionEnd) and event.outcome == "failed":
        return evolve(event, outcome=cut_short(turn))
    return event


@frozen
class CancelTurn:
    """End the running turn. why: operator, or the limit that was passed. turn: "" for any.

    The operator's ends a nap as well, also where no turn runs.
    """

    agent: str
    why: str
    turn: str = ""


def cancel_turn(hive: Hive, command: CancelTurn, context: Context) -> Plan:
    agent = need_agent(hive, command.agent)
    nap = nap_over(hive, agent, "operator") if command.why == "operator" else []
    if nap and (agent.turn is None or agent.turn.cancel):
        return nap
    if agent.turn is None or (command.turn and agent.turn.id != command.turn):
        raise CommandRefused(f"{agent.name} is in no turn", hint="there is nothing to cancel")
    if agent.turn.cancel:
        raise CommandRefused(
            f"the turn of {agent.name} is being cancelled already", hint="hivectl status shows it"
        )
    return [on_agent(agent.name, e.TurnCancel(agent.name, agent.turn.id, command.why)), *nap]


def _start_of(agent: Agent, turn: OpenTurn) -> Cause:
    return Cause(agent_stream(agent.name), turn.start_version)
