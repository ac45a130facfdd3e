"""Reads of the state: agents, agent, inbox, state."""

from collections.abc import Callable, Mapping
from typing import Any

from hived.events.values import Usage
from hived.names import OPERATOR
from hived.projections.shapes import dump_as, named
from hived.rpc import rows
from hived.rpc.session import Call
from hived.rpc.specs import JSON_VERSION


def agents(call: Call) -> dict[str, Any]:
    hive = call.hive
    body = {
        "agents": [rows.agent_row(agent, hive) for agent in hive.agents.live.values()],
        "hive": rows.hive_row(hive),
    }
    return rows.stamped(hive, body, version=JSON_VERSION)


def agent(call: Call, *, agent: str) -> dict[str, Any]:
    hive = call.hive
    found = hive.agents.live[call.agent(agent)]
    row = rows.agent_row(found, hive)
    box = hive.inboxes.box(found.name)
    turns = hive.turns.of.get(found.name, {}).values()
    row["config"] = dump_as(type(found.config), found.config)
    row["usage"] = dump_as(Usage, found.spent.usage)
    row["turns"] = [rows.turn_row(turn) for turn in turns]
    row["inbox"] |= {"received": box.received, "closed": len(box.closed)}
    containment = call.services.containment
    row["containment"] = {"kind": containment.kind, "note": containment.note or None}
    return rows.stamped(hive, {"agent": row}, version=JSON_VERSION)


def inbox(call: Call, *, agent: str | None, all: bool, limit: int) -> dict[str, Any]:
    name = OPERATOR if agent in (None, OPERATOR) else str(agent)
    if name != OPERATOR and name not in call.hive.agents.kept:  # a tombstone's mail is kept
        name = call.agent(name)
    box = call.hive.inboxes.box(name)
    messages = list(box.open.values())
    if all:
        messages += box.closed
        messages.sort(key=lambda message: message.position)
    body = {
        "inbox": name,
        "messages": [rows.message_row(message) for message in messages[-limit:]],
        "left_out": max(0, len(messages) - limit),
    }
    return rows.stamped(call.hive, body, version=JSON_VERSION)


def state(call: Call) -> dict[str, Any]:
    hive = call.hive
    return rows.stamped(hive, {"state": named(hive.dump()["views"])}, version=JSON_VERSION)


HANDLERS: Mapping[str, Callable[..., Any]] = {
    "agents": agents,
    "agent": agent,
    "inbox": inbox,
    "state": state,
}
