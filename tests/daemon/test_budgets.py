"""Budgets through the daemon: reached, told, waited for, raised and lifted; and what costs tell."""

import json

import pytest

from tests.daemon.harness import Hive

# Each turn costs a few dollars: the base of 2,600 tokens at $1,000 a million.
DEAR = """
model = "dear"
[default]
steps = [{ say = "Done." }]
[models.dear]
window = 100_000
input = 1_000.0
"""


def budget(hive: Hive, text: str) -> None:
    (hive.home / "hive.toml").write_text(text)


@pytest.fixture
def poor(stopped: Hive) -> Hive:
    """A hive that may spend a dollar a day."""
    budget(stopped, "[[budgets]]\namount = 1.0\n")
    stopped.start()
    stopped.new("ada", DEAR)
    stopped.new("bob", DEAR)
    return stopped


def test_a_budget_that_is_reached_holds_all_it_covers_until_it_is_lifted(poor: Hive) -> None:
    hive = poor
    hive.send("ada")
    [reached] = hive.wait_for("budget_reached")
    end = hive.end("ada")
    assert end["outcome"] == "ok"
    assert reached["data"]["used"] == pytest.approx(end["cost_usd"])
    assert [hive.word(name) for name in ("ada", "bob")] == ["over budget"] * 2
    assert "Needs you" in hive.ctl("ps")
    assert "budget of $1.00 per day is used up" in hive.ctl("why", "ada")
    hive.send("bob")
    told = [row["body"] for row in hive.call("inbox")["messages"]]
    assert len([body for body in told if "has reached its budget of $1.00 per day" in body]) == 1
    hive.kill()
    hive.start()
    assert hive.word("bob") == "over budget"
    assert len(hive.events("turn_start")) == 1
    assert "1 budget: the wait is over" in hive.ctl("lift", "ada")
    assert hive.end("bob")["outcome"] == "ok"
    assert len(hive.events("budget_reached")) == 1
    assert "lifted" in hive.ctl("costs")
    assert "within its budgets" in hive.ctl("lift", "ada", code=1)
    hive.check()


def test_a_budget_that_is_raised_lets_its_agents_go_on(poor: Hive) -> None:
    hive = poor
    hive.send("ada")
    hive.wait_for("budget_reached")
    hive.send("ada", "more")
    budget(hive, "[[budgets]]\namount = 1.5\n")
    hive.call("daemon_reload")
    assert hive.events("budget_over") == []
    budget(hive, "[[budgets]]\namount = 1_000\n")
    hive.call("daemon_reload")
    [over] = hive.wait_for("budget_over")
    assert over["data"]["why"] == "raised"
    assert hive.end("ada", 2)["outcome"] == "ok"


def test_what_was_spent_is_told_by_agent_model_and_day(hive: Hive) -> None:
    hive.new("ada", DEAR)
    hive.new("bob", DEAR.replace("1_000.0", "10.0"))
    for name in ("ada", "ada", "bob"):
        before = len(hive.events("turn_end", agent=name))
        hive.send(name)
        hive.end(name, before + 1)
    ends = [row["data"] for row in hive.events("turn_end")]
    assert all(list(end["models"]) == ["dear"] for end in ends), ends
    total = sum(end["cost_usd"] for end in ends)
    by_agent = json.loads(hive.ctl("costs", "--json"))
    assert [row["key"] for row in by_agent["rows"]] == ["ada", "bob"]
    assert [row["turns"] for row in by_agent["rows"]] == [2, 1]
    assert by_agent["total"]["cost_usd"] == pytest.approx(total, abs=1e-5)
    for by in ("agent", "model", "day"):
        answer = hive.call("costs", by=by)
        assert sum(row["cost_usd"] for row in answer["rows"]) == pytest.approx(total, abs=1e-5)
    assert [row["key"] for row in hive.call("costs", by="model")["rows"]] == ["dear"]
    first = hive.events("turn_end")[0]["position"]
    then = hive.call("costs", by="agent", at=first)
    assert then["total"]["turns"] == 1
    assert "Nothing was spent yet since then" in hive.ctl("costs", "--since", "2999-01-01")
    assert "no day" in hive.ctl("costs", "--since", "soon", code=1)
