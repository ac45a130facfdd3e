"""Agents: made, started, stopped, paused, resumed, restarted, taken out."""

from attrs import frozen

from hived import limits
from hived.decisions.authority import check_may_steer
from hived.decisions.base import Context, Plan, check_agents_max, check_length, need_agent, on_agent
from hived.decisions.naps import nap_over
from hived.decisions.notices import tell_manager
from hived.decisions.question_ends import cancel_of_gone
from hived.decisions.reminders import drop_reminders
from hived.decisions.verdicts import withdraw_all
from hived.errors import CommandRefused
from hived.events import agents as e
from hived.events.turn import TurnCancel
from hived.events.values import AgentConfig
from hived.names import MANAGER, OPERATOR, ROLES
from hived.projections import Hive
from hived.projections.agent import Agent


@frozen
class NewAgent:
    """node: where it is to run. credential: named by its driver. start: take turns at once."""

    agent: str
    config: AgentConfig
    node: str
    credential: str
    parent: str = ""
    start: bool = True


def new_agent(hive: Hive, command: NewAgent, context: Context) -> Plan:
    name = command.agent
    check_free(hive, name)
    check_agents_max(hive)
    if command.config.role not in ROLES:
        raise CommandRefused(
            f"{command.config.role!r} is no role", code="invalid_params", hint=" or ".join(ROLES)
        )
    if command.parent:
        need_agent(hive, command.parent)
    config = command.config
    created = e.AgentCreated(
        name, config, context.make_uuid(), command.node, command.parent, command.credential
    )
    plan = [on_agent(name, created)]
    if command.start:
        plan.append(on_agent(name, e.AgentStarted(name, "created")))
    return plan


def check_free(hive: Hive, name: str) -> None:
    """Make sure that no agent, draft or kept state has the name.

    Raises:
      CommandRefused: exists, and what to do about it.
    """
    if name in hive.agents.live:
        raise CommandRefused(
            f"there is an agent {name} already", code="exists", hint="choose another name"
        )
    if name in hive.agents.drafts:
        raise CommandRefused(
            f"the name {name} belongs to a draft",
            code="exists",
            hint=f"choose another, or discard it: hivectl drafts discard {name}",
        )
    if name in hive.agents.kept:
        raise CommandRefused(
            f"the name {name} belongs to an agent that was taken out; its state is kept",
            code="exists",
            hint=f"choose another, or: hivectl revive {name}, hivectl purge {name}",
        )
    if name in hive.agents.purging:
        raise CommandRefused(
            f"what was kept of {name} is being deleted", code="exists", hint="try again in a moment"
        )


@frozen
class StartAgent:
    """It is to take turns: stopped or failed before."""

    agent: str


def start_agent(hive: Hive, command: StartAgent, context: Context) -> Plan:
    agent = need_agent(hive, command.agent)
    check_may_steer(hive, agent.name, context)
    if agent.process == "running":
        raise CommandRefused(f"{agent.name} is started already", hint="hivectl status shows it")
    if agent.process == "paused":
        raise CommandRefused(f"{agent.name} is paused", hint=f"hivectl resume {agent.name}")
    return [on_agent(agent.name, e.AgentStarted(agent.name, _whose(context)))]


@frozen
class StopAgent:
    """It is to take no turns; a running one is cancelled."""

    agent: str


def stop_agent(hive: Hive, command: StopAgent, context: Context) -> Plan:
    agent = need_agent(hive, command.agent)
    check_may_steer(hive, agent.name, context)
    if agent.process == "stopped" and agent.turn is None:
        raise CommandRefused(f"{agent.name} is stopped already", hint=f"hivectl start {agent.name}")
    stopped = e.AgentStopped(agent.name, _whose(context))
    return [on_agent(agent.name, stopped), *_cancel(agent, "stop")]


def _whose(context: Context) -> str:
    """Whose wish it is that an agent starts or stops."""
    return MANAGER if context.agent else OPERATOR


@frozen
class RestartAgent:
    """Stop and start in one: a running turn is cancelled, a failed agent runs again."""

    agent: str


def restart_agent(hive: Hive, command: RestartAgent, context: Context) -> Plan:
    agent = need_agent(hive, command.agent)
    check_may_steer(hive, agent.name, context)
    name = agent.name
    plan = [] if agent.process == "stopped" else [on_agent(name, e.AgentStopped(name, "restart"))]
    plan += [*_cancel(agent, "restart"), *nap_over(hive, agent, "restart")]
    return [*plan, on_agent(name, e.AgentStarted(name, "restart"))]


def _cancel(agent: Agent, why: str) -> Plan:
    if agent.turn is None or agent.turn.cancel:
        return []
    return [on_agent(agent.name, TurnCancel(agent.name, agent.turn.id, why))]


@frozen
class PauseAgent:
    """It is to finish its turn and start no other."""

    agent: str


def pause_agent(hive: Hive, command: PauseAgent, context: Context) -> Plan:
    agent = need_agent(hive, command.agent)
    if agent.process != "running":
        raise CommandRefused(
            f"{agent.name} is {agent.process}; only a started agent can be paused",
            hint="hivectl status shows it",
        )
    return [on_agent(agent.name, e.AgentPaused(agent.name))]


@frozen
class ResumeAgent:
    """A paused agent is to start turns again."""

    agent: str


def resume_agent(hive: Hive, command: ResumeAgent, context: Context) -> Plan:
    agent = need_agent(hive, command.agent)
    if agent.process != "paused":
        hint = f"hivectl start {agent.name}" if agent.process != "running" else ""
        raise CommandRefused(f"{agent.name} is not paused: it is {agent.process}", hint=hint)
    return [on_agent(agent.name, e.AgentResumed(agent.name))]


@frozen
class RemoveAgent:
    """Take it out of the hive. Its state, notes, configuration and mail are kept as a tombstone."""

    agent: str


def remove_agent(hive: Hive, command: RemoveAgent, context: Context) -> Plan:
    agent = need_agent(hive, command.agent)
    if agent.turn is not None:
        raise CommandRefused(
            f"{agent.name} is in a turn",
            hint=f"hivectl stop {agent.name}, and again rm when it has ended",
        )
    children = [a.name for a in hive.agents.live.values() if a.parent == agent.name]
    if children:
        raise CommandRefused(
            f"{', '.join(children[:5])} answer to {agent.name}", hint="take them out first"
        )
    if len(hive.agents.kept) >= limits.TOMBSTONES_MAX:
        raise CommandRefused(
            f"the state of {limits.TOMBSTONES_MAX} agents is kept, the most there may be",
            code="too_many",
            hint="hivectl tombstones lists them; hivectl purge NAME deletes one for good",
        )
    plan = drop_reminders(hive, agent.name)
    plan.append(on_agent(agent.name, e.AgentDestroyed(agent.name)))
    plan += cancel_of_gone(hive, agent.name, context)
    plan += withdraw_all(hive, agent.name, f"{agent.name} was taken out", context)
    words = f"{agent.name} was taken out of the hive by {context.by}."
    told = tell_manager(hive, agent.name, "agent_destroyed", words, context, by=context.by)
    return [*plan, *told]


@frozen
class SetStatus:
    """What an agent says of itself, in a line."""

    agent: str
    text: str


def set_status(hive: Hive, command: SetStatus, context: Context) -> Plan:
    need_agent(hive, command.agent)
    check_length("the status", command.text, limits.STATUS_CHARS_MAX)
    return [on_agent(command.agent, e.StatusSet(command.agent, command.text))]
