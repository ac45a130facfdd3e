"""What deciding is: the state and a command in, the events that follow out, or a refusal.

Pure. The clock and new ids come in with the Context. A command is a frozen class; its decide
function stands in the same file and is found through COMMANDS.
"""

from collections.abc import Callable
from typing import Any

from attrs import field, frozen

from hived.errors import CommandRefused
from hived.events import Cause
from hived.names import HIVE_STREAM, OPERATOR, agent_stream, message_stream
from hived.projections import Hive
from hived.projections.agent import Agent


@frozen
class Context:
    """What a decision may know beside the state.

    by: operator:NAME, agent:NAME, policy:RULE or hive. now: unix seconds. new_id: gives 32
    hexadecimal digits, new at each call.
    """

    by: str
    now: float
    new_id: Callable[[], str]

    @property
    def agent(self) -> str:
        """The agent that asks, or the empty string."""
        return self.by[6:] if self.by.startswith("agent:") else ""

    @property
    def sender(self) -> str:
        """Who asks, as the sender of a message: an agent's name, operator or hive."""
        if self.agent:
            return self.agent
        return OPERATOR if self.by.startswith("operator:") else "hive"


@frozen
class Planned:
    """An event to be appended. by: where it is not the caller's doing but a rule's."""

    stream: str
    event: Any
    cause: Cause | None = None
    by: str = field(default="")


Plan = list[Planned]


def need_agent(hive: Hive, name: str) -> Agent:
    """The live agent of that name.

    Raises:
      CommandRefused: not_found.
    """
    agent = hive.agents.live.get(name)
    if agent is None and name in hive.agents.kept:
        raise CommandRefused(
            f"the agent {name} was taken out of the hive; its state is kept",
            code="not_found",
            hint=f"hivectl revive {name} brings it back",
        )
    if agent is None:
        raise CommandRefused(
            f"there is no agent {name[:60]}", code="not_found", hint="hivectl ps lists them"
        )
    return agent


def on_agent(name: str, event: Any, cause: Cause | None = None, by: str = "") -> Planned:
    return Planned(agent_stream(name), event, cause, by)


def on_message(message: str, event: Any, cause: Cause | None = None, by: str = "") -> Planned:
    return Planned(message_stream(message), event, cause, by)


def on_hive(event: Any, cause: Cause | None = None, by: str = "") -> Planned:
    return Planned(HIVE_STREAM, event, cause, by)


def stream_version(hive: Hive, stream: str) -> int:
    """The last version of a stream as far as the state knows it, 0 for a new one."""
    family, _, name = stream.partition(":")
    if family == "agent":
        return hive.agents.version_of(name)
    if family == "message":
        message = hive.inboxes.find(name)
        return message.version if message is not None else 0
    if family == "question":
        return hive.questions.version_of(name)
    if family == "approval":
        approval = hive.approvals.find(name)
        return approval.version if approval is not None else 0
    return hive.credentials.version
