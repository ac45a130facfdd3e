"""From the disk into all projections, and from start to ready: python -m bench.fold

The events are those of bench/events.py, closed history in segments as hived itself keeps it.
Each measurement is a process of its own. Baseline of the fold: the segments read, decompressed
and parsed as JSON, with nothing built of them.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import orjson

from bench.events import Hive as History
from bench.hive import Hived
from bench.lib import Figure, show
from hived import limits
from hived.paths import Home
from hived.projections import Hive
from hived.store.log import EventLog
from hived.store.past import load_hive, save_snapshot
from hived.store.segment_file import passed_over
from hived.store.snapshots import Snapshots

CHUNK = 2_000


def make(home: Home, count: int) -> None:
    """Write a history, its segments, and a snapshot as the housekeeping would have left one."""
    log = EventLog.open(home.log)
    chunk = []
    for rec in History(100, start=time.time() - count / 10).events(count):
        chunk.append(rec)
        if len(chunk) == CHUNK:
            log.insert([log.prepare(chunk)])
            chunk = []
    if chunk:
        log.insert([log.prepare(chunk)])
    while log.build_segments(count):
        pass
    snapshots = Snapshots(home.snapshots, log.anchor)
    last = count - count % limits.SNAPSHOT_EVERY_EVENTS
    # The worst case: a whole distance between two snapshots is left to fold.
    at = max(0, last - limits.SNAPSHOT_EVERY_EVENTS // 2)
    save_snapshot(snapshots, at, load_hive(log, snapshots, at).dump())
    log.close()


def parse_only(log: EventLog) -> None:
    segments = log.segments
    assert segments is not None
    for block in sorted(segments.there()):
        segment = segments.read([block])[block]
        for document in (*segment.needed, *passed_over(segment)):
            orjson.loads(document)


def build_only(log: EventLog) -> None:
    for _ in log.replay(0):
        pass


def fold(log: EventLog) -> None:
    hive = Hive()
    for chunk in log.stream(0, log.head(), hive.unfinished):
        hive.fold(chunk)


STEPS: dict[str, Callable[[EventLog], None]] = {
    "parse": parse_only,
    "build": build_only,
    "fold": fold,
}


def step(name: str, path: str) -> None:
    """One measurement: wall and processor seconds, printed."""
    log = EventLog.open(path)
    began, cpu = time.perf_counter(), time.process_time()
    STEPS[name](log)
    print(json.dumps([time.perf_counter() - began, time.process_time() - cpu]))
    log.close()


def timed(name: str, path: str, times: int) -> tuple[float, float]:
    """The median of some runs: wall and processor seconds."""
    argv = [sys.executable, "-m", "bench.fold", "--step", name, path]
    runs = [json.loads(subprocess.check_output(argv)) for _ in range(times)]
    wall, cpu = zip(*runs, strict=True)
    return sorted(wall)[times // 2], sorted(cpu)[times // 2]


def ready(folder: Path, times: int) -> float:
    """Seconds from the daemon's start to its first answer, the median of some."""
    taken = []
    for _ in range(times):
        with Hived(folder) as hived:
            taken.append(hived.ready_seconds)
    return sorted(taken)[times // 2]


def measure(*, quick: bool = False) -> list[Figure]:
    count = 50_000 if quick else 1_000_000
    figures = []
    with tempfile.TemporaryDirectory(prefix="hb", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        home = Home.at(name)
        make(home, count)
        parse, _ = timed("parse", home.log, 3)
        build, _ = timed("build", home.log, 3)
        whole, cpu = timed("fold", home.log, 3)
        what = f"{count:,} events"
        floor = "segments read and parsed, nothing built"
        figures += [
            Figure(
                f"fold of {what} from disk", count / whole, "/s", "> 350,000", floor, count / parse
            ),
            Figure("  in processor time", count / cpu, "/s", "", "", None),
            Figure("  of that, events built", count / build, "/s", "", floor, count / parse),
        ]
        (folder / "empty").mkdir()
        empty = ready(folder / "empty", 3)
        floor = "an empty hive"
        with_snapshots = ready(folder, 3)
        shutil.rmtree(home.snapshots)
        without = ready(folder, 1)
        shutil.rmtree(home.log + ".segments")
        shutil.rmtree(home.snapshots, ignore_errors=True)
        bare = ready(folder, 1)
        start = f"start to ready at {what}"
        figures += [
            Figure(f"{start}, snapshots", with_snapshots, "s", "< 1", floor, empty),
            Figure(f"{start}, no snapshots", without, "s", "", floor, empty),
            Figure(f"{start}, no snapshots, no segments", bare, "s", "", floor, empty),
        ]
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--step", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step:
        step(*options.step)
    else:
        show("fold", measure(quick=options.quick))


if __name__ == "__main__":
    main()
