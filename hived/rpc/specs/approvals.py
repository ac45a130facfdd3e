"""Approvals and drafts: listed, looked at, asked for, decided, given up."""

from collections.abc import Mapping

from hived.rpc.specs.base import LIMIT, Method, Param, read, write

_APPROVAL = Param("string", True, "its id, or a beginning that only it has")
_NEW = Param("string", True, "a new agent's name")
_WHOLE = Param("string", True, "its whole name: no prefix is taken here")
_WORDS = Param("string", False, "for whoever decides", "")
_COMMIT = "7 to 40 digits of the commit's id"

APPROVALS: Mapping[str, Method] = {
    "approvals": read(
        "What waits for the operator's word, oldest first.",
        "{approvals: [ApprovalRow], left_out: how many older ones}",
        {
            "all": Param("boolean", False, "the decided ones too, as far as they are kept", False),
            "limit": LIMIT,
        },
    ),
    "approval": read(
        "All that is known of one approval, with the diff.",
        "{approval: ApprovalRow + {config, diff, truncated, base, paths, staged, staged_now}}",
        {"approval": _APPROVAL},
    ),
    "drafts": read("The drafts, with the places of their files.", "{drafts: [DraftRow]}"),
    "approve": write(
        "Approve a request. Waits a while for what comes of it.",
        "{approval: ApprovalRow}",
        {"approval": _APPROVAL, "note": _WORDS},
    ),
    "deny": write(
        "Deny a request.",
        "{approval: ApprovalRow}",
        {"approval": _APPROVAL, "note": Param("string", True, "why, for who asked")},
    ),
    "withdraw": write(
        "Take back a request of the operator's own.",
        "{approval: ApprovalRow}",
        {"approval": _APPROVAL},
    ),
    "spawn": write(
        "Make an agent with the default configuration, or from a draft's commit, and start it.",
        "{approval: ApprovalRow}",
        {
            "agent": Param("string", True, "a new agent's name, or a draft's with `commit`"),
            "description": _WORDS,
            "commit": Param("string", False, _COMMIT, ""),
        },
    ),
    "apply": write(
        "Ask for an agent to run with a commit of its configuration.",
        "{approval: ApprovalRow}",
        {
            "agent": _WHOLE,
            "commit": Param("string", True, _COMMIT),
            "description": _WORDS,
        },
    ),
    "draft_new": write(
        "Make a draft: a repository to edit and a state folder to fill, before there is an agent.",
        "{draft: DraftRow}",
        {"agent": _NEW, "description": Param("string", False, "what it is for", "")},
    ),
    "draft_discard": write(
        "Give a draft up. Its requests are withdrawn and its files deleted.",
        "{agent, withdrawn: [id]}",
        {"agent": _WHOLE},
    ),
}
