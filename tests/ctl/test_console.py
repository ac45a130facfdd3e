"""hivectl on a terminal and off it: colour, questions, closed pipes, interrupts, speed."""

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import hived
from tests.ctl.canned import SECONDS, Connection, Hive, Hivectl
from tests.ctl.rows import event

COLOUR = re.compile(r"\x1b\[[0-9;]*m")


class Terminal:
    """hivectl on a pseudo-terminal of 80 columns."""

    def __init__(self, hivectl: Hivectl, *words: str, **environ: str) -> None:
        self.fd, tty = pty.openpty()
        os.set_blocking(self.fd, False)
        self.shown = ""
        self.process = subprocess.Popen(
            hivectl.argv(*words),
            stdin=tty,
            stdout=tty,
            stderr=tty,
            cwd=hivectl.cwd,
            env={**hivectl.environ, "TERM": "xterm", "COLUMNS": "80", **environ},
            start_new_session=True,
        )
        os.close(tty)

    def read_until(self, text: str | None) -> str:
        """What is shown up to a text, or with None to the end."""
        deadline = time.monotonic() + SECONDS
        while text is None or text not in self.shown:
            assert select.select([self.fd], [], [], deadline - time.monotonic())[0], self.shown
            try:
                data = os.read(self.fd, 65_536)
            except OSError:  # the other end of a terminal ends with an error
                break
            self.shown += data.decode()
        assert text is None or text in self.shown, self.shown
        return self.shown.replace("\r\n", "\n")

    def type(self, text: str) -> None:
        os.write(self.fd, text.encode())

    def end(self) -> tuple[int, str]:
        shown = self.read_until(None)
        return self.process.wait(SECONDS), shown


@pytest.fixture
def terminal(hivectl: Hivectl) -> Iterator[Callable[..., Terminal]]:
    opened: list[Terminal] = []

    def open_one(*words: str, **environ: str) -> Terminal:
        opened.append(Terminal(hivectl, *words, **environ))
        return opened[-1]

    yield open_one
    for one in opened:
        if one.process.poll() is None:
            one.process.kill()
            one.process.wait(SECONDS)
        os.close(one.fd)


Open = Callable[..., Terminal]


@pytest.mark.parametrize(
    "line", ["ps", "status ada", "turns ada", "log", "inbox", "transcript ada", "doctor", "help"]
)
def test_colour_is_the_only_escape_on_a_terminal(hive: Hive, terminal: Open, line: str) -> None:
    code, shown = terminal(*line.split()).end()
    assert code == 0
    assert "\x1b[" in shown
    assert COLOUR.sub("", shown).replace("\n", "").isprintable()
    assert max(map(len, COLOUR.sub("", shown).splitlines())) <= 80


