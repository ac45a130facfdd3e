"""What hived costs while nothing happens: python -m bench.idle

Memory and wake-ups with 0, 10 and 100 idle agents, each after one whole turn. Baseline of the
memory: a Python with trio, SQLite and the libraries imported, and nothing done.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.hive import START_SECONDS, Hived
from bench.lib import Figure, show

CALM_SECONDS = 12.0  # after it the threads of the last turns' ends have gone

# The least that any daemon on these libraries has in memory.
_FLOOR = (
    "import trio, orjson, cattrs, zstandard, jsonrpcserver, eventsourcing.sqlite\n"
    "print(open('/proc/self/status').read().split('VmRSS:')[1].split()[0])"
)


def settled(hived: Hived, agents: int) -> None:
    """Wait until every agent has had its turn and is idle again."""
    deadline = time.monotonic() + START_SECONDS + agents * 2
    while True:
        rows = hived.client.call("agents")["agents"]
        if all(row["turns"] and row["word"] == "idle" for row in rows):
            return
        if time.monotonic() > deadline:
            raise TimeoutError([row["word"] for row in rows])
        time.sleep(0.5)


def children(pid: int) -> int:
    return len(Path(f"/proc/{pid}/task/{pid}/children").read_text().split())


def measure(*, quick: bool = False) -> list[Figure]:
    """The figures; the idle time is watched after everything has settled."""
    floor = int(subprocess.check_output([sys.executable, "-c", _FLOOR])) * 1024 / 1e6
    figures = []
    watched = 5.0 if quick else 20.0
    for agents in (0, 10) if quick else (0, 10, 100):
        with (
            tempfile.TemporaryDirectory(prefix="hb", ignore_cleanup_errors=True) as name,
            Hived(Path(name)) as hived,
        ):
            for number in range(agents):
                agent = f"a{number}"
                hived.client.call("new", agent=agent, driver="rehearsal", workdir=name)
                hived.client.call("send", to=agent, body="Good morning.")
            settled(hived, agents)
            time.sleep(CALM_SECONDS)
            rss, pss = hived.memory()
            cpu, before = hived.cpu_seconds(), hived.switches()
            time.sleep(watched)
            cpu = hived.cpu_seconds() - cpu
            # A thread that has ended meanwhile was woken for that, and takes its count with it.
            after = hived.switches()
            switches = sum(n - before.get(thread, 0) for thread, n in after.items())
            switches += len(before.keys() - after.keys())
            left = children(hived.process.pid)
        what = f"hived with {agents} idle agents"
        aim = "< 120" if agents == 100 else ""
        figures += [
            Figure(f"{what}: resident", rss, "MB", aim, "Python and the libraries", floor),
            Figure(f"{what}: proportional", pss, "MB", aim, "", None),
            Figure(f"{what}: wake-ups", switches / watched, "/s", "< 1", "", None),
            Figure(f"{what}: processor", 100 * cpu / watched, "%", "< 0.5", "", None),
            Figure(f"{what}: child processes", float(left), "", "", "", None),
        ]
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    show("idle", measure(quick=parser.parse_args().quick))


if __name__ == "__main__":
    main()
