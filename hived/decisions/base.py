"""What deciding is: the state and a command in, the events that follow out, or a refusal.

Pure. The clock and new ids come in with the Context. A command is a frozen class; its decide
function stands in the same file and is found through COMMANDS.
"""

from collections.abc import Callable, Sequence
from typing import Any

from attrs import field, frozen

from hived import limits
from hived.errors import CommandRefused
from hived.events import Cause
from hived.names import (
    HIVE,
    HIVE_STREAM,
    OPERATOR,
    agent_stream,
    as_uuid,
    message_stream,
    shown,
)
from hived.projections import Hive
from hived.projections.agent import Agent, OpenTurn


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
        return OPERATOR if self.operator else HIVE

    @property
    def operator(self) -> bool:
        """Whether the operator asks."""
        return self.by.startswith("operator:")

    def make_id(self, letter: str) -> str:
        """A new id of the family with that letter: m, q, r, t, ..."""
        return letter + self.new_id()[:16]

    def make_uuid(self) -> str:
        """A new UUID of version 4."""
        return as_uuid(self.new_id())


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


def need_turn(hive: Hive, name: str, turn: str) -> tuple[Agent, OpenTurn]:
    """A live agent and its running turn.

    Raises:
      CommandRefused: not_found; wrong_state if that turn is over.
    """
    agent = need_agent(hive, name)
    if agent.turn is None or agent.turn.id != turn:
        raise CommandRefused(f"turn {turn} of {name} is over")
    return agent, agent.turn


def check_operator(context: Context, does: str) -> None:
    """Make sure that the operator asks for what only he does: approves, purges, ...

    Raises:
      CommandRefused: not_allowed.
    """
    if not context.operator:
        raise CommandRefused(
            f"only the operator {does}", code="not_allowed", hint="ask the operator: send"
        )


def check_agents_max(hive: Hive) -> None:
    """Make sure that the hive has room for one more agent.

    Raises:
      CommandRefused: too_many.
    """
    if len(hive.agents.live) >= limits.AGENTS_MAX:
        raise CommandRefused(
            f"the hive has {limits.AGENTS_MAX} agents, the most it may have",
            code="too_many",
            hint="take one out: hivectl rm NAME",
        )


def check_length(what: str, text: str, most: int) -> None:
    """Refuse a text of more than so many characters.

    Raises:
      CommandRefused: too_large.
    """
    if len(text) > most:
        raise CommandRefused(
            f"{what} has {len(text)} characters; {most} is the most",
            code="too_large",
            hint="make it shorter, or put it in a file and name its path",
        )


def check_unique(text: str, candidates: Sequence[str], what: str) -> None:
    """Refuse a beginning that several names or ids have. what: those, in the plural.

    Raises:
      CommandRefused: ambiguous_name, with the `candidates`.
    """
    if len(candidates) > 1:
        raise CommandRefused(
            f"{shown(text)} may be any of {len(candidates)} {what}",
            code="ambiguous_name",
            hint="write more of it: " + ", ".join(candidates[:10]),
            candidates=list(candidates[:100]),
        )


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
