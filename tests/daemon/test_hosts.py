"""Turn hosts that die, machines that reboot, children that will not go, locks of conversations."""

import json
import os
import resource
import shutil
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from hived.world import processes
from hived.world.containment import probe
from tests.daemon.harness import Hive, wait
from tests.daemon.said import numbers

KINDS = ("cgroup", "pidns", "subreaper")
TALK = '{ say = "line {i}", times = 400, delay = 0.05 }'


def playing(*steps: str) -> str:
    """A scenario whose first turn does these; what follows in the session is over at once."""
    first = ", ".join(('{ say = "line {i}", times = 3 }', *steps))
    return f'[[turn]]\nsteps = [{first}]\n[default]\nsteps = [{{ say = "again" }}]'


def begin(hive: Hive, scenario: str) -> str:
    """An agent in a turn that has said something; the turn's id."""
    hive.new("ada", scenario)
    hive.send("ada")
    [start] = hive.wait_for("turn_start")
    wait(lambda: len(numbers(hive.said("ada"))) >= 3, hive.story)
    turn = start["data"]["turn"]
    assert isinstance(turn, str)
    return turn


def contained(hive: Hive, kind: str) -> None:
    """Start hived with this containment, where the machine can make it."""
    order = {"cgroup": 0, "pidns": 1, "subreaper": 2}
    if order[probe().kind] > order[kind]:
        pytest.skip(f"{kind} cannot be made here")
    hive.faults["containment"] = kind
    hive.start()


def children(hive: Hive) -> list[int]:
    """The living processes that a `spawn` step has left."""
    found = []
    for pid in hive.living():
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            continue
        if words.startswith(b"sleep\0"):
            found.append(pid)
    return found


def check_lost_and_retried(hive: Hive, turn: str) -> None:
    """The turn is lost, its mail was returned and counted, and the next turn did it."""
    end = hive.end("ada")
    assert (end["turn"], end["outcome"], end["exit_code"]) == (turn, "lost", None)
    assert end["retry_at"] > 0
    assert hive.end("ada", 2)["outcome"] == "ok"
    [returned] = hive.events("message_returned")
    assert returned["data"]["counted"] is True
    starts = hive.events("turn_start")
    assert (starts[1]["data"]["reason"], starts[1]["data"]["attempt"]) == ("retry", 2)
    assert starts[1]["data"]["retry_of"] == turn
    again = hive.told("ada")[-1]
    assert again.startswith("This is attempt 2 of 5") and "Go on with what you were doing" in again
    assert len(hive.events("message_acked")) == 1
    # What the lost turn printed is kept, each line once.
    said = numbers(hive.said("ada", turn))[3:]
    assert said == list(range(1, len(said) + 1))
    hive.check()
    hive.nothing_lives()


def test_a_host_killed_under_hived_loses_the_turn(hive: Hive) -> None:
    turn = begin(hive, playing(TALK))
    os.kill(hive.host(turn), signal.SIGKILL)
    check_lost_and_retried(hive, turn)


def test_a_turn_whose_folder_is_deleted_is_lost_with_its_host(hive: Hive) -> None:
    turn = begin(hive, playing(TALK))
    host = hive.host(turn)
    shutil.rmtree(hive.folder(turn).path)
    os.kill(host, signal.SIGKILL)
    end = hive.end("ada")
    assert (end["turn"], end["outcome"]) == (turn, "lost")
    assert hive.end("ada", 2)["outcome"] == "ok"
    assert hive.events("turn_start")[1]["data"]["attempt"] == 2
    assert "Traceback" not in hive.words()
    hive.nothing_lives()


def test_a_host_killed_while_hived_is_dead_loses_the_turn(hive: Hive) -> None:
    turn = begin(hive, playing(TALK))
    hive.kill()
    os.kill(hive.host(turn), signal.SIGKILL)
    hive.start()
    check_lost_and_retried(hive, turn)


def disk_check(hive: Hive) -> dict[str, Any]:
    [check] = [one for one in hive.call("doctor")["checks"] if one["name"] == "disk"]
    return dict(check)


