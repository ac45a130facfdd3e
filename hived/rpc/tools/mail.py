"""send, who, set_status."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hived import limits
from hived.decisions.frames import on_a_line
from hived.decisions.lifecycle import SetStatus
from hived.decisions.mail import SendMessage
from hived.names import OPERATOR
from hived.projections.status import status
from hived.rpc.tools.caller import Caller

_IDS_TOLD_MAX = 20


async def send(caller: Caller, *, to: str, body: str, in_reply_to: str = "") -> str:
    answer = await caller.submit(SendMessage(to, body, in_reply_to))
    ids = message_ids(answer.streams)
    if to == OPERATOR:
        ids = ids[:1]  # room in a full inbox is made after it, by closing another
    more = len(ids) - _IDS_TOLD_MAX
    return "sent: " + ", ".join(ids[:_IDS_TOLD_MAX]) + (f" and {more} more" if more > 0 else "")


def message_ids(streams: Sequence[str]) -> list[str]:
    """The messages among the streams that a command wrote to: urgent mail also ends a nap."""
    return [stream.partition(":")[2] for stream in streams if stream.startswith("message:")]


async def set_status(caller: Caller, *, text: str) -> str:
    await caller.submit(SetStatus(caller.agent, text))
    return "status set"


async def who(caller: Caller) -> str:
    rows = []
    every = caller.hive.agents.live
    for other in every.values():
        words = [other.name, other.config.role, status(other, caller.hive).word]
        if other.name == caller.agent:
            words.append("(you)")
        # CLIs cut an answer that is too long, and then names would be missing.
        if other.status and len(every) <= limits.WHO_STATUSES_MAX:
            words.append("- " + on_a_line(other.status))
        rows.append(" ".join(words))
    return "\n".join([*rows, "operator: the person in charge"])


HANDLERS: Mapping[str, Callable[..., Any]] = {"send": send, "set_status": set_status, "who": who}
