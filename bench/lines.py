"""From the CLI's pipe to a subscriber on the socket: python -m bench.lines

Real turns of a real hived: each agent's CLI is bench/talker.py, which prints ten lines a second
and says in each when it was printed. Baseline: as many talkers, read straight from their pipes.
Meanwhile another process calls the daemon a hundred times a second.
"""

import argparse
import json
import os
import selectors
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path

from bench import talker
from bench.hive import Hived
from bench.lib import Figure, quantile, show
from bench.rpc import CALLS, Load

RATE = 10.0  # lines a second of each talker
CALL_RATE = 100.0  # calls a second meanwhile
CALM_SECONDS = 2.0  # before the last line, when all turns end at once: not measured
LEAD_SECONDS = 1.0  # from the word to begin to the first line
START_SECONDS = 170.0  # for all turns to have begun


def program(folder: Path) -> Path:
    """The talker as an executable file."""
    path = folder / "talker"
    path.write_text(f"#!{sys.executable} -ES\n" + Path(talker.__file__).read_text())
    path.chmod(0o755)
    return path


def begin(go: Path, seconds: float) -> float:
    """Let the talkers talk; gives the monotonic time up to which their lines are measured."""
    start = time.monotonic() + LEAD_SECONDS
    draft = go.with_suffix(".new")
    draft.write_text(f"{start} {RATE} {seconds}")
    draft.replace(go)
    return start + seconds - CALM_SECONDS


def latency(line: str | bytes, until: float) -> float | None:
    """Milliseconds since a talker's line was printed; None for any other, or a later one."""
    printed = json.loads(line).get("printed")
    if printed is None or printed > until * 1e9:
        return None
    return float(time.monotonic_ns() - printed) / 1e6


def bare(folder: Path, talkers: int, seconds: float) -> list[float]:
    """The pipes read by one process with a selector, and no hived."""
    path, go = program(folder), folder / "go-bare"
    environ = dict(os.environ) | {"TALKER_GO": str(go)}
    user = json.dumps({"type": "user", "uuid": "u"}).encode() + b"\n"
    processes, times = [], []
    with selectors.DefaultSelector() as selector:
        for _ in range(talkers):
            process = subprocess.Popen(
                [path, f"--session-id={uuid.uuid4()}"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=environ,
            )
            assert process.stdin is not None and process.stdout is not None
            process.stdin.write(user)
            process.stdin.flush()
            process.stdout.readline()
            process.stdout.readline()  # it has started
            os.set_blocking(process.stdout.fileno(), False)
            selector.register(process.stdout.fileno(), selectors.EVENT_READ)
            processes.append(process)
        until = begin(go, seconds)
        open_ = talkers
        while open_:
            for key, _ in selector.select():
                for line in os.read(key.fd, 1 << 16).splitlines():
                    took = latency(line, until)
                    if took is not None:
                        times.append(took)
                    open_ -= b'"result"' in line
    for process in processes:
        process.communicate()
    return times


def through_hived(
    folder: Path, agents: int, seconds: float
) -> tuple[list[float], list[float], float]:
    """Milliseconds of each line to a subscriber of all agents, and of each call meanwhile.

    The third is the daemon's processor time for a line, in microseconds, the calls included.
    """
    go = folder / "go"
    (folder / "env").write_text(f"TALKER_GO={go}\n")
    with Hived(folder) as hived:
        client = hived.client
        number, _ = client.open("follow")
        for n in range(agents):
            name = f"a{n}"
            client.call(
                "new",
                agent=name,
                workdir=str(folder),
                program=str(program(folder)) if n == 0 else str(folder / "talker"),
                env_file=str(folder / "env"),
            )
            client.call("send", to=name, body="Talk.")
        waiting, deadline = agents, time.monotonic() + START_SECONDS
        while waiting > 0:
            waiting -= sum(
                '"subtype": "init"' in row["line"] for row in client.wait(number)[1]["lines"]
            )
            if time.monotonic() > deadline:
                raise TimeoutError(f"{waiting} of {agents} turns have not begun")
        until = begin(go, seconds)
        caller = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "bench.lines",
                "--call",
                hived.home.socket,
                str(seconds - CALM_SECONDS),
            ],
            stdout=subprocess.PIPE,
        )
        cpu = hived.cpu_seconds()
        times, over, used = [], 0, 0.0
        while over < agents:
            for row in client.wait(number)[1]["lines"]:
                took = latency(row["line"], until)
                if took is not None:
                    times.append(took)
                    used = hived.cpu_seconds() - cpu if len(times) % 100 == 0 else used
                over += '"type": "result"' in row["line"]
        calls = json.loads(caller.communicate()[0])
    return times, calls, 1e6 * used / len(times)


def call(path: str, seconds: float) -> list[float]:
    """Milliseconds of calls at a fixed pace."""
    time.sleep(LEAD_SECONDS)
    load = Load(path, 10, hello=True)
    spec = CALLS["status of an agent"].replace(b"a7", b"a0")
    times = load.paced(spec, CALL_RATE, seconds)
    load.close()
    return [1e3 * took for took in times]


def measure(*, quick: bool = False) -> list[Figure]:
    """Figures for 1 and 100 agents."""
    figures = []
    for agents in (1, 10 if quick else 100):
        seconds = 4.0 if quick else 22.0 if agents == 1 else 12.0
        with tempfile.TemporaryDirectory(prefix="hb", ignore_cleanup_errors=True) as name:
            floor = bare(Path(name), agents, seconds)
            lines, calls, cpu = through_hived(Path(name), agents, seconds)
        what = f"a line from the pipe to a subscriber, {agents} talking"
        for q, aim in ((0.5, ""), (0.99, "< 10" if agents == 100 else "")):
            share = f"p{100 * q:.0f}"
            figures.append(
                Figure(
                    f"{what}, {share}",
                    quantile(lines, q),
                    "ms",
                    aim,
                    "as many pipes, read by one process",
                    quantile(floor, q),
                )
            )
        if agents > 1:  # of one agent's few lines, the calls would be all that is seen
            figures.append(
                Figure("  the daemon's own time for each, calls included", cpu, "us", "", "", None)
            )
        rpc = quantile(calls, 0.99)
        figures.append(
            Figure(f"a call meanwhile, {agents} talking, p99", rpc, "ms", "< 5", "", None)
        )
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--call", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.call:
        print(json.dumps(call(options.call[0], float(options.call[1]))))
    else:
        show("lines", measure(quick=options.quick))


if __name__ == "__main__":
    main()
