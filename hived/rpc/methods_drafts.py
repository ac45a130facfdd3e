"""Drafts: listed, made and given up by the operator."""

from collections.abc import Callable, Mapping
from typing import Any

from hived.decisions.drafts import CreateDraft, DiscardDraft
from hived.errors import HivedError
from hived.names import agent_name
from hived.rpc import rows
from hived.rpc.approval_rows import draft_row
from hived.rpc.session import Call
from hived.rpc.specs import JSON_VERSION
from hived.world.agent_places import check_room, make_draft


def drafts(call: Call) -> dict[str, Any]:
    home = call.services.home
    found = [draft_row(draft, home) for draft in call.hive.agents.drafts.values()]
    return rows.stamped(call.hive, {"drafts": found}, version=JSON_VERSION)


async def draft_new(call: Call, *, agent: str, description: str) -> dict[str, Any]:
    name, home = agent_name(agent), call.services.home
    if not call.hive.agents.taken(name):
        await call.in_thread(check_room, home, name)
    written = await call.submit(CreateDraft(name, description))
    draft = call.services.engine.durable.agents.drafts.get(name)
    if draft is None:
        return written.row(draft=None)  # a repeat, and it is no draft any more
    try:
        await call.in_thread(make_draft, home, name, draft.creator, draft.created_at)
    except OSError as error:
        raise HivedError(
            f"the draft {name} is noted, but its files cannot be made: {error}",
            code="git_failed",
            hint="hived tries it again when it is started",
        ) from None
    return written.row(draft=draft_row(draft, home))


async def draft_discard(call: Call, *, agent: str) -> dict[str, Any]:
    written = await call.submit(DiscardDraft(agent))
    events = await written.events()
    withdrawn = [rec.event.approval for rec in events if rec.kind == "approval_decision"]
    return written.row(agent=agent, withdrawn=withdrawn)


HANDLERS: Mapping[str, Callable[..., Any]] = {
    "drafts": drafts,
    "draft_new": draft_new,
    "draft_discard": draft_discard,
}
