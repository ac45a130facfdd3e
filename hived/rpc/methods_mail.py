"""Writes that are mail: send, ack."""

from collections.abc import Callable, Mapping
from typing import Any

from hived.decisions.mail import AckMessages, SendMessage
from hived.names import EVERYONE, MANAGER
from hived.rpc.session import Call
from hived.rpc.tools.mail import message_ids


async def send(call: Call, *, to: str, body: str, in_reply_to: str, urgent: bool) -> dict[str, Any]:
    name = to if to in (EVERYONE, MANAGER) else call.agent(to)
    written = await call.submit(SendMessage(name, body, in_reply_to, urgent))
    return written.row(messages=message_ids(written.answer.streams))


async def ack(call: Call, *, messages: tuple[str, ...]) -> dict[str, Any]:
    written = await call.submit(AckMessages(messages))
    return written.row(messages=message_ids(written.answer.streams))


HANDLERS: Mapping[str, Callable[..., Any]] = {"send": send, "ack": ack}
