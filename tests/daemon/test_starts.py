"""A hived that cannot start: exit 1, a line that says why, a hint, and nothing changed on disk."""

import hashlib
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from hived.store.sqlite import STORE_SCHEMA
from tests.daemon.harness import REPOSITORY, SECONDS, Hive, wait

DONE = '[default]\nsteps = [{ say = "done" }]'


@pytest.fixture
def used(stopped: Hive) -> Hive:
    """A hive with some history, whose daemon has stopped."""
    stopped.start()
    stopped.new("ada", DONE)
    stopped.send("ada")
    assert stopped.end("ada")["outcome"] == "ok"
    wait(lambda: not list((stopped.home / "turns").iterdir()))
    stopped.stop()
    return stopped


def database(hive: Hive) -> Path:
    [path] = [
        path
        for path in hive.home.iterdir()
        if path.is_file() and path.read_bytes()[:15] == b"SQLite format 3"
    ]
    return path


def contents(hive: Hive) -> dict[str, str]:
    """All files, by what is in them; but for locks, which name the last to try.

    Of the database the head is left out: it counts the times that it was opened.
    """
    files = {}
    for path in sorted(hive.home.rglob("*")):
        if path.is_file() and not path.name.endswith(("lock", "-shm", "-wal")):
            data = path.read_bytes()
            if data.startswith(b"SQLite format 3"):
                data = data[100:]
            files[str(path.relative_to(hive.home))] = hashlib.sha256(data).hexdigest()
    return files


def ran(
    hive: Hive, *options: str, through: tuple[str, ...] = (), **environ: str
) -> subprocess.CompletedProcess[str]:
    """Run hived as a person does, through a program if given, until it ends."""
    return subprocess.run(
        [*through, sys.executable, "-m", "hived", *options, "--home", str(hive.home)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        cwd=REPOSITORY,
        env={**hive.environ, **environ},
        # As a terminal starts it: what runs the tests may have been told to ignore SIGINT.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def refused(hive: Hive, *through: str) -> str:
    """Start it, through a program if given; it must refuse. Its words."""
    done = ran(hive, through=through)
    assert done.returncode == 1, (done.returncode, done.stderr)
    assert "Traceback" not in done.stderr, done.stderr
    lines = done.stderr.splitlines()
    assert len(lines) == 2 and lines[0].startswith("hived: ") and lines[1].startswith("hint: ")
    return lines[0]


def test_a_second_hived_on_the_same_store(hive: Hive) -> None:
    assert hive.process is not None
    told = refused(hive)
    assert f"another hived (pid {hive.process.pid})" in told and "[already_running]" in told
    hive.new("ada", DONE)  # the first was not disturbed
    hive.send("ada")
    assert hive.end("ada")["outcome"] == "ok"
    assert len(hive.events("hive_started")) == 1


def test_a_socket_file_left_by_a_dead_daemon_is_replaced(hive: Hive) -> None:
    hive.kill()
    assert (hive.home / "hived.sock").is_socket()
    assert "hived" in hive.ctl("ps", code=3)
    hive.start()
    assert hive.call("daemon_status")["pid"] == hive.process.pid  # type: ignore[union-attr]
    assert (hive.home / "hived.sock").stat().st_mode & 0o777 == 0o600
    hive.stop()
    assert not (hive.home / "hived.sock").exists()


def test_a_socket_that_another_program_listens_at_is_left_alone(used: Hive) -> None:
    before = contents(used)
    with socket.socket(socket.AF_UNIX) as other:
        path = used.home / "hived.sock"
        other.bind(str(path))
        other.listen()
        assert "[already_running]" in refused(used)
        assert path.is_socket()
    path.unlink()
    assert contents(used) == before


def test_a_file_where_the_socket_belongs_is_left_alone(used: Hive) -> None:
    (used.home / "hived.sock").write_text("mine")
    before = contents(used)
    assert "hived.sock" in refused(used)
    assert contents(used) == before


def test_a_store_that_cannot_be_written(used: Hive) -> None:
    before = contents(used)
    everything = [used.home, *used.home.rglob("*")]
    modes = [(path, path.stat().st_mode) for path in everything]
    for path in everything:
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        # root may write what is read-only to all, unless that power is taken from it.
        powers = "-dac_override,-dac_read_search,-fowner"
        less = ["setpriv", f"--bounding-set={powers}", f"--inh-caps={powers}"]
        told = refused(used, *(less if os.geteuid() == 0 else []))
    finally:
        for path, mode in modes:
            path.chmod(mode)
    assert "[store_unavailable]" in told
    assert contents(used) == before


def test_a_home_that_is_a_file(stopped: Hive) -> None:
    stopped.home.rmdir()
    stopped.home.write_text("mine")
    assert "[store_unavailable]" in refused(stopped)
    assert stopped.home.read_text() == "mine"


def test_a_store_of_a_newer_schema(used: Hive) -> None:
    with closing(sqlite3.connect(database(used))) as opened:
        opened.execute(f"PRAGMA user_version = {STORE_SCHEMA + 1}")
        opened.commit()
    before = contents(used)
    assert "[log_from_the_future]" in refused(used)
    assert contents(used) == before


def test_a_log_with_an_event_from_the_future(used: Hive) -> None:
    with closing(sqlite3.connect(database(used))) as opened:
        [(table,)] = opened.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND sql LIKE '%topic%'"
        ).fetchall()
        changed = opened.execute(
            f"UPDATE {table} SET topic = 'agent_started@99' WHERE topic = 'agent_started@1'"
        ).rowcount
        opened.commit()
    assert changed == 1
    before = contents(used)
    assert "[log_from_the_future]" in refused(used)
    assert contents(used) == before


@pytest.mark.parametrize("kept", [0.5, 0.9])
def test_a_database_cut_short(used: Hive, kept: float) -> None:
    path = database(used)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * kept)])
    before = contents(used)
    assert "[log_corrupt]" in refused(used)
    assert contents(used) == before
    path.write_bytes(whole)
    used.start()  # the backup is all that it takes
    used.check()


