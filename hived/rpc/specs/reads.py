"""Reads. Each answers {v, position, at (RFC 3339 of the last event folded), ...}."""

from collections.abc import Mapping

from hived.rpc.specs.base import AGENT, ANYONE, LIMIT, READ, Method, Param, read

READS: Mapping[str, Method] = {
    "agents": read(
        "Every agent with its state, one row each (hivectl ps).",
        "{agents: [AgentRow], hive: HiveRow}",
    ),
    "agent": read(
        "All that is known of one agent (hivectl status).",
        "{agent: AgentRow + {config, usage, turns: [TurnRow], inbox: counts, containment}}",
        {"agent": AGENT},
    ),
    "inbox": read(
        "Messages to an agent or to the operator, oldest first.",
        "{inbox: name, messages: [MessageRow], left_out: how many older ones}",
        {
            "agent": Param("string", False, "an agent; the operator if none"),
            "all": Param("boolean", False, "the closed ones too, as far as they are kept", False),
            "limit": LIMIT,
        },
    ),
    "log": read(
        "Events in order, one page. The next page begins after `next`.",
        "{events: [EventRow], next: position or null}",
        {
            "since": Param("at", False, "after this position or time; with none, the last page"),
            "until": Param("at", False, "up to this position or time"),
            "agent": Param("string", False, "only what concerns this agent"),
            "kinds": Param("strings", False, "only these kinds of events", ()),
            "limit": LIMIT,
        },
    ),
    "transcript": read(
        "What a turn printed, from a byte on. Without a turn, the last one.",
        "{agent, turn, from, lines: [{byte, line}], next: byte or null, running}",
        {
            "agent": AGENT,
            "turn": Param("string", False, "a turn's id, or its number"),
            "from_byte": Param("integer", False, "begin at the line after this byte", 0),
            "limit": LIMIT,
        },
    ),
    "why": read(
        "The chain of events that led to an agent's state, newest first.",
        "{agent, word, since, until, chain: [EventRow], next_step: run|wait|park|turn, because}",
        {"agent": AGENT},
    ),
    "state": read("The whole state of the hive, every view.", "{state: {view: data}}"),
    "verify": Method(
        READ,
        ANYONE,
        "Read the whole log back and check it. Sends `progress` notifications while it does.",
        {},
        "{ok, events, problems: [text], seconds}",
    ),
    "doctor": Method(
        READ,
        ANYONE,
        "Check what this machine offers: containment, disk, programs, limits.",
        {},
        "{ok, checks: [{name, state: ok|warn|fail, found, hint}]}",
    ),
    "daemon_status": Method(
        READ,
        ANYONE,
        "The daemon itself: pid, since when, where its store is, how it does.",
        {},
        "{pid, version, node, home, socket, started_at, position, clients, rss_bytes, ...}",
    ),
}
