"""What `make run` does: the sample hive, in the foreground, ended by Ctrl-C, and going on again."""

import contextlib
import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hived.client import Client
from hived.errors import HivedError
from hived.world import processes

SECONDS = 60.0
SHOWN_SECONDS = 240.0  # two minutes, and as much again for a busy machine


class Sample:
    """A foreground run, with its output in a file."""

    def __init__(self, home: Path) -> None:
        self.home, self.printed = home, home.parent / "printed"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, stdout: int | None = None) -> None:
        """stdout: a terminal of the caller's, in place of the file."""
        environ = {**os.environ, "HIVED_HOME": str(self.home)}
        environ.pop("COLUMNS", None)  # of who runs the tests: it would stand for the terminal's
        with self.printed.open("wb") as file:
            argv = [sys.executable, "-m", "hived", "--sample"]
            out = file if stdout is None else stdout
            self.process = subprocess.Popen(argv, env=environ, stdout=out, stderr=file)

    def wait_for(self, *words: str) -> str:
        deadline = time.monotonic() + SECONDS
        while not all(word in (text := self.printed.read_text()) for word in words):
            assert time.monotonic() < deadline, text[-3000:]
            time.sleep(0.05)
        return text

    def interrupt(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGINT)
        assert self.process.wait(SECONDS) == 0, self.printed.read_text()[-3000:]
        self.process = None

    def processes(self) -> list[int]:
        """Everything that works in this home, by its arguments or its working folder."""
        found = []
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                words = (entry / "cmdline").read_bytes().decode(errors="replace")
                where = str((entry / "cwd").readlink())
            except OSError:
                continue
            if str(self.home) in words or where.startswith(str(self.home)):
                found.append(int(entry.name))
        return found


@pytest.fixture
def sample(tmp_path: Path) -> Iterator[Sample]:
    run = Sample(tmp_path / "home")
    yield run
    if run.process is not None:
        run.process.kill()
        run.process.wait()
    for pid in run.processes():
        for child in (*processes.descendants(pid), None):
            with contextlib.suppress(ProcessLookupError):  # it has ended by itself
                os.kill(child.pid if child else pid, signal.SIGKILL)


def test_the_sample_hive_takes_turns_ends_with_ctrl_c_and_goes_on(sample: Sample) -> None:
    sample.start()
    text = sample.wait_for("turn_end ok", "message_sent from queen", "tool_call")
    assert "control socket: " in text.split("turn_start")[0]
    assert text.count("hivectl") == 3
    with Client.connect(str(sample.home / "hived.sock")) as client:
        agents = client.call("agents")["agents"]
        for agent in agents:  # each is made as a person may make one
            assert client.call("config", agent=agent["agent"])["keys"]
    assert [(a["agent"], a["role"]) for a in agents] == [
        ("queen", "manager"),
        ("ada", "worker"),
        ("bob", "worker"),
        ("eve", "worker"),
    ]
    sample.interrupt()
    assert sample.processes() == []
    assert "turn_end" in sample.printed.read_text()

    sample.start()
    sample.wait_for("turn_end ok", "message_sent from queen")
    with Client.connect(str(sample.home / "hived.sock")) as client:
        assert client.call("verify")["ok"]
        again = {a["agent"]: a for a in client.call("agents")["agents"]}
        first = client.call("log", since=0, kinds=["agent_created"])["events"]
    assert list(again) == ["queen", "ada", "bob", "eve"]
    assert len(first) == 4, "the same hive, not another"
    assert all(again[a["agent"]]["turns"] >= a["turns"] for a in agents)
    sample.interrupt()
    assert sample.processes() == []


def test_a_home_that_cannot_be_made_is_refused_without_a_traceback(sample: Sample) -> None:
    sample.home.write_text("a file in the way")
    sample.start()
    assert sample.process is not None and sample.process.wait(SECONDS) == 1
    told = sample.printed.read_text()
    assert told.startswith("hived: ") and "[store_unavailable]\nhint: " in told
    assert sample.home.read_text() == "a file in the way"


def test_on_a_terminal_an_event_is_a_line_and_its_end_is_the_end(sample: Sample) -> None:
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 60, 0, 0))
    sample.start(stdout=theirs)
    assert sample.process is not None
    os.close(theirs)
    printed = b""
    deadline = time.monotonic() + SECONDS
    while b"tool_result" not in printed:
        assert time.monotonic() < deadline, printed
        assert sample.process.poll() is None, sample.printed.read_text()
        if select.select([ours], [], [], 1.0)[0]:
            printed += os.read(ours, 65536)
    _, _, log = printed.decode().partition("the hive goes on.")
    lines = [line for line in log.split("\r\n") if line]
    assert any(line.endswith("…") for line in lines)
    assert [line for line in lines if len(line) > 60] == []
    os.close(ours)
    assert sample.process.wait(SECONDS) == 0, sample.printed.read_text()
    assert "Traceback" not in sample.printed.read_text()
    assert sample.processes() == []


