"""What comes of an approved request, once hived has carried it out: done, or failed and why.

The change itself and the outcome are one append, so neither can be without the other.
"""

from collections.abc import Callable, Mapping

from attrs import evolve, frozen

from hived.decisions import budgets
from hived.decisions.base import Context, Plan, Planned, check_agents_max, need_agent, on_agent
from hived.decisions.conversation import reset_session
from hived.decisions.kept import revival
from hived.decisions.lifecycle import check_free
from hived.decisions.notices import manager_over, notice, tell
from hived.decisions.verdicts import WORDS
from hived.errors import CommandRefused
from hived.events import Cause
from hived.events import agents as a
from hived.events import approvals as e
from hived.events.config import ConfigApplied, ConfigFailed
from hived.events.values import AgentConfig
from hived.names import approval_stream
from hived.projections import Hive
from hived.projections.approvals import APPROVED, Approval


@frozen
class FinishApproval:
    """All is done on disk, or could not be. why: of a failure; empty for done.

    config, credential, node: what the agent runs with from now on, and where.
    """

    approval: str
    why: str = ""
    config: AgentConfig | None = None
    credential: str = ""
    node: str = ""


def finish_approval(hive: Hive, command: FinishApproval, context: Context) -> Plan:
    found = hive.approvals.open.get(command.approval)
    if found is None or found.state != APPROVED:
        return []  # it was finished before hived died: the effect was carried out again
    why = command.why
    change: Plan = []
    if not why:
        try:
            change = _CHANGES[found.kind](hive, found, command, context)
        except CommandRefused as refused:
            why = refused.message  # the hive moved on since the request
    ended = _failed(found, why) if why else []
    stream = approval_stream(found.id)
    outcome = e.ApprovalOutcome(found.id, found.agent, "failed" if why else "done", why)
    plan = [*change, *ended, Planned(stream, outcome)]
    first = evolve(plan[0], cause=Cause(stream, found.version))
    return [first, *plan[1:], *_tell(hive, found, why, context)]


def _failed(found: Approval, why: str) -> Plan:
    if not found.commit:
        return []
    event = ConfigFailed(found.agent, found.id, found.commit, why)
    return [on_agent(found.agent, event)]


def _spawned(hive: Hive, found: Approval, command: FinishApproval, context: Context) -> Plan:
    name = found.agent
    if found.kind == "spawn":
        check_free(hive, name)
    elif name not in hive.agents.drafts:
        raise CommandRefused(
            f"the draft {name} is gone", code="not_found", hint="make a new one, or spawn it anew"
        )
    check_agents_max(hive)
    assert command.config is not None
    parent = found.requester if found.requester in hive.agents.live else ""
    session = context.make_uuid()
    created = a.AgentCreated(
        name, command.config, session, command.node, parent, command.credential
    )
    return [on_agent(name, created), on_agent(name, a.AgentStarted(name, "created"))]


def _applied(hive: Hive, found: Approval, command: FinishApproval, context: Context) -> Plan:
    agent = need_agent(hive, found.agent)
    config = command.config
    assert config is not None
    applied = ConfigApplied(agent.name, found.id, config, command.credential)
    # By whom it was approved: a model that comes with it is told to be theirs.
    plan = [on_agent(agent.name, applied, by=found.decided_by)]
    was = agent.config
    moved = (was.driver, was.workdir, was.config_dir) != (
        config.driver,
        config.workdir,
        config.config_dir,
    )
    if moved and not agent.session_fresh:
        # The CLI finds its conversations by these three: the old one cannot be gone on with.
        plan.append(on_agent(agent.name, reset_session(agent, context, "config")))
    reached = budgets.passed(hive, agent.name, config.budgets, context, about=agent.name)
    return plan + reached


def _revived(hive: Hive, found: Approval, command: FinishApproval, context: Context) -> Plan:
    return revival(hive, found.agent, found.id, context)


_CHANGES: Mapping[str, Callable[[Hive, Approval, FinishApproval, Context], Plan]] = {
    "spawn": _spawned,
    "spawn_commit": _spawned,
    "apply_commit": _applied,
    "revive": _revived,
}


def _tell(hive: Hive, found: Approval, why: str, context: Context) -> Plan:
    """Who asked is told; of a new agent that the operator made, the manager is."""
    name = found.agent
    to = found.requester if found.requester in hive.agents.live else manager_over(hive, name)
    event = "approval_outcome"
    if why:
        words = f"The request {WORDS[found.kind]} {name} ({found.id}) failed: {why}"
    elif found.kind in ("spawn", "spawn_commit"):
        event, words = "agent_spawned", f"The agent {name} was spawned."
    elif found.kind == "revive":
        if found.requester not in hive.agents.live:
            return []  # the revival itself tells the manager
        words = f"The agent {name} was brought back, as you asked ({found.id})."
    else:
        words = f"{name} runs with commit {found.commit[:12]} from its next turn on ({found.id})."
    outcome = "failed" if why else "done"
    body = notice(name, event, words, approval=found.id, kind=found.kind, outcome=outcome, why=why)
    return tell(hive, to, body, context)
