"""A whole turn with a real host: what goes in, what comes out, how it ends."""

import json
import os
import signal
import sys
from pathlib import Path

import pytest
import trio

from hived.host.client import HostGone, HostRefused, SpoolLine, TooLong, reaped
from hived.host.folder import FolderStatus
from hived.host.spawn import TURN_HOST

ECHO = """
import sys
for line in sys.stdin.buffer:
    sys.stdout.buffer.write(b'heard ' + line)
    sys.stdout.buffer.flush()
print('bye', flush=True)
sys.exit(3)
"""


async def test_a_turn_from_its_first_line_to_its_exit(turn, all_lines) -> None:
    client = await turn.run(ECHO)
    assert client.containment in ("cgroup", "pidns", "subreaper")
    await client.write("user:1", b"one\n")
    await client.write("user:2", b"two\n")
    await client.close_stdin()
    assert await all_lines(client) == [b"heard one", b"heard two", b"bye"]
    end = client.exit_info
    assert (end.code, end.error, end.leftovers, end.cut) == (3, "", 0, False)
    assert end.spool_bytes == len(b"heard one\nheard two\nbye\n")
    assert 0 < end.duration_ms < 60_000
    with trio.fail_after(10):
        assert await reaped(turn.hosts[0]) == 0
    assert turn.folder.status() is FolderStatus.EXITED
    assert turn.folder.read_exit() == end
    assert turn.folder.written() == {"user:1", "user:2"}
    with pytest.raises(ChildProcessError):  # it was buried, too
        await reaped(turn.hosts[0])


async def test_lines_can_be_read_again_from_any_line_after_the_end(turn, all_lines) -> None:
    client = await turn.run("print('a'); print('bb'); print('ccc')")
    ends = [item.end async for item in client.lines()]
    assert ends == [2, 5, 9]
    await reaped(turn.hosts[0])
    later = await turn.connect()
    assert await all_lines(later) == [b"a", b"bb", b"ccc"]
    assert [item async for item in later.lines(2)] == [SpoolLine(b"bb", 5), SpoolLine(b"ccc", 9)]
    assert later.exit_info.code == 0 and later.ended
    with pytest.raises(HostGone):
        await later.write("x", b"x\n")
    await later.kill()  # nothing to do, and not an error


async def test_ten_megabytes_arrive_whole(turn) -> None:
    client = await turn.run("for n in range(200_000): print('%049d' % n)")
    number = 0
    with trio.fail_after(60):
        async for item in client.lines():
            assert item.data == b"%049d" % number
            number += 1
    assert number == 200_000
    assert client.exit_info.spool_bytes == 10_000_000


async def test_a_last_line_without_newline_is_torn_and_a_huge_one_is_left_out(
    turn, monkeypatch
) -> None:
    monkeypatch.setattr("hived.host.lines.limits.LINE_BYTES_MAX", 1000)
    monkeypatch.setattr("hived.host.lines.LineSplitter.__init__.__defaults__", (0, 1000))
    client = await turn.run("print('x' * 300_000); print('ok'); print('half', end='')")
    items = [item async for item in client.lines()]
    assert items == [
        TooLong(300_001, 300_000),
        SpoolLine(b"ok", 300_004),
        SpoolLine(b"half", 300_008, torn=True),
    ]


