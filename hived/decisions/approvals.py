"""What is asked of the operator: who may ask for what, and the rule that may answer at once."""

from attrs import frozen

from hived import limits
from hived.decisions.authority import answers_to, check_may_steer, need_manager
from hived.decisions.base import Context, Plan, Planned, check_operator, need_agent, on_agent
from hived.decisions.kept import need_kept
from hived.decisions.lifecycle import check_free
from hived.decisions.verdicts import WORDS, by_policy, check_note
from hived.errors import CommandRefused
from hived.events import approvals as e
from hived.events.config import ConfigProposed
from hived.events.values import AgentConfig
from hived.names import APPROVAL_KINDS, approval_stream
from hived.projections import Hive
from hived.projections.approvals import APPROVED


@frozen
class RequestApproval:
    """Ask for a change of the hive. approval: a new id, by which a commit is pinned already.

    paths: all that the commit touches. consent: the operator asks, and it is the word as well.
    The rest is as in the event.
    """

    approval: str
    kind: str
    agent: str
    description: str = ""
    commit: str = ""
    base: str = ""
    config: AgentConfig | None = None
    diff: str = ""
    truncated: bool = False
    paths: tuple[str, ...] = ()
    staged: tuple[str, ...] = ()
    consent: bool = False


def request_approval(hive: Hive, command: RequestApproval, context: Context) -> Plan:
    check_request(hive, command.kind, command.agent, context)
    if command.consent:
        check_operator(context, "approves")
    check_note("the description", command.description)
    wait = hive.settings.now.expiry_s.get(command.kind, 0.0)
    request = e.ApprovalRequest(
        approval=command.approval,
        kind=command.kind,
        requester=context.sender,
        agent=command.agent,
        description=command.description,
        commit=command.commit,
        base=command.base,
        config=command.config,
        diff=command.diff,
        truncated=command.truncated,
        paths=_listed(command.paths),
        staged=_listed(command.staged),
        expires_at=context.now + wait if wait else 0.0,
    )
    stream = approval_stream(command.approval)
    plan = [Planned(stream, request)]
    if command.commit:
        proposed = ConfigProposed(command.agent, command.approval, command.commit)
        plan.append(on_agent(command.agent, proposed))
    if command.consent:
        word = e.ApprovalDecision(command.approval, command.agent, APPROVED)
        return [*plan, Planned(stream, word)]
    return plan + by_policy(hive, request, command.paths, context)


def check_request(hive: Hive, kind: str, name: str, context: Context) -> None:
    """Whether who asks may ask for that as things stand. Decides nothing.

    Raises:
      CommandRefused: not_allowed, exists, not_found, wrong_state, too_many, invalid_params.
    """
    check_asker(hive, context)
    waiting = [one for one in hive.approvals.open.values() if one.agent == name]
    for one in waiting:
        if one.kind == kind != "apply_commit":
            raise CommandRefused(
                f"approval {one.id} asks {WORDS[kind]} {name} already",
                code="exists",
                hint="wait for its end, or withdraw it first",
            )
    match kind:
        case "spawn":
            check_free(hive, name)
        case "spawn_commit":
            check_draft(hive, name, context)
        case "apply_commit":
            need_agent(hive, name)
            if name != context.agent:
                check_may_steer(hive, name, context)
        case "revive":
            need_kept(hive, name)
        case _:
            raise CommandRefused(
                f"there is no approval of kind {kind[:40]!r}",
                code="invalid_params",
                hint="one of " + ", ".join(APPROVAL_KINDS),
            )
    mine = [a for a in hive.approvals.pending() if a.requester == context.sender]
    if len(mine) >= limits.APPROVALS_OPEN_MAX:
        raise CommandRefused(
            f"{context.sender} has {len(mine)} requests that wait, the most there may be",
            code="too_many",
            hint="wait until some are decided, or withdraw some",
        )


def check_asker(hive: Hive, context: Context) -> None:
    """Make sure that the operator asks, or an agent whose role it is.

    Raises:
      CommandRefused: not_allowed.
    """
    if not context.operator:
        need_manager(hive, context)


def check_draft(hive: Hive, name: str, context: Context) -> None:
    """Make sure that there is such a draft, and that who asks may use it.

    Raises:
      CommandRefused: exists for a live agent, not_found, not_allowed.
    """
    if name in hive.agents.live:
        raise CommandRefused(
            f"{name} is an agent already, no draft",
            code="exists",
            hint="ask to apply the commit instead",
        )
    draft = hive.agents.drafts.get(name)
    if draft is None:
        raise CommandRefused(
            f"there is no draft {name[: limits.NAME_CHARS_MAX]!r}",
            code="not_found",
            hint="make one first: request_spawn_draft, or hivectl drafts new NAME",
        )
    creator = draft.creator
    foreign = creator != context.agent and creator in hive.agents.live
    if context.agent and foreign and not answers_to(hive, creator, context.agent):
        raise CommandRefused(
            f"the draft {name} is {creator}'s", code="not_allowed", hint=f"ask {creator}: send"
        )


def _listed(lines: tuple[str, ...]) -> tuple[str, ...]:
    """As many of the lines as the event has room for; the last one says how many more there are."""
    kept: list[str] = []
    room = limits.APPROVAL_PATHS_BYTES_MAX
    for line in lines:
        room -= len(line.encode("utf-8", "surrogatepass")) + 4
        if room < 0 or len(kept) >= limits.APPROVAL_PATHS_MAX:
            return (*kept, f"... and {len(lines) - len(kept)} more")
        kept.append(line)
    return tuple(kept)
