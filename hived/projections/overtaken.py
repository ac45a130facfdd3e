"""Which events a fold of history may pass over, as a later one takes away all that they leave.

Two of three events are of tools, and the end of their turn forgets them again: who folds a whole
block of history at once need not even build those whose turn ends within the block.
"""

from collections.abc import Collection, Mapping
from typing import NamedTuple

# View -> kind -> the kind that overtakes it: after a later event of that kind in the same stream,
# the view is as if the first had never been. A kind is passed over only if every view that folds
# it says so here, so a new view that is not here costs time and breaks nothing.
OVERTAKEN: Mapping[str, Mapping[str, str]] = {
    "agents": {
        "tool_call": "turn_end",
        "tool_result": "turn_end",
        "permission_answer": "turn_end",
    },
}


class Needless(NamedTuple):
    """What may be left out of the next block of events, in words of the log.

    overtaken: kind -> the kind that overtakes it. An event with a command's mark, or among the
    `extent` of one, is never left out. unfinished: so many at the block's beginning belong to a
    command that began before it.
    """

    overtaken: Mapping[str, str]
    unfinished: int


def overtaken(folded: Mapping[str, Collection[str]]) -> dict[str, str]:
    """What these views agree on. folded: view -> the kinds that it folds."""
    claims: dict[str, set[str]] = {}
    for view, kinds in folded.items():
        for kind in kinds:
            claims.setdefault(kind, set()).add(OVERTAKEN.get(view, {}).get(kind, ""))
    return {kind: by for kind, (by, *more) in claims.items() if by and not more}
