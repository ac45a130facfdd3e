"""hived comes and goes while a turn runs: every line once, every write once."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import trio

from hived import limits
from hived.errors import ProtocolError
from hived.host.client import HostClient, HostGone, reaped, wire_id
from hived.host.folder import FolderStatus

ROOT = Path(__file__).parents[2]

# Counts as fast as it is told to, one line for each line it reads.
COUNTER = """
import sys
for n, line in enumerate(sys.stdin.buffer):
    sys.stdout.buffer.write(b'%d %s' % (n, line))
    sys.stdout.buffer.flush()
"""

# Plays a hived: starts the host, writes ten lines, reads five, and is killed at any moment.
PLAYER = """
import sys, trio
from pathlib import Path
from hived.host.client import HostClient, start_host
async def main(folder):
    start_host(folder)
    client = await HostClient.connect(folder)
    for n in range(10):
        await client.write(f'user:{n}', b'%d\\n' % n)
    n = 0
    async for item in client.lines():
        print(item.data.decode(), item.end, flush=True)
        n += 1
        if n == 5:
            await trio.sleep_forever()
trio.run(main, Path(sys.argv[1]))
"""


async def test_hived_is_killed_in_mid_turn_and_another_goes_on(turn) -> None:
    turn.prepare(COUNTER)
    player = await trio.lowlevel.open_process(
        [sys.executable, "-c", PLAYER, str(turn.path)], stdout=subprocess.PIPE, cwd=ROOT
    )
    seen = b""
    try:
        with trio.fail_after(30):
            while seen.count(b"\n") < 5:
                seen += await player.stdout.receive_some()
    finally:
        player.kill()
        await player.wait()
        await player.stdout.aclose()
    turn.hosts.append(turn.folder.started()["pid"])
    lines = [line.split() for line in seen.decode().splitlines()]
    assert turn.folder.status() is FolderStatus.RUNNING
    client = await turn.connect()
    assert client.written == {f"user:{n}" for n in range(10)}
    for n in range(20):  # the first ten again, as one that does not know what came through
        await client.write(f"user:{n}", b"%d\n" % n)
    await client.close_stdin()
    async for item in client.lines(int(lines[-1][2])):
        lines.append([*item.data.decode().split(), str(item.end)])
    assert [line[:2] for line in lines] == [[str(n), str(n)] for n in range(20)]
    assert client.exit_info.code == 0


async def test_a_write_repeated_on_another_connection_is_written_once(turn, all_lines) -> None:
    first = await turn.run(COUNTER)
    second = await turn.connect()
    await first.write("user:1", b"one\n")
    assert "user:1" not in second.written  # it does not know, so it asks the host
    await second.write("user:1", b"one\n")
    await second.write("user:2", b"two\n")
    await second.close_stdin()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_expect, all_lines, first)
        nursery.start_soon(_expect, all_lines, second)


@pytest.mark.parametrize("odd", ["with space", 'quo"te', "é", "\ud800", "x" * 129, "a\nb", ""])
async def test_any_id_can_be_given(turn, all_lines, odd) -> None:
    client = await turn.run(COUNTER)
    await client.write(odd, b"odd\n")
    again = await turn.connect()
    assert wire_id(odd) in again.written
    await again.write(odd, b"odd\n")
    await again.write("plain", b"plain\n")
    await again.close_stdin()
    assert await all_lines(again) == [b"0 odd", b"1 plain"]


async def _expect(all_lines, client) -> None:
    assert await all_lines(client) == [b"0 one", b"1 two"]


async def test_the_host_refuses_a_second_host_and_a_second_turn_of_the_session(
    turns, all_lines
) -> None:
    turn, other, later = turns(), turns(), turns(session="another")
    client = await turn.run(COUNTER)
    before = sorted(turn.path.iterdir())
    assert await reaped(turn.start()) == 75
    other.prepare(COUNTER)
    assert await reaped(other.start()) == 75
    assert sorted(turn.path.iterdir()) == before
    assert {file.name for file in other.path.iterdir()} == {"launch.json", "lock", "host.log"}
    assert other.folder.status() is FolderStatus.NOT_STARTED
    await (await later.run(COUNTER)).close_stdin()
    await client.close_stdin()
    assert await all_lines(client) == []
    await reaped(turn.hosts[0])
    assert await reaped(turn.start()) == 76  # it has had its turn
    other.start()  # now the session is free
    await (await other.connect()).close_stdin()


# Prints a line when a file `print` comes, says so by a file `printed`, and goes on to echo.
PRINTS_AT_A_SIGN = """
import pathlib, sys, time
while not pathlib.Path('print').exists():
    time.sleep(0.005)
print('a line', flush=True)
pathlib.Path('printed').touch()
for line in sys.stdin.buffer:
    print('heard', line.decode().strip(), flush=True)
