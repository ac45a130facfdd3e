"""What a manager is told of its agents: system mail, one sentence and one line of JSON.

A notice tells of something that has happened, in the append in which it happens, so it is told
once. It never stands in the way of what it tells of: where there is nobody to tell, or the inbox
is full, there is none.
"""

from collections.abc import Iterable

import orjson

from hived import limits
from hived.decisions.base import Context, Plan, on_message
from hived.events.messages import MessageSent
from hived.names import HIVE, MANAGER
from hived.projections import Hive


def manager_over(hive: Hive, about: str) -> str:
    """Who is told of an agent: its live parent, else the hive's first manager; "" for nobody.

    A manager without a parent is told nothing of itself: it could not act on it.
    """
    return _over(hive, about, _first(hive))


def managers_over(hive: Hive, agents: Iterable[str]) -> list[str]:
    """Who is told of something that concerns several agents, each once."""
    first = _first(hive)
    return [name for name in dict.fromkeys(_over(hive, one, first) for one in agents) if name]


def _over(hive: Hive, about: str, first: str) -> str:
    agent = hive.agents.live.get(about) or hive.agents.kept.get(about)
    if agent is not None and agent.parent in hive.agents.live:
        return agent.parent
    return "" if first == about else first


def _first(hive: Hive) -> str:
    managers = (a.name for a in hive.agents.live.values() if a.config.role == MANAGER)
    return next(managers, "")


def tell_manager(
    hive: Hive, about: str, event: str, words: str, context: Context, **data: object
) -> Plan:
    """System mail to the manager of `about`, if there is one and its inbox has room.

    Args:
      about: An agent's name. event: what happened, for programs: agent_crashed, ...
      words: One sentence for the model. data: JSON-shaped, beside event and agent.
    """
    return tell(hive, manager_over(hive, about), notice(about, event, words, **data), context)


def notice(about: str, event: str, words: str, **data: object) -> str:
    """The body: the sentence on a line of its own, whatever it quotes, and the JSON below it."""
    row = {"event": event, "agent": about, **{key: _cut(value) for key, value in data.items()}}
    return f"{' '.join(words.split())}\n{orjson.dumps(row).decode()}"


def tell(hive: Hive, to: str, body: str, context: Context, reply: str = "") -> Plan:
    """System mail to an agent; none where it is not there or its inbox is full."""
    if to not in hive.agents.live or len(hive.inboxes.box(to).open) >= limits.INBOX_OPEN_MAX:
        return []
    message = context.make_id("m")
    return [on_message(message, MessageSent(message, HIVE, to, body, reply))]


def _cut(value: object) -> object:
    return value[: limits.DETAIL_CHARS_MAX] if isinstance(value, str) else value
