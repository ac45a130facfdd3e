"""hello, and what goes on after its answer: subscribe, follow, unsubscribe."""

import logging
from collections.abc import Callable, Mapping
from typing import Any

import hived
from hived.rpc.params import invalid
from hived.rpc.session import Call
from hived.rpc.specs import PROTOCOL
from hived.rpc.subscriptions import Filter

logger = logging.getLogger("hived.rpc")


def hello(call: Call, *, protocol: int, client: str) -> dict[str, Any]:
    if protocol != PROTOCOL:
        raise invalid(
            f"this hived speaks protocol {PROTOCOL}, not {protocol}",
            "install the client and the daemon of one version",
        )
    session = call.session
    session.greeted = True
    session.on_hello()
    peer = session.peer
    logger.debug("hello from %s, uid %d: %s", peer.name, peer.uid, client)
    return {
        "protocol": PROTOCOL,
        "version": hived.__version__,
        "node": call.services.engine.node,
        "you": {"name": peer.name, "uid": peer.uid, "access": peer.access},
        "position": call.hive.position,
    }


def subscribe(
    call: Call, *, from_: int | None, kinds: tuple[str, ...], agent: str | None
) -> dict[str, Any]:
    position = call.hive.position
    start = position if from_ is None else from_
    call.services.engine.check_position(start)
    name = None if agent is None else call.past_agent(agent)
    number = call.session.subscriptions.events(start, Filter(kinds, name))
    return {"subscription": number, "position": position}


def follow(call: Call, *, agent: str | None) -> dict[str, Any]:
    name = None if agent is None else call.agent(agent)
    return {"subscription": call.session.subscriptions.output(name)}


def unsubscribe(call: Call, *, subscription: int) -> dict[str, Any]:
    call.session.subscriptions.end(subscription)
    return {}


HANDLERS: Mapping[str, Callable[..., Any]] = {
    "hello": hello,
    "subscribe": subscribe,
    "follow": follow,
    "unsubscribe": unsubscribe,
}
