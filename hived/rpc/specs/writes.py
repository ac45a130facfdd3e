"""Writes. Each answers {position, streams: [name], version, ...} of the command's events."""

from collections.abc import Mapping

from hived.rpc.specs.base import AGENT, OPERATOR, WRITE, Method, Param, write

CONFIG: Mapping[str, Param] = {
    "driver": Param("string", False, "claude or rehearsal; claude if hive.toml names none"),
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


WRITES: Mapping[str, Method] = {
    "new": write(
        "Create an agent.",
        "{agent}",
        {"agent": Param("string", True, "its name"), **CONFIG},
    ),
    "send": write(
        "Send a message to an agent, or with * to all. Sent to a busy agent it may reach the turn.",
        "{messages: [id]}",
        {
            "to": Param("string", True, "an agent, or *"),
            "body": Param("string", True, "the words"),
            "in_reply_to": Param("string", False, "a message's id", ""),
            "urgent": Param("boolean", False, "before other mail; it ends a nap", False),
        },
    ),
    "ack": write(
        "Mark messages to the operator as read.",
        "{messages: [id]}",
        {"messages": Param("strings", True, "their ids")},
    ),
    "cancel": write("End an agent's running turn.", "{agent, turn}", {"agent": AGENT}),
    "compact": write(
        "Compact an agent's session, or its notes, after its turn if one runs.",
        "{agent, of, queued_behind: turn or null}",
        {
            "agent": AGENT,
            "notes": Param("boolean", False, "the notes and not the session", False),
        },
    ),
    "model": write(
        "Set an agent's model, from its next turn on.",
        "{agent, model, was}",
        {"agent": AGENT, "model": Param("string", True, "as the CLI takes it")},
    ),
    "new_session": write(
        "Begin a new conversation with the agent's next turn.",
        "{agent, session, was}",
        {"agent": AGENT},
    ),
    "pause": write("Start no further turn of an agent.", "{agent}", {"agent": AGENT}),
    "resume": write("Take turns again.", "{agent}", {"agent": AGENT}),
    "start": write("Start a stopped or failed agent.", "{agent}", {"agent": AGENT}),
    "stop": write(
        "Stop an agent; its running turn is cancelled and its mail kept.",
        "{agent, cancelled: turn or null}",
        {"agent": AGENT},
    ),
    "restart": write(
        "Stop and start an agent; its running turn is cancelled, its conversation kept.",
        "{agent, cancelled: turn or null}",
        {"agent": AGENT},
    ),
    "rm": write(
        "Take an agent out of the hive. Its state, mail, configuration and transcripts are kept.",
        "{agent, kept_messages}",
        {"agent": Param("string", True, "its whole name: no prefix is taken here")},
    ),
    "lift": write(
        "End an agent's wait for a rate limit or a budget, or try its login again now.",
        "{credential: name or null, budgets: how many}",
        {"agent": AGENT},
    ),
    "daemon_stop": Method(
        WRITE,
        OPERATOR,
        "Stop the daemon. Running turns go on without it, unless `turns` asks for their end.",
        {"turns": Param("boolean", False, "end the running turns too", False)},
        "{stopping: true, turns: left or ended, running: [turn]}",
    ),
}
