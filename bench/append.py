"""Durable appends at the store, beside what the disk and SQLite can do: python -m bench.append

Every figure stands beside baselines taken in the same run on the same disk. The group of raw
SQLite is the number of callers: what a group commit can gather when each waits for its own.
"""

import argparse
import gc
import os
import sqlite3
import tempfile
import threading
import time
from contextlib import closing
from itertools import zip_longest
from pathlib import Path
from queue import SimpleQueue

import trio

from bench.events import Hive
from bench.lib import Figure, machine, quantile, show
from hived import limits
from hived.events import Recorded
from hived.events.codec import Codec
from hived.store.append import Appender
from hived.store.compressor import EventCompressor
from hived.store.log import EventLog
from hived.store.mapper import LogMapper
from hived.store.sqlite import LogSQLiteFactory


def bare_fsync(folder: Path, count: int) -> list[float]:
    """Append 512 bytes and fsync, again and again; seconds of each."""
    times = []
    fd = os.open(folder / "fsync", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    try:
        for _ in range(count):
            began = time.perf_counter()
            os.write(fd, bytes(512))
            os.fsync(fd)
            times.append(time.perf_counter() - began)
    finally:
        os.close(fd)
    return times


def rows_of(events: list[Recorded]) -> list[tuple[object, ...]]:
    mapper = LogMapper(Codec(), EventCompressor())
    stored = map(mapper.to_stored_event, events)
    return [
        (i, s.originator_id, s.originator_version, s.topic, s.state, rec.command and rec.command.id)
        for i, (rec, s) in enumerate(zip(events, stored, strict=True), 1)
    ]


def raw_connection(path: Path) -> sqlite3.Connection:
    """SQLite with our table and settings, and nothing of ours above it."""
    factory = LogSQLiteFactory(str(path))
    factory.recorder()
    factory.close()
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute(f"PRAGMA cache_size=-{limits.STORE_CACHE_KIB}")
    connection.execute(f"PRAGMA wal_autocheckpoint={limits.STORE_CHECKPOINT_PAGES}")
    return connection


def raw_grouped(path: Path, events: list[Recorded], group: int) -> float:
    """Encoded rows, `group` to a transaction, nobody waiting; events a second."""
    rows = rows_of(events)
    with closing(raw_connection(path)) as connection:
        began = time.perf_counter()
        for start in range(0, len(rows), group):
            connection.execute("BEGIN")
            connection.executemany(
                "INSERT INTO stored_events VALUES (?,?,?,?,?,?)", rows[start : start + group]
            )
            connection.execute("COMMIT")
        return len(rows) / (time.perf_counter() - began)


def raw_threads(
    path: Path, events: list[Recorded], callers: int, *, encoding: bool = False
) -> float:
    """The same group commit by hand: trio callers, a writer thread, raw SQLite. Events a second.

    Args:
      encoding: Each caller also encodes its event, and the thread compresses the batch: the least
        that can be done to make an event a row. Nothing is checked, placed or told.
    """
    rows = iter(rows_of(events))
    encode = iter(map(Codec().encode, events))
    compress = EventCompressor().compress_many
    queue: SimpleQueue[tuple[trio.lowlevel.Task, tuple[object, ...]] | None] = SimpleQueue()

    def write(connection: sqlite3.Connection, token: trio.lowlevel.TrioToken) -> None:
        while True:
            batch = [queue.get()]
            while not queue.empty():
                batch.append(queue.get())
            puts = [put for put in batch if put is not None]
            if encoding:
                frames = compress([row[4] for _, row in puts])
                puts = [(t, (*r[:4], f, r[5])) for (t, r), f in zip(puts, frames, strict=True)]
            connection.execute("BEGIN")
            connection.executemany(
                "INSERT INTO stored_events VALUES (?,?,?,?,?,?)", [row for _, row in puts]
            )
            connection.execute("COMMIT")
            token.run_sync_soon(lambda done: [trio.lowlevel.reschedule(t) for t, _ in done], puts)
            if len(puts) < len(batch):
                return

    async def caller() -> None:
        for row in rows:
            if encoding:
                topic, data = next(encode)
                row = (*row[:3], topic, data, row[5])
            queue.put((trio.lowlevel.current_task(), row))
            await trio.lowlevel.wait_task_rescheduled(lambda _: trio.lowlevel.Abort.FAILED)

    async def main() -> float:
        with closing(raw_connection(path)) as connection:
            token = trio.lowlevel.current_trio_token()
            thread = threading.Thread(target=write, args=(connection, token))
            thread.start()
            began = time.perf_counter()
            async with trio.open_nursery() as nursery:
                for _ in range(callers):
                    nursery.start_soon(caller)
            took = time.perf_counter() - began
            queue.put(None)
            await trio.to_thread.run_sync(thread.join)
            return len(events) / took

    return trio.run(main)


async def appends(path: Path, events: list[Recorded], callers: int) -> tuple[float, list[float]]:
    """Through our writer: events a second, and the seconds each caller waited."""
    log = EventLog.open(str(path))
    appender = Appender(log)
    waits: list[float] = []
    queue = iter(events)

    async def caller() -> None:
        # The next event is taken and handed over without a break between, so the order is kept.
        for rec in queue:
            began = time.perf_counter()
            await appender.append(rec)
            waits.append(time.perf_counter() - began)

    began = time.perf_counter()
    async with trio.open_nursery() as nursery:
        for _ in range(callers):
            nursery.start_soon(caller)
    took = time.perf_counter() - began
    await appender.aclose()
    log.close()
    return len(events) / took, waits


def dealt(events: list[Recorded], ways: int) -> list[Recorded]:
    """The same events as if `ways` agents were at it at once, so each group has as many streams."""
    own: list[list[Recorded]] = [[] for _ in range(ways)]
    of: dict[str, int] = {}
    for rec in events:
        least = min(range(ways), key=lambda i: len(own[i])) if rec.stream not in of else 0
        own[of.setdefault(rec.stream, least)].append(rec)
    return [rec for turn in zip_longest(*own) for rec in turn if rec is not None]


def measure(*, quick: bool = False, folder: str | None = None) -> list[Figure]:
    """Each of ours beside raw SQLite in a loop and beside raw SQLite with trio callers.

    The baselines are measured before and after ours, and their mean is taken.
    """
    count = 20_000 if quick else 60_000
    with tempfile.TemporaryDirectory(dir=folder) as name:
        place = Path(name)
        fsyncs = bare_fsync(place, 1_000 if quick else 3_000)
        history = list(Hive(100).events(count))
        # The bench's own events are no part of what is measured: not searched for garbage.
        gc.collect()
        gc.freeze()
        works = [
            ("1 caller", 1, history[: count // 40]),
            ("10 callers", 10, history[: count // 4]),
            ("100 callers", 100, history),
            ("100 callers, 100 agents in turn", 100, dealt(history, 100)),
        ]
        figures: list[Figure] = []
        for number, (what, callers, events) in enumerate(works):
            figures += _work(place / str(number), what, callers, events, fsyncs)
    return figures


def _work(
    place: Path, what: str, callers: int, events: list[Recorded], fsyncs: list[float]
) -> list[Figure]:
    place.mkdir()
    loop = raw_grouped(place / "loop-1", events, callers)
    ours, waits = trio.run(appends, place / "ours", events, callers)
    loop = (loop + raw_grouped(place / "loop-2", events, callers)) / 2
    by_hand = raw_threads(place / "hand", events, callers)
    least = raw_threads(place / "least", events, callers, encoding=True)
    name = f"durable appends, {what}"
    hundred = callers == 100
    figures = [
        Figure(name, ours, "/s", "> 60,000" if hundred else "", "raw sqlite3, same groups", loop),
        Figure("  share of that", ours / loop, "", "> 0.5" if hundred else "", "", None),
        Figure("  the same", ours, "/s", "", "raw sqlite3, trio callers", by_hand),
        Figure("  the same", ours, "/s", "", "that, and encoding, zstd", least),
        Figure("  share of the loop that this leaves", least / loop, "", "", "", None),
    ]
    floor = len(fsyncs) / sum(fsyncs)
    figures.append(Figure("  the same", ours, "/s", "", "bare write + fsync", floor))
    p50, p99 = 1e3 * quantile(waits, 0.5), 1e3 * quantile(waits, 0.99)
    fsync = 1e3 * quantile(fsyncs, 0.5)
    figures.append(Figure("  p50", p50, "ms", "", "one write + fsync, p50", fsync))
    fsync = 1e3 * quantile(fsyncs, 0.99)
    aim = "< 10" if hundred else ""
    figures.append(Figure("  p99", p99, "ms", aim, "one write + fsync, p99", fsync))
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--folder", default=None, help="on the disk to be measured")
    options = parser.parse_args()
    print(machine())
    show("durable appends", measure(quick=options.quick, folder=options.folder))


if __name__ == "__main__":
    main()
