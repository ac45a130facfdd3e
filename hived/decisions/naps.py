"""Naps: asked for, ended early, elapsed. While an agent has one no mail is put to it."""

from collections.abc import Iterator
from math import isfinite

from attrs import frozen

from hived import limits
from hived.decisions.base import Context, Plan, Planned, check_length, need_agent, on_agent
from hived.decisions.due import Due
from hived.decisions.times import utc
from hived.errors import CommandRefused
from hived.events.naps import NapEnd, NapStart
from hived.names import shown
from hived.projections import Hive
from hived.projections.agent import Agent

BOUNDS = (
    f"a nap lasts from {limits.NAP_SECONDS_MIN:.0f} to {limits.NAP_SECONDS_MAX:.0f} seconds "
    f"({limits.NAP_SECONDS_MAX / 3600:.0f} hours)"
)


@frozen
class Nap:
    """The agent is to take in no mail for so many seconds: its own wish, or the operator's."""

    agent: str
    seconds: float
    reason: str = ""


def nap(hive: Hive, command: Nap, context: Context) -> Plan:
    agent = need_agent(hive, command.agent)
    seconds = command.seconds
    if not (isfinite(seconds) and limits.NAP_SECONDS_MIN <= seconds <= limits.NAP_SECONDS_MAX):
        raise CommandRefused(
            f"{BOUNDS}, not {shown(seconds)}", code="invalid_params", hint="such as 600"
        )
    check_length("the reason", command.reason, limits.NAP_REASON_CHARS_MAX)
    if agent.nap is not None and agent.turn is None:
        raise CommandRefused(
            f"{agent.name} naps already, until {utc(agent.nap.until)}",
            hint=f"wake it first: hivectl wake {agent.name}",
        )
    if any(letter.urgent for letter in hive.inboxes.box(agent.name).queued()):
        raise CommandRefused(
            f"urgent mail of the operator waits for {agent.name}", hint="it comes before a nap"
        )
    if context.agent and agent.turn is not None and agent.turn.cancel:
        raise CommandRefused("this turn is being ended: it begins no nap", hint="end the turn")
    # Whole milliseconds, so that no rounding puts the clock before the time it waited for.
    until = round(context.now + seconds, 3)
    turn = agent.turn.id if agent.turn is not None else ""
    return [on_agent(agent.name, NapStart(agent.name, until, command.reason.strip(), turn))]


@frozen
class Wake:
    """The operator ends a nap, or one that was asked for and has not begun."""

    agent: str


def wake(hive: Hive, command: Wake, context: Context) -> Plan:
    agent = need_agent(hive, command.agent)
    if agent.nap is None:
        raise CommandRefused(
            f"{agent.name} does not nap", hint=f"hivectl why {agent.name} says what it waits for"
        )
    return nap_over(hive, agent, "operator")


@frozen
class NapElapsed:
    """The time of the agent's nap may have passed."""

    agent: str


def nap_elapsed(hive: Hive, command: NapElapsed, context: Context) -> Plan:
    agent = hive.agents.live.get(command.agent)
    if agent is None or agent.nap is None or agent.nap.until > context.now:
        return []
    return nap_over(hive, agent, "elapsed")


def timer(hive: Hive) -> Iterator[Due]:
    """When naps are over."""
    for agent in hive.agents.live.values():
        if agent.nap is not None:
            yield Due(agent.nap.until, NapElapsed(agent.name), "policy:nap_elapsed")


def nap_over(hive: Hive, agent: Agent, why: str, more: int = 0) -> list[Planned]:
    """The end of the agent's nap, nothing where it has none.

    why: elapsed, operator, message, restart. more: messages that the same plan adds to the inbox.
    """
    if agent.nap is None:
        return []
    waiting = len(hive.inboxes.box(agent.name).queued()) + more
    return [on_agent(agent.name, NapEnd(agent.name, why, waiting), agent.nap.by)]
