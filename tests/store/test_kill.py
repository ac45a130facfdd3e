"""kill -9 in the middle of writing: what was told to be durable is there, and the log is sound."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from hived.store.log import EventLog
from hived.store.writer import GroupWriter
from tests.store.history import History

ROOT = Path(__file__).parents[2]

# Says the position of each command as it is told durable, one a line, for ever.
CHILD = """
import os, sys, threading
from hived.store.log import EventLog
from hived.store.writer import GroupWriter
from tests.store.history import History

log = EventLog.open(sys.argv[1])
free = threading.Semaphore(64)
def wake(ends):
    lines = b"".join(b"%d\\n" % end.last_position for end in ends)
    os.write(1, lines)
    for _ in ends:
        free.release()
writer = GroupWriter(log, wake)
history = History.after(log)
while True:
    free.acquire()
    writer.put(tuple(history.many(3)), None)
    if int(sys.argv[2]):
        log.build_segments(log.head())
"""


def test_what_was_told_durable_outlives_kill_9(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    told = 0
    for round_ in range(6):
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, str(path), str(round_ % 2)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
        )
        assert child.stdout is not None
        # Not at one place always: a different number of commands each time.
        for _ in range(150 + 130 * round_):
            line = child.stdout.readline()
            assert line, "the child ended by itself"
        os.kill(child.pid, signal.SIGKILL)
        rest = child.stdout.read()
        child.wait(timeout=30)
        lines = (line + rest).splitlines(keepends=True)
        told = max(int(line) for line in lines if line.endswith(b"\n"))
        log = EventLog.open(str(path))
        assert log.head() >= told
        assert log.head() % 3 == 0, "a command was torn"
        report = log.verify()
        assert report.problems == ()
        assert sum(map(len, log.replay(0))) == log.head() == report.events
        log.close()
    assert told > 3_000


def test_the_log_goes_on_after_kill_9(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(path), "0"], cwd=ROOT, stdout=subprocess.PIPE
    )
    assert child.stdout is not None
    child.stdout.readline()
    os.kill(child.pid, signal.SIGKILL)
    child.stdout.close()
    child.wait(timeout=30)
    log = EventLog.open(str(path))
    head = log.head()
    history = History.after(log)
    ends: list[object] = []
    writer = GroupWriter(log, ends.extend)
    writer.put(tuple(history.many(3)), "next")
    writer.close()
    assert ends == [("next", head + 1, head + 3)]
    assert log.verify().problems == ()
    log.close()