def test_a_turn_that_waits_for_space_on_the_disk_is_told_of_and_is_not_idle(hive: Hive) -> None:
    hive.new("ada", playing(TALK.replace("400", "100")), idle_limit_s=4.0)
    hive.send("ada")
    [start] = hive.wait_for("turn_start")
    turn = start["data"]["turn"]
    wait(lambda: len(numbers(hive.said("ada"))) >= 3, hive.story)
    host = hive.host(turn)
    # No file of the host may grow any more: to it the same as a full disk.
    _, hard = resource.prlimit(host, resource.RLIMIT_FSIZE)
    resource.prlimit(host, resource.RLIMIT_FSIZE, (hive.folder(turn).spool.stat().st_size, hard))
    wait(lambda: disk_check(hive)["state"] == "fail", hive.story)
    since = time.monotonic()
    assert "full" in disk_check(hive)["found"] and "ada" in disk_check(hive)["found"]
    wait(lambda: time.monotonic() - since > 6, hive.story)  # past the idle limit
    assert not hive.events("turn_cancel")
    resource.prlimit(host, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, hard))
    end = hive.end("ada")
    assert (end["turn"], end["outcome"]) == (turn, "ok")
    assert "for space" not in disk_check(hive)["found"]
    assert numbers(hive.said("ada", turn))[3:] == list(range(1, 101))
    hive.check()


