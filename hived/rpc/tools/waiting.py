"""nap, recv, remind, cancel_reminder, loose_ends: an agent's own time, and the mail it asks for."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import trio

from hived import limits
from hived.decisions.delivery import Receive, takes_mail
from hived.decisions.frames import framed
from hived.decisions.naps import Nap
from hived.decisions.reminders import CancelReminder, SetReminder
from hived.decisions.times import utc
from hived.errors import CommandRefused
from hived.names import shown
from hived.rpc.loose_ends import loose_ends_text
from hived.rpc.tools.caller import Caller


async def nap(caller: Caller, *, seconds: float, reason: str = "") -> str:
    await caller.submit(Nap(caller.agent, float(seconds), reason))
    [start] = await caller.events()
    until = utc(start.event.until)
    if not start.event.turn:
        return f"You nap until {until}."
    return (
        f"You will nap until {until}, from the end of this turn on: end it now. Until then mail "
        "waits for you, and nothing but urgent mail of the operator ends the nap early."
    )


async def recv(caller: Caller, *, wait_seconds: float = 0, max: int = 1) -> str:
    if not 0 <= wait_seconds <= limits.RECV_WAIT_SECONDS_MAX:
        raise CommandRefused(
            f"wait_seconds is from 0 to {limits.RECV_WAIT_SECONDS_MAX:.0f}, "
            f"not {shown(wait_seconds)}",
            code="invalid_params",
        )
    if not 1 <= max <= limits.RECV_MESSAGES_MAX:
        raise CommandRefused(
            f"max is from 1 to {limits.RECV_MESSAGES_MAX}, not {shown(max)}", code="invalid_params"
        )
    if not caller.turn:
        raise CommandRefused(
            "mail is received in a turn, and you are in none",
            hint="mail that waits begins a turn by itself",
        )
    deadline = trio.current_time() + wait_seconds
    while True:
        changed = caller.changed()
        if not caller.listening():
            return "Nobody is there to take mail."
        # Not to be cut off in the middle: what it gives out is this call's to tell.
        with trio.CancelScope(shield=True):
            answer = await caller.submit(Receive(caller.agent, caller.turn, max))
        if answer.streams:
            return await _given(caller)
        if caller.coming():
            return "Mail has come to this turn by itself: it follows this call."
        if why := _no_more(caller):
            return why
        with trio.move_on_at(deadline) as scope:
            await changed.wait()
        if scope.cancelled_caught:
            waited = f" within {wait_seconds:.0f} s" if wait_seconds else ""
            return f"No mail came{waited}." if waited else "No mail waits."


async def _given(caller: Caller) -> str:
    """The messages that this call gave out, also where it is asked again."""
    ids = [rec.event.message for rec in await caller.events()]
    letters = [letter for one in ids if (letter := caller.hive.inboxes.find(one)) is not None]
    parts = [framed(letter) for letter in letters]
    more = len(caller.hive.inboxes.box(caller.agent).queued())
    if more:
        parts.append(f"{more} more wait{'s' if more == 1 else ''}.")
    return "\n\n".join(parts)


def _no_more(caller: Caller) -> str:
    """Why no mail can come in this turn any more; empty where it can."""
    me = caller.me
    turn = me.turn if me is not None else None
    if me is None or turn is None or turn.id != caller.turn or turn.cancel:
        return "This turn is being ended: no mail is given out."
    if me.nap is not None:
        until = utc(me.nap.until)
        return f"A nap until {until} begins with this turn's end; mail waits for it. End the turn."
    return "" if takes_mail(me, turn) else "No mail is given out in this turn."


async def remind(
    caller: Caller,
    *,
    message: str,
    delay_seconds: float | None = None,
    at: str | float | None = None,
) -> str:
    delay = None if delay_seconds is None else float(delay_seconds)
    moment = None if at is None else unix_time(at)
    await caller.submit(SetReminder(caller.agent, message, delay, moment))
    [made] = await caller.events()
    return f"reminder {made.event.reminder}: it comes as mail at {utc(made.event.at)}"


def unix_time(at: str | float) -> float:
    """Unix seconds of a time as RFC 3339 with its zone, or of itself.

    Raises:
      CommandRefused: invalid_params.
    """
    if not isinstance(at, str):
        return float(at)
    try:
        time = datetime.fromisoformat(at.strip()[:40])
    except ValueError:
        time = None
    if time is None or time.tzinfo is None:
        raise CommandRefused(
            f"{shown(at)} is not a time",
            code="invalid_params",
            hint="RFC 3339 with its zone, such as 2030-01-31T12:00:00Z, or unix seconds",
        )
    return time.timestamp()


async def cancel_reminder(caller: Caller, *, reminder: str) -> str:
    await caller.submit(CancelReminder(reminder))
    return f"reminder {reminder} is cancelled"


async def loose_ends(caller: Caller) -> str:
    return loose_ends_text(caller.hive, caller.agent)


HANDLERS: Mapping[str, Callable[..., Any]] = {
    "nap": nap,
    "recv": recv,
    "remind": remind,
    "cancel_reminder": cancel_reminder,
    "loose_ends": loose_ends,
}
