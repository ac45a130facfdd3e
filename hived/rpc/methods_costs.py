"""The read of what was spent, and of the budgets."""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime
from typing import Any

from hived.decisions.budgets import budgets_of, spent
from hived.errors import CommandRefused
from hived.names import shown
from hived.projections import Hive
from hived.projections.budgets import HIVE, key
from hived.projections.spend import DAY, Spend, window
from hived.projections.spent import Spent
from hived.rpc import rows
from hived.rpc.session import Call
from hived.rpc.specs import JSON_VERSION

_BY = ("agent", "model", "day")


def costs(call: Call, *, by: str, since: str | None) -> dict[str, Any]:
    if by not in _BY:
        raise CommandRefused(
            f"costs are told by {', '.join(_BY)}, not by {shown(by)}", code="invalid_params"
        )
    hive = call.hive
    first = _day(since) if since is not None else 0
    period = hive.spend.since(first)
    sums = {"agent": period.agents, "model": period.models}.get(by) or {}
    if by == "day":
        sums = dict(_days(hive.spend, first))
    else:
        sums = dict(sorted(sums.items(), key=lambda item: -item[1].cost_usd))
    # At a time in the past, the budgets stand as they stood then.
    now = min(call.services.clock(), hive.recorded_at) if _is_past(call) else call.services.clock()
    body = {
        "by": by,
        "since": since,
        "told_apart_since": next((_date(day) for day in hive.spend.by_day()), None),
        "rows": [_row(name, one) for name, one in sums.items()],
        "total": _row("total", period.all),
        "budgets": list(_budgets(hive, now)),
    }
    return rows.stamped(hive, body, version=JSON_VERSION)


def _is_past(call: Call) -> bool:
    return call.hive is not call.services.engine.durable


def _day(text: str) -> int:
    """The days since 1970 of a date."""
    try:
        found = date.fromisoformat(text)
    except ValueError:
        raise CommandRefused(
            f"{shown(text)} is no day", code="invalid_params", hint="YYYY-MM-DD, in UTC"
        ) from None
    return int(datetime(found.year, found.month, found.day, tzinfo=UTC).timestamp() // DAY)


def _date(day: int) -> str:
    return datetime.fromtimestamp(day * DAY, UTC).strftime("%Y-%m-%d")


def _days(spend: Spend, first: int) -> Iterator[tuple[str, Spent]]:
    if not first and spend.before.all.turns:
        yield "before", spend.before.all
    for day, period in spend.by_day().items():
        if day >= first:
            yield _date(day), period.all


def _row(name: str, one: Spent) -> dict[str, Any]:
    return {
        "key": name,
        "turns": one.turns,
        "usage": {
            "input": one.input,
            "output": one.output,
            "cache_read": one.cache_read,
            "cache_write": one.cache_write,
        },
        "cost_usd": round(one.cost_usd, 6),
    }


def _budgets(hive: Hive, now: float) -> Iterator[dict[str, Any]]:
    for scope in (HIVE, *hive.agents.live):
        for budget in budgets_of(hive, scope):
            name = key(scope, budget)
            reached = hive.budgets.reached.get(name)
            lifted = hive.budgets.lifted.get(name, 0.0) > now
            yield {
                "scope": scope,
                "unit": budget.unit,
                "per": budget.per,
                "amount": budget.amount,
                "used": round(spent(hive, scope, budget, now), 6),
                "until": rows.when(window(budget.per, now)[1]),
                "state": "reached" if reached else "lifted" if lifted else "ok",
            }


HANDLERS: Mapping[str, Callable[..., Any]] = {"costs": costs}
