"""Mail: who may write to whom, and what becomes of a message when it cannot be delivered."""

from collections.abc import Sequence

from attrs import frozen

from hived import limits
from hived.decisions.base import Context, Plan, need_agent, on_message
from hived.decisions.naps import nap_over
from hived.decisions.notices import manager_over, notice
from hived.errors import CommandRefused
from hived.events import messages as e
from hived.names import EVERYONE, HIVE, MANAGER, OPERATOR, shown
from hived.projections import Hive
from hived.projections.agent import Agent
from hived.projections.inboxes import Message


@frozen
class SendMessage:
    """to: an agent, operator, manager (the sender's parent, or the one manager), or *."""

    to: str
    body: str
    in_reply_to: str = ""
    urgent: bool = False


def send_message(hive: Hive, command: SendMessage, context: Context) -> Plan:
    sender = context.sender
    check_body(command.body)
    if command.urgent and context.agent:
        raise CommandRefused(
            "only the operator's mail can be urgent", code="not_allowed", hint="send it as it is"
        )
    if command.in_reply_to and hive.inboxes.find(command.in_reply_to) is None:
        raise CommandRefused(
            f"there is no message {shown(command.in_reply_to)} to reply to, or it is too long ago",
            code="not_found",
            hint="leave in_reply_to out",
        )
    recipients = recipients_of(hive, command.to, sender)
    plan: Plan = []
    for to in recipients:
        check_allowed(hive, sender, to)
        plan += make_room(hive, to)
        message = context.make_id("m")
        sent = e.MessageSent(message, sender, to, command.body, command.in_reply_to, command.urgent)
        plan.append(on_message(message, sent))
        if command.urgent and to in hive.agents.live:
            plan += nap_over(hive, hive.agents.live[to], "message", more=1)
    # The command's mark stands on its first event: a message, never the room made for it.
    plan.sort(key=lambda p: not isinstance(p.event, e.MessageSent))
    return plan


def check_body(body: str) -> None:
    if not body.strip():
        raise CommandRefused(
            "the message has no words", code="invalid_params", hint="say something"
        )
    size = body_size(body)
    if size > limits.BODY_BYTES_MAX:
        raise CommandRefused(
            f"the message has {size} bytes; {limits.BODY_BYTES_MAX} is the most",
            code="too_large",
            hint="put it in a file and send its path",
        )


def body_size(body: str) -> int:
    """In bytes, of UTF-8."""
    return len(body.encode("utf-8", "surrogatepass"))


def recipients_of(hive: Hive, to: str, sender: str) -> list[str]:
    if to == EVERYONE:
        names = [name for name in hive.agents.live if name != sender][: limits.RECIPIENTS_MAX]
        if not names:
            raise CommandRefused("there is nobody else in the hive", code="not_found")
        return names
    if to == OPERATOR and sender != OPERATOR:
        return [OPERATOR]
    if to == MANAGER and to not in hive.agents.live:
        return [_manager_of(hive, sender)]
    agent = need_agent(hive, to)
    if agent.name == sender:
        raise CommandRefused(
            "an agent cannot write to itself", code="not_allowed", hint="remind comes back to it"
        )
    return [agent.name]


def _manager_of(hive: Hive, sender: str) -> str:
    agent = hive.agents.live.get(sender)
    if agent is not None and agent.parent in hive.agents.live:
        return agent.parent
    managers = [
        a.name for a in hive.agents.live.values() if a.config.role == MANAGER and a.name != sender
    ]
    if len(managers) != 1:
        raise CommandRefused(
            f"there are {len(managers)} managers to choose from",
            code="not_found" if not managers else "ambiguous_name",
            hint="name one",
        )
    return managers[0]


def check_allowed(hive: Hive, sender: str, to: str) -> None:
    agent = hive.agents.live.get(sender)
    if agent is None or not agent.config.recipients or to in agent.config.recipients:
        return
    peer = hive.agents.live.get(to)
    if peer is not None and peer.config.role == MANAGER and MANAGER in agent.config.recipients:
        return
    raise CommandRefused(
        f"{sender} may not write to {to}",
        code="not_allowed",
        hint="it may write to " + ", ".join(agent.config.recipients),
    )


def make_room(hive: Hive, to: str) -> Plan:
    """Refuse where an inbox is full. The operator's closes its oldest message instead."""
    box = hive.inboxes.box(to)
    if len(box.open) < limits.INBOX_OPEN_MAX:
        return []
    if to != OPERATOR:
        raise CommandRefused(
            f"the inbox of {to} is full ({limits.INBOX_OPEN_MAX} messages)",
            code="inbox_full",
            hint="wait until it has read some",
        )
    oldest = next(iter(box.open))
    return [on_message(oldest, e.MessageAcked(oldest, OPERATOR), by="policy:inbox_full")]


@frozen
class AckMessages:
    """The operator has read these."""

    messages: tuple[str, ...]


def ack_messages(hive: Hive, command: AckMessages, context: Context) -> Plan:
    box = hive.inboxes.box(OPERATOR)
    plan: Plan = []
    for message in dict.fromkeys(command.messages):
        if message not in box.open:
            raise CommandRefused(
                f"no message {message} waits for the operator",
                code="not_found",
                hint="hivectl inbox lists them",
            )
        plan.append(on_message(message, e.MessageAcked(message, OPERATOR)))
    if not plan:
        raise CommandRefused(
            "no message is named", code="invalid_params", hint="hivectl inbox lists them"
        )
    return plan


def give_up(
    hive: Hive, letters: Sequence[tuple[Message, int]], agent: Agent, why: str, context: Context
) -> Plan:
    """Dead letters, each with its attempts: their senders, the operator and the agent's manager
    are told, once each.

    All of it is one append.
    """
    plan: Plan = []
    manager = manager_over(hive, agent.name)
    told: dict[str, list[str]] = {OPERATOR: []}
    for letter, attempts in letters:
        plan.append(on_message(letter.id, e.MessageDead(letter.id, agent.name, why, attempts)))
        words = _dead_words(letter, agent, why, attempts)
        for to in sorted({OPERATOR, letter.sender, manager} - {HIVE, agent.name, ""}):
            told.setdefault(to, []).append(words)
    dead = [letter.id for letter, _ in letters]
    for to, lines in told.items():
        full = len(hive.inboxes.box(to).open) >= limits.INBOX_OPEN_MAX
        if not lines or (to != OPERATOR and (to not in hive.agents.live or full)):
            continue  # the operator is told in any case
        plan += make_room(hive, to)
        body = _dead_body(lines)
        if to == manager:
            data = {"messages": dead[: limits.DEAD_LETTERS_TOLD_MAX], "count": len(dead)}
            body = notice(agent.name, "dead_letter", body, why=why, **data)
        message = context.make_id("m")
        sent = e.MessageSent(message, HIVE, to, body, dead[0] if len(dead) == 1 else "")
        plan.append(on_message(message, sent))
    return plan


def _dead_body(lines: Sequence[str]) -> str:
    more = len(lines) - limits.DEAD_LETTERS_TOLD_MAX
    shown = [*lines[: limits.DEAD_LETTERS_TOLD_MAX]]
    return "\n".join([*shown, f"And {more} more."] if more > 0 else shown)


def _dead_words(letter: Message, agent: Agent, why: str, attempts: int) -> str:
    times = f" after {attempts} attempt{'s' if attempts > 1 else ''}" if attempts else ""
    return (
        f"Dead letter: message {letter.id} from {letter.sender} to {agent.name} was given up"
        f"{times} ({why}). It began: {letter.body[:200]}"
    )
