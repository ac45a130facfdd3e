"""hivectl ps as a person meets it, beside python and supervisorctl: python -m bench.ps

All three take turns, so that whatever else the machine does falls on all of them. supervisorctl
asks a supervisord with as many programs over a unix socket, as it comes from PyPI.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.hive import START_SECONDS, Hived
from bench.lib import Figure, quantile, show

PROGRAMS = 10

CONFIG = """
[unix_http_server]
file={folder}/sock
[supervisord]
logfile={folder}/log
pidfile={folder}/pid
nodaemon=true
[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
[supervisorctl]
serverurl=unix://{folder}/sock
"""
PROGRAM = "[program:a{n}]\ncommand=/bin/sleep 100000\n"


def beside(name: str) -> str:
    """A program of this environment."""
    return str(Path(sys.executable).with_name(name))


@contextmanager
def supervisord(folder: Path) -> Iterator[list[str]]:
    """A supervisord with PROGRAMS sleeping programs; gives the argv of `supervisorctl status`."""
    config = folder / "conf"
    config.write_text(
        CONFIG.format(folder=folder) + "".join(PROGRAM.format(n=n) for n in range(PROGRAMS))
    )
    argv = [beside("supervisorctl"), "-c", str(config), "status"]
    process = subprocess.Popen(
        [beside("supervisord"), "-c", str(config)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + START_SECONDS
        while subprocess.run(argv, capture_output=True).stdout.count(b"RUNNING") < PROGRAMS:
            if time.monotonic() > deadline:
                raise TimeoutError("supervisord has not started its programs")
            time.sleep(0.2)
        yield argv
    finally:
        process.terminate()
        process.wait(START_SECONDS)


def wall(argv: list[str], environ: dict[str, str]) -> float:
    began = time.perf_counter()
    subprocess.run(argv, env=environ, check=True, stdout=subprocess.DEVNULL)
    return 1e3 * (time.perf_counter() - began)


def measure(*, quick: bool = False) -> list[Figure]:
    """Medians, in milliseconds."""
    with tempfile.TemporaryDirectory(prefix="hb", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        (folder / "hive").mkdir()
        with Hived(folder / "hive") as hived, supervisord(folder) as supervisorctl:
            for number in range(PROGRAMS):
                hived.client.call("new", agent=f"a{number}", driver="rehearsal", workdir=name)
            environ = dict(os.environ) | {"HIVED_HOME": str(folder / "hive")}
            commands = {
                "hivectl": [beside("hivectl"), "ps"],
                "python": [sys.executable, "-c", "pass"],
                "supervisorctl": supervisorctl,
            }
            times: dict[str, list[float]] = {command: [] for command in commands}
            for _ in range(10 if quick else 40):
                for command, argv in commands.items():
                    times[command].append(wall(argv, environ))
    middle = {command: quantile(taken, 0.5) for command, taken in times.items()}
    what = f"hivectl ps, {PROGRAMS} agents"
    return [
        Figure(what, middle["hivectl"], "ms", "< 100", "python -c pass", middle["python"]),
        Figure(what, middle["hivectl"], "ms", "", "supervisorctl status", middle["supervisorctl"]),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    show("ps", measure(quick=parser.parse_args().quick))


if __name__ == "__main__":
    main()
