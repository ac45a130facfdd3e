"""Budgets: reached once in a window, covering who they name, over by time, by a change, by hand."""

from datetime import UTC, datetime

import pytest

from hived.decisions.access import Lift
from hived.decisions.approvals import RequestApproval
from hived.decisions.base import on_agent, on_hive
from hived.decisions.budgets import SettleBudget, timer
from hived.decisions.next_step import PARK, RUN, next_step
from hived.decisions.outcomes import FinishApproval
from hived.decisions.settings import ConfigureHive
from hived.decisions.verdicts import Decide
from hived.events.config import ConfigApplied
from hived.events.hive import HiveConfigured
from hived.events.settings import Settings
from hived.events.values import Budget, Usage
from hived.projections.spend import window
from hived.projections.status import status
from tests.decisions.bench import Bench, config, kinds


def over(b: Bench, name: str = "ada", **more: object) -> list[str]:
    b.working(name)
    return kinds(b.end(name=name, **more))


def word(b: Bench, name: str = "ada") -> str:
    return status(b.agent(name), b.hive).word


def settings(b: Bench, *budgets: Budget) -> None:
    b.append([on_hive(HiveConfigured(Settings(budgets=budgets)))])


def settled(b: Bench) -> list[str]:
    """What the clock sends now."""
    made: list[str] = []
    for due in list(timer(b.hive)):
        if due.at <= b.now:
            made += kinds(b.do(due.command, due.by))
    return made


def test_an_agent_over_its_budget_ends_its_turn_and_starts_no_other() -> None:
    b = Bench()
    b.new(budgets=(Budget(1.0),))
    b.new("bob")
    assert "budget_reached" not in over(b, cost_usd=0.6)
    b.working()
    b.send("ada", "one more")
    made = b.end(cost_usd=0.4)
    [reached] = [rec for rec in made if rec.kind == "budget_reached"]
    assert (reached.stream, reached.by) == ("hive", "policy:budget")
    e = reached.event
    assert (e.scope, e.unit, e.per, e.amount, e.used) == ("ada", "usd", "day", 1.0, 1.0)
    assert e.until == window("day", b.now)[1]
    step = next_step(b.agent(), b.hive, b.now)
    assert (step.kind, step.until) == (PARK, e.until)
    assert "$1.00 per day" in step.because
    assert word(b) == "over budget"
    assert (word(b, "bob"), next_step(b.agent("bob"), b.hive, b.now).kind) == ("idle", PARK)
    told = [m.body for m in b.hive.inboxes.box("operator").open.values()]
    assert len(told) == 1 and "ada has reached its budget" in told[0]


def test_a_budget_of_the_hive_covers_all_and_is_told_once() -> None:
    b = Bench()
    b.new("boss", role="manager")
    b.new()
    settings(b, Budget(100.0, "tokens", "hour"))
    b.working("boss")
    assert "budget_reached" in over(b, usage=Usage(60, 30, 1_000_000, 20))
    assert word(b, "boss") == "thinking"
    assert "budget_reached" not in kinds(b.end(name="boss", usage=Usage(5)))
    assert (word(b), word(b, "boss")) == ("over budget", "over budget")
    told = [m.body for m in b.hive.inboxes.box("operator").open.values()]
    assert len(told) == 1 and "The hive has reached its budget of 100 tokens per hour" in told[0]
    [notice] = [m.body for m in b.hive.inboxes.box("boss").open.values()]
    assert '"event":"budget_reached"' in notice


