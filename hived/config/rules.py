"""What hive.toml's rules decide: approvals without the operator, and hours without turns."""

from typing import NamedTuple

from attrs import frozen

from hived.config.globs import matches
from hived.events.settings import Policy, QuietHours, Settings
from hived.names import MANAGER

_DAY = 86_400
_MINUTE = 60


@frozen
class Request:
    """What a policy looks at. requester: a name; role: of that agent, or empty.

    paths: all that the commit touches; empty where there is no commit.
    """

    kind: str
    requester: str
    role: str = ""
    paths: tuple[str, ...] = ()


class Verdict(NamedTuple):
    """decision: approve or deny. rule: the policy's name. note: what it says."""

    decision: str
    rule: str
    note: str


def decide_policy(settings: Settings, request: Request) -> Verdict | None:
    """What the first policy that matches decides; None leaves it to the operator."""
    for policy in settings.policies:
        if _covers(policy, request):
            return Verdict(policy.decision, policy.name, policy.note)
    return None


def _covers(policy: Policy, request: Request) -> bool:
    if policy.kinds and request.kind not in policy.kinds:
        return False
    if policy.requesters and not _asked_by(policy.requesters, request):
        return False
    if not policy.paths:
        return True
    fits = [any(matches(path, glob) for glob in policy.paths) for path in request.paths]
    # Where nothing is known to be touched, a rule about paths says nothing.
    return any(fits) if policy.decision == "deny" else bool(fits) and all(fits)


def _asked_by(requesters: tuple[str, ...], request: Request) -> bool:
    if request.role == MANAGER and MANAGER in requesters:
        return True
    # The word manager is the role; an agent of that name is no manager by it.
    return request.requester != MANAGER and request.requester in requesters


def in_quiet_hours(settings: Settings, unix_seconds: float, agent: str = "") -> float:
    """The end of the quiet hours that hold then, in unix seconds; 0 for none.

    agent: whose; empty looks at those of all agents alone. Quiet hours that follow upon one
    another end with the last of them.
    """
    hours = [q for q in settings.quiet_hours if not q.agents or agent in q.agents]
    until = 0.0
    # Each may lead into another; beyond one round of them they would cover the whole day.
    for _ in range(len(hours) + 1):
        ends = [_end(one, until or unix_seconds) for one in hours]
        if not any(ends):
            break
        until = max(ends)
    return until


def _end(hours: QuietHours, at: float) -> float:
    """When they end, if they hold at that time; else 0."""
    local = at + hours.offset * _MINUTE
    since = (local - hours.begin * _MINUTE) % _DAY
    length = (hours.end - hours.begin) * _MINUTE % _DAY
    return at - since + length if since < length else 0.0
