"""Agents: their life, their model, their session, their access."""

from attrs import frozen

from hived.events.values import AgentConfig


@frozen
class AgentCreated:
    """The agent exists, stopped.

    session: the id of its first conversation (UUID 4). credential: what its CLI signs in with,
    by name; agents that share one wait and park together.
    """

    agent: str
    config: AgentConfig
    session: str
    node: str
    parent: str = ""
    credential: str = ""


@frozen
class AgentStarted:
    """It takes turns from now on. why: operator, manager, restart, created, revived."""

    agent: str
    why: str = "operator"


@frozen
class AgentStopped:
    """It takes no turns. A running turn is cancelled by a TurnCancel beside this.

    why: operator, manager, restart.
    """

    agent: str
    why: str = "operator"


@frozen
class AgentPaused:
    """It finishes its turn and starts no other until it is resumed."""

    agent: str


@frozen
class AgentResumed:
    """A paused agent starts turns again."""

    agent: str


@frozen
class AgentCrashed:
    """Its CLI cannot be run as configured; it takes no turns until it is started again."""

    agent: str
    turn: str
    why: str
    detail: str = ""


@frozen
class AgentDestroyed:
    """It is gone from the hive. Its log, transcripts and state folder are kept."""

    agent: str


@frozen
class StatusSet:
    """What the agent says it is doing, in its own words."""

    agent: str
    text: str


@frozen
class SessionReset:
    """The agent's next turn begins a new conversation. why: operator, prompt_too_long."""

    agent: str
    session: str
    was: str
    why: str


@frozen
class ModelQueued:
    """The model for the agent's next turn."""

    agent: str
    model: str
    was: str


@frozen
class ModelSwitched:
    """The queued model is in force, from this turn on."""

    agent: str
    model: str
    was: str
    turn: str


@frozen
class LoginNeeded:
    """The credential was refused: every agent on it parks until it works again.

    probe_at: unix seconds at which it is tried again if nobody did anything; 0 for never.
    """

    agent: str
    credential: str
    turn: str
    detail: str = ""
    probe_at: float = 0.0


@frozen
class LoginDone:
    """The credential is to be tried again. why: changed, probe, operator."""

    credential: str
    why: str


@frozen
class RateLimitHit:
    """Every agent on the credential waits until then (unix seconds). named: by the CLI."""

    agent: str
    credential: str
    turn: str
    until: float
    named: bool


@frozen
class RateLimitOver:
    """The wait is over. why: elapsed, operator."""

    credential: str
    why: str
