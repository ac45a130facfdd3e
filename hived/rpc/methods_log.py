"""Reads of the log itself: pages of it, and the chain of causes behind an agent's state."""

from collections.abc import Callable, Mapping
from typing import Any

import orjson
import trio
from attrs import define, field

from hived import limits
from hived.decisions.next_step import next_step
from hived.errors import CommandRefused
from hived.events import Cause, Recorded
from hived.names import agent_stream
from hived.projections.status import status
from hived.rpc import rows
from hived.rpc.encoded import encode_row
from hived.rpc.services import Services
from hived.rpc.session import Call
from hived.rpc.specs import JSON_VERSION
from hived.rpc.subscriptions import Filter
from hived.store.log import EventLog


async def position_at(services: Services, time: float) -> int:
    """The last position at a time (unix seconds).

    Raises:
      CommandRefused: at_unknown, for a time yet to come.
    """
    engine = services.engine
    if time > services.clock():
        raise CommandRefused(
            "that time has not come yet", code="at_unknown", hint="leave it out for the present"
        )
    found = await trio.to_thread.run_sync(engine.log.position_at, time, limiter=services.threads)
    return min(found, engine.durable.position)


async def log(
    call: Call,
    *,
    since: int | float | None,
    until: int | float | None,
    agent: str | None,
    kinds: tuple[str, ...],
    limit: int,
) -> dict[str, Any]:
    answer = rows.stamped(call.hive, {}, version=JSON_VERSION)  # before the state moves on
    first = None if since is None else await _position(call, since)
    last: int = answer["position"]
    if until is not None:
        last = min(last, await _position(call, until))
    wanted = Filter(kinds, None if agent is None else call.past_agent(agent))
    pager = _Pager(call.services.engine.log, wanted, limit, last)
    if first is None:
        await call.in_thread(pager.backward)
    else:
        await call.in_thread(pager.forward, first)
    return {
        **answer,
        "events": [orjson.Fragment(row) for row in pager.rows],
        "next": pager.next,
    }


async def _position(call: Call, at: int | float) -> int:
    if isinstance(at, float):
        return await position_at(call.services, at)
    call.services.engine.check_position(at)
    return at


@define
class _Pager:
    """Collects one page of rows. Blocks: its methods run in a thread."""

    log: EventLog
    wanted: Filter
    limit: int
    last: int
    rows: list[bytes] = field(factory=list)
    next: int | None = None

    def forward(self, after: int) -> None:
        """The first events after a position; `next` where there may be more."""
        size = looked = 0
        while after < self.last:
            page = self._read(after, limits.LOG_PAGE_EVENTS_MAX, self.last)
            for rec in page:
                if self.wanted.takes(rec):
                    self.rows.append(encode_row(rec))
                    size += len(self.rows[-1])
                if len(self.rows) == self.limit or size > limits.LOG_PAGE_BYTES_MAX:
                    self.next = rec.position if rec.position < self.last else None
                    return
            looked += len(page)
            if len(page) < limits.LOG_PAGE_EVENTS_MAX:
                return
            after = page[-1].position
            if looked >= limits.LOG_SCAN_EVENTS_MAX:
                self.next = after if after < self.last else None
                return

    def backward(self) -> None:
        """The last events. Of an agent, what its own stream says is told however old it is."""
        size, looked, upto = 0, 0, self.last
        # Only a filter by agent leaves out what was read; a window as long as the page is right
        # without it, unless there is a filter by kind, which skips positions.
        window = self.limit if self.wanted.open else limits.LOG_PAGE_EVENTS_MAX
        while upto > 0 and looked < limits.LOG_SCAN_EVENTS_MAX:
            after = max(0, upto - window)
            for rec in reversed(self._read(after, window, upto)):
                if not self.wanted.takes(rec):
                    continue
                self.rows.append(encode_row(rec))
                size += len(self.rows[-1])
                if len(self.rows) == self.limit or size > limits.LOG_PAGE_BYTES_MAX:
                    upto = 0
                    break
            else:
                looked += upto - after
                upto = after
        if upto > 0 and self.wanted.agent is not None:
            self._own(self.wanted.agent, upto)
        self.rows.reverse()

    def _own(self, agent: str, upto: int) -> None:
        """Older events of the agent's own stream, which an index finds."""
        stream = agent_stream(agent)
        version = self.log.last_version(stream)
        missing = self.limit - len(self.rows)
        after = max(0, version - limits.LOG_PAGE_EVENTS_MAX)
        older = [
            rec
            for rec in self.log.stream_events(stream, after, limits.LOG_PAGE_EVENTS_MAX)
            if rec.position <= upto and self.wanted.takes(rec)
        ]
        self.rows += [encode_row(rec) for rec in reversed(older[-missing:])]

    def _read(self, after: int, limit: int, upto: int) -> list[Recorded]:
        return self.log.read(after, limit, kinds=self.wanted.kinds, upto=upto)


async def why(call: Call, *, agent: str) -> dict[str, Any]:
    hive = call.hive
    found = hive.agents.live[call.agent(agent)]
    shown = status(found, hive)
    present = hive is call.services.engine.durable
    step = next_step(found, hive, call.services.clock() if present else hive.recorded_at)
    body: dict[str, Any] = {
        "agent": found.name,
        "word": shown.word,
        "since": rows.when(shown.since),
        "next_step": step.kind,
        "because": step.because,
        "until": rows.when(step.until),
    }
    answer = rows.stamped(hive, body, version=JSON_VERSION)  # before the state moves on
    chain = await call.in_thread(_chain, call.services.engine.log, shown.by)
    answer["chain"] = [rows.event_row(rec) for rec in chain]
    return answer


def _chain(log: EventLog, cause: Cause | None) -> list[Recorded]:
    chain: list[Recorded] = []
    while cause is not None and len(chain) < limits.WHY_CHAIN_MAX:
        rec = log.get(cause.stream, cause.version)
        if rec is None:
            break
        chain.append(rec)
        cause = rec.cause
    return chain


HANDLERS: Mapping[str, Callable[..., Any]] = {"log": log, "why": why}
