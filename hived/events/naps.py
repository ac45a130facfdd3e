"""Naps: wake not before."""

from attrs import frozen


@frozen
class NapStart:
    """No mail is put to the agent until then (unix seconds), in the running turn either.

    turn: the turn it was asked for in; the state becomes napping at that turn's end. Empty where
    the agent was in no turn: it naps at once. A further one in the same turn takes its place.
    """

    agent: str
    until: float
    reason: str = ""
    turn: str = ""


@frozen
class NapEnd:
    """The nap is over. why: elapsed, operator, message, restart. waiting: messages in its inbox."""

    agent: str
    why: str
    waiting: int = 0
