"""Reminders: mail of an agent to itself at a later time; the operator may set one for it."""

from collections.abc import Iterator
from math import isfinite

from attrs import frozen

from hived import limits
from hived.decisions.base import (
    Context,
    Plan,
    Planned,
    check_length,
    need_agent,
    on_agent,
    on_message,
)
from hived.decisions.due import Due
from hived.decisions.times import utc
from hived.errors import CommandRefused
from hived.events import Cause
from hived.events.messages import MessageSent
from hived.events.reminders import ReminderCancelled, ReminderFired, ReminderSet
from hived.names import HIVE, agent_stream, shown
from hived.projections import Hive
from hived.projections.reminders import Reminder

_DAYS = int(limits.REMINDER_SECONDS_MAX // 86_400)


@frozen
class SetReminder:
    """delay: seconds from now; at: unix seconds. Exactly one of them is given."""

    agent: str
    text: str
    delay: float | None = None
    at: float | None = None


def set_reminder(hive: Hive, command: SetReminder, context: Context) -> Plan:
    agent = need_agent(hive, command.agent)
    at = _time(command, context.now)
    if not command.text.strip():
        raise CommandRefused(
            "the reminder has no words", code="invalid_params", hint="say what to be reminded of"
        )
    check_length("the reminder", command.text, limits.REMINDER_CHARS_MAX)
    if len(hive.reminders.of.get(agent.name, ())) >= limits.REMINDERS_MAX:
        raise CommandRefused(
            f"{limits.REMINDERS_MAX} reminders of {agent.name} wait already, the most there may be",
            code="too_many",
            hint="cancel one, or wait for one",
        )
    reminder = context.make_id("r")
    return [on_agent(agent.name, ReminderSet(reminder, agent.name, command.text, at))]


def _time(command: SetReminder, now: float) -> float:
    if (command.delay is None) == (command.at is None):
        raise CommandRefused(
            "a reminder has either a delay or a time",
            code="invalid_params",
            hint="give one of them",
        )
    at = command.at if command.delay is None else now + command.delay
    if at is None or not isfinite(at) or not now < at <= now + limits.REMINDER_SECONDS_MAX:
        given = _shown_time(command.at) if command.delay is None else f"{command.delay:g} seconds"
        raise CommandRefused(
            f"the time of a reminder lies ahead, at most {_DAYS} days: {given} does not",
            code="invalid_params",
            hint=f"now it is {utc(now)}, in unix seconds {now:.0f}",
        )
    # Whole milliseconds, so that no rounding puts the clock before the time it waited for.
    return round(at, 3)


def _shown_time(at: float | None) -> str:
    """As it is read by people; a number that no calendar reaches as it is."""
    try:
        return utc(at or 0)
    except (ValueError, OverflowError):
        return shown(at)


@frozen
class CancelReminder:
    """It is not wanted any more: by the operator, or by the agent it is for."""

    reminder: str


def cancel_reminder(hive: Hive, command: CancelReminder, context: Context) -> Plan:
    found = hive.reminders.find(command.reminder)
    if found is None or context.agent not in ("", found.agent):
        raise CommandRefused(
            f"no reminder {shown(command.reminder)} waits",
            code="not_found",
            hint="loose_ends lists them" if context.agent else "hivectl reminders lists them",
        )
    return [_cancelled(found, "withdrawn" if context.agent else "operator")]


def drop_reminders(hive: Hive, agent: str) -> Plan:
    """What becomes of an agent's reminders when it is taken out."""
    return [_cancelled(one, "gone") for one in hive.reminders.of.get(agent, {}).values()]


@frozen
class FireReminder:
    """The time of a reminder may have come."""

    agent: str
    reminder: str


def fire_reminder(hive: Hive, command: FireReminder, context: Context) -> Plan:
    found = hive.reminders.of.get(command.agent, {}).get(command.reminder)
    if found is None or found.at > context.now or found.agent not in hive.agents.live:
        return []
    if inbox_full(hive, found.agent):
        raise CommandRefused(
            f"the inbox of {found.agent} is full",
            code="inbox_full",
            hint="it is sent when there is room",
        )
    message = context.make_id("m")
    fired = ReminderFired(found.id, found.agent, message)
    sent = MessageSent(message, HIVE, found.agent, _words(found))
    cause = Cause(agent_stream(found.agent), found.version)
    return [on_agent(found.agent, fired, cause), on_message(message, sent)]


def timer(hive: Hive) -> Iterator[Due]:
    """When reminders are to be sent."""
    for agent, pending in hive.reminders.of.items():
        # The end of a turn makes room in a full inbox, and wakes the clock.
        if agent in hive.agents.live and not inbox_full(hive, agent):
            for one in pending.values():
                yield Due(one.at, FireReminder(agent, one.id), "policy:reminder_due")


def inbox_full(hive: Hive, agent: str) -> bool:
    return len(hive.inboxes.box(agent).open) >= limits.INBOX_OPEN_MAX


def _words(found: Reminder) -> str:
    whose = "you" if found.by == f"agent:{found.agent}" else found.by.partition(":")[0]
    return f"A reminder ({found.id}) that {whose} set at {utc(found.set_at)}:\n{found.text}"


def _cancelled(found: Reminder, why: str) -> Planned:
    cause = Cause(agent_stream(found.agent), found.version)
    return on_agent(found.agent, ReminderCancelled(found.id, found.agent, why), cause)
