"""Whether a process belongs to a turn: told by its ancestors, which it cannot choose.

The host of a turn adopts whatever the turn's processes leave (it is their subreaper), so a chain
of parents that begins in a turn leads to its host, also after a double fork or a setsid.
"""

from pathlib import Path, PurePosixPath

from hived import limits
from hived.world import processes


def turn_of(pid: int, turns: str) -> str | None:
    """The id of the turn whose host is above this process; empty if none is.

    None where the process is gone, so that nobody can tell any more. turns: the folder of the
    running turns of this hived; the hosts of another hived are not looked for. Reads /proc alone.
    """
    for _ in range(limits.ANCESTORS_MAX):
        found = processes.look(pid)
        if found is None:
            return None
        turn = _hosted(pid, turns)
        if turn or found.parent <= 1:
            return turn
        pid = found.parent
    return None


def _hosted(pid: int, turns: str) -> str:
    """The turn that this process is the host of, by its command line."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return ""
    words = [word for word in words if word]
    if len(words) < 2 or "turn_host" not in PurePosixPath(words[-2]).name:
        return ""
    folder = PurePosixPath(words[-1])
    return folder.name if str(folder.parent) == turns else ""
