"""Which containment a turn gets on this machine, found by making one; for `doctor` and status."""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from attrs import frozen

from hived import limits

_TURN_HOST = Path(__file__).parent.parent / "host" / "turn_host.py"

CAVEATS: Mapping[str, str] = {
    "cgroup": "",
    "pidns": "",
    "subreaper": "if the turn host itself is killed with SIGKILL, what its CLI had started may live"
    " on until hived looks for it",
    "none": "no turn can be started",
}


@frozen
class ContainmentReport:
    """kind: cgroup, pidns, subreaper or none. note: why it is no better one, and what it lacks."""

    kind: str
    note: str


def probe() -> ContainmentReport:
    """Make the containment that a turn started now would get, and take it away again.

    The turn host's own ladder does it, so the answer is what turns really get. Blocks for about
    a tenth of a second; call it in a thread.
    """
    argv = [sys.executable, "-I", "-S", str(_TURN_HOST), "--probe"]
    try:
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=limits.PROBE_SECONDS,
            check=True,
        )
        found = json.loads(done.stdout)
        kind, reasons = str(found["kind"]), [str(note) for note in found["notes"]]
    except subprocess.CalledProcessError as error:
        last = error.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        kind, reasons = "none", [last[: limits.DETAIL_CHARS_MAX]]
    except (OSError, subprocess.TimeoutExpired, ValueError, KeyError) as error:
        kind, reasons = "none", [str(error)[: limits.DETAIL_CHARS_MAX]]
    return ContainmentReport(kind, "; ".join(note for note in (*reasons, CAVEATS[kind]) if note))
