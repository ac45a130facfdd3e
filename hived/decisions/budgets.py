"""Budgets: reached where they are set or at a turn's end; over in time, raised, lifted."""

from collections.abc import Iterable, Iterator

from attrs import evolve, frozen

from hived.decisions.base import Context, Plan, Planned, on_hive
from hived.decisions.due import Due
from hived.decisions.mail import SendMessage, send_message
from hived.decisions.notices import tell_manager
from hived.events.budgets import BudgetOver, BudgetReached
from hived.events.turn import TurnEnd
from hived.events.values import Budget
from hived.names import HIVE as SYSTEM
from hived.names import OPERATOR
from hived.projections import Hive
from hived.projections.agent import Agent
from hived.projections.budgets import HIVE, Reached, key, smallest
from hived.projections.spend import window
from hived.projections.spent import Spent

RULE = "policy:budget"


def check(hive: Hive, agent: Agent, end: TurnEnd, context: Context) -> Plan:
    """What a turn's end, which is not folded yet, means for the budgets it counts in."""
    this = Spent()
    this.add(end.usage, end.cost_usd)
    plan: Plan = []
    for scope in (agent.name, HIVE):
        plan += passed(hive, scope, budgets_of(hive, scope), context, more=this, about=agent.name)
    return plan


def passed(
    hive: Hive,
    scope: str,
    budgets: Iterable[Budget],
    context: Context,
    *,
    more: Spent | None = None,
    about: str = SYSTEM,
) -> Plan:
    """Those of the scope's budgets that are reached now, and told.

    budgets: that hold, or will by this append. more: spent, and not folded yet. about: the agent
    whose turn or configuration it was; hive for hive.toml.
    """
    plan: Plan = []
    for budget in smallest(budgets).values():
        name = key(scope, budget)
        lifted = hive.budgets.lifted.get(name, 0.0) > context.now
        if lifted or name in hive.budgets.reached:
            continue
        used = spent(hive, scope, budget, context.now) + (more.used(budget.unit) if more else 0.0)
        if used >= budget.amount:
            until = window(budget.per, context.now)[1]
            event = BudgetReached(scope, budget.unit, budget.per, budget.amount, used, until)
            plan.append(on_hive(event, by=RULE))
            plan += _told(hive, about, event, context)
    return plan


def budgets_of(hive: Hive, scope: str) -> list[Budget]:
    """The budgets that hold for an agent alone, or for the hive."""
    if scope == HIVE:
        return list(smallest(hive.settings.now.budgets).values())
    agent = hive.agents.live.get(scope)
    return list(smallest(agent.config.budgets).values()) if agent is not None else []


def spent(hive: Hive, scope: str, budget: Budget, at: float) -> float:
    """What was used of a budget in the window around a time."""
    return sum(one.used(budget.unit) for one in hive.spend.of(scope, budget.per, at))


def _told(hive: Hive, about: str, event: BudgetReached, context: Context) -> Plan:
    who = "The hive" if event.scope == HIVE else event.scope
    end = f"the end of the {event.per} (UTC)"
    words = (
        f"{who} has reached its budget of {shown(event.amount, event.unit)} per {event.per}: "
        f"{shown(event.used, event.unit)} are used. "
        f"{'Its agents start' if event.scope == HIVE else 'It starts'} no other turn until {end}."
    )
    one = about if about in hive.agents.live else "AGENT"
    hint = f" Raise it in the configuration, or: hivectl lift {one}"
    data = {"scope": event.scope, "unit": event.unit, "per": event.per, "until": event.until}
    return [
        *send_message(hive, SendMessage(OPERATOR, words + hint), evolve(context, by=SYSTEM)),
        *tell_manager(hive, about, "budget_reached", words, context, **data),
    ]


def shown(amount: float, unit: str) -> str:
    return f"${amount:,.2f}" if unit == "usd" else f"{amount:,.0f} tokens"


@frozen
class SettleBudget:
    """Look at a reached budget again: its window may be over, or it was raised."""

    scope: str
    unit: str
    per: str


def settle_budget(hive: Hive, command: SettleBudget, context: Context) -> Plan:
    reached = hive.budgets.reached.get(key(command.scope, command))
    if reached is None:
        return []
    if reached.until <= context.now:
        return [_over(reached, "elapsed")]
    return [_over(reached, "raised")] if _raised(hive, reached) else []


def lift_budgets(hive: Hive, agent: str) -> Plan:
    """The operator lets an agent go on: what it waits for is lifted to the window's end."""
    return [_over(one, "operator") for one in hive.budgets.covering(agent)]


def _over(reached: Reached, why: str) -> Planned:
    event = BudgetOver(reached.scope, reached.unit, reached.per, why)
    return on_hive(event, reached.by)


def _raised(hive: Hive, reached: Reached) -> bool:
    """Whether a larger budget holds now, or none: its agent may also be gone."""
    for budget in budgets_of(hive, reached.scope):
        if (budget.unit, budget.per) == (reached.unit, reached.per):
            return budget.amount > reached.used
    return True


def timer(hive: Hive) -> Iterator[Due]:
    """When each reached budget is over: at its window's end, or now that it was raised."""
    for one in hive.budgets.reached.values():
        at = one.since if _raised(hive, one) else one.until
        yield Due(at, SettleBudget(one.scope, one.unit, one.per), RULE)
