"""Naps, reminders and loose ends, as the operator sees and steers them."""

from collections.abc import Callable, Mapping
from typing import Any

from hived.decisions.naps import Nap, Wake
from hived.decisions.reminders import CancelReminder, SetReminder
from hived.rpc import rows
from hived.rpc.loose_ends import loose_ends_row, reminder_row, reminders_of
from hived.rpc.session import Call
from hived.rpc.specs import JSON_VERSION
from hived.rpc.tools.waiting import unix_time


async def nap(call: Call, *, agent: str, seconds: float, reason: str) -> dict[str, Any]:
    name = call.agent(agent)
    written = await call.submit(Nap(name, seconds, reason))
    [start] = await written.events()
    until = rows.when(start.event.until)
    return written.row(agent=name, until=until, turn=start.event.turn or None)


async def wake(call: Call, *, agent: str) -> dict[str, Any]:
    name = call.agent(agent)
    written = await call.submit(Wake(name))
    [end] = await written.events()
    return written.row(agent=name, waiting=end.event.waiting)


async def remind(
    call: Call, *, agent: str, text: str, delay_seconds: float | None, time: str | None
) -> dict[str, Any]:
    name = call.agent(agent)
    at = None if time is None else unix_time(time)
    written = await call.submit(SetReminder(name, text, delay_seconds, at))
    [made] = await written.events()
    return written.row(agent=name, reminder=made.event.reminder, at=rows.when(made.event.at))


def reminders(call: Call, *, agent: str | None) -> dict[str, Any]:
    name = None if agent is None else call.agent(agent)
    found = [reminder_row(one) for one in reminders_of(call.hive, name)]
    return rows.stamped(call.hive, {"reminders": found}, version=JSON_VERSION)


async def cancel_reminder(call: Call, *, reminder: str) -> dict[str, Any]:
    written = await call.submit(CancelReminder(reminder))
    [gone] = await written.events()
    return written.row(agent=gone.event.agent, reminder=gone.event.reminder)


def loose_ends(call: Call, *, agent: str | None) -> dict[str, Any]:
    names = list(call.hive.agents.live) if agent is None else [call.agent(agent)]
    found = [loose_ends_row(call.hive, name) for name in names]
    return rows.stamped(call.hive, {"agents": found}, version=JSON_VERSION)


HANDLERS: Mapping[str, Callable[..., Any]] = {
    "nap": nap,
    "wake": wake,
    "remind": remind,
    "reminders": reminders,
    "cancel_reminder": cancel_reminder,
    "loose_ends": loose_ends,
}