def test_ctrl_c_while_it_starts_ends_it_without_a_traceback(sample: Sample) -> None:
    sample.start()
    assert sample.process is not None
    deadline = time.monotonic() + SECONDS
    while not (sample.home / "log.sqlite.lock").exists():
        assert time.monotonic() < deadline and sample.process.poll() is None
        time.sleep(0.001)
    sample.process.send_signal(signal.SIGINT)
    assert sample.process.wait(SECONDS) in (0, -signal.SIGINT)
    assert "Traceback" not in sample.printed.read_text()
    assert sample.processes() == []


def test_a_hived_whose_log_nobody_reads_any_more_goes_on(tmp_path: Path) -> None:
    environ = {**os.environ, "HIVED_HOME": str(tmp_path), "PYTHONIOENCODING": "ascii"}
    reader, writer = os.pipe()
    argv = [sys.executable, "-m", "hived", "--show-log"]
    with (tmp_path / "said").open("w") as said:
        process = subprocess.Popen(argv, env=environ, stdout=writer, stderr=said)
        os.close(writer)
        try:
            deadline = time.monotonic() + SECONDS
            while not (tmp_path / "hived.sock").exists():
                assert time.monotonic() < deadline and process.poll() is None
                time.sleep(0.05)
            with Client.connect(str(tmp_path / "hived.sock")) as client:
                client.call("new", agent="ada", driver="rehearsal", start=False)
                client.call("send", to="ada", body="日本語")
                told = b""
                while b"message_sent" not in told:
                    told += os.read(reader, 65536)
                os.close(reader)
                client.call("send", to="ada", body="one")
                while "the log is printed no longer" not in (tmp_path / "said").read_text():
                    assert time.monotonic() < deadline and process.poll() is None
                    time.sleep(0.05)
                client.call("send", to="ada", body="two")
                assert client.call("agents")["agents"][0]["inbox"]["queued"] == 3
                client.call("daemon_stop")
            assert process.wait(SECONDS) == 0
        finally:
            process.kill()
            process.wait()


def test_a_sample_hive_that_stands_is_set_going_by_the_next_run(sample: Sample) -> None:
    sample.start()
    sample.wait_for("turn_start", "tool_call")
    with Client.connect(str(sample.home / "hived.sock")) as client:
        deadline = time.monotonic() + SECONDS
        while any(a["turn"] or a["inbox"]["queued"] for a in client.call("agents")["agents"]):
            assert time.monotonic() < deadline, "it went on and on"
            for agent in client.call("agents")["agents"]:
                if agent["turn"]:
                    try:
                        client.call("cancel", agent=agent["agent"])
                    except HivedError as error:
                        assert error.code == "wrong_state", error
            time.sleep(0.1)
        before = client.call("agents")["position"]
    sample.interrupt()

    sample.start()
    sample.wait_for("turn_end ok", "message_sent from queen")
    with Client.connect(str(sample.home / "hived.sock")) as client:
        sent = client.call("log", since=before, kinds=["message_sent"])["events"]
    assert sent[0]["data"]["to"] == "queen"
    sample.interrupt()


def seen(rows: list[dict[str, Any]], kind: str, **data: object) -> bool:
    return any(row["kind"] == kind and data.items() <= row["data"].items() for row in rows)


def shown(rows: list[dict[str, Any]]) -> dict[str, bool]:
    """What life in a hive is made of, and whether the log has it by now."""
    return {
        "a nap begins": seen(rows, "nap_start", agent="ada"),
        "a nap ends": seen(rows, "nap_end", agent="ada", why="elapsed"),
        "a question": seen(rows, "question_asked", asker="queen", to="operator"),
        "a draft": seen(rows, "draft_created", agent="dora"),
        "a draft becomes an agent": seen(rows, "agent_created", agent="dora"),
        "the new agent has mail": seen(rows, "message_sent", sender="queen", to="dora"),
        "a denied change": seen(rows, "approval_decision", decision="denied", rule="rights-stay"),
        "a compacted session": seen(rows, "compaction_end", of="session", outcome="ok"),
        "compacted notes": seen(rows, "compaction_end", of="notes", outcome="ok"),
        "a dead letter": seen(rows, "message_dead", agent="eve"),
    }


@pytest.mark.timeout(300)
def test_the_first_two_minutes_show_life_in_a_hive(sample: Sample) -> None:
    sample.start()
    sample.wait_for("approval_request", "config_proposed")
    begun = time.monotonic()
    hivectl = [sys.executable, "-m", "hived.ctl"]
    environ = {**os.environ, "HIVED_HOME": str(sample.home)}
    argv = [*hivectl, "approve", "--all", "--kind", "spawn_commit", "--yes"]
    done = subprocess.run(argv, env=environ, capture_output=True, text=True, timeout=SECONDS)
    assert done.returncode == 0, done.stderr
    with Client.connect(str(sample.home / "hived.sock")) as client:
        rows: list[dict[str, Any]] = []
        while not all(shown(rows).values()):
            assert time.monotonic() < begun + SHOWN_SECONDS, shown(rows)
            since = rows[-1]["position"] if rows else 0
            rows += client.call("log", since=since, limit=1000)["events"]
            time.sleep(0.5)
    sample.interrupt()
    assert sample.processes() == []
