"""A real hived for the benchmarks: a process of its own, with its store in a folder of its own."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Self

from hived.client import Client
from hived.errors import HivedError
from hived.paths import Home

START_SECONDS = 60.0


class Hived:
    """One run of hived, started and ready; its turns end with it."""

    def __init__(self, folder: Path) -> None:
        self.home = Home.at(str(folder))
        self.environ = dict(os.environ) | {"HIVED_HOME": str(folder), "PYTHONWARNINGS": "ignore"}
        # A bench that is told to end ends its hived: left to itself, that would go on.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
        began = time.perf_counter()
        with (folder / "hived.log").open("a") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "hived"],
                env=self.environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.client = self._connected()
        self.ready_seconds = time.perf_counter() - began

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.client.call("daemon_stop", turns=True)
        except HivedError:
            self.process.send_signal(signal.SIGTERM)
        self.client.close()
        self.process.wait(START_SECONDS)

    def _connected(self) -> Client:
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                return Client.connect(self.home.socket)
            except HivedError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise
                time.sleep(0.002)

    def status(self) -> dict[str, str]:
        """/proc/PID/status of the daemon."""
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        return {k: v.strip() for k, v in (line.split(":", 1) for line in text.splitlines())}

    def memory(self) -> tuple[float, float]:
        """Resident and proportional memory of the daemon, in MB (10**6 bytes)."""
        rollup = Path(f"/proc/{self.process.pid}/smaps_rollup").read_text()
        kib = {
            words[0]: int(words[1])
            for words in map(str.split, rollup.splitlines()[1:])
            if len(words) == 3
        }
        return kib["Rss:"] * 1024 / 1e6, kib["Pss:"] * 1024 / 1e6

    def cpu_seconds(self) -> float:
        """What the daemon's threads have used so far."""
        words = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")

    def switches(self) -> dict[str, int]:
        """How often each of the daemon's threads has gone to sleep of itself: its wake-ups."""
        counts = {}
        for task in Path(f"/proc/{self.process.pid}/task").iterdir():
            for line in (task / "status").read_text().splitlines():
                if line.startswith("voluntary_ctxt_switches:"):
                    counts[task.name] = int(line.split()[1])
        return counts
