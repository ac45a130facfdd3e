"""The daemon itself: how it does, whether its log is sound, what its machine offers, its end."""

import os
import resource
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import trio

import hived
from hived import limits
from hived.errors import HivedError
from hived.rpc import doctor as checks
from hived.rpc import rows
from hived.rpc.jsonrpc import NOID
from hived.rpc.session import Call
from hived.rpc.specs import JSON_VERSION
from hived.rpc.subscriptions import notification
from hived.store.verify import Report


def daemon_status(call: Call) -> dict[str, Any]:
    services, hive = call.services, call.hive
    used = resource.getrusage(resource.RUSAGE_SELF)
    body = {
        "pid": os.getpid(),
        "version": hived.__version__,
        "node": services.engine.node,
        "home": services.home.state,
        "socket": services.home.socket,
        "started_at": rows.when(hive.ledger.started_at),
        "clients": services.clients,
        "agents": len(hive.agents.live),
        "queued": services.engine.queued,
        "containment": services.containment.kind,
        "rss_bytes": _rss_bytes(),
        "cpu_seconds": round(used.ru_utime + used.ru_stime, 3),
        "threads": threading.active_count(),
    }
    return rows.stamped(hive, body, version=JSON_VERSION)


def _rss_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_bytes().split()[1])
    return pages * resource.getpagesize()


def daemon_stop(call: Call, *, turns: bool) -> dict[str, Any]:
    agents = call.hive.agents.live.values()
    running = [agent.turn.id for agent in agents if agent.turn is not None]
    call.services.shutdown(turns)
    return {"stopping": True, "turns": "ended" if turns else "left", "running": running}


class _NobodyWaits(Exception):
    """The caller of a long read has gone."""


async def verify(call: Call) -> dict[str, Any]:
    services = call.services
    if services.verifying:
        raise HivedError("a verify runs already", code="busy", hint="wait for its end")
    progress = _Progress(call)
    answer = rows.stamped(call.hive, {}, version=JSON_VERSION)
    started = time.monotonic()
    services.verifying = True
    try:
        report = await trio.to_thread.run_sync(
            _verify, services.engine.log.verify, progress, abandon_on_cancel=True
        )
    finally:
        progress.stopped = True
        services.verifying = False
    return {
        **answer,
        "ok": not report.problems,
        "events": report.events,
        "problems": list(report.problems),
        "seconds": round(time.monotonic() - started, 3),
    }


def _verify(verify: Callable[[Any], Report], progress: "_Progress") -> Report:
    try:
        return verify(progress)
    except _NobodyWaits:
        return Report(0, 0, 0, ())  # an abandoned thread's result is dropped


class _Progress:
    """Tells the caller how far a long read is, now and then. Called on the reader's thread."""

    def __init__(self, call: Call) -> None:
        self.stopped = False
        self._call = call
        self._last = time.monotonic()

    def __call__(self, done: int, total: int) -> None:
        if self.stopped:
            raise _NobodyWaits
        now = time.monotonic()
        if now - self._last < limits.PROGRESS_SECONDS or self._call.request is NOID:
            return
        self._last = now
        try:
            trio.from_thread.run_sync(self._tell, done, total)
        except (trio.Cancelled, trio.RunFinishedError):
            raise _NobodyWaits from None

    def _tell(self, done: int, total: int) -> None:
        outbox = self._call.session.outbox
        if not outbox.full:
            request = self._call.request
            outbox.put(notification("progress", request=request, done=done, total=total))
            outbox.flush()


async def doctor(call: Call) -> dict[str, Any]:
    answer = rows.stamped(call.hive, {}, version=JSON_VERSION)
    facts = checks.Facts(
        home=call.services.home,
        probe=call.services.probe,
        programs=_programs(call),
        now=call.services.clock(),
        last_event_at=call.hive.recorded_at,
        disk_waits=sorted(call.services.disk_waits),
    )
    found = await call.in_thread(checks.run, facts)
    return {
        **answer,
        "ok": all(check.state != "fail" for check in found),
        "checks": [check._asdict() for check in found],
    }


def _programs(call: Call) -> tuple[str, ...]:
    """The claude CLIs that agents use, the one on the PATH first."""
    own = (
        agent.config.program
        for agent in call.hive.agents.live.values()
        if agent.config.driver == "claude" and agent.config.program
    )
    return tuple(dict.fromkeys(("claude", *own)))[: limits.DOCTOR_PROGRAMS_MAX]


HANDLERS: Mapping[str, Callable[..., Any]] = {
    "daemon_status": daemon_status,
    "daemon_stop": daemon_stop,
    "doctor": doctor,
    "verify": verify,
}
