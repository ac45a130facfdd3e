"""The one word people see for an agent, the group it falls in, and the event it comes from."""

from attrs import frozen

from hived.events import Cause
from hived.projections import Hive
from hived.projections.agent import NAPPING, Agent

NEEDS_YOU = "Needs you"
WORKING = "Working"
IDLE = "Idle or napping"
STOPPED = "Stopped"
FAILED = "Failed"
GROUPS = (NEEDS_YOU, WORKING, IDLE, STOPPED, FAILED)


@frozen
class Status:
    """word: for people. since: unix seconds. until: of a wait, 0 if none. by: what caused it."""

    word: str
    group: str
    since: float
    by: Cause | None
    until: float = 0.0


def status(agent: Agent, hive: Hive) -> Status:
    """Put turn, process and access together. The first that holds is shown."""
    credential = hive.credentials.of(agent.credential)
    if agent.turn is not None:
        word = "cancelling" if agent.turn.cancel else agent.state
        return Status(word, WORKING, agent.since, agent.state_by)
    if agent.process == "failed":
        return Status("failed", FAILED, agent.process_at, agent.process_by)
    if agent.process == "stopped":
        return Status("stopped", STOPPED, agent.process_at, agent.process_by)
    if credential.needs_login:
        return Status("needs login", NEEDS_YOU, credential.since, credential.by)
    if agent.process == "paused":
        return Status("paused", STOPPED, agent.process_at, agent.process_by)
    if credential.until:
        until = credential.until
        group = IDLE if hive.settings.now.resume_after_limits else NEEDS_YOU
        return Status("rate limited", group, credential.since, credential.by, until)
    if reached := hive.budgets.covering(agent.name):
        last = max(reached, key=lambda one: one.until)
        return Status("over budget", NEEDS_YOU, last.since, last.by, last.until)
    if agent.state == NAPPING and agent.nap is not None:
        return Status(NAPPING, IDLE, agent.since, agent.state_by, agent.nap.until)
    quiet = hive.settings.quiet_for(agent.name)
    if quiet is not None:
        return Status("quiet", IDLE, quiet.since, quiet.by, quiet.until)
    if agent.retry_at:
        return Status("waiting", IDLE, agent.since, agent.retry_by, agent.retry_at)
    return Status(agent.state, IDLE, agent.since, agent.state_by)