async def test_the_cli_gets_a_clean_start(turn, tmp_path, all_lines, monkeypatch) -> None:
    monkeypatch.setenv("DROP_ME", "1")
    monkeypatch.setenv("PRE_ONE", "1")
    monkeypatch.setenv("KEPT", "yes")
    secrets = tmp_path / "secrets"
    secrets.write_text("# comment\n\nTOKEN='s3 cret'\nGIVEN=from-file\n")
    script = """
import json, os
print(json.dumps({'cwd': os.getcwd(), 'fds': sorted(os.listdir('/proc/self/fd')),
  'leader': os.getsid(0) == os.getpid(), 'env': dict(os.environ)}))
"""
    probe = ("sh", "-c", "grep -E 'SigIgn|SigBlk' /proc/self/status; umask")
    client = await turn.run(
        script,
        cwd=str(tmp_path),
        env={"GIVEN": "from-launch", "OTHER": "x"},
        env_drop=("DROP_ME", "PRE_*"),
        env_file=str(secrets),
    )
    (line,) = await all_lines(client)
    seen = json.loads(line)
    assert seen["cwd"] == str(tmp_path) and seen["leader"]
    assert seen["fds"] == ["0", "1", "2", "3"]  # 3 is listdir's own
    env = seen["env"]
    assert env["TOKEN"] == "s3 cret" and env["GIVEN"] == "from-file" and env["OTHER"] == "x"
    assert env["KEPT"] == "yes" and "DROP_ME" not in env and "PRE_ONE" not in env
    files = [file for file in turn.path.iterdir() if file.is_file() and file.name != "spool"]
    assert b"s3 cret" not in b"".join(file.read_bytes() for file in files)
    await reaped(turn.hosts[0])
    turn.path = turn.path.with_name("second")
    client = await turn.run(argv=probe)
    blocked, ignored, umask = await all_lines(client)
    glibc = 0b11 << 31  # its own two, which posix_spawn leaves ignored everywhere
    assert int(blocked.split()[1], 16) == 0
    assert int(ignored.split()[1], 16) & ~glibc == 0
    assert umask == b"%04o" % _umask()


def _umask() -> int:
    now = os.umask(0o077)
    os.umask(now)
    return now


def open_files(pid: int) -> list[str]:
    return [str(fd.readlink()) for fd in Path(f"/proc/{pid}/fd").iterdir()]


async def test_the_host_inherits_no_descriptor(turn, tmp_path, all_lines) -> None:
    with (tmp_path / "open in hived").open("wb") as file:
        os.set_inheritable(file.fileno(), True)
        client = await turn.run("input()")
        held = open_files(turn.hosts[0])
    assert str(turn.path / "lock") in held
    assert file.name not in held
    await client.kill()
    await client.wait_ended()


@pytest.mark.parametrize(
    ("argv", "cwd", "word"),
    [
        (("/no/such/cli", "-x"), "/", "/no/such/cli"),
        (("sh", "-c", "true"), "/no/such/folder", "/no/such/folder"),
        (("/etc/passwd",), "/", "Permission denied"),
    ],
)
@pytest.mark.parametrize("containment", ["cgroup", "pidns", "subreaper"])
async def test_a_cli_that_cannot_be_started(turn, argv, cwd, word, containment) -> None:
    turn.prepare(argv=argv, cwd=cwd, containment=containment)
    turn.start()
    client = await turn.connect()
    end = await client.wait_ended()
    assert end.code == 127 and word in end.error
    assert [item async for item in client.lines()] == []
    assert turn.folder.status() in (FolderStatus.EXITED, FolderStatus.RUNNING)
    assert await reaped(turn.hosts[0]) == 0
    assert turn.folder.status() is FolderStatus.EXITED


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("A=1\nno equals sign s3cret\n", "line 2"),
        ("export A=s3cret\n", "line 1"),
        ("A='s3cret\n", "line 1"),
        ('A="x"s3cret\n', "line 1"),
        ("2A=s3cret\n", "line 1"),
        (None, "No such file"),
    ],
)
async def test_a_bad_env_file_is_a_clear_failure_that_tells_no_secret(
    turn, tmp_path, text, word
) -> None:
    path = tmp_path / "env"
    if text is not None:
        path.write_text(text)
    turn.prepare("print('never')", env_file=str(path))
    turn.start()
    assert await reaped(turn.hosts[0]) == 0
    end = turn.folder.read_exit()
    assert end.code == 127 and str(path) in end.error and word in end.error
    assert b"s3cret" not in b"".join(file.read_bytes() for file in turn.path.iterdir())
    client = await turn.connect()
    assert [item async for item in client.lines()] == []


