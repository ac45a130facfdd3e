"""`hived --verify`: the whole log read back with no daemon, also where none would start."""

import sys
from pathlib import Path

from hived.ctl.words import clean
from hived.errors import HivedError
from hived.paths import Home
from hived.store.log import EventLog
from hived.world.lost_log import what_was_there

SOUND, DAMAGED = 0, 5  # as hivectl verify ends


def verify_store(home: Home) -> int:
    """Say on stdout what is wrong with the log of a home; the process's exit status.

    Raises:
      HivedError: There is none, it is in use, or it cannot be read at all.
    """
    if not Path(home.log).exists():
        raise HivedError(
            f"there is no log at {home.log}",
            code="not_found",
            hint="--home or HIVED_HOME names the folder that it is in",
        )
    log = EventLog.open(home.log, check=False)
    try:
        report = log.verify(_progress if sys.stderr.isatty() else None)
    finally:
        log.close()
    if sys.stderr.isatty():
        print("\r\x1b[K", end="", file=sys.stderr)
    lost = "" if report.head else what_was_there(home)
    problems = [lost] if lost else report.problems
    print(f"the log is {'damaged' if problems else 'sound'}: {report.events:,} events read")
    for problem in problems:
        print(f"  {clean(problem)}")
    return DAMAGED if problems else SOUND


def _progress(done: int, total: int) -> None:
    print(f"\rreading the log: {100 * done // total} %", end="", file=sys.stderr, flush=True)
