"""What turns printed, line by line, from the spool of a running turn or its compressed form."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from hived import limits
from hived.errors import CommandRefused
from hived.projections.turns import TurnRow
from hived.rpc import rows
from hived.rpc.session import Call
from hived.rpc.specs import JSON_VERSION
from hived.store import transcripts


async def transcript(
    call: Call, *, agent: str, turn: str | None, from_byte: int, limit: int
) -> dict[str, Any]:
    name = call.agent(agent)
    row = _turn(call, name, turn)
    running = not row.outcome
    answer = rows.stamped(call.hive, {}, version=JSON_VERSION)
    then = _known_then(call, name, row.id)
    places = list(call.services.spools(name, row.id))
    lines, end = await call.in_thread(_read, places, from_byte, limit, running)
    if then is not None:
        lines = [line for line in lines if line["byte"] <= then]
        end = lines[-1]["byte"] if lines and lines[-1]["byte"] < then else None
    return {
        **answer,
        "agent": name,
        "turn": row.id,
        "from": from_byte,
        "lines": lines,
        "next": end,
        "running": running,
    }


def _known_then(call: Call, agent: str, turn: str) -> int | None:
    """Of a turn that ran at a past moment: how far the log had heard it. Else None."""
    running = call.hive.agents.live[agent].turn
    if running is None or running.id != turn or call.hive is call.services.engine.durable:
        return None
    return running.byte


def _turn(call: Call, agent: str, turn: str | None) -> TurnRow:
    known = call.hive.turns.of.get(agent, {})
    if turn is None:
        if not known:
            raise CommandRefused(
                f"{agent} has made no turn yet",
                code="not_found",
                hint=f"hivectl why {agent} says why",
            )
        return next(reversed(known.values()))
    for row in known.values():
        if turn in (row.id, str(row.number)):
            return row
    raise CommandRefused(
        f"{agent} has no turn {turn[:60]!r} among its last {limits.RECENT_TURNS_MAX}",
        code="not_found",
        hint="hivectl status lists its turns; with --at an older one can be found",
    )


def _read(
    places: list[Path], from_byte: int, limit: int, running: bool
) -> tuple[list[dict[str, Any]], int | None]:
    """At most `limit` lines after a byte, and the byte to go on from, None at the end.

    Of a running turn only whole lines are given, and there is always more to come.
    """
    data, whole = _bytes(places, from_byte)
    lines: list[dict[str, Any]] = []
    at = 0
    while len(lines) < limit:
        end = data.find(b"\n", at)
        if end < 0:
            rest = len(data) - at
            too_long = rest == limits.TRANSCRIPT_READ_BYTES_MAX
            if too_long or (rest and whole and not running):
                # A piece of a line too long to give, or the last one of a turn that was cut off.
                lines.append(_line(data[at:], from_byte + len(data)))
                at = len(data)
            break
        lines.append(_line(data[at:end], from_byte + end + 1))
        at = end + 1
    more = running or at < len(data) or not whole
    return lines, from_byte + at if more else None


def _bytes(places: list[Path], from_byte: int) -> tuple[bytes, bool]:
    """Output from a byte on, with a whole line in it if there is one, and whether it is all."""
    for place in places:
        try:
            most = limits.TRANSCRIPT_PAGE_BYTES
            data = transcripts.read(place, from_byte, most)
            if len(data) == most and b"\n" not in data:
                most = limits.TRANSCRIPT_READ_BYTES_MAX
                data = transcripts.read(place, from_byte, most)
            return data, len(data) < most
        except CommandRefused as error:
            if error.code != "not_found":
                raise
    return b"", True


def _line(text: bytes, byte: int) -> dict[str, Any]:
    return {"byte": byte, "line": text.decode("utf-8", "replace")}


HANDLERS: Mapping[str, Callable[..., Any]] = {"transcript": transcript}
