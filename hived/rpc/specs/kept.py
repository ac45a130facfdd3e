"""Kept state: agents that were taken out, listed, brought back, deleted for good."""

from collections.abc import Mapping

from hived.rpc.specs.base import Method, Param, read, write

_WHOLE = Param("string", True, "its whole name: no prefix is taken here")

KEPT: Mapping[str, Method] = {
    "tombstones": read(
        "The agents that were taken out, with what is kept of each.",
        "{tombstones: [TombstoneRow], purging: [{agent, since}]}",
    ),
    "purge_plan": read(
        "What a purge would delete: each path and its size. Deletes nothing.",
        "{agent, paths: [{path, bytes, more}], bytes, messages}",
        {"agent": _WHOLE},
    ),
    "revive": write(
        "Bring an agent back that was taken out: its conversation, mail and counters go on.",
        "{agent, approval, revived}",
        {
            "agent": _WHOLE,
            "start": Param("boolean", False, "take turns at once", True),
            "request": Param("boolean", False, "only ask for it: an approval waits then", False),
        },
    ),
    "purge": write(
        "Delete for good all that is kept of an agent that was taken out.",
        "{agent, paths: [text], bytes, dropped_messages, deleted}",
        {"agent": _WHOLE},
    ),
}