def test_a_line_that_was_cut_short_on_disk_gives_no_event(hive: Hive) -> None:
    """Also one that reads as whole: whether the CLI had more to say in it, nobody knows."""
    turn = begin(hive, playing(TALK))
    hive.kill()
    host = hive.host(turn)
    os.kill(host, signal.SIGKILL)
    wait(lambda: processes.look(host) is None)
    with hive.folder(turn).spool.open("ab") as spool:
        for call in ("toolu_whole", "toolu_cut"):
            use = {"type": "tool_use", "id": call, "name": "Bash", "input": {"command": "ls"}}
            message = {"id": call, "role": "assistant", "content": [use]}
            line = {"type": "assistant", "message": message, "parent_tool_use_id": None}
            spool.write(b"\n" + json.dumps(line).encode())
    hive.start()
    check_lost_and_retried(hive, turn)
    assert [row["data"]["call"] for row in hive.events("tool_call")] == ["toolu_whole"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("down", [False, True], ids=["up", "down"])
def test_leftovers_of_a_host_that_died_are_killed(stopped: Hive, kind: str, down: bool) -> None:
    contained(stopped, kind)
    turn = begin(stopped, playing('{ spawn = "all" }', "{ hang = 'deaf' }"))
    wait(lambda: children(stopped))
    assert stopped.folder(turn).started()["containment"] == kind
    if down:
        stopped.kill()
    os.kill(stopped.host(turn), signal.SIGKILL)
    if down:
        stopped.start()
    check_lost_and_retried(stopped, turn)
    if kind == "subreaper":  # the others may be gone with their host, before anyone counts
        assert stopped.end("ada")["leftovers"] >= 1


def test_an_exit_recorded_while_hived_was_dead_ends_the_turn(hive: Hive) -> None:
    turn = begin(hive, playing("{ sleep = 1 }", "{ exit = 7 }"))
    hive.kill()
    wait(lambda: hive.folder(turn).read_exit() is not None)
    hive.start()
    end = hive.end("ada")
    assert (end["turn"], end["outcome"], end["exit_code"]) == (turn, "failed", 7)
    assert end["duration_ms"] > 900
    assert hive.end("ada", 2)["outcome"] == "ok"
    assert hive.events("turn_start")[1]["data"]["attempt"] == 2
    hive.check()


def test_a_spool_cut_in_the_middle_of_a_line_keeps_its_whole_lines(hive: Hive) -> None:
    """As a machine leaves it that lost its power: the last write was not finished."""
    turn = begin(hive, playing(TALK))
    hive.kill()
    os.kill(hive.host(turn), signal.SIGKILL)
    spool = hive.folder(turn).spool
    wait(lambda: len(hive.living()) == 0)
    kept = spool.read_bytes().rpartition(b"\n")[0] + b"\n"
    spool.write_bytes(kept + b'{"type":"assistant","message":{"content":[{"type":"te')
    hive.start()
    check_lost_and_retried(hive, turn)
    assert hive.end("ada")["byte"] <= len(kept) + 60
    lines = hive.lines("ada", turn)
    assert len(lines) == kept.count(b"\n") + 1 and lines[-1].startswith('{"type":"assistant"')
    assert "line 3" in hive.ctl("transcript", "ada", turn)


def test_a_reboot_loses_the_turn_and_kills_nobody_of_the_new_boot(hive: Hive) -> None:
    turn = begin(hive, playing(TALK))
    hive.kill()
    for pid in (hive.host(turn), *hive.living()):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    wait(lambda: hive.living() == [])
    # The pids and the cgroup of the other boot may be anybody's now: here, this test's own child.
    record = hive.folder(turn).path / "started"
    started = json.loads(record.read_bytes())
    bystander = os.fork()
    if bystander == 0:
        os.execve("/bin/sleep", ["sleep", "600"], {"HIVED_TURN_MARK": started["mark"]})
    try:
        wait(lambda: b"sleep" in Path(f"/proc/{bystander}/cmdline").read_bytes())
        record.write_text(json.dumps(started | {"boot_id": "0" * 8, "pid": bystander}))
        hive.start()
        check_lost_and_retried(hive, turn)
        assert hive.end("ada")["leftovers"] == 0
        assert os.waitpid(bystander, os.WNOHANG) == (0, 0)
    finally:
        os.kill(bystander, signal.SIGKILL)
        os.waitpid(bystander, 0)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("how", ["child", "setsid", "double-fork", "ignore-term", "all"])
def test_nothing_lives_after_the_end_of_a_turn(stopped: Hive, kind: str, how: str) -> None:
    contained(stopped, kind)
    stopped.new("ada", playing(f'{{ spawn = "{how}" }}'))
    stopped.send("ada")
    end = stopped.end("ada")
    assert stopped.living() == []
    assert (end["outcome"], end["leftovers"]) == ("ok", 1), end


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_lives_after_a_cancel(stopped: Hive, kind: str) -> None:
    contained(stopped, kind)
    begin(stopped, playing('{ spawn = "all", keep_stdout = true }', "{ hang = 'deaf' }"))
    wait(lambda: children(stopped))
    stopped.ctl("cancel", "ada")
    end = stopped.end("ada")
    assert stopped.living() == []
    assert (end["outcome"], end["why"]) == ("cancelled", "operator"), end
    # It was the operator's wish: the mail is not put to the agent again.
    assert len(stopped.events("message_acked")) == 1
    assert stopped.word("ada") == "idle"


def test_cancel_asks_the_cli_first_so_that_the_usage_is_told(hive: Hive) -> None:
    begin(hive, playing(TALK))
    hive.ctl("cancel", "ada")
    end = hive.end("ada")
    # It came to its own end, by no signal.
    assert (end["outcome"], end["exit_code"]) == ("cancelled", 1), end
    assert end["usage"]["output"] > 0 and end["cost_usd"] > 0


def test_a_host_that_hears_nothing_is_killed_after_a_cancel(hive: Hive) -> None:
    turn = begin(hive, playing(TALK))
    os.kill(hive.host(turn), signal.SIGSTOP)
    hive.ctl("cancel", "ada")
    assert hive.end("ada")["outcome"] == "cancelled"
    hive.nothing_lives()


def test_never_two_processes_on_one_conversation(stopped: Hive) -> None:
    """A host that cannot have the conversation's lock starts no CLI; the turn waits, then goes."""
    stopped.start()
    turn = begin(stopped, playing(TALK))
    stopped.kill()
    # The folder of the turn is lost, so hived would start it anew: its lock still stands.
    host, cli = stopped.host(turn), stopped.folder(turn).started()["cli_pid"]
    folder = stopped.folder(turn).path
    shutil.move(folder, stopped.home / "lost")
    stopped.start()
    end = stopped.end("ada")
    assert (end["outcome"], end["why"]) == ("failed", "session_in_use")
    assert stopped.events("message_returned", counted=False)
    assert {pid for pid in stopped.living() if b"hived.rehearsal" in _words(pid)} == {cli}
    os.kill(host, signal.SIGKILL)
    wait(lambda: cli not in stopped.living())
    wait(lambda: stopped.events("turn_end", outcome="ok"), stopped.story)


def _words(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""
