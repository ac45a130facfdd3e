"""request_spawn, request_spawn_draft, request_spawn_commit, request_apply_commit, withdraw."""

from collections.abc import Callable, Mapping
from typing import Any

from hived.decisions import Context
from hived.decisions.approvals import RequestApproval, check_request
from hived.decisions.base import need_agent
from hived.decisions.drafts import CreateDraft, check_new_draft
from hived.decisions.verdicts import WORDS, Withdraw, check_note, need_approval
from hived.names import agent_name
from hived.rpc.tools.caller import Caller
from hived.world.agent_places import check_room, make_draft
from hived.world.proposing import approval_id, ask_apply, ask_spawn, ask_spawn_commit

_BECOMES = "What becomes of it comes to you as mail; withdraw takes it back."


async def request_spawn(caller: Caller, *, name: str, description: str = "") -> str:
    agent = agent_name(name)
    request = RequestApproval(approval_id(caller.command_id), "spawn", agent, description)
    if _new(caller, request):
        await caller.in_thread(check_room, caller.home, agent)
        settings = caller.hive.settings.now
        request = await caller.in_thread(ask_spawn, caller.home, settings, request)
        await caller.submit(request)
    return _state(caller, request)


async def request_spawn_draft(caller: Caller, *, name: str, description: str = "") -> str:
    agent = agent_name(name)
    draft = caller.hive.agents.drafts.get(agent)
    if draft is None:
        check_new_draft(caller.hive, agent, _context(caller))
        await caller.in_thread(check_room, caller.home, agent)
    await caller.submit(CreateDraft(agent, description))
    made = caller.hive.agents.drafts.get(agent)
    if made is None:
        return f"the draft {agent} was made, and is no draft any more"
    await caller.in_thread(make_draft, caller.home, agent, made.creator, made.created_at)
    home = caller.home
    return (
        f"the draft {agent} is made.\n"
        f"Its configuration, a git repository: {home.proposed(agent)}\n"
        f"Its state folder, for first notes and files: {home.agent_state(agent)}\n"
        "Edit and commit there, then call request_spawn_commit with the commit's id."
    )


async def request_spawn_commit(
    caller: Caller, *, name: str, commit_ref: str, description: str = ""
) -> str:
    agent = agent_name(name)
    request = RequestApproval(approval_id(caller.command_id), "spawn_commit", agent, description)
    if _new(caller, request):
        settings = caller.hive.settings.now
        request = await caller.in_thread(
            ask_spawn_commit, caller.home, settings, request, commit_ref
        )
        await caller.submit(request)
    return _state(caller, request)


async def request_apply_commit(
    caller: Caller, *, agent: str, commit_ref: str, description: str = ""
) -> str:
    name = agent_name(agent)
    request = RequestApproval(approval_id(caller.command_id), "apply_commit", name, description)
    if _new(caller, request):
        hive = caller.hive
        found = need_agent(hive, name)
        request = await caller.in_thread(
            ask_apply, caller.home, hive.settings.now, request, commit_ref, found.config
        )
        await caller.submit(request)
    return _state(caller, request)


async def withdraw(caller: Caller, *, approval: str) -> str:
    await caller.submit(Withdraw(approval))
    return f"{approval} is withdrawn"


def _context(caller: Caller) -> Context:
    return Context(f"agent:{caller.agent}", 0.0, str)


def _new(caller: Caller, request: RequestApproval) -> bool:
    """Whether it is to be asked for; not where this is a call that was done before a crash.

    Raises:
      CommandRefused: It may not be asked for. Told before anything is done on disk.
    """
    if caller.hive.approvals.find(request.approval) is not None:
        return False
    check_request(caller.hive, request.kind, request.agent, _context(caller))
    check_note("the description", request.description)
    return True


def _state(caller: Caller, request: RequestApproval) -> str:
    found = need_approval(caller.hive, request.approval)
    what = f"approval {found.id}: the request {WORDS[found.kind]} {found.agent}"
    if not found.rule:
        return f"{what} waits for the operator's word. {_BECOMES}"
    decided = "denied" if found.state == "denied" else "approved"
    note = f": {found.note}" if found.note else ""
    return f"{what} was {decided} by the policy {found.rule}{note}"


HANDLERS: Mapping[str, Callable[..., Any]] = {
    "request_spawn": request_spawn,
    "request_spawn_draft": request_spawn_draft,
    "request_spawn_commit": request_spawn_commit,
    "request_apply_commit": request_apply_commit,
    "withdraw": withdraw,
}