async def test_a_path_longer_than_a_socket_address(turns, all_lines) -> None:
    turn = turns(name="/".join(["x" * 60] * 4))
    turn.path.parent.mkdir(parents=True)
    assert len(str(turn.path)) > 200
    client = await turn.run(ECHO)
    await client.write("1", b"far\n")
    await client.close_stdin()
    assert await all_lines(client) == [b"heard far", b"bye"]


@pytest.mark.parametrize("name", ["TERM", "INT"])
@pytest.mark.parametrize("containment", ["cgroup", "pidns", "subreaper"])
async def test_signals_reach_the_cli(turn, name, containment) -> None:
    client = await turn.run(argv=("sh", "-c", "echo up; exec sleep 1000"), containment=containment)
    lines = client.lines()
    assert (await anext(lines)).data == b"up"
    await client.signal(name)
    end = await client.wait_ended()
    assert end.code == -getattr(signal, f"SIG{name}") and not end.killed


async def test_the_last_of_stderr_is_kept(turn) -> None:
    script = "import sys\nfor n in range(100_000): sys.stderr.write('error %06d\\n' % n)"
    client = await turn.run(script)
    await client.wait_ended()
    tail = turn.folder.stderr_tail()
    assert tail.endswith("error 099999\n")
    size = sum(file.stat().st_size for file in turn.path.glob("stderr*"))
    assert 100 * 1024 < size < 400 * 1024
    assert turn.folder.stderr_tail(13) == "error 099999\n"


async def test_a_cli_that_does_not_read_makes_the_host_busy_not_big(turn) -> None:
    client = await turn.run("import time\nprint('up', flush=True)\ntime.sleep(1000)")
    await anext(client.lines())
    block = b"x" * (4 * 1024 * 1024)
    await client.write("a", block)
    await client.write("b", block)
    with pytest.raises(HostRefused) as refused:
        await client.write("c", block)
    assert refused.value.code == "busy"
    with pytest.raises(HostRefused) as refused:
        await client.write("d", block + b"x")
    assert refused.value.code == "too_large"
    assert client.written == {"a", "b"} == turn.folder.written()
    status = await trio.Path(f"/proc/{turn.hosts[0]}/status").read_text()
    assert int(status.split("VmRSS:")[1].split()[0]) < 100_000
    await client.kill()
    assert (await client.wait_ended()).killed


async def test_writing_to_a_closed_stdin_is_refused(turn) -> None:
    client = await turn.run(
        "import os,time\nos.close(0)\nprint('up', flush=True)\ntime.sleep(1000)"
    )
    await anext(client.lines())
    await client.write("a", b"nobody hears this\n")
    with pytest.raises(HostRefused) as refused:
        await client.write("b", b"nor this\n")
    assert refused.value.code == "wrong_state" and refused.value.data["why"] == "stdin_closed"
    await client.kill()
    await client.wait_ended()


async def test_terminating_the_host_ends_the_turn_in_order(turn, living) -> None:
    script = (
        "import signal,time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        f"print('up {turn.path.parent.name}', flush=True)\ntime.sleep(1000)"
    )
    client = await turn.run(script)
    await anext(client.lines())
    os.kill(turn.hosts[0], signal.SIGTERM)
    with trio.fail_after(20):
        end = await client.wait_ended()
    assert end.code == -signal.SIGKILL
    assert turn.folder.read_exit() == end
    assert living(f"up {turn.path.parent.name}") == []


async def test_the_host_needs_nothing_but_its_file(turn, tmp_path) -> None:
    copy = tmp_path / "alone.py"
    copy.write_bytes(TURN_HOST.read_bytes())
    turn.prepare("print('alone')")
    done = await trio.run_process(
        [sys.executable, "-I", "-S", str(copy), str(turn.path)],
        cwd="/",
        env={},
        capture_stdout=True,
        capture_stderr=True,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert turn.folder.spool.read_bytes() == b"alone\n"
