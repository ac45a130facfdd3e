"""Approvals: pending, then approved, denied, withdrawn or expired; an approved one is done or
failed."""

from attrs import frozen

from hived.events.values import AgentConfig


@frozen
class ApprovalRequest:
    """Something waits for the operator's word.

    Fields:
      kind: spawn, spawn_commit, apply_commit or revive.
      requester: An agent's name, or operator.
      agent: Whom it is about.
      commit: The pinned commit, whole; base: what its diff is from. Empty where there is none.
      config: What the agent will run with; None where that is not known before (revive).
      diff: Unified, cut to APPROVAL_DIFF_BYTES_MAX; truncated says so.
      paths: Touched by the commit. staged: what lies in the agent's state folder, `path (bytes)`.
      expires_at: Unix seconds at which the policy `expiry` strikes; 0 for never.
    """

    approval: str
    kind: str
    requester: str
    agent: str
    description: str = ""
    commit: str = ""
    base: str = ""
    config: AgentConfig | None = None
    diff: str = ""
    truncated: bool = False
    paths: tuple[str, ...] = ()
    staged: tuple[str, ...] = ()
    expires_at: float = 0.0


@frozen
class ApprovalDecision:
    """decision: approved, denied, withdrawn or expired. rule: the policy's name, if one decided.

    Who decided is the envelope's `by`: operator:NAME, agent:NAME (withdrawn), policy:RULE.
    """

    approval: str
    agent: str
    decision: str
    note: str = ""
    rule: str = ""


@frozen
class ApprovalOutcome:
    """What came of an approved one. outcome: done or failed; why: of a failure."""

    approval: str
    agent: str
    outcome: str
    why: str = ""
