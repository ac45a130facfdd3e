"""Who may steer whom: the operator everyone, a manager the agents that answer to it."""

from hived.decisions.base import Context
from hived.errors import CommandRefused
from hived.names import MANAGER
from hived.projections import Hive
from hived.projections.agent import Agent


def answers_to(hive: Hive, name: str, manager: str) -> bool:
    """Whether a live agent answers to a manager: by its line of parents, or to any as to this one.

    An agent whose line ends with nobody above it answers to every manager, unless the line ends
    with a manager of its own. Nobody answers to itself.
    """
    live = hive.agents.live
    if name == manager or name not in live:
        return False
    agent = live[name]
    seen = {name}
    while agent.parent in live and agent.parent not in seen:
        if agent.parent == manager:
            return True
        seen.add(agent.parent)
        agent = live[agent.parent]
    return agent.config.role != MANAGER


def need_manager(hive: Hive, context: Context) -> Agent:
    """The manager that asks.

    Raises:
      CommandRefused: not_allowed.
    """
    asker = hive.agents.live.get(context.agent)
    if asker is None or asker.config.role != MANAGER:
        raise CommandRefused(
            f"{context.sender} is no manager", code="not_allowed", hint="ask your manager: send"
        )
    return asker


def check_may_steer(hive: Hive, name: str, context: Context) -> None:
    """Make sure that an agent that asks is a manager, and that `name` answers to it.

    Raises:
      CommandRefused: not_allowed.
    """
    if not context.agent:
        return
    asker = need_manager(hive, context)
    if name == asker.name:
        raise CommandRefused(
            f"{name} cannot do that to itself", code="not_allowed", hint="ask the operator: send"
        )
    if not answers_to(hive, name, asker.name):
        raise CommandRefused(
            f"{name} does not answer to {asker.name}",
            code="not_allowed",
            hint="ask its own manager, or the operator: send",
        )
