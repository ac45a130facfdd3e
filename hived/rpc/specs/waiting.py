"""Naps and reminders: what an agent waits for by the clock, and what it has not ended yet."""

from collections.abc import Mapping

from hived.rpc.specs.base import AGENT, Method, Param, read, write

_ONE_OR_ALL = Param("string", False, "one agent; all of them if none")

WAITING: Mapping[str, Method] = {
    "nap": write(
        "Give an agent no mail and no turn for a while; in a turn, from its end on.",
        "{agent, until, turn: turn or null}",
        {
            "agent": AGENT,
            "seconds": Param("number", True, "how long"),
            "reason": Param("string", False, "told to the agent when it wakes", ""),
        },
    ),
    "wake": write("End an agent's nap. A turn tells it so.", "{agent, waiting}", {"agent": AGENT}),
    "remind": write(
        "Set a reminder for an agent: it comes to it as mail.",
        "{agent, reminder, at}",
        {
            "agent": AGENT,
            "text": Param("string", True, "the words"),
            "delay_seconds": Param("number", False, "from now"),
            "time": Param("string", False, "RFC 3339 with its zone; this or delay_seconds"),
        },
    ),
    "reminders": read(
        "Reminders whose time has not come, the next one first.",
        "{reminders: [ReminderRow]}",
        {"agent": _ONE_OR_ALL},
    ),
    "cancel_reminder": write(
        "Cancel a reminder.",
        "{agent, reminder}",
        {"reminder": Param("string", True, "its id")},
    ),
    "loose_ends": read(
        "What agents have begun and not ended, or owe.",
        "{agents: [LooseEndsRow]}",
        {"agent": _ONE_OR_ALL},
    ),
}