@pytest.mark.parametrize("environ", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_no_colour_where_none_is_wanted(
    hive: Hive, terminal: Open, environ: dict[str, str]
) -> None:
    code, shown = terminal("ps", **environ).end()
    assert code == 0
    assert "\x1b" not in shown
    assert "Needs you" in shown


def test_an_empty_no_color_means_nothing(hive: Hive, terminal: Open) -> None:
    assert "\x1b[" in terminal("ps", NO_COLOR="").end()[1]


def test_json_on_a_terminal_is_one_escaped_document(hive: Hive, terminal: Open) -> None:
    shown = terminal("ps", "--json").end()[1]
    assert shown.replace("\n", "").isprintable()
    assert json.loads(shown)["v"] == 1


def test_raw_lines_are_escaped_on_a_terminal(hive: Hive, terminal: Open) -> None:
    shown = terminal("transcript", "ada", "--raw").end()[1]
    assert "not json \\x1b[2J at all" in shown
    assert shown.replace("\n", "").isprintable()


@pytest.mark.parametrize("answer,code,removed", [("y", 0, 1), ("n", 2, 0), ("", 2, 0)])
def test_rm_asks(hive: Hive, terminal: Open, answer: str, code: int, removed: int) -> None:
    open_one = terminal("rm", "ada")
    asked = open_one.read_until("[y/N] ")
    assert "goes: the agent ada" in asked
    assert "stays: 3 messages" in asked
    assert "hivectl revive ada" in asked
    open_one.type(answer + "\n")
    assert open_one.end()[0] == code
    assert [name for name, _ in hive.calls].count("rm") == removed


@pytest.mark.parametrize("answer,code,approved", [("y", 0, 2), ("n", 2, 0), ("", 2, 0)])
def test_approve_all_lists_what_it_will_approve_and_asks(
    hive: Hive, terminal: Open, answer: str, code: int, approved: int
) -> None:
    open_one = terminal("approve", "--all", "--kind", "spawn_commit", "--from", "boss")
    asked = open_one.read_until("[y/N] ")
    assert asked.count("p0123456789abcdef") == 2 and "Approve all 2?" in asked
    assert "approve" not in [name for name, _ in hive.calls]
    open_one.type(answer + "\n")
    assert open_one.end()[0] == code
    given = [params["approval"] for name, params in hive.calls if name == "approve"]
    assert given == ["p0123456789abcdef"] * approved


def test_approve_all_of_nothing_asks_nothing(hive: Hive, terminal: Open) -> None:
    code, shown = terminal("approve", "--all", "--kind", "revive").end()
    assert code == 0 and "nothing waits for your word" in shown
    assert "approve" not in [name for name, _ in hive.calls]


@pytest.mark.parametrize("answer,code,purged", [("y", 0, 1), ("n", 2, 0), ("", 2, 0)])
def test_purge_names_each_path_and_asks(
    hive: Hive, terminal: Open, answer: str, code: int, purged: int
) -> None:
    open_one = terminal("purge", "zoe")
    asked = open_one.read_until("[y/N] ")
    assert "48MB+  /srv/hive/agents/zoe" in asked
    assert "12B  /srv/hive/transcripts/zoe" in asked
    assert "48MB+ in all, and 2 messages" in asked
    open_one.type(answer + "\n")
    assert open_one.end()[0] == code
    assert [name for name, _ in hive.calls].count("purge") == purged


def test_interrupt_at_the_question(hive: Hive, terminal: Open) -> None:
    open_one = terminal("rm", "ada")
    open_one.read_until("[y/N] ")
    open_one.process.send_signal(signal.SIGINT)
    code, shown = open_one.end()
    assert code == -signal.SIGINT
    assert "Traceback" not in shown


def into_a_closed_pipe(hivectl: Hivectl, line: str) -> tuple[int, str]:
    """The exit code and stderr of hivectl whose reader has gone."""
    read_end, write_end = os.pipe()
    process = subprocess.Popen(
        hivectl.argv(*line.split()),
        stdin=subprocess.DEVNULL,
        stdout=write_end,
        stderr=subprocess.PIPE,
        env=hivectl.environ,
        text=True,
    )
    os.close(write_end)
    os.close(read_end)
    _, err = process.communicate(timeout=SECONDS)
    return process.returncode, err


@pytest.mark.parametrize("line", ["log --since 0", "state", "log --since 0 --json", "ps"])
def test_a_reader_that_has_seen_enough(hive: Hive, hivectl: Hivectl, line: str) -> None:
    row = event(1, text="x" * 60_000)
    hive.answers["log"] = {**hive.answers["log"], "events": [row] * 100}
    hive.answers["state"] = {**hive.answers["state"], "state": {"agents": ["x" * 100] * 10_000}}
    assert into_a_closed_pipe(hivectl, line) == (0, "")


def test_mail_that_nobody_saw_is_not_read(hive: Hive, hivectl: Hivectl) -> None:
    assert into_a_closed_pipe(hivectl, "inbox --ack") == (0, "")
    assert "ack" not in [name for name, _ in hive.calls]


def test_a_full_disk_is_told(hive: Hive, hivectl: Hivectl) -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            hivectl.argv("ps"),
            stdout=full,
            stderr=subprocess.PIPE,
            env=hivectl.environ,
            timeout=SECONDS,
            text=True,
        )
    assert done.returncode == 1
    assert done.stderr == "hivectl: cannot write the output: No space left on device\n"


def test_closed_output_keeps_nothing_from_being_done(hive: Hive, hivectl: Hivectl) -> None:
    words = " ".join(hivectl.argv("pause", "ada"))
    done = subprocess.run(
        ["sh", "-c", f"{words} >&-"],
        stderr=subprocess.PIPE,
        env=hivectl.environ,
        cwd=hivectl.cwd,
        timeout=SECONDS,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert hive.params("pause")["agent"] == "ada"


def test_a_locale_without_the_characters(hive: Hive, hivectl: Hivectl) -> None:
    done = hivectl("ps", PYTHONIOENCODING="ascii", COLUMNS="60")
    assert done.returncode == 0
    assert done.stdout.isascii()


def test_daemon_stop_waits_for_the_end(hive: Hive, hivectl: Hivectl) -> None:
    daemon = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    assert daemon.stdin is not None
    hive.answers["daemon_status"] = {**hive.answers["daemon_status"], "pid": daemon.pid}

    def stop(c: Connection) -> None:
        c.notify("bye", reason="stopped")
        c.close()
        assert daemon.stdin is not None
        daemon.stdin.close()

    hive.after["daemon_stop"] = stop
    try:
        done = hivectl("daemon", "stop", "--turns")
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout == "hived stops; 1 turn goes on without it\n"
        assert hive.params("daemon_stop") == {"turns": True}
    finally:
        daemon.kill()
        daemon.wait(SECONDS)


def test_progress_of_verify_stands_on_the_terminal_only(hive: Hive, terminal: Open) -> None:
    held: list[Connection] = []
    hive.after["hello"] = held.append

    def verify(params: object) -> object:
        held[0].notify("progress", request=2, done=206, total=412)
        return {"v": 1, "ok": True, "events": 412, "problems": [], "seconds": 1.0}

    hive.answers["verify"] = verify
    code, shown = terminal("verify", NO_COLOR="1").end()
    assert code == 0
    assert "reading the log: 50 %" in shown
    assert "the log is sound" in shown


def test_ps_starts_quickly(hive: Hive, hivectl: Hivectl) -> None:
    """What it must not import is what costs: measured in processor time, the load of others out."""
    env = {"PYTHONPATH": str(Path(hived.__file__).parents[1]), **hivectl.environ}
    best = min(_cpu_seconds(hivectl.argv("ps"), env) for _ in range(5))
    bare = min(_cpu_seconds([sys.executable, "-c", "pass"], env) for _ in range(5))
    assert best - bare < 0.1


def _cpu_seconds(argv: list[str], env: dict[str, str]) -> float:
    process = subprocess.Popen(argv, env=env, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return used.ru_utime + used.ru_stime
