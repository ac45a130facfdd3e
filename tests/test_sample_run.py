"""What `make run` does: the sample hive, in the foreground, ended by Ctrl-C, and going on again."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hived.client import Client
from hived.errors import HivedError
from hived.world import processes

SECONDS = 60.0


class Sample:
    """A foreground run, with its output in a file."""

    def __init__(self, home: Path) -> None:
        self.home, self.printed = home, home.parent / "printed"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        environ = {**os.environ, "HIVED_HOME": str(self.home)}
        with self.printed.open("wb") as file:
            argv = [sys.executable, "-m", "hived", "--sample"]
            self.process = subprocess.Popen(argv, env=environ, stdout=file, stderr=file)

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
            os.kill(child.pid if child else pid, signal.SIGKILL)


def test_the_sample_hive_takes_turns_ends_with_ctrl_c_and_goes_on(sample: Sample) -> None:
    sample.start()
    text = sample.wait_for("turn_end ok", "message_sent from queen", "tool_call")
    assert "control socket: " in text.split("turn_start")[0]
    assert text.count("hivectl") == 3
    with Client.connect(str(sample.home / "hived.sock")) as client:
        agents = client.call("agents")["agents"]
    assert [(a["agent"], a["role"]) for a in agents] == [
        ("queen", "manager"),
        ("ada", "worker"),
        ("bob", "worker"),
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
    assert list(again) == ["queen", "ada", "bob"]
    assert len(first) == 3, "the same hive, not another"
    assert all(again[a["agent"]]["turns"] >= a["turns"] for a in agents)
    sample.interrupt()
    assert sample.processes() == []


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
