"""Writes that steer one agent. What they answer is taken from the events they gave.

So a repeat of a command is answered as it was at first.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from hived.decisions.access import Lift
from hived.decisions.compaction import QueueCompaction
from hived.decisions.conversation import NewSession, QueueModel
from hived.decisions.lifecycle import (
    PauseAgent,
    RemoveAgent,
    RestartAgent,
    ResumeAgent,
    StartAgent,
    StopAgent,
)
from hived.decisions.turns import CancelTurn
from hived.errors import CommandRefused
from hived.events import Recorded
from hived.projections.agent_compactions import NOTES
from hived.rpc.session import Call, Written
from hived.world.notes import no_notes, notes_path


def _plain(command: Callable[[str], Any]) -> Callable[..., Any]:
    """The handler of a command that has nothing but the agent, and answers nothing but it."""

    async def handler(call: Call, *, agent: str) -> dict[str, Any]:
        name = call.agent(agent)
        written = await call.submit(command(name))
        return written.row(agent=name)

    return handler


def _stopping(command: Callable[[str], Any]) -> Callable[..., Any]:
    """The handler of a command that may cancel the agent's turn."""

    async def handler(call: Call, *, agent: str) -> dict[str, Any]:
        name = call.agent(agent)
        written = await call.submit(command(name))
        cancelled = await _find(written, "turn_cancel")
        return written.row(agent=name, cancelled=cancelled.event.turn if cancelled else None)

    return handler


async def _find(written: Written, *kinds: str) -> Recorded | None:
    for rec in await written.events():
        if rec.kind in kinds:
            return rec
    return None


async def cancel(call: Call, *, agent: str) -> dict[str, Any]:
    name = call.agent(agent)
    written = await call.submit(CancelTurn(name, "operator"))
    cancelled = await _find(written, "turn_cancel")
    return written.row(agent=name, turn=cancelled.event.turn if cancelled else None)


async def compact(call: Call, *, agent: str, notes: bool) -> dict[str, Any]:
    name = call.agent(agent)
    of = NOTES if notes else "session"
    if notes and call.command_id is None:  # a repeat is answered as it was at first
        await _check_notes(call, name)
    written = await call.submit(QueueCompaction(name, of=of))
    found = (await written.hive()).agents.live.get(name)
    turn = found.turn.id if found is not None and found.turn is not None else None
    return written.row(agent=name, of=of, queued_behind=turn)


async def _check_notes(call: Call, name: str) -> None:
    """Refuse to compact what is not there; what cannot be read is told by the turn itself."""
    home = Path(call.services.home.agents, name)
    if await call.in_thread(no_notes, home):
        raise CommandRefused(
            f"{name} has no notes to compact", hint=f"it keeps them in {notes_path(home)}"
        )


async def model(call: Call, *, agent: str, model: str) -> dict[str, Any]:
    name = call.agent(agent)
    written = await call.submit(QueueModel(name, model))
    queued = await _find(written, "model_queued")
    if queued is None:
        return written.row(agent=name, model=model, was=None)
    return written.row(agent=name, model=queued.event.model, was=queued.event.was or None)


async def new_session(call: Call, *, agent: str) -> dict[str, Any]:
    name = call.agent(agent)
    written = await call.submit(NewSession(name))
    reset = await _find(written, "session_reset")
    if reset is None:
        return written.row(agent=name, session=None, was=None)
    return written.row(agent=name, session=reset.event.session, was=reset.event.was)


async def rm(call: Call, *, agent: str) -> dict[str, Any]:
    # The whole name is wanted: a slip of a prefix must not stop another agent.
    written = await call.submit(RemoveAgent(agent))
    # Of a repeat the agent may be back since.
    waiting = len((await written.hive()).inboxes.box(agent).open)
    return written.row(agent=agent, kept_messages=waiting)


async def lift(call: Call, *, agent: str) -> dict[str, Any]:
    name = call.agent(agent)
    written = await call.submit(Lift(name))
    lifted = await _find(written, "rate_limit_over", "login_done")
    budgets = sum(rec.kind == "budget_over" for rec in await written.events())
    return written.row(credential=lifted.event.credential if lifted else None, budgets=budgets)


HANDLERS: Mapping[str, Callable[..., Any]] = {
    "cancel": cancel,
    "compact": compact,
    "model": model,
    "new_session": new_session,
    "pause": _plain(PauseAgent),
    "resume": _plain(ResumeAgent),
    "start": _plain(StartAgent),
    "stop": _stopping(StopAgent),
    "restart": _stopping(RestartAgent),
    "rm": rm,
    "lift": lift,
}
