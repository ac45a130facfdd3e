"""The rows of approvals and drafts, made of the state. Pure."""

from typing import Any

from hived.paths import Home
from hived.projections.agent import Draft
from hived.projections.approvals import Approval
from hived.rpc.rows import when


def approval_row(approval: Approval) -> dict[str, Any]:
    """ApprovalRow: one approval as `hivectl approvals` shows it."""
    return {
        "approval": approval.id,
        "kind": approval.kind,
        "agent": approval.agent,
        "requester": approval.requester,
        "state": approval.state,
        "description": approval.description or None,
        "commit": approval.commit or None,
        "files": approval.files,
        "asked_at": when(approval.asked_at),
        "expires_at": when(approval.expires_at),
        "decided_at": when(approval.decided_at),
        "decided_by": approval.decided_by or None,
        "decided_position": approval.decided_position or None,
        "rule": approval.rule or None,
        "note": approval.note or None,
        "closed_at": when(approval.closed_at),
        "why": approval.why or None,
        "position": approval.position,
    }


def draft_row(draft: Draft, home: Home) -> dict[str, Any]:
    """DraftRow: one draft, and where its files are."""
    return {
        "agent": draft.name,
        "creator": draft.creator,
        "description": draft.description or None,
        "created_at": when(draft.created_at),
        "config_path": home.proposed(draft.name),
        "state_path": home.agent_state(draft.name),
    }
