"""Names without a running agent: drafts, and tombstones of agents that were taken out.

All on the stream of the name, so that a name is taken once.
"""

from attrs import frozen


@frozen
class DraftCreated:
    """Orders a proposed repo and a state folder for an agent to come. creator: who edits it."""

    agent: str
    creator: str
    description: str = ""


@frozen
class DraftDiscarded:
    """The draft is given up; orders the removal of its folders."""

    agent: str
    why: str = ""


@frozen
class AgentRevived:
    """A tombstone is an agent again: followed by its AgentCreated in the same append."""

    agent: str
    approval: str = ""


@frozen
class AgentPurged:
    """Orders the deletion of all that is kept of a tombstone but its events.

    paths: what is deleted, `path (bytes)`. The name is free again once PurgeDone follows.
    """

    agent: str
    paths: tuple[str, ...] = ()
    bytes: int = 0


@frozen
class PurgeDone:
    """All that AgentPurged named is deleted. bytes: of the files that were found and taken away."""

    agent: str
    bytes: int = 0
