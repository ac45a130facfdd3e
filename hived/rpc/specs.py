"""Every method of the protocol in one literal table: name, parameters, access, what it answers.

Standard library only: the client and hivectl read it too. The handlers are joined to it when
the daemon starts, and a method without a handler or a handler without a method is an error then.
PROTOCOL.md is the prose; a test fails on whatever it lacks.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

PROTOCOL = 1  # the number `hello` answers
JSON_VERSION = 1  # the "v" of every read's answer

READ, WRITE, STREAM = "read", "write", "stream"
ANYONE, OPERATOR = "anyone", "operator"


class Param(NamedTuple):
    """One parameter. type: a JSON type word: string, number, integer, boolean, strings, object.

    at: a position (integer) or a time (RFC 3339 string or unix seconds).
    """

    type: str
    required: bool = False
    summary: str = ""
    default: Any = None


class Method(NamedTuple):
    """One method. kind: read (takes `at`), write (takes `command_id`), stream."""

    kind: str
    access: str
    summary: str
    params: Mapping[str, Param]
    answers: str


_AGENT = Param("string", True, "the agent's name, or a prefix that only it has")
_AT = Param("at", False, "answer as things stood at this position or time")
_LIMIT = Param("integer", False, "at most so many", 100)
_CONFIG: Mapping[str, Param] = {
    "driver": Param("string", False, "claude or rehearsal", "claude"),
    "workdir": Param("string", False, "where the CLI runs; a folder of the agent's own if none"),
    "model": Param("string", False, "as the CLI takes it", ""),
    "fallback": Param("string", False, "model used when the other is not to be had", ""),
    "role": Param("string", False, "worker or manager", "worker"),
    "allow": Param("strings", False, "permission rules, such as Bash(git *)", ()),
    "tools": Param("strings", False, "built-in tools of the CLI; the driver's choice if none", ()),
    "env_file": Param("string", False, "NAME=value lines for the CLI", ""),
    "config_dir": Param("string", False, "the CLI's configuration folder", ""),
    "prompt_file": Param("string", False, "text appended to the system prompt", ""),
    "program": Param("string", False, "the CLI's program", ""),
    "recipients": Param("strings", False, "whom it may write to; everyone if none", ()),
    "idle_limit_s": Param("number", False, "seconds of silence before a turn is ended", 0.0),
    "tool_limit_s": Param("number", False, "seconds one tool may run", 0.0),
    "options": Param("object", False, "the driver's own settings", {}),
    "parent": Param("string", False, "the agent it answers to", ""),
    "start": Param("boolean", False, "take turns at once", True),
}


def _write(
    summary: str,
    answers: str,
    params: Mapping[str, Param] | None = None,
    access: str = OPERATOR,
) -> Method:
    own = {
        "command_id": Param("string", False, "chosen by the caller; a repeat changes nothing"),
        "expected_version": Param("integer", False, "refuse if the stream has moved on"),
    }
    return Method(WRITE, access, summary, {**(params or {}), **own}, answers)


def _read(summary: str, answers: str, params: Mapping[str, Param] | None = None) -> Method:
    return Method(READ, ANYONE, summary, {**(params or {}), "at": _AT}, answers)


METHODS: Mapping[str, Method] = {
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
    # Reads. Each answers {v, position, at (RFC 3339 of the last event folded), ...}.
    "agents": _read(
        "Every agent with its state, one row each (hivectl ps).",
        "{agents: [AgentRow], hive: HiveRow}",
    ),
    "agent": _read(
        "All that is known of one agent (hivectl status).",
        "{agent: AgentRow + {config, usage, turns: [TurnRow], inbox: counts, containment}}",
        {"agent": _AGENT},
    ),
    "inbox": _read(
        "Messages to an agent or to the operator, oldest first.",
        "{inbox: name, messages: [MessageRow], left_out: how many older ones}",
        {
            "agent": Param("string", False, "an agent; the operator if none"),
            "all": Param("boolean", False, "the closed ones too, as far as they are kept", False),
            "limit": _LIMIT,
        },
    ),
    "log": _read(
        "Events in order, one page. The next page begins after `next`.",
        "{events: [EventRow], next: position or null}",
        {
            "since": Param("at", False, "after this position or time; with none, the last page"),
            "until": Param("at", False, "up to this position or time"),
            "agent": Param("string", False, "only what concerns this agent"),
            "kinds": Param("strings", False, "only these kinds of events", ()),
            "limit": _LIMIT,
        },
    ),
    "transcript": _read(
        "What a turn printed, from a byte on. Without a turn, the last one.",
        "{agent, turn, from, lines: [{byte, line}], next: byte or null, running}",
        {
            "agent": _AGENT,
            "turn": Param("string", False, "a turn's id, or its number"),
            "from_byte": Param("integer", False, "begin at the line after this byte", 0),
            "limit": _LIMIT,
        },
    ),
    "why": _read(
        "The chain of events that led to an agent's state, newest first.",
        "{agent, word, since, until, chain: [EventRow], next_step: run|wait|park|turn, because}",
        {"agent": _AGENT},
    ),
    "state": _read("The whole state of the hive, every view.", "{state: {view: data}}"),
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
    # Writes. Each answers {position, streams: [name], version, ...} of the command's events.
    "new": _write(
        "Create an agent.",
        "{agent}",
        {"agent": Param("string", True, "its name"), **_CONFIG},
    ),
    "send": _write(
        "Send a message to an agent, or with * to all. Sent to a busy agent it may reach the turn.",
        "{messages: [id]}",
        {
            "to": Param("string", True, "an agent, or *"),
            "body": Param("string", True, "the words"),
            "in_reply_to": Param("string", False, "a message's id", ""),
            "urgent": Param("boolean", False, "before other mail", False),
        },
    ),
    "ack": _write(
        "Mark messages to the operator as read.",
        "{messages: [id]}",
        {"messages": Param("strings", True, "their ids")},
    ),
    "cancel": _write("End an agent's running turn.", "{agent, turn}", {"agent": _AGENT}),
    "compact": _write(
        "Compact an agent's session, after its turn if one runs.",
        "{agent, queued_behind: turn or null}",
        {"agent": _AGENT},
    ),
    "model": _write(
        "Set an agent's model, from its next turn on.",
        "{agent, model, was}",
        {"agent": _AGENT, "model": Param("string", True, "as the CLI takes it")},
    ),
    "new_session": _write(
        "Begin a new conversation with the agent's next turn.",
        "{agent, session, was}",
        {"agent": _AGENT},
    ),
    "pause": _write("Start no further turn of an agent.", "{agent}", {"agent": _AGENT}),
    "resume": _write("Take turns again.", "{agent}", {"agent": _AGENT}),
    "start": _write("Start a stopped or failed agent.", "{agent}", {"agent": _AGENT}),
    "stop": _write(
        "Stop an agent; its running turn is cancelled and its mail kept.",
        "{agent, cancelled: turn or null}",
        {"agent": _AGENT},
    ),
    "restart": _write(
        "Stop and start an agent; its running turn is cancelled, its conversation kept.",
        "{agent, cancelled: turn or null}",
        {"agent": _AGENT},
    ),
    "rm": _write(
        "Take an agent out of the hive. Its log, transcripts and state folder stay.",
        "{agent, dropped_messages}",
        {"agent": Param("string", True, "its whole name: no prefix is taken here")},
    ),
    "lift": _write(
        "End the wait of the agent's credential (rate limit) or try its login again now.",
        "{credential}",
        {"agent": _AGENT},
    ),
    "daemon_stop": Method(
        WRITE,
        OPERATOR,
        "Stop the daemon. Running turns go on without it, unless `turns` asks for their end.",
        {"turns": Param("boolean", False, "end the running turns too", False)},
        "{stopping: true, turns: left or ended, running: [turn]}",
    ),
    # Streams, on this connection.
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

# The row shapes, by field. Times in rows are RFC 3339 UTC strings; durations milliseconds.
ROWS: Mapping[str, tuple[str, ...]] = {
    "AgentRow": (
        "agent",
        "word",
        "group",
        "since",
        "until",
        "cause",
        "role",
        "parent",
        "driver",
        "process",
        "turn_state",
        "turn_state_since",
        "model",
        "turn",
        "last_turn",
        "turns",
        "inbox",
        "context_used",
        "context_window",
        "cost_usd",
        "credential",
        "status",
        "session",
        "created_at",
    ),
    "HiveRow": ("started_at", "running", "turns", "messages", "dead_letters", "cost_usd", "usage"),
    "TurnRow": (
        "turn",
        "number",
        "kind",
        "reason",
        "model",
        "attempt",
        "started_at",
        "ended_at",
        "outcome",
        "why",
        "detail",
        "exit_code",
        "duration_ms",
        "tools",
        "usage",
        "cost_usd",
        "bytes",
        "start_position",
        "end_position",
    ),
    "MessageRow": (
        "message",
        "from",
        "to",
        "body",
        "sent_at",
        "in_reply_to",
        "urgent",
        "state",
        "attempts",
        "turn",
        "why",
        "position",
    ),
    "EventRow": (
        "position",
        "kind",
        "stream",
        "version",
        "at",
        "node",
        "by",
        "command",
        "cause",
        "data",
    ),
}
