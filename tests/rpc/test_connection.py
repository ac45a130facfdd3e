"""Rude clients, many clients, dead socket files: the daemon goes on, and nothing is left over."""

import os
import socket
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson
import pytest
import trio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hived import limits
from hived.errors import AlreadyRunning, StoreError
from hived.rpc import connection, outbox, server
from hived.rpc.listener import inherited, listen
from hived.rpc.specs import METHODS


def _descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


async def _alive(world: Any) -> None:
    raw = await world.client()
    assert "agents" in await raw.call("agents")
    await raw.stream.aclose()


async def test_a_line_of_100_mb_is_refused_once_and_not_kept(world: Any, raw: Any) -> None:
    status = await raw.call("daemon_status")
    rude = await world.client()
    piece = b"x" * (1 << 20)
    sent = 0
    with pytest.raises(trio.BrokenResourceError):
        for _ in range(100):
            await rude.stream.send_all(piece)
            sent += 1
    assert sent < 10
    answer = await rude.receive()
    assert answer["error"]["data"]["code"] == "too_large"
    assert answer["id"] is None
    assert await rude.receive() is None
    after = await raw.call("daemon_status")
    assert after["rss_bytes"] < status["rss_bytes"] + 20 * 2**20


async def test_the_longest_line_is_taken_and_one_byte_more_is_not(world: Any, raw: Any) -> None:
    head, tail = b'{"jsonrpc":"2.0","id":1,"method":"', b'"}'
    fill = limits.REQUEST_BYTES_MAX - len(head) - len(tail)
    await raw.send(head + b"x" * fill + tail)
    assert (await raw.response())["error"]["data"]["code"] == "unknown_method"
    await raw.send(head + b"x" * (fill + 1) + tail)
    assert (await raw.response())["error"]["data"]["code"] == "too_large"
    assert await raw.receive() is None
    await _alive(world)


async def test_lines_come_in_any_pieces(raw: Any) -> None:
    line = orjson.dumps({"jsonrpc": "2.0", "id": 1, "method": "agents"}) + b"\n"
    for place in range(len(line)):
        await raw.stream.send_all(line[place : place + 1])
    assert "result" in await raw.response()
    await raw.stream.send_all(b"\n \r\n" + line[:-1] + b"\r\n" + line + line[:10])
    assert "result" in await raw.response()
    assert "result" in await raw.response()
    await raw.stream.send_all(line[10:])
    assert "result" in await raw.response()