def test_a_database_with_bytes_changed(used: Hive) -> None:
    path = database(used)
    whole = bytearray(path.read_bytes())
    at = whole.index(b"turn_end@")
    whole[at : at + 40] = b"\xff" * 40
    path.write_bytes(whole)
    before = contents(used)
    assert "[log_" in refused(used)
    assert contents(used) == before


def test_a_database_that_is_none(used: Hive) -> None:
    path = database(used)
    path.write_text("these are my letters\n" * 100)
    before = contents(used)
    assert "[log_corrupt]" in refused(used)
    assert contents(used) == before


def test_the_caches_beside_the_log_may_be_lost(used: Hive) -> None:
    shutil.rmtree(used.home / "snapshots", ignore_errors=True)
    used.start()
    assert used.word("ada") == "idle"
    used.check()


def test_the_store_is_free_again_after_sigint(hive: Hive) -> None:
    assert hive.process is not None
    os.kill(hive.process.pid, signal.SIGINT)
    assert hive.ended() == 0
    hive.start()


@pytest.mark.parametrize("emptied", [True, False])
def test_a_log_that_is_gone_beside_what_was_made_with_it(used: Hive, emptied: bool) -> None:
    log = database(used)
    log.write_bytes(b"") if emptied else log.unlink()
    told = refused(used)
    assert "[log_corrupt]" in told and "ada" in told and "agents" in told
    assert refused(used) == told
    if emptied:
        status, said, errors = verified(used)
        assert (status, errors) == (5, "") and said.startswith("the log is damaged: 0 events read")
        assert "agents holds ada" in said


def test_a_new_home_on_file_systems_of_its_own(stopped: Hive) -> None:
    (stopped.home / "transcripts" / "lost+found").mkdir(parents=True)
    stopped.start()


def verified(hive: Hive) -> tuple[int, str, str]:
    """The exit status and the words of hived --verify."""
    done = ran(hive, "--verify")
    return done.returncode, done.stdout, done.stderr


def test_verify_without_a_daemon_says_what_is_wrong(used: Hive) -> None:
    status, said, errors = verified(used)
    assert (status, errors) == (0, "") and said.startswith("the log is sound: ")
    with closing(sqlite3.connect(database(used))) as log, log:
        head = log.execute("SELECT MAX(position) FROM stored_events").fetchone()[0]
        log.execute("UPDATE stored_events SET state=x'00' WHERE position=?", (head,))
        log.execute("DELETE FROM stored_events WHERE position=2")
    assert "[log_corrupt]" in refused(used)
    status, said, errors = verified(used)
    assert status == 5 and said.startswith("the log is damaged: ")
    assert f"position {head}" in said and "1 positions are missing, the first is 2" in said


def test_verify_of_no_log_and_of_one_in_use(hive: Hive) -> None:
    status, said, errors = verified(hive)
    assert (status, said) == (1, "") and "[already_running]" in errors
    hive.stop()
    log = database(hive)
    log.rename(log.with_name("elsewhere"))
    status, said, errors = verified(hive)
    assert (status, said) == (1, "") and "there is no log" in errors
    assert not log.exists()


IMPORTING = """
import os, signal, sys

class Interrupts:
    def find_spec(self, name, path=None, target=None):
        if name == "hived.main":
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupts())
"""


def test_ctrl_c_while_hived_is_still_being_read_ends_it_without_a_traceback(
    stopped: Hive, tmp_path: Path
) -> None:
    (tmp_path / "sitecustomize.py").write_text(IMPORTING)
    done = ran(stopped, PYTHONPATH=str(tmp_path))
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, "", "")
