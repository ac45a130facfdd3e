"""What an agent starts is no operator: on the control socket it may look and not act."""

import json
import sys

from tests.daemon.harness import REPOSITORY, Hive, wait

NAMES = ("bob", "ada")
APPROVE = """
[default]
steps = [
  { bash = "hivectl ps --json" },
  { say = "saw: {result}" },
  { bash = "COMMAND" },
  { say = "told: {result}" },
]
"""


def told(hive: Hive, word: str) -> str:
    [said] = [text for text in hive.said("ada") if text.startswith(word)]
    return said.removeprefix(word)


def steps(hive: Hive, command: str) -> None:
    """ada, who may run any command, tries one beside a look."""
    where = f"PYTHONPATH={REPOSITORY} HIVED_HOME={hive.home}"
    hivectl = f"env {where} {sys.executable} -m hived.ctl"
    scenario = APPROVE.replace("COMMAND", command).replace("hivectl", hivectl)
    hive.new("ada", scenario, allow=["Bash"])
    hive.send("ada")
    assert hive.end("ada")["outcome"] == "ok"


def test_an_agents_hivectl_reads_and_cannot_act(hive: Hive) -> None:
    steps(hive, "hivectl stop ada 2>&1; echo code $?")
    assert json.loads(told(hive, "saw: "))["agents"][0]["agent"] == "ada"
    answer = told(hive, "told: ")
    assert "for the operators" in answer and "[forbidden]" in answer and "hived-mcp" in answer
    assert "code 1" in answer
    assert hive.events("agent_stopped") == []
    hive.ctl("stop", "ada")  # the person can


REACH = """
import contextlib, socket, sys
sock = socket.socket(socket.AF_UNIX)
sock.connect(sys.argv[1])
with contextlib.suppress(BrokenPipeError):  # who is turned away is told before that
    sock.sendall(b'{"jsonrpc":"2.0","id":1,"method":"tools/list"}\\n')
print(sock.makefile().readline())
"""


def test_an_agent_is_not_another_one_by_its_socket(hive: Hive) -> None:
    script = hive.home.parent / "reach.py"
    script.write_text(REACH)
    reach = f"{sys.executable} {script} {hive.home}/agents/%s/hive.sock"
    hive.new("bob", '[default]\nsteps = [{ say = "hello" }]')
    steps = [f"{{ bash = '{reach % name}' }}, {{ say = '{name}: {{result}}' }}" for name in NAMES]
    hive.new("ada", f"[default]\nsteps = [{', '.join(steps)}]", allow=["Bash"])
    hive.send("ada")
    assert hive.end("ada")["outcome"] == "ok"
    assert "not_allowed" in told(hive, "bob: ")
    assert "not_allowed" not in told(hive, "ada: ")


def test_nor_does_a_process_that_left_its_session_and_its_parents(hive: Hive) -> None:
    done = hive.home.parent / "done"
    leave = f"setsid sh -c '(hivectl pause ada; echo $? > {done}) & '"
    steps(hive, f"{leave}; while [ ! -s {done} ]; do sleep 0.1; done")
    assert wait(lambda: done.exists() and done.read_text().strip()) == "1"
    assert hive.events("agent_paused") == []
