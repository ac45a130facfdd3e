"""What concerns the connection itself: its greeting, its subscriptions, what comes unasked."""

from collections.abc import Mapping

from hived.rpc.specs.base import ANYONE, STREAM, Method, Param

STREAMS: Mapping[str, Method] = {
    "hello": Method(
        STREAM,
        ANYONE,
        "First call of every connection: who you are, what you speak to, where the log stands.",
        {
            "protocol": Param("integer", True, "the protocol number the client speaks"),
            "client": Param("string", False, "a word for the logs, such as hivectl/0.1.0", ""),
        },
        "{protocol, version, node, you: {name, uid, access}, position}",
    ),
    "subscribe": Method(
        STREAM,
        ANYONE,
        "History from a position, then what comes, gap-free, as `events` notifications.",
        {
            "from": Param("integer", False, "after this position; the head if none"),
            "kinds": Param("strings", False, "only these kinds of events", ()),
            "agent": Param("string", False, "only what concerns this agent"),
        },
        "{subscription, position}; then events {subscription, events: [EventRow], position}, "
        "and cut {subscription, resume_from} where the client is too slow",
    ),
    "follow": Method(
        STREAM,
        ANYONE,
        "What an agent's turns print, live, as `output` notifications; old lines by `transcript`.",
        {"agent": Param("string", False, "one agent; all of them if none")},
        "{subscription}; then output {subscription, lines: [{agent, turn, byte, line}]}, "
        "and cut {subscription, resume_from: {turn, byte}}",
    ),
    "unsubscribe": Method(
        STREAM,
        ANYONE,
        "End a subscription.",
        {"subscription": Param("integer", True, "its number")},
        "{}",
    ),
}

NOTIFICATIONS: Mapping[str, str] = {
    "events": "{subscription, events: [EventRow], position}: a batch, in order",
    "output": "{subscription, lines: [{agent, turn, byte, line}]}: lines as the CLI printed them",
    "cut": "{subscription, resume_from}: the client was too slow; subscribe again from there",
    "progress": "{request, done, total}: of a long read",
    "bye": "{reason}: the daemon stops; the connection is closed after it",
}