"""


async def test_hived_dies_as_the_cli_prints(turn, tmp_path, all_lines, wait_for) -> None:
    """The host finds the line and the lost connection at once, the line first."""
    turn.prepare(PRINTS_AT_A_SIGN, cwd=str(tmp_path))
    client = await turn.run_again()
    rude = _connect(turn.path)
    rude.recv(1 << 16)  # the greeting
    os.kill(turn.hosts[0], signal.SIGSTOP)
    try:
        (tmp_path / "print").touch()
        await wait_for((tmp_path / "printed").exists)
        rude.close()
    finally:
        os.kill(turn.hosts[0], signal.SIGCONT)
    await client.write("1", b"still here\n")
    await client.close_stdin()
    assert await all_lines(client) == [b"a line", b"heard still here"]


async def test_a_client_that_does_not_read_is_dropped_and_the_turn_goes_on(turn, all_lines) -> None:
    client = await turn.run(COUNTER)
    rude = _connect(turn.path)
    try:
        rude.settimeout(10)
        with pytest.raises(OSError):
            while True:
                rude.sendall(b'{"n":1,"nothing":"%s"}\n' % (b"x" * 100) * 1000)
    finally:
        rude.close()
    await client.write("1", b"fine\n")
    await client.close_stdin()
    assert await all_lines(client) == [b"0 fine"]


async def test_a_client_that_reads_late_is_not_dropped(turn) -> None:
    client = await turn.run("for n in range(100_000): print(n, flush=True)\ninput()")
    greeted = client.size
    watcher = await turn.connect()
    got = 0
    async for _ in watcher.lines():
        got += 1
        if got == 100_000:
            break
    assert client.size == greeted  # it has heard nothing but the greeting
    await client.close_stdin()
    assert [item.data async for item in client.lines()] == [b"%d" % n for n in range(100_000)]


async def test_what_waits_for_a_late_reader_is_one_size_and_not_a_pile(turn) -> None:
    client = await turn.run(COUNTER)
    with _connect(turn.path) as late:
        lines, got = client.lines(), []
        for n in range(3000):
            await client.write(f"{n}", b"\n")
            got.append(await anext(lines))
        late.settimeout(10)
        heard = b""
        while b'"size": %d}' % got[-1].end not in heard:
            heard += late.recv(1 << 20)
    assert len(heard.splitlines()) < 1000  # what the kernel takes, and one
    await client.close_stdin()
    await client.wait_ended()


async def test_connections_are_bounded(turn) -> None:
    client = await turn.run(COUNTER)
    others = [_connect(turn.path) for _ in range(limits.HOST_CLIENTS_MAX)]
    try:
        greeted = []
        for other in others:
            other.settimeout(10)
            try:
                greeted.append(bool(other.recv(10)))
            except ConnectionResetError:
                greeted.append(False)
        assert greeted == [True] * (limits.HOST_CLIENTS_MAX - 1) + [False]
    finally:
        for other in others:
            other.close()
    await client.close_stdin()
    await client.wait_ended()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can play another user")
async def test_another_user_is_not_heard(turn, tmp_path) -> None:
    client = await turn.run(COUNTER)
    script = (
        "import os,socket,sys\ns=socket.socket(socket.AF_UNIX)\n"
        "os.chdir(sys.argv[1])\nos.setuid(65534)\ns.connect('sock')\n"
        "try:\n    print(s.recv(100))\nexcept ConnectionResetError:\n    print(b'')"
    )
    turn.path.chmod(0o777)
    (turn.path / "sock").chmod(0o777)
    done = await trio.run_process(
        [sys.executable, "-I", "-S", "-c", script, str(turn.path)], capture_stdout=True
    )
    assert done.stdout == b"b''\n"
    await client.close_stdin()
    await client.wait_ended()


@pytest.mark.parametrize(
    "line",
    [
        b"not json",
        b"[1]",
        b"3",
        b"{}",
        b'{"write":1,"data":"eA=="}',
        b'{"write":"a\\nb","data":"eA=="}',
        b'{"write":"","data":"eA=="}',
        b'{"write":"a b","data":"eA=="}',
        b'{"write":"%s","data":"eA=="}' % (b"x" * 129),
        b'{"write":"a","data":"not base64"}',
        b'{"write":"a"}',
        b'{"signal":"KILL"}',
        b'{"kill":1}',
        b"[" * 100_000,
        b"\xff\xfe",
    ],
)
async def test_nonsense_is_refused_and_does_no_harm(turn, all_lines, line) -> None:
    client = await turn.run(COUNTER)
    with _connect(turn.path) as rude:
        rude.settimeout(10)
        words = rude.makefile("rb")
        assert json.loads(words.readline())["hello"] == 1
        rude.sendall(line + b"\n")
        assert json.loads(words.readline())["error"] == "bad_request"
        words.close()
    assert turn.folder.written() == frozenset()
    await client.close_stdin()
    assert await all_lines(client) == []


async def test_a_host_of_an_unknown_version_is_told_apart(tmp_path) -> None:
    folder = tmp_path / "turn"
    folder.mkdir()
    listener = trio.socket.socket(socket.AF_UNIX)
    await listener.bind(str(folder / "sock"))
    listener.listen(1)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_greet, listener, b'{"hello":99}\n')
        with pytest.raises(ProtocolError, match="version 99"):
            await HostClient.connect(folder)
    listener.close()


async def _greet(listener: trio.socket.SocketType, words: bytes) -> None:
    sock, _ = await listener.accept()
    await sock.send(words)
    await sock.recv(1)
    sock.close()


async def test_nobody_there(turn, monkeypatch) -> None:
    monkeypatch.setattr(limits, "HOST_CONNECT_SECONDS", 0.2)
    with pytest.raises(HostGone, match="no turn folder"):
        await HostClient.connect(turn.path)
    turn.prepare(COUNTER)
    with pytest.raises(HostGone, match="does not answer"):
        await HostClient.connect(turn.path)


async def test_a_line_reaches_the_reader_within_milliseconds(turn) -> None:
    client = await turn.run(
        "import sys,time\nfor line in sys.stdin:\n    print(time.monotonic(), flush=True)"
    )
    lines = client.lines()
    waits = []
    for n in range(100):
        await client.write(f"{n}", b"\n")
        item = await anext(lines)
        waits.append(time.monotonic() - float(item.data))
    waits.sort()
    assert waits[50] < 0.010, waits
    await client.kill()
    await client.wait_ended()


def _connect(folder: Path) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX)
    fd = os.open(folder, os.O_PATH)
    try:
        sock.connect(f"/proc/self/fd/{fd}/sock")
    finally:
        os.close(fd)
    return sock
