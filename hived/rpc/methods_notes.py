"""The read of an agent's notes, from disk."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from hived import limits
from hived.errors import CommandRefused
from hived.names import shown
from hived.projections.agent import Agent
from hived.rpc import rows
from hived.rpc.session import Call
from hived.rpc.specs import JSON_VERSION
from hived.world import notes as files


async def notes(call: Call, *, agent: str, replaced_by: str | None) -> dict[str, Any]:
    found = call.hive.agents.live[call.agent(agent)]
    home = Path(call.services.home.agents, found.name)
    read = await call.in_thread(_read, home, found.name, replaced_by)
    body = {"agent": found.name, "path": str(files.notes_path(home)), **read, **_kept(found)}
    return rows.stamped(call.hive, body, version=JSON_VERSION)


def _kept(agent: Agent) -> dict[str, Any]:
    last = {"at": rows.when(agent.notes_compacted_at), "outcome": agent.notes_compacted}
    return {
        "limit_bytes": agent.config.notes_limit_bytes or limits.NOTES_LIMIT_BYTES,
        "last": last if agent.notes_compacted else None,
    }


def _read(home: Path, name: str, replaced_by: str | None) -> dict[str, Any]:
    history = files.history(home)
    try:
        if replaced_by is None:
            data, size = files.read(home, limits.NOTES_COMPACT_BYTES_MAX)
        else:
            data = _old(home, history, name, replaced_by)
            size = len(data)
    except files.NotesUnread as error:
        raise CommandRefused(str(error), hint="look at the file by hand") from None
    return {
        "text": data.decode("utf-8", "replace"),
        "bytes": size,
        "cut": size > len(data),
        "history": [
            {
                "number": one.number,
                "turn": one.turn,
                "bytes": one.bytes,
                "replaced_at": rows.when(one.replaced_at),
            }
            for one in history
        ],
    }


def _old(home: Path, history: list[files.OldNotes], name: str, turn: str) -> bytes:
    data = files.old(home, history, turn)
    if data is None:
        raise CommandRefused(
            f"no notes of {name} are kept that turn {shown(turn)} replaced",
            code="not_found",
            hint=f"hivectl notes {name} --history lists those that are kept",
        )
    return data


HANDLERS: Mapping[str, Callable[..., Any]] = {"notes": notes}
