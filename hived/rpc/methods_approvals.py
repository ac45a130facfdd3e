"""Approvals: listed, looked at, asked for by the operator, decided.

A call is answered from what the log has of it, so a repeat is answered as it was at first.
"""

from collections.abc import Callable, Mapping
from typing import Any
from uuid import uuid4

from hived import limits
from hived.decisions import Context
from hived.decisions.approvals import RequestApproval, check_request
from hived.decisions.base import check_unique, need_agent
from hived.decisions.verdicts import Decide, Withdraw, check_note, need_approval
from hived.engine import Answer
from hived.errors import CommandRefused
from hived.names import agent_name, approval_stream
from hived.projections.approvals import APPROVED, PENDING, Approval
from hived.projections.shapes import dump_as
from hived.rpc import rows
from hived.rpc.approval_rows import approval_row
from hived.rpc.session import Call, Written
from hived.rpc.specs import JSON_VERSION
from hived.world.agent_places import check_room, staged
from hived.world.proposing import approval_id, ask_apply, ask_spawn, ask_spawn_commit


def approvals(call: Call, *, all: bool, limit: int) -> dict[str, Any]:
    view = call.hive.approvals
    found = view.pending()
    if all:
        found = [*view.open.values(), *view.closed.values()]
        found.sort(key=lambda one: one.position)
    body = {
        "approvals": [approval_row(one) for one in found[-limit:]],
        "left_out": max(0, len(found) - limit),
    }
    return rows.stamped(call.hive, body, version=JSON_VERSION)


async def approval(call: Call, *, approval: str) -> dict[str, Any]:
    hive = call.hive
    found = need_approval(hive, _named(call, approval))
    answer = rows.stamped(hive, {}, version=JSON_VERSION)
    row = approval_row(found)
    log = call.services.engine.log
    [request] = await call.in_thread(log.stream_events, approval_stream(found.id), 0, 1)
    asked = request.event
    # Of a new agent that is to have the default configuration too: what it will find there.
    lies = asked.kind == "spawn_commit" or (asked.kind == "spawn" and found.state == PENDING)
    now = await call.in_thread(staged, call.services.home, found.agent) if lies else ()
    row |= {
        "config": dump_as(type(asked.config), asked.config) if asked.config else None,
        "diff": asked.diff or None,
        "truncated": asked.truncated,
        "base": asked.base or None,
        "paths": list(asked.paths),
        "staged": list(asked.staged),
        "staged_now": list(now),
    }
    return {**answer, "approval": row}


def request_id(call: Call) -> str:
    """The id of the approval that a call asks for, known before anything is done: a commit is
    pinned by it. The same for a repeat."""
    return approval_id(call.scoped_id or uuid4().hex)


async def approve(call: Call, *, approval: str, note: str) -> dict[str, Any]:
    id = _named(call, approval)
    written = await call.submit(Decide(id, "approve", note))
    return await _answer(call, written, id)


async def deny(call: Call, *, approval: str, note: str) -> dict[str, Any]:
    id = _named(call, approval)
    written = await call.submit(Decide(id, "deny", note))
    return await _answer(call, written, id)


async def withdraw(call: Call, *, approval: str) -> dict[str, Any]:
    id = _named(call, approval)
    written = await call.submit(Withdraw(id))
    return await _answer(call, written, id)


async def spawn(call: Call, *, agent: str, description: str, commit: str) -> dict[str, Any]:
    name = agent_name(agent)
    kind = "spawn_commit" if commit else "spawn"
    request = RequestApproval(request_id(call), kind, name, description, commit, consent=True)
    again = await _done_before(call, request)
    if again is None:
        _check(call, request)
        home, settings = call.services.home, call.hive.settings.now
        if commit:
            request = await call.in_thread(ask_spawn_commit, home, settings, request, commit)
        else:
            await call.in_thread(check_room, home, name)
            request = await call.in_thread(ask_spawn, home, settings, request)
        again = await call.submit(request)
    return await _answer(call, again, request.approval)


async def apply(call: Call, *, agent: str, commit: str, description: str) -> dict[str, Any]:
    name = agent_name(agent)
    request = RequestApproval(request_id(call), "apply_commit", name, description, commit)
    again = await _done_before(call, request)
    if again is None:
        _check(call, request)
        config = need_agent(call.hive, name).config
        home, settings = call.services.home, call.hive.settings.now
        request = await call.in_thread(ask_apply, home, settings, request, commit, config)
        again = await call.submit(request)
    return await _answer(call, again, request.approval)


def _check(call: Call, request: RequestApproval) -> None:
    """Told before anything is done on disk. The engine decides on it again."""
    check_request(call.hive, request.kind, request.agent, Context(call.by, 0.0, str))
    check_note("the description", request.description)


async def _done_before(call: Call, request: RequestApproval) -> Written | None:
    """What this call gave at first, if it is a repeat.

    The command itself would be another one now: the diff is from what is deployed since.
    """
    if call.command_id is None:
        return None
    events = await call.in_thread(call.services.engine.log.command_events, call.scoped_id)
    if not events:
        return None
    asked = events[0].event
    same = asked.agent == request.agent and getattr(asked, "kind", "") == request.kind
    if not same or not asked.commit.startswith(request.commit):
        raise CommandRefused(
            f"the command id {call.command_id} was used before for something else",
            code="command_reused",
            hint="use a new id for a new command",
        )
    streams = tuple(dict.fromkeys(rec.stream for rec in events))
    written = Written(call, Answer(events[-1].position, streams, 0, repeated=True), call.scoped_id)
    await written.correct()
    return written


def _named(call: Call, text: str) -> str:
    """The whole id.

    Raises:
      CommandRefused: ambiguous_name, with the `candidates`.
    """
    candidates = call.hive.approvals.named(text)
    check_unique(text, candidates, "approvals")
    return candidates[0] if candidates else text


async def _answer(call: Call, written: Written, id: str) -> dict[str, Any]:
    """The approval as it is once it has an outcome, or APPROVAL_WAIT_SECONDS have passed."""

    def now() -> Approval:
        return need_approval(call.services.engine.durable, id)

    await call.until(lambda: now().state != APPROVED, limits.APPROVAL_WAIT_SECONDS)
    return written.row(approval=approval_row(now()))


HANDLERS: Mapping[str, Callable[..., Any]] = {
    "approvals": approvals,
    "approval": approval,
    "approve": approve,
    "deny": deny,
    "withdraw": withdraw,
    "spawn": spawn,
    "apply": apply,
}
