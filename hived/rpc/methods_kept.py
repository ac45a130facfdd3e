"""Tombstones: listed with what they hold, brought back, measured and deleted for good."""

from collections.abc import Callable, Mapping
from typing import Any

from hived import limits
from hived.decisions.approvals import RequestApproval
from hived.decisions.kept import PurgeAgent, Revive, need_kept
from hived.errors import CommandRefused
from hived.paths import Home
from hived.projections import Hive
from hived.projections.agent import Agent
from hived.projections.shapes import dump_as
from hived.rpc import rows
from hived.rpc.methods_approvals import request_id
from hived.rpc.session import Call
from hived.rpc.specs import JSON_VERSION
from hived.world import kept


async def tombstones(call: Call) -> dict[str, Any]:
    hive = call.hive
    # Stamped first: what is on disk is measured while the hive goes on.
    answer = rows.stamped(hive, {}, version=JSON_VERSION)
    found = [_row(hive, agent) for agent in hive.agents.kept.values()]
    if hive is call.services.engine.durable:  # of the past nobody knows how large it was
        names = [str(row["agent"]) for row in found]
        sizes = await call.in_thread(_sizes, call.services.home, names)
        found = [row | size for row, size in zip(found, sizes, strict=True)]
    purging = [
        {"agent": name, "since": rows.when(since)} for name, since in hive.agents.purging.items()
    ]
    return {**answer, "tombstones": found, "purging": purging}


def _row(hive: Hive, agent: Agent) -> dict[str, Any]:
    return {
        "agent": agent.name,
        "role": agent.config.role,
        "driver": agent.config.driver,
        "parent": agent.parent or None,
        "created_at": rows.when(agent.created_at),
        "destroyed_at": rows.when(agent.destroyed_at),
        "destroyed_by": agent.destroyed_by,
        "turns": agent.turns,
        "cost_usd": round(agent.spent.cost_usd, 6),
        "session": agent.session,
        "inbox": {"queued": len(hive.inboxes.box(agent.name).open)},
        "bytes": None,
        "more": False,
        "problem": None,
    }


def _sizes(home: Home, names: list[str]) -> list[dict[str, Any]]:
    sizes: list[dict[str, Any]] = []
    for name in names:
        try:
            found = kept.measure(home, name)
        except (CommandRefused, OSError) as error:
            sizes.append({"problem": str(error)})
        else:
            size = sum(one.bytes for one in found)
            sizes.append({"bytes": size, "more": any(one.more for one in found)})
    return sizes


async def purge_plan(call: Call, *, agent: str) -> dict[str, Any]:
    answer = rows.stamped(call.hive, {}, version=JSON_VERSION)
    need_kept(call.hive, agent)
    waiting = len(call.hive.inboxes.box(agent).open)
    found = await call.in_thread(kept.measure, call.services.home, agent)
    return {
        **answer,
        "agent": agent,
        "paths": [dump_as(kept.Kept, one) for one in found],
        "bytes": sum(one.bytes for one in found),
        "messages": waiting,
    }


async def revive(call: Call, *, agent: str, start: bool, request: bool) -> dict[str, Any]:
    command: Any = Revive(agent, start)
    if request:
        command = RequestApproval(request_id(call), "revive", agent)
    written = await call.submit(command)
    first = (await written.events())[0].event
    return written.row(agent=agent, approval=first.approval, revived=not request)


async def purge(call: Call, *, agent: str) -> dict[str, Any]:
    engine = call.services.engine
    command = await _ordered(call, agent)
    if command is None:
        need_kept(call.hive, agent)
        found = await call.in_thread(kept.measure, call.services.home, agent)
        paths = tuple(str(one) for one in found)
        command = PurgeAgent(agent, paths, sum(one.bytes for one in found))
    written = await call.submit(command)
    names = engine.durable.agents
    # Longer than that, it goes on without us.
    await call.until(lambda: agent not in names.purging, limits.PURGE_WAIT_SECONDS)
    dead = [rec for rec in await written.events() if rec.kind == "message_dead"]
    return written.row(
        agent=agent,
        paths=list(command.paths),
        bytes=command.bytes,
        dropped_messages=len(dead),
        deleted=agent not in names.purging,
    )


async def _ordered(call: Call, agent: str) -> PurgeAgent | None:
    """The purge that this call repeats: what it measured then is part of the command."""
    if call.command_id is None:
        return None
    log = call.services.engine.log
    for rec in await call.in_thread(log.command_events, call.scoped_id):
        if rec.kind == "agent_purged" and rec.event.agent == agent:
            return PurgeAgent(agent, rec.event.paths, rec.event.bytes)
    return None


HANDLERS: Mapping[str, Callable[..., Any]] = {
    "tombstones": tombstones,
    "purge_plan": purge_plan,
    "revive": revive,
    "purge": purge,
}
