"""Compactions: those inside a turn, and the lines that /compact shares with them."""

from hived.rehearsal import shapes
from hived.rehearsal.desk import Desk
from hived.rehearsal.scenario import Model
from hived.rehearsal.wire import Line, now

_SUMMARY_OUTPUT = 300  # tokens that the summary itself costs


def status(desk: Desk, state: str | None, **more: object) -> None:
    """A system/status line."""
    desk.send({"type": "system", "subtype": "status", "status": state, **more})


def inside(desk: Desk, model: Model, outcome: str, message: str = "exhausted") -> bool:
    """A compaction inside a turn, which goes on after it. Gives whether it helped."""
    started = now()
    status(desk, "compacting")
    desk.wait(desk.scenario.compact_seconds)
    if outcome != "ok":
        status(desk, None, compact_result="failed", compact_error=message)
        return False
    status(desk, None, compact_result="success")
    boundary(desk, "auto", shrink(desk, model), started)
    return True


def shrink(desk: Desk, model: Model) -> int:
    """Pay for the summary and shrink the context to it. Gives the tokens before."""
    session, scenario = desk.session, desk.scenario
    before = session.context
    session.spend(model, (before, _SUMMARY_OUTPUT, 0, 0))
    session.context = scenario.base_tokens + scenario.summary_tokens
    session.cached = 0
    session.exchanges = 0
    session.compacted = True
    return before


def boundary(desk: Desk, trigger: str, before: int, started: float) -> None:
    """The line between what was summed up and what follows, and the summary."""
    meta: Line = {
        "trigger": trigger,
        "pre_tokens": before,
        "post_tokens": desk.session.context,
        "cumulative_dropped_tokens": 0,
        "duration_ms": int((now() - started) * 1000),
    }
    desk.send({"type": "system", "subtype": "compact_boundary", "compact_metadata": meta})
    summary = f"{shapes.SUMMARY}rehearsed up to turn {desk.session.turns}"
    desk.session.note(desk.send(shapes.user(summary, isReplay=False, isSynthetic=True)))