def test_a_budget_that_is_set_below_what_was_spent_is_reached_at_once() -> None:
    b = Bench()
    b.new("boss", role="manager")
    b.new()
    over(b, cost_usd=2.0)
    made = b.do(ConfigureHive(Settings(budgets=(Budget(1.0), Budget(5.0, per="month")))))
    reached = [rec for rec in made if rec.kind == "budget_reached"]
    assert [(rec.event.scope, rec.event.per, rec.event.used) for rec in reached] == [
        ("*", "day", 2)
    ]
    assert kinds(made)[0] == "hive_configured" and reached[0].by == "policy:budget"
    assert word(b) == "over budget" and next_step(b.agent(), b.hive, b.now).kind == PARK
    [told] = [m.body for m in b.hive.inboxes.box("operator").open.values()]
    assert "The hive has reached its budget of $1.00 per day" in told and "lift AGENT" in told
    assert len(b.hive.inboxes.box("boss").open) == 1
    # Set again, or changed while it is reached, it is not told again; lifted, it holds nobody.
    assert kinds(b.do(ConfigureHive(Settings(budgets=(Budget(0.5),))))) == ["hive_configured"]
    b.do(Lift("ada"), by="operator:ann")
    assert kinds(b.do(ConfigureHive(Settings(budgets=(Budget(0.4),))))) == ["hive_configured"]
    assert word(b) == "idle"


def test_an_agents_budget_that_is_applied_below_what_it_spent_is_reached_at_once() -> None:
    b = Bench()
    b.new()
    b.new("bob")
    over(b, cost_usd=2.0)
    budgets = (Budget(1.0),)
    request = RequestApproval("p1", "apply_commit", "ada", config=config(budgets=budgets))
    b.do(request, by="operator:ann")
    b.do(Decide("p1", "approve"), by="operator:ann")
    made = kinds(b.do(FinishApproval("p1", config=config(budgets=budgets)), by="hive"))
    assert made[0] == "config_applied" and "budget_reached" in made
    assert (word(b), word(b, "bob")) == ("over budget", "idle")


def test_it_is_over_when_its_window_is() -> None:
    b = Bench()
    b.new(budgets=(Budget(1.0, per="hour"),))
    over(b, cost_usd=2.0)
    b.send()
    assert settled(b) == []
    b.now = window("hour", b.now)[1]
    assert settled(b) == ["budget_over"]
    assert b.log[-1].event.why == "elapsed"
    assert next_step(b.agent(), b.hive, b.now).kind == RUN
    assert "budget_reached" in over(b, cost_usd=1.0)


@pytest.mark.parametrize("after", [(), (Budget(3.0),)])
def test_it_is_over_when_it_is_raised_or_taken_away(after: tuple[Budget, ...]) -> None:
    b = Bench()
    b.new(budgets=(Budget(1.0), Budget(50.0)))
    over(b, cost_usd=2.0)
    b.append([on_agent("ada", ConfigApplied("ada", "", config(budgets=(Budget(1.5),)), "key"))])
    assert settled(b) == []
    b.append([on_agent("ada", ConfigApplied("ada", "", config(budgets=after), "key"))])
    assert settled(b) == ["budget_over"]
    assert b.log[-1].event.why == "raised"
    assert word(b) == "idle"


def test_the_operator_lifts_it_for_its_window() -> None:
    b = Bench()
    b.new(budgets=(Budget(1.0),))
    over(b, cost_usd=2.0)
    assert kinds(b.do(Lift("ada"))) == ["budget_over"]
    assert "budget_reached" not in over(b, cost_usd=2.0)
    b.now = window("day", b.now)[1]
    assert "budget_reached" in over(b, cost_usd=2.0)
    assert b.do(SettleBudget("ada", "usd", "day")) == []


def test_windows_are_of_the_utc_calendar() -> None:
    def at(*when: int) -> float:
        return datetime(*when, tzinfo=UTC).timestamp()  # type: ignore[arg-type]

    assert window("month", at(2024, 2, 29, 13)) == (at(2024, 2, 1), at(2024, 3, 1))
    assert window("month", at(2026, 12, 31, 23, 59)) == (at(2026, 12, 1), at(2027, 1, 1))
    assert window("day", at(2026, 11, 23, 22)) == (at(2026, 11, 23), at(2026, 11, 24))
    assert window("hour", at(2026, 11, 23, 22, 59)) == (at(2026, 11, 23, 22), at(2026, 11, 23, 23))
