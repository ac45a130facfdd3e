"""What was spent: the sums are those of a simple model, however it is cut and reloaded."""

import json
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hived import limits
from hived.events import Recorded
from hived.events.turn import TurnEnd
from hived.events.values import ModelUse, Usage
from hived.projections.spend import DAY, HOUR, OTHERS, Period, Spend

counts = st.integers(0, 1_000)
uses = st.builds(ModelUse, st.builds(Usage, counts, counts, counts, counts), counts.map(float))
ends = st.tuples(
    st.integers(0, 50 * 24),  # the hour
    st.sampled_from(["ada", "bob", "eve"]),
    st.dictionaries(st.sampled_from(["haiku", "opus"]), uses, max_size=2),
)


def record(hour: int, agent: str, models: dict[str, ModelUse]) -> Recorded:
    usage = sum((use.usage for use in models.values()), Usage())
    cost = sum(use.cost_usd for use in models.values())
    end = TurnEnd(agent, "t", "ok", usage=usage, cost_usd=cost, models=models)
    at = 1_700_000_000.0 // DAY * DAY + hour * HOUR
    return Recorded(1, f"agent:{agent}", 1, at, "n", "hive", None, None, "turn_end", end)


def fold(records: list[Recorded]) -> Spend:
    spend = Spend()
    for number, rec in enumerate(records):
        spend.handlers()["turn_end"](rec)
        if number % 3 == 2:
            data = json.loads(json.dumps(spend.dump()))
            spend = Spend()
            spend.load(data)
    return spend


def costs(period: Period) -> tuple[float, Counter[str], Counter[str]]:
    agents = Counter({name: spent.cost_usd for name, spent in period.agents.items()})
    models = Counter({name: spent.cost_usd for name, spent in period.models.items()})
    return period.all.cost_usd, agents, models


@given(st.lists(ends, max_size=30), st.integers(0, 50))
def test_sums_are_those_of_a_simple_model(given: list[tuple], first: int) -> None:  # type: ignore[type-arg]
    records = [record(*end) for end in sorted(given, key=lambda end: end[0])]
    spend = fold(records)
    begin = int(1_700_000_000 // DAY) + first
    for day in (0, begin):
        some = [rec for rec in records if rec.recorded_at // DAY >= day]
        total, agents, models = costs(spend.since(day))
        assert total == pytest.approx(sum(rec.event.cost_usd for rec in some))
        expected: Counter[str] = Counter()
        by_model: Counter[str] = Counter()
        for rec in some:
            expected[rec.event.agent] += rec.event.cost_usd
            for name, use in rec.event.models.items():
                by_model[name] += use.cost_usd
        assert +agents == +expected
        assert +models == +by_model
        assert spend.since(day).all.turns == len(some)
    for rec in records[-1:]:
        for per, length in (("hour", HOUR), ("day", DAY)):
            same = [r for r in records if r.recorded_at // length == rec.recorded_at // length]
            for scope in ("*", rec.event.agent):
                mine = [r.event.cost_usd for r in same if scope in ("*", r.event.agent)]
                of = spend.of(scope, per, rec.recorded_at)
                assert sum(one.used("usd") for one in of) == pytest.approx(sum(mine))


def test_old_days_and_many_names_are_summed_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "SPEND_DAYS_MAX", 3)
    monkeypatch.setattr(limits, "SPEND_AGENTS_MAX", 2)
    use = {"haiku": ModelUse(Usage(1, 2, 3, 4), 1.0)}
    records = [record(day * 24, f"a{day}", use) for day in range(10)]
    spend = fold(records)
    assert len(spend.by_day()) == 3
    assert set(spend.before.agents) == {"a0", "a1", OTHERS}
    assert spend.before.agents[OTHERS].cost_usd == 5.0
    assert spend.since(0).all.cost_usd == 10.0
    assert spend.since(0).all.used("tokens") == 70.0
