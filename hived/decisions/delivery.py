"""How mail gets into a turn: with its first line, later in a line of its own, or when asked for."""

from hashlib import blake2b

from attrs import frozen

from hived import limits
from hived.decisions.base import Context, Plan, need_turn, on_message
from hived.decisions.mail import body_size
from hived.events import messages as m
from hived.names import as_uuid
from hived.projections import Hive
from hived.projections.agent import Agent, OpenTurn
from hived.projections.inboxes import Inbox, Message


def deliver(agent: str, turn: str, line: int, mail: list[Message]) -> Plan:
    """Order mail into a user line of a turn. line: its number."""
    plan = []
    for letter in mail:
        attempt = letter.attempts + 1
        order = m.MessageDelivered(letter.id, agent, turn, attempt, line, line_uuid(turn, line))
        plan.append(on_message(letter.id, order))
    return plan


def line_uuid(turn: str, line: int) -> str:
    """The name of a turn's user line towards the CLI: a UUID 4 made of a hash.

    A retry is another turn, so the same words never come with the same name.
    """
    return as_uuid(blake2b(f"{turn}/{line}".encode(), digest_size=16).hexdigest())


@frozen
class DeliverNow:
    """Put the mail that waits into the running turn."""

    agent: str
    turn: str


def deliver_now(hive: Hive, command: DeliverNow, context: Context) -> Plan:
    agent, turn = need_turn(hive, command.agent, command.turn)
    mail = portion(hive.inboxes.box(agent.name), turn.id)
    if not takes_mail(agent, turn) or turn.lines >= limits.TURN_LINES_MAX or not mail:
        return []
    return deliver(agent.name, turn.id, turn.lines + 1, mail)


def portion(box: Inbox, turn: str) -> list[Message]:
    """The mail of a turn's next user line, in order: as much as a line and the turn may hold.

    Without the bound a few long messages would be more than any conversation takes, and go dead
    with all that waits beside them. The rest comes with the next turn; urgent mail comes at once.
    """
    room = limits.TURN_MAIL_BYTES_MAX - sum(_size(one) for one in box.in_turn(turn) if one.line)
    taken = []
    for letter in box.queued()[: limits.TURN_MESSAGES_MAX]:
        room -= _size(letter)
        if room < 0 and not letter.urgent:
            break
        taken.append(letter)
    return taken


def _size(letter: Message) -> int:
    """In bytes; what the conversation holds already is not put into it again."""
    return 0 if letter.held else body_size(letter.body)


def takes_mail(agent: Agent, turn: OpenTurn) -> bool:
    """Whether mail that waits may be put into the running turn: not from a nap's asking on, and
    not into one that only saves the notes."""
    working = turn.kind == "work" and turn.reason != "checkpoint"
    return working and not turn.cancel and agent.nap is None


@frozen
class Receive:
    """The agent asks in its turn for mail that waits; the answer to its call is the delivery."""

    agent: str
    turn: str
    most: int


def receive(hive: Hive, command: Receive, context: Context) -> Plan:
    agent, turn = need_turn(hive, command.agent, command.turn)
    if not takes_mail(agent, turn):
        return []
    mail: list[Message] = []
    size = 0
    for letter in hive.inboxes.box(agent.name).queued()[: command.most]:
        size += body_size(letter.body)
        if mail and size > limits.RECV_BYTES_MAX:
            break
        mail.append(letter)
    return [
        on_message(
            letter.id,
            m.MessageDelivered(letter.id, agent.name, turn.id, letter.attempts + 1, 0, ""),
        )
        for letter in mail
    ]
