"""Decisions on approvals: the operator's word, a rule's, a withdrawal, the end of the time.

Nothing that an agent says decides one: a decision comes from an operator's connection, or from a
rule of hive.toml, whose name it carries.
"""

from collections.abc import Iterator, Mapping

from attrs import evolve, frozen

from hived import limits
from hived.config.rules import Request, decide_policy
from hived.decisions.base import Context, Plan, Planned, check_length, check_operator
from hived.decisions.due import Due
from hived.decisions.notices import manager_over, notice, tell
from hived.decisions.times import utc
from hived.errors import CommandRefused
from hived.events import Cause
from hived.events import approvals as e
from hived.names import approval_stream
from hived.projections import Hive
from hived.projections.approvals import APPROVED, DENIED, PENDING, Approval

# How a request of each kind is spoken of.
WORDS: Mapping[str, str] = {
    "spawn": "to spawn",
    "spawn_commit": "to spawn from a commit",
    "apply_commit": "to apply a commit to",
    "revive": "to revive",
}


def check_note(what: str, text: str) -> None:
    """Refuses a text that is longer than an approval may hold."""
    check_length(what, text, limits.APPROVAL_NOTE_CHARS_MAX)


def by_policy(
    hive: Hive, request: e.ApprovalRequest, paths: tuple[str, ...], context: Context
) -> Plan:
    """What a rule of hive.toml decides at once; nothing where none covers it.

    paths: all that are touched; the event may have room for a part of them.
    """
    asker = hive.agents.live.get(request.requester)
    role = asker.config.role if asker is not None else ""
    asked = Request(request.kind, request.requester, role, paths)
    verdict = decide_policy(hive.settings.now, asked)
    if verdict is None:
        return []
    decision = APPROVED if verdict.decision == "approve" else DENIED
    by = f"policy:{verdict.rule}"
    note = verdict.note[: limits.APPROVAL_NOTE_CHARS_MAX]
    word = e.ApprovalDecision(request.approval, request.agent, decision, note, verdict.rule)
    told = _tell_decided(hive, request.requester, request.kind, word, by, context)
    return [Planned(approval_stream(request.approval), word, by=by), *told]


def need_approval(hive: Hive, approval: str) -> Approval:
    """The approval of that id.

    Raises:
      CommandRefused: not_found.
    """
    found = hive.approvals.find(approval)
    if found is None:
        raise CommandRefused(
            f"there is no approval {approval[:40]!r}, or it is too long ago",
            code="not_found",
            hint="hivectl approvals lists them",
        )
    return found


def _need_pending(hive: Hive, approval: str) -> Approval:
    found = need_approval(hive, approval)
    if found.state != PENDING:
        when = utc(found.decided_at)
        first = found.state if found.state not in ("done", "failed") else APPROVED
        after = f"; it is {found.state}" if found.state != first else ""
        raise CommandRefused(
            f"approval {found.id} was {first} by {found.decided_by} at {when}, "
            f"position {found.decided_position}{after}",
            hint="a decision stands; hivectl approvals show tells of it",
            decided_by=found.decided_by,
            decided_position=found.decided_position,
            state=found.state,
        )
    return found


@frozen
class Decide:
    """The operator's word. decision: approve or deny."""

    approval: str
    decision: str
    note: str = ""


def decide_approval(hive: Hive, command: Decide, context: Context) -> Plan:
    check_operator(context, "decides on approvals")
    check_note("the note", command.note)
    found = _need_pending(hive, command.approval)
    decision = {"approve": APPROVED, "deny": DENIED}[command.decision]
    return _close(hive, found, decision, context, note=command.note)


@frozen
class Withdraw:
    """Who asked for it no longer does."""

    approval: str


def withdraw(hive: Hive, command: Withdraw, context: Context) -> Plan:
    found = need_approval(hive, command.approval)
    if found.requester != context.sender:
        raise CommandRefused(
            f"approval {found.id} was asked for by {found.requester}",
            code="not_allowed",
            hint=f"hivectl deny {found.id} refuses it"
            if context.operator
            else "only the asker withdraws",
        )
    return _close(hive, _need_pending(hive, command.approval), "withdrawn", context)


@frozen
class ExpireApproval:
    """Its time has run out, by the policy `expiry`."""

    approval: str


def expire_approval(hive: Hive, command: ExpireApproval, context: Context) -> Plan:
    found = hive.approvals.open.get(command.approval)
    if found is None or found.state != PENDING or not 0 < found.expires_at <= context.now:
        return []
    plan = _close(hive, found, "expired", context, rule="expiry", note="nobody decided in time")
    return [evolve(planned, by="policy:expiry") for planned in plan]  # whoever looks at the clock


def timer(hive: Hive) -> Iterator[Due]:
    """When pending approvals run out."""
    for one in hive.approvals.pending():
        if one.expires_at:
            yield Due(one.expires_at, ExpireApproval(one.id), "policy:expiry")


def withdraw_all(hive: Hive, agent: str, note: str, context: Context) -> Plan:
    """End all that is asked for an agent or draft that goes."""
    plan: Plan = []
    for one in hive.approvals.pending():
        if one.agent == agent:
            plan += _close(hive, one, "withdrawn", context, note=note)
    return plan


def _close(
    hive: Hive, found: Approval, decision: str, context: Context, *, note: str = "", rule: str = ""
) -> Plan:
    word = e.ApprovalDecision(found.id, found.agent, decision, note, rule)
    stream = approval_stream(found.id)
    plan = [Planned(stream, word, Cause(stream, found.version))]
    if context.sender == found.requester:
        return plan
    return plan + _tell_decided(hive, found.requester, found.kind, word, context.by, context)


def _tell_decided(
    hive: Hive, requester: str, kind: str, word: e.ApprovalDecision, by: str, context: Context
) -> Plan:
    why = f": {word.note}" if word.note else "."
    words = f"The request {WORDS[kind]} {word.agent} ({word.approval}) was {word.decision}{why}"
    body = notice(
        word.agent,
        "approval_decided",
        words,
        approval=word.approval,
        kind=kind,
        decision=word.decision,
        note=word.note,
        by=by,
    )
    return tell(hive, asker_of(hive, requester, word.agent), body, context)


def asker_of(hive: Hive, requester: str, about: str) -> str:
    """Who is told what becomes of a request: who asked, else the manager of whom it is about."""
    return requester if requester in hive.agents.live else manager_over(hive, about)
