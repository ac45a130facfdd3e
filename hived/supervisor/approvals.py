"""Carries out what was approved, marks what was denied, makes the places of agents and drafts.

All of it is found by looking at the state, so what a hived before had not done is done at the
start, and every effect can be carried out again.
"""

import logging
from pathlib import Path

import trio

from hived import limits
from hived.decisions.outcomes import FinishApproval
from hived.errors import HivedError
from hived.events.settings import Settings
from hived.events.values import AgentConfig
from hived.paths import Home
from hived.projections.approvals import DENIED, Approval
from hived.supervisor.world import ORDERS, World
from hived.world import agent_places, deploying, kept, repos
from hived.world.agent_config import as_files
from hived.world.config_checks import credential_of

logger = logging.getLogger("hived.approvals")


async def carry_out_approvals(world: World) -> None:
    """Until cancelled: each approved request comes to its outcome, in the order of the requests."""
    marked: set[str] = set()
    while True:
        wake = world.wakes.take(ORDERS)
        for approval in world.engine.durable.approvals.ordered():
            await _carry_out(world, approval)
        for approval in tuple(world.engine.durable.approvals.closed.values()):
            if approval.state == DENIED and approval.commit and approval.id not in marked:
                marked.add(approval.id)
                await _in_thread(_mark_denied, world.home, approval)
        await wake.wait()


async def _carry_out(world: World, approval: Approval) -> None:
    """All effects first, then the outcome with the change, in one append."""
    hive, name = world.engine.durable, approval.agent
    done = FinishApproval(approval.id, node=world.engine.node)
    taken = approval.kind == "spawn" and hive.agents.taken(name)  # since: it is refused then
    if approval.kind != "revive" and not taken:  # what is revived was kept as it is
        args = (world.home, hive.settings.now, approval, world.engine.node)
        done = await trio.to_thread.run_sync(_effects, *args)
        if done.why and approval.kind == "spawn" and not hive.agents.taken(name):
            # Half of what is made would stand in the way of another request.
            await _in_thread(kept.delete, world.home, name)
    await world.engine.submit(done, by="hive")


def _effects(home: Home, settings: Settings, approval: Approval, node: str) -> FinishApproval:
    name = approval.agent
    try:
        if approval.kind == "spawn":
            config = deploying.spawn(home, settings, approval)
        else:
            config = deploying.deploy(home, settings, approval)
    except Exception as error:  # whatever it is, the request has to come to an end
        known = isinstance(error, HivedError | OSError)
        why = _words(error) if isinstance(error, HivedError) else str(error)
        why = (why if known else f"a fault of hived: {error!r}")[: limits.DETAIL_CHARS_MAX]
        logger.warning("approval %s of %s failed: %s", approval.id, name, why, exc_info=not known)
        _mark_failed(home, approval, why)
        return FinishApproval(approval.id, why)
    credential = credential_of(name, home.agent(name), config)
    return FinishApproval(approval.id, "", config, credential, node)


def _words(error: HivedError) -> str:
    """What went wrong and what to do: nobody waits for the error itself."""
    return f"{error.message} ({error.hint})" if error.hint else error.message


def _mark_failed(home: Home, approval: Approval, why: str) -> None:
    if not approval.commit:
        return
    try:
        applied = Path(home.applied_repo(approval.agent))
        repos.mark_failed(applied, approval.commit, approval.id, why, approval.decided_at)
    except (HivedError, OSError) as error:
        # The event has the reason as well.
        logger.warning("approval %s could not be tagged as failed: %s", approval.id, error)


def _mark_denied(home: Home, approval: Approval) -> None:
    applied = Path(home.applied_repo(approval.agent))
    if not (applied / "HEAD").is_file():  # a draft that is discarded since
        return
    if not (applied / "refs" / "tags" / "denied" / approval.id).exists():
        note = approval.note or f"denied by {approval.decided_by}"
        repos.mark_denied(applied, approval.commit, approval.id, note, approval.decided_at)


async def keep_places(world: World) -> None:
    """Until cancelled: every agent and draft has its repositories and its state folder."""
    made: set[tuple[str, float]] = set()
    while True:
        wake = world.wakes.take(ORDERS)
        hive = world.engine.durable
        settings = hive.settings.now
        for draft in tuple(hive.agents.drafts.values()):
            if (draft.name, draft.created_at) not in made:
                made.add((draft.name, draft.created_at))
                creator, at = draft.creator, draft.created_at
                await _in_thread(agent_places.make_draft, world.home, draft.name, creator, at)
        for agent in tuple(hive.agents.live.values()):
            if (agent.name, agent.created_at) not in made:
                made.add((agent.name, agent.created_at))
                config, at = agent.config, agent.created_at
                await _in_thread(make_for_agent, world.home, settings, agent.name, config, at)
        await wake.wait()


def make_for_agent(
    home: Home, settings: Settings, name: str, config: AgentConfig, at: float
) -> None:
    """The places of an agent that was made without a commit, if they are not there. Blocks."""
    if not agent_places.have_places(home, name):
        files = as_files(home, settings, name, config)
        agent_places.make_places(home, name, files, "hived", at)


async def _in_thread(effect: object, *args: object) -> None:
    """Do what can wait for another start where it fails."""
    assert callable(effect)
    try:
        await trio.to_thread.run_sync(effect, *args)
    except (HivedError, OSError) as error:
        logger.warning("%s: %s", getattr(effect, "__name__", effect), error)
