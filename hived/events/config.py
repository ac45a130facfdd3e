"""Configurations: proposed, applied, failed. The commits stand in the agent's applied repo."""

from attrs import frozen

from hived.events.values import AgentConfig


@frozen
class ConfigProposed:
    """A commit is pinned (tag proposal/APPROVAL) and waits for the approval."""

    agent: str
    approval: str
    commit: str


@frozen
class ConfigApplied:
    """The agent's next turn runs with it. approval: empty for what `hivectl new` was given.

    credential: what its CLI signs in with, by name.
    """

    agent: str
    approval: str
    config: AgentConfig
    credential: str


@frozen
class ConfigFailed:
    """An approved commit could not be applied; what ran goes on running."""

    agent: str
    approval: str
    commit: str
    why: str
