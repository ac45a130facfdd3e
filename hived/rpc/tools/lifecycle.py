"""start, stop, restart, logs: a manager's hold on the agents that answer to it."""

from collections.abc import Callable, Mapping
from typing import Any

from hived import limits
from hived.decisions import Context
from hived.decisions.authority import check_may_steer
from hived.decisions.base import need_agent
from hived.decisions.frames import on_a_line
from hived.decisions.lifecycle import RestartAgent, StartAgent, StopAgent
from hived.errors import CommandRefused
from hived.events import Recorded
from hived.names import agent_stream
from hived.projections.shapes import dump_as
from hived.projections.status import status
from hived.projections.turns import TurnRow
from hived.rpc.rows import when
from hived.rpc.tools.caller import Caller

# Too long for a line, or said elsewhere: what is left out of an event's fields.
_LEFT_OUT = frozenset({"agent", "config", "credential", "byte", "usage", "session", "models"})


async def start(caller: Caller, *, agent: str) -> str:
    await caller.submit(StartAgent(agent))
    return f"{agent} is started"


async def stop(caller: Caller, *, agent: str) -> str:
    await caller.submit(StopAgent(agent))
    return f"{agent} is stopped{await _cancelled(caller)}; its mail is kept"


async def restart(caller: Caller, *, agent: str) -> str:
    await caller.submit(RestartAgent(agent))
    return f"{agent} is started anew{await _cancelled(caller)}"


async def _cancelled(caller: Caller) -> str:
    """By the events of this very call: a repeat tells what the first did."""
    turns = [rec.event.turn for rec in await caller.events() if rec.kind == "turn_cancel"]
    return f", its turn {turns[0]} is cancelled" if turns else ""


async def logs(caller: Caller, *, agent: str, lines: int = limits.LOGS_LINES) -> str:
    if not 1 <= lines <= limits.LOGS_LINES_MAX:
        raise CommandRefused(
            f"lines is from 1 to {limits.LOGS_LINES_MAX}, not {lines}", code="invalid_params"
        )
    hive = caller.hive
    found = need_agent(hive, agent)
    check_may_steer(hive, agent, Context(f"agent:{caller.agent}", 0.0, str))
    shown = status(found, hive)
    turns = list(hive.turns.of.get(agent, {}).values())[-limits.LOGS_TURNS :]
    told = [f"{agent} is {shown.word} since {when(shown.since)}", *map(_turn, turns)]
    after = max(0, found.version - lines)
    log = caller.engine.log
    for rec in await caller.in_thread(log.stream_events, agent_stream(agent), after, lines):
        told.append(_event(rec))
    return "\n".join(line[: limits.LOGS_LINE_CHARS_MAX] for line in told)


def _turn(row: TurnRow) -> str:
    if not row.outcome:
        return f"turn {row.number} runs since {when(row.started_at)}"
    why = f" ({row.why})" if row.why else ""
    detail = f": {row.detail}" if row.detail else ""
    return f"turn {row.number} ended {when(row.ended_at)}: {row.outcome}{why}{on_a_line(detail)}"


def _event(rec: Recorded) -> str:
    fields = dump_as(type(rec.event), rec.event).items()
    words = [f"{key}={value}" for key, value in fields if key not in _LEFT_OUT and value]
    return on_a_line(f"{when(rec.recorded_at)} {rec.kind} by {rec.by} {' '.join(words)}")


HANDLERS: Mapping[str, Callable[..., Any]] = {
    "start": start,
    "stop": stop,
    "restart": restart,
    "logs": logs,
}
