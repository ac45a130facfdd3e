"""What agents cost, and the notes they keep."""

from collections.abc import Mapping

from hived.rpc.specs.base import AGENT, ANYONE, READ, Method, Param, read

COSTS: Mapping[str, Method] = {
    "costs": read(
        "What was spent, by agent, model or day (UTC), and how the budgets stand.",
        "{by, since, told_apart_since, rows: [SpendRow], total: SpendRow, budgets: [BudgetRow]}",
        {
            "by": Param("string", False, "agent, model or day", "agent"),
            "since": Param("string", False, "from this day on, YYYY-MM-DD; from the first if none"),
        },
    ),
    "notes": Method(
        READ,
        ANYONE,
        "An agent's notes as they are on disk now, or as a compaction found them.",
        {
            "agent": AGENT,
            "replaced_by": Param("string", False, "the turn that replaced them; else those of now"),
        },
        "{agent, path, text, bytes, cut, limit_bytes, last: {at, outcome} or null, "
        "history: [OldNotesRow]}",
    ),
}
