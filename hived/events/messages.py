"""Messages: sent, delivered with a turn, acknowledged by an ok end, returned, or dead."""

from attrs import frozen


@frozen
class MessageSent:
    """A message is in the recipient's inbox. urgent: it may break a nap (operator only)."""

    message: str
    sender: str
    to: str
    body: str
    in_reply_to: str = ""
    urgent: bool = False


@frozen
class MessageDelivered:
    """Orders the message to be written to the CLI in this turn, in user line number `line`.

    uuid names that line to the CLI; its receipt proves the delivery.
    """

    message: str
    agent: str
    turn: str
    attempt: int
    line: int
    uuid: str


@frozen
class MessageAcked:
    """The recipient has it: its turn ended ok, or the operator read it. turn may be empty."""

    message: str
    agent: str
    turn: str = ""


@frozen
class MessageReturned:
    """Back in the queue. counted: the attempt counts. held: the session has the words already.

    not_before: unix seconds of the next attempt.
    """

    message: str
    agent: str
    turn: str
    why: str
    attempt: int
    counted: bool
    held: bool
    not_before: float = 0.0


@frozen
class MessageDead:
    """Given up after `attempts`; the sender and the operator are told."""

    message: str
    agent: str
    why: str
    attempts: int
