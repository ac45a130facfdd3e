"""Reminders: mail of an agent to itself, at a later time."""

from attrs import frozen


@frozen
class ReminderSet:
    """text becomes mail at `at` (unix seconds)."""

    reminder: str
    agent: str
    text: str
    at: float


@frozen
class ReminderFired:
    """It became the message, in the same append."""

    reminder: str
    agent: str
    message: str


@frozen
class ReminderCancelled:
    """why: withdrawn (by its agent), operator, gone."""

    reminder: str
    agent: str
    why: str
