"""Kept state: agents taken out as tombstones, brought back, or deleted for good."""

from attrs import frozen

from hived import limits
from hived.decisions.base import Context, Plan, Planned, check_agents_max, check_operator, on_agent
from hived.decisions.mail import give_up
from hived.decisions.notices import tell_manager
from hived.errors import CommandRefused
from hived.events import agents as a
from hived.events import approvals as p
from hived.events import kept as e
from hived.names import OPERATOR, approval_stream
from hived.projections import Hive
from hived.projections.agent import Agent


def need_kept(hive: Hive, name: str) -> Agent:
    """The tombstone of that name: the whole one, no prefix.

    Raises:
      CommandRefused: not_found; wrong_state for a live agent.
    """
    kept = hive.agents.kept.get(name)
    if kept is not None:
        return kept
    if name in hive.agents.live:
        raise CommandRefused(
            f"{name} is an agent of the hive, and was not taken out",
            hint=f"hivectl rm {name} takes it out and keeps its state",
        )
    raise CommandRefused(
        f"no state of an agent {name[: limits.NAME_CHARS_MAX]!r} is kept",
        code="not_found",
        hint="hivectl tombstones lists them; a name is wanted whole",
    )


@frozen
class Revive:
    """The operator brings a tombstone back. start: to take turns at once.

    His word is request and decision in one: all of it stands in one append.
    """

    agent: str
    start: bool = True


def revive(hive: Hive, command: Revive, context: Context) -> Plan:
    need_kept(hive, command.agent)
    check_operator(context, "brings an agent back")
    approval = context.make_id("p")
    request = p.ApprovalRequest(approval, "revive", OPERATOR, command.agent)
    word = p.ApprovalDecision(approval, command.agent, "approved")
    done = p.ApprovalOutcome(approval, command.agent, "done")
    back = revival(hive, command.agent, approval, context, start=command.start)
    stream = approval_stream(approval)
    return [Planned(stream, request), Planned(stream, word), *back, Planned(stream, done)]


def revival(hive: Hive, name: str, approval: str, context: Context, *, start: bool = True) -> Plan:
    """The events that make a tombstone an agent again, with its configuration and conversation.

    Raises:
      CommandRefused: There is no such tombstone, or no room for another agent.
    """
    kept = need_kept(hive, name)
    check_agents_max(hive)
    parent = kept.parent if kept.parent in hive.agents.live else ""
    created = a.AgentCreated(name, kept.config, kept.session, kept.node, parent, kept.credential)
    plan = [on_agent(name, e.AgentRevived(name, approval)), on_agent(name, created)]
    if start:
        plan.append(on_agent(name, a.AgentStarted(name, "revived")))
    words = f"The agent {name} was brought back."
    return plan + tell_manager(hive, name, "agent_revived", words, context)


@frozen
class PurgeAgent:
    """Delete a tombstone for good. paths: `path (bytes)` of all that is deleted; bytes: in all."""

    agent: str
    paths: tuple[str, ...]
    bytes: int


def purge_agent(hive: Hive, command: PurgeAgent, context: Context) -> Plan:
    check_operator(context, "purges")
    kept = need_kept(hive, command.agent)
    open_mail = hive.inboxes.box(kept.name).open.values()
    letters = [(letter, letter.attempts) for letter in open_mail]
    gone = on_agent(kept.name, e.AgentPurged(kept.name, command.paths, command.bytes))
    return [gone, *give_up(hive, letters, kept, "purged", context)]


@frozen
class FinishPurge:
    """The files of a purged name are deleted. bytes: that were found."""

    agent: str
    bytes: int


def finish_purge(hive: Hive, command: FinishPurge, context: Context) -> Plan:
    if command.agent not in hive.agents.purging:
        return []  # done before: the effect was carried out again after a crash
    return [on_agent(command.agent, e.PurgeDone(command.agent, command.bytes))]
