"""An agent's conversation: the model that holds it, and a new one in its place."""

from attrs import frozen

from hived import limits
from hived.decisions.base import Context, Plan, need_agent, on_agent
from hived.errors import CommandRefused
from hived.events import agents as e
from hived.names import shown
from hived.projections import Hive
from hived.projections.agent import Agent


@frozen
class QueueModel:
    """The model of the agent's next turn."""

    agent: str
    model: str


def queue_model(hive: Hive, command: QueueModel, context: Context) -> Plan:
    agent = need_agent(hive, command.agent)
    model = command.model.strip()
    if not model or len(model) > limits.MODEL_CHARS_MAX or not model.isprintable():
        raise CommandRefused(
            "a model's name is one word, as the CLI takes it",
            code="invalid_params",
            hint="such as haiku, sonnet, opus",
        )
    check_model(model)
    return [on_agent(agent.name, e.ModelQueued(agent.name, model, agent.model))]


def check_model(model: str) -> None:
    """Refuses what no CLI takes for a model's name: a flag of its own, more words than one."""
    wrong = "begins with a dash" if model.startswith("-") else ""
    if any(char.isspace() for char in model):
        wrong = "is more than one word"
    if wrong:
        raise CommandRefused(
            f"{shown(model)} is no model: it {wrong}",
            code="invalid_params",
            hint="such as haiku, sonnet, opus",
        )


@frozen
class NewSession:
    """Begin a new conversation with the next turn."""

    agent: str


def new_session(hive: Hive, command: NewSession, context: Context) -> Plan:
    agent = need_agent(hive, command.agent)
    if agent.turn is not None:
        raise CommandRefused(
            f"{agent.name} is in a turn; its conversation cannot be changed under it",
            hint=f"wait, or hivectl cancel {agent.name}",
        )
    if agent.session_fresh:
        raise CommandRefused(f"{agent.name} has no conversation yet", hint="nothing to reset")
    return [on_agent(agent.name, reset_session(agent, context, "operator"))]


def reset_session(agent: Agent, context: Context, why: str) -> e.SessionReset:
    return e.SessionReset(agent.name, context.make_uuid(), agent.session, why)
