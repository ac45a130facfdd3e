"""The websocket mirror: the same protocol, for who has the token and no one else."""

import json
import socket
import stat
from pathlib import Path
from typing import Any

import pytest
import trio
from trio_websocket import ConnectionClosed, HandshakeError, open_websocket_url

from hived import limits
from hived.errors import HivedError
from hived.rpc.websocket import mirror, token_at

TOKEN = "t0ken"
HELLO = {"jsonrpc": "2.0", "id": 1, "method": "hello", "params": {"protocol": 1}}


@pytest.fixture
async def port(nursery: trio.Nursery, world: Any) -> int:
    number: int = await nursery.start(mirror, world.services, 0, TOKEN)
    return number


async def ask(ws: Any, method: str, **params: Any) -> dict[str, Any]:
    await ws.send_message(
        json.dumps({"jsonrpc": "2.0", "id": method, "method": method, "params": params})
    )
    while True:
        answer = json.loads(await ws.get_message())
        if answer.get("id") == method:
            return answer


async def test_the_same_methods_answer_and_events_come_live(port: int) -> None:
    with trio.fail_after(20):
        async with open_websocket_url(f"ws://127.0.0.1:{port}/?token={TOKEN}") as ws:
            hello = await ask(ws, "hello", protocol=1)
            assert hello["result"]["you"]["access"] == "operator"
            await ask(ws, "subscribe")
            assert "result" in await ask(ws, "new", agent="ada", start=False)
            agents = await ask(ws, "agents")
            assert [row["agent"] for row in agents["result"]["agents"]] == ["ada"]
            events: list[str] = []
            async with open_websocket_url(f"ws://localhost:{port}/?token={TOKEN}") as second:
                await ask(second, "hello", protocol=1)
                await ask(second, "subscribe", **{"from": 0})
                while "agent_created" not in events:
                    note = json.loads(await second.get_message())
                    if note.get("method") == "events":
                        events += [event["kind"] for event in note["params"]["events"]]


async def test_a_newline_in_a_message_does_not_make_two_lines(port: int) -> None:
    with trio.fail_after(20):
        async with open_websocket_url(f"ws://127.0.0.1:{port}/?token={TOKEN}") as ws:
            await ws.send_message(json.dumps(HELLO, indent=1))
            assert json.loads(await ws.get_message())["result"]["protocol"] == 1
            await ws.send_message("not json")
            assert json.loads(await ws.get_message())["error"]["data"]["code"] == "parse_error"


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/", [], 401),
        ("/?token=wrong", [], 401),
        ("/", [(b"Authorization", b"Bearer wrong")], 401),
        (f"/?token={TOKEN}", [(b"Origin", b"http://evil.example")], 403),
    ],
)
async def test_strangers_are_turned_away(
    port: int, path: str, headers: list[tuple[bytes, bytes]], status: int
) -> None:
    with trio.fail_after(20), pytest.raises(HandshakeError) as caught:
        async with open_websocket_url(f"ws://127.0.0.1:{port}{path}", extra_headers=headers):
            pass
    assert caught.value.status_code == status  # type: ignore[attr-defined]


async def test_a_name_that_was_made_to_point_here_is_turned_away(port: int) -> None:
    with trio.fail_after(20):
        stream = await trio.open_tcp_stream("127.0.0.1", port)
        await stream.send_all(
            b"GET /?token=t0ken HTTP/1.1\r\nHost: evil.example\r\nUpgrade: websocket\r\n"
            b"Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            b"Sec-WebSocket-Version: 13\r\n\r\n"
        )
        assert b" 403 " in await stream.receive_some()


async def test_bearer_and_own_origin_come_in(port: int) -> None:
    with trio.fail_after(20):
        headers = [
            (b"Authorization", f"Bearer {TOKEN}".encode()),
            (b"Origin", f"http://127.0.0.1:{port}".encode()),
        ]
        async with open_websocket_url(f"ws://127.0.0.1:{port}/", extra_headers=headers) as ws:
            assert "result" in await ask(ws, "hello", protocol=1)


async def test_too_long_a_message_ends_that_client_alone(port: int) -> None:
    with trio.fail_after(30):
        async with open_websocket_url(f"ws://127.0.0.1:{port}/?token={TOKEN}") as ws:
            with pytest.raises(ConnectionClosed):
                await ws.send_message("x" * (limits.REQUEST_BYTES_MAX + 10))
                await ws.get_message()
        async with open_websocket_url(f"ws://127.0.0.1:{port}/?token={TOKEN}") as ws:
            assert "result" in await ask(ws, "hello", protocol=1)


async def test_a_broken_off_client_leaves_nothing(port: int, world: Any, until: Any) -> None:
    with trio.fail_after(20):
        stream = await trio.open_tcp_stream("127.0.0.1", port)
        stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        await stream.send_all(b"GET / HTTP/1.1\r\n")
        await stream.aclose()
        async with open_websocket_url(f"ws://127.0.0.1:{port}/?token={TOKEN}") as ws:
            await ask(ws, "hello", protocol=1)
            assert world.services.clients == 1
        await until(lambda: not world.services.clients)


async def test_a_port_that_is_taken_is_told(port: int, world: Any) -> None:
    with pytest.raises(BaseExceptionGroup) as caught:
        await mirror(world.services, port, TOKEN)
    assert caught.group_contains(HivedError, match="cannot listen")


def test_the_token_is_kept_for_its_user_alone(tmp_path: Path) -> None:
    path = tmp_path / "token"
    token = token_at(path)
    assert len(token) > 30
    assert token_at(path) == token
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