async def test_a_client_that_says_nothing_is_sent_away(world: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(limits, "HELLO_WAIT_SECONDS", 0.2)
    silent = await world.connect()
    talker = await world.connect()
    await talker.send(b"{}")
    assert "hello" in (await silent.note("bye"))["reason"]
    assert await silent.receive() is None
    assert "error" in await talker.receive()
    assert "hello" in (await talker.note("bye"))["reason"]
    monkeypatch.undo()
    await _alive(world)


async def test_hello_lifts_the_limit(world: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(limits, "HELLO_WAIT_SECONDS", 0.3)
    raw = await world.client()
    started = trio.current_time()
    other = await world.connect()
    await other.note("bye")
    assert trio.current_time() - started >= 0.3
    assert "agents" in await raw.call("agents")


async def test_a_client_that_never_reads_is_cut_and_nobody_waits(
    world: Any, raw: Any, monkeypatch: Any, until: Any
) -> None:
    monkeypatch.setattr(limits, "CLIENT_SEND_SECONDS", 0.5)
    monkeypatch.setattr(limits, "OUTPUT_BYTES_MAX", 200_000)
    await world.agent("ada", start=False)
    deaf = await world.client()
    await deaf.call("subscribe", **{"from": 0})
    clients = world.services.clients
    body = "x" * 20_000
    for _ in range(60):
        await raw.call("send", to="ada", body=body)
    await until(lambda: world.services.clients == clients - 1)
    assert len(world.engine._publisher._subscriptions) == 0
    assert len((await raw.call("agents"))["agents"]) == 1


async def test_a_client_that_asks_and_never_reads_is_not_answered_without_end(
    world: Any, raw: Any, monkeypatch: Any, until: Any
) -> None:
    monkeypatch.setattr(limits, "CLIENT_SEND_SECONDS", 0.5)
    monkeypatch.setattr(limits, "OUTPUT_BYTES_MAX", 100_000)
    await world.agent("ada", start=False)
    deaf = await world.client()
    clients = world.services.clients
    line = orjson.dumps({"jsonrpc": "2.0", "id": 1, "method": "agents"}) + b"\n"
    with pytest.raises(trio.BrokenResourceError), trio.fail_after(20):
        while True:
            await deaf.stream.send_all(line * 100)
    await until(lambda: world.services.clients == clients - 1)
    assert "agents" in await raw.call("agents")


async def test_half_close_is_answered_to_the_end(world: Any) -> None:
    raw = await world.connect()
    await raw.send(
        {"jsonrpc": "2.0", "id": 1, "method": "hello", "params": {"protocol": 1}},
        {"jsonrpc": "2.0", "id": 2, "method": "new", "params": {"agent": "a", "driver": "claude"}},
    )
    await raw.stream.send_eof()
    assert [(await raw.receive())["id"], (await raw.receive())["id"]] == [1, 2]
    assert await raw.receive() is None


async def test_a_half_closed_subscriber_is_served_until_it_hangs_up(
    world: Any, raw: Any, monkeypatch: Any, until: Any
) -> None:
    monkeypatch.setattr(limits, "HALF_CLOSED_LOOK_SECONDS", 0.05)
    half = await world.client()
    await half.call("subscribe")
    await half.stream.send_eof()
    await world.agent("ada", start=False)
    assert (await half.note("events"))["events"][0]["kind"] == "agent_created"
    clients = world.services.clients
    await half.stream.aclose()
    await until(lambda: world.services.clients < clients)


async def test_calls_in_flight_are_bounded(world: Any, raw: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(limits, "IN_FLIGHT_MAX", 4)
    await world.agent("ada", start=False)
    calls = [
        {"jsonrpc": "2.0", "id": n, "method": "send", "params": {"to": "ada", "body": str(n)}}
        for n in range(50)
    ]
    await raw.send(*calls)
    answers = [await raw.response() for _ in calls]
    assert sorted(a["id"] for a in answers) == list(range(50))
    assert all("result" in a for a in answers)
    await raw.send(calls)  # a batch beyond the bound goes alone
    assert len(await raw.response()) == 50


async def test_no_more_calls_are_begun_than_the_bound(
    world: Any, raw: Any, until: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr(limits, "IN_FLIGHT_MAX", 4)
    threads = world.services.threads
    held = [object() for _ in range(limits.READ_THREADS_MAX)]
    for token in held:
        threads.acquire_on_behalf_of_nowait(token)
    await raw.send(*({"jsonrpc": "2.0", "id": n, "method": "log"} for n in range(20)))
    await until(lambda: threads.statistics().tasks_waiting >= 4)
    await _alive(world)
    assert threads.statistics().tasks_waiting == 4
    for token in held:
        threads.release_on_behalf_of(token)
    assert sorted([(await raw.response())["id"] for _ in range(20)]) == list(range(20))


async def test_calls_in_one_piece_wait_for_their_answers_to_be_read(
    world: Any, raw: Any, until: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr(limits, "OUTPUT_BYTES_MAX", 10_000)
    done = 0

    class Much:
        note = ""

        @property
        def kind(self) -> str:
            nonlocal done
            done += 1
            return "x" * 10_000

    world.services.containment = Much()
    await raw.send(*({"jsonrpc": "2.0", "id": n, "method": "daemon_status"} for n in range(600)))
    await until(lambda: done > 0)
    await _alive(world)
    assert done < 100
    for _ in range(600):
        assert "result" in await raw.response()
    assert done == 600


async def test_one_client_too_many_is_told(world: Any, monkeypatch: Any, until: Any) -> None:
    monkeypatch.setattr(limits, "CONNECTIONS_MAX", 2)
    one, two = await world.client(), await world.client()
    three = await world.connect()
    assert (await three.receive())["error"]["data"]["code"] == "too_many"
    assert await three.receive() is None
    await two.stream.aclose()
    await until(lambda: world.services.clients == 1)
    await _alive(world)
    assert "agents" in await one.call("agents")


async def test_a_thousand_connects_leave_no_descriptor(world: Any, until: Any) -> None:
    await _alive(world)
    await until(lambda: world.services.clients == 0)
    before = _descriptors()
    hello = orjson.dumps({"jsonrpc": "2.0", "id": 1, "method": "hello", "params": {"protocol": 1}})
    for number in range(1000):
        raw = await world.connect()
        if number % 2:
            await raw.send(hello)
        await raw.stream.aclose()
    await until(lambda: world.services.clients == 0)
    await until(lambda: _descriptors() <= before)


async def test_without_descriptors_it_waits_and_goes_on(world: Any, monkeypatch: Any) -> None:
    import resource

    monkeypatch.setattr(limits, "ACCEPT_WAIT_SECONDS", 0.02)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    kept = []
    sock = trio.socket.socket(trio.socket.AF_UNIX, trio.socket.SOCK_STREAM)
    resource.setrlimit(resource.RLIMIT_NOFILE, (_descriptors() + 20, hard))
    try:
        try:
            while True:
                kept.append(os.open("/dev/null", os.O_RDONLY))
        except OSError:
            pass
        await sock.connect(world.home.socket)  # into the backlog: the daemon cannot accept it
        with trio.move_on_after(0.2) as scope:
            await sock.recv(1)
        assert scope.cancelled_caught
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for fd in kept:
            os.close(fd)
    hello = {"jsonrpc": "2.0", "id": 1, "method": "hello", "params": {"protocol": 1}}
    await sock.send(orjson.dumps(hello) + b"\n")
    with trio.fail_after(10):
        assert b"result" in await sock.recv(4096)
    sock.close()


async def test_bye_is_said_when_the_daemon_stops(world: Any, raw: Any, until: Any) -> None:
    other = await world.connect()
    await until(lambda: world.services.clients == 2)
    world.server.cancel()
    assert (await raw.note("bye"))["reason"]
    assert await raw.receive() is None
    assert (await other.note("bye"))["reason"]
    await until(lambda: not Path(world.home.socket).exists())


async def test_a_fault_of_one_connection_is_not_anothers(
    world: Any, raw: Any, monkeypatch: Any
) -> None:
    other = await world.client()

    def broken(line: bytes) -> Any:
        raise RuntimeError("a fault of hived")

    monkeypatch.setattr(connection, "parse", broken)
    await other.send(b"{}")
    assert await other.receive() is None
    monkeypatch.undo()
    assert "agents" in await raw.call("agents")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=12,
)
HARMLESS = [name for name in METHODS if name not in ("doctor", "verify", "daemon_stop")]
REQUESTS = st.fixed_dictionaries(
    {
        "jsonrpc": st.just("2.0"),
        "id": st.integers(0, 99) | st.text(max_size=5),
        "method": st.sampled_from(HARMLESS) | st.text(max_size=8),
        "params": st.dictionaries(
            st.sampled_from(sorted({p for m in METHODS.values() for p in m.params}))
            | st.text(max_size=5),
            JSON,
            max_size=4,
        ),
    }
)


def _as_line(document: Any) -> bytes | None:
    try:
        return orjson.dumps(document)
    except (TypeError, UnicodeEncodeError):
        return None


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(documents=st.lists(REQUESTS, min_size=1, max_size=8))
async def test_each_request_gets_exactly_one_answer(make_world: Any, documents: list[Any]) -> None:
    with TemporaryDirectory() as folder:
        async with make_world(Path(folder)) as world:
            await _each_gets_one(world, documents)


async def _each_gets_one(world: Any, documents: list[Any]) -> None:
    raw = await world.client()
    lines = [(d["id"], line) for d in documents if (line := _as_line(d)) is not None]
    await raw.send(*(line for _, line in lines))
    end = {"jsonrpc": "2.0", "id": "the end", "method": "daemon_status"}
    answers = [await raw.response() for _ in lines]
    assert sorted(str(a["id"]) for a in answers) == sorted(str(number) for number, _ in lines)
    for answer in answers:
        assert ("result" in answer) != ("error" in answer)
        if "error" in answer:
            assert answer["error"]["data"]["code"] != "internal_error", answer
    await raw.send(end)
    assert (await raw.response())["id"] == "the end"
    await raw.stream.aclose()


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.binary(max_size=300) | JSON.map(lambda d: _as_line(d) or b"?"))
async def test_any_bytes_leave_the_daemon_alive(make_world: Any, data: bytes) -> None:
    with TemporaryDirectory() as folder:
        async with make_world(Path(folder)) as world:
            await _survives(world, data)


async def _survives(world: Any, data: bytes) -> None:
    raw = await world.client()
    await raw.stream.send_all(data + b"\n")
    end = {"jsonrpc": "2.0", "id": "the end", "method": "daemon_status"}
    await raw.send(end)
    while (answer := await raw.response()) is not None:
        if isinstance(answer, dict) and answer["id"] == "the end":
            break
        for one in answer if isinstance(answer, list) else [answer]:
            assert one["error"]["data"]["code"] != "internal_error"
    assert answer is not None
    await raw.stream.aclose()


# The socket's file.


def test_a_dead_socket_file_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "s"
    dead = socket.socket(socket.AF_UNIX)
    dead.bind(str(path))
    dead.close()
    found = listen(str(path))
    assert path.stat().st_mode & 0o777 == 0o600
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(str(path))
    found.close()
    assert not path.exists()


def test_a_live_socket_is_never_taken(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        other.listen(1)
        with pytest.raises(AlreadyRunning):
            listen(str(path))
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(str(path))


def test_a_daemon_that_starts_at_the_same_time_is_refused(tmp_path: Path) -> None:
    first = listen(str(tmp_path / "s"))
    script = (
        "import sys; from hived.rpc.listener import listen\n"
        "from hived.errors import HivedError\n"
        "try: listen(sys.argv[1])\n"
        "except HivedError as e: print(e.code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "s")],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.strip() == "already_running"
    (tmp_path / "s").unlink()  # as if the first had not come to make its file yet
    with pytest.raises(AlreadyRunning):
        listen(str(tmp_path / "s"))
    first.close()
    listen(str(tmp_path / "s")).close()


def test_a_file_that_is_no_socket_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "s"
    path.write_text("mine")
    with pytest.raises(StoreError):
        listen(str(path))
    assert path.read_text() == "mine"


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("")
    with pytest.raises(StoreError):
        listen(str(tmp_path / "f" / "s"))


def test_another_ones_file_is_not_taken_away(tmp_path: Path) -> None:
    path = tmp_path / "s"
    first = listen(str(path))
    path.unlink()
    path.write_text("another")
    first.close()
    assert path.exists()


async def test_a_path_longer_than_an_address(tmp_path: Path, make_world: Any) -> None:
    folder = tmp_path / ("d" * 100) / ("e" * 100)
    async with make_world(folder) as world:
        assert len(world.home.socket) > 200
        fd = os.open(folder, os.O_PATH | os.O_DIRECTORY)
        sock = trio.socket.socket(trio.socket.AF_UNIX, trio.socket.SOCK_STREAM)
        await sock.connect(f"/proc/self/fd/{fd}/hived.sock")
        os.close(fd)
        await sock.send(b"1\n")
        assert b"invalid_request" in await sock.recv(4096)
        sock.close()
    assert not (folder / "hived.sock").exists()


async def test_an_inherited_socket_is_served_and_left(world: Any, tmp_path: Path) -> None:
    path = tmp_path / "given"
    given_in = socket.socket(socket.AF_UNIX)
    given_in.bind(str(path))
    given_in.listen(5)
    listener = inherited(given_in.detach())
    async with trio.open_nursery() as nursery:
        await nursery.start(
            lambda task_status: server.serve(world.services, listener, task_status=task_status)
        )
        sock = trio.socket.socket(trio.socket.AF_UNIX, trio.socket.SOCK_STREAM)
        await sock.connect(str(path))
        await sock.send(b"1\n")
        assert b"invalid_request" in await sock.recv(4096)
        sock.close()
        nursery.cancel_scope.cancel()
    assert path.exists()


def test_what_is_no_listening_socket_is_not_inherited(tmp_path: Path) -> None:
    with (tmp_path / "f").open("w") as file, pytest.raises(StoreError):
        inherited(file.fileno())
    with socket.socket(socket.AF_UNIX) as sock, pytest.raises(StoreError):
        inherited(sock.fileno())


async def test_the_outbox_keeps_the_order_whatever_the_kernel_takes() -> None:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    box = outbox.Outbox(ours)
    reader = trio.SocketStream(trio.socket.from_stdlib_socket(theirs))
    lines = [b"%d:" % n + b"x" * (n * 97 % 60_000) + b"\n" for n in range(300)]
    received = bytearray()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(box.run)

        async def write() -> None:
            for line in lines:
                await box.room()
                box.put(line)
                box.flush()
            await box.drained()
            ours.shutdown(socket.SHUT_WR)
            nursery.cancel_scope.cancel()

        async with trio.open_nursery() as inner:
            inner.start_soon(write)
            with trio.CancelScope(shield=True), trio.fail_after(20):
                async for data in reader:
                    received += data
    assert bytes(received) == b"".join(lines)
    ours.close()
    await reader.aclose()
