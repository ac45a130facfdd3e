"""Which events a fold of history may pass over, as a later one takes away all that they leave.

Two of three events are of tools, and the end of their turn forgets them again: who folds a whole
block of history at once need not even read those whose turn ends within the block.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence

from hived.events import Recorded

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


def overtaken(folded: Mapping[str, Collection[str]]) -> dict[str, str]:
    """What these views agree on. folded: view -> the kinds that it folds."""
    claims: dict[str, set[str]] = {}
    for view, kinds in folded.items():
        for kind in kinds:
            claims.setdefault(kind, set()).add(OVERTAKEN.get(view, {}).get(kind, ""))
    return {kind: by for kind, (by, *more) in claims.items() if by and not more}


def needless(block: Sequence[Recorded], by: Mapping[str, str]) -> Iterator[bool]:
    """Say of each event of a block of history whether a fold of the whole block may lack it.

    An event with a command's mark, or among the `extent` of one, is never needless: a command's
    answer is found by them. Of a command that began before the block nothing is known here.

    Args:
      by: As `overtaken` gives it: kind -> the kind that overtakes it.
    """
    last = {(rec.stream, rec.kind): rec.position for rec in block}
    covered = 0  # the last position that belongs to a command
    for rec in block:
        if rec.command is not None:
            covered = max(covered, rec.position + rec.command.extent - 1)
        overtaking = last.get((rec.stream, by.get(rec.kind, "")), 0)
        yield rec.position > covered and overtaking > rec.position
