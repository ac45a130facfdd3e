"""The same protocol on a websocket: one JSON document a message, on loopback, with a token.

Each websocket is joined to a connection of its own by a pair of sockets, so dispatch, bounds and
the cutting of slow clients are those of the control socket. Who has the token is the operator:
it lies in a file that only hived's user can read. A page of another origin is turned away, and
so is a name that was made to point here.
"""

import hmac
import logging
import os
import secrets
import socket
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import trio
from trio_websocket import ConnectionClosed, WebSocketConnection, WebSocketRequest, serve_websocket

from hived import limits
from hived.errors import HivedError, StoreError
from hived.rpc.connection import Connection
from hived.rpc.dispatch import Dispatcher
from hived.rpc.services import Services

logger = logging.getLogger("hived.rpc")

HOST = "127.0.0.1"
_NAMES = frozenset({"127.0.0.1", "localhost"})


def token_at(path: Path) -> str:
    """The token in this file, made anew where there is none. The file is 0600.

    Raises:
      StoreError: The file cannot be read or made.
    """
    try:
        if path.exists():
            return path.read_text("ascii").strip()
        token = secrets.token_urlsafe(32)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(token + "\n")
        return token
    except (OSError, ValueError) as error:
        raise StoreError(f"the websocket's token cannot be kept in {path}: {error}") from None


async def mirror(
    services: Services,
    port: int,
    token: str,
    *,
    task_status: trio.TaskStatus[int] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve until cancelled. port: 0 for one that is free; the one taken is told when it stands.

    Raises:
      HivedError: busy, where the port is taken.
    """
    dispatcher = Dispatcher()

    async def handle(request: WebSocketRequest) -> None:
        # An exception that left here would end the whole server.
        try:
            fault = refusal(request, token)
            if fault is None and services.clients >= limits.CONNECTIONS_MAX:
                fault = (503, "too many clients")
            if fault is not None:
                await request.reject(fault[0], body=fault[1].encode())
                return
            await _join(services, dispatcher, await request.accept())
        except* (ConnectionClosed, trio.BrokenResourceError, trio.ClosedResourceError, OSError):
            pass
        except* Exception:
            logger.exception("a websocket failed")

    async with trio.open_nursery() as nursery:
        try:
            server = await nursery.start(
                lambda task_status: serve_websocket(
                    handle,
                    HOST,
                    port,
                    None,
                    max_message_size=limits.REQUEST_BYTES_MAX,
                    task_status=task_status,
                )
            )
        except* OSError as group:
            raise HivedError(
                f"the websocket cannot listen on port {port}: {group.exceptions[0]}",
                code="busy",
                hint="choose another with --websocket",
            ) from None
        task_status.started(server.port)


def refusal(request: WebSocketRequest, token: str) -> tuple[int, str] | None:
    """Why a handshake is turned away (HTTP status and words); None for one that may come in."""
    headers = {name.decode().lower(): value.decode() for name, value in request.headers}
    # The library keeps the Host header from us but for this; its version is pinned for that.
    host: str = request._event.host
    if urlsplit(f"//{host}").hostname not in _NAMES:
        return 403, "this host is not served"
    origin = headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != host:
        return 403, "pages of another origin are not served"
    given = parse_qs(urlsplit(request.path).query).get("token", [""])[0]
    scheme, _, bearer = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        given = bearer.strip()
    if not hmac.compare_digest(given.encode(), token.encode()):
        return 401, "the token is missing or wrong"
    return None


async def _join(services: Services, dispatcher: Dispatcher, ws: WebSocketConnection) -> None:
    """Be the go-between of a websocket and a connection, until one of them ends."""
    theirs, ours = socket.socketpair()
    theirs.setblocking(False)
    services.clients += 1
    try:
        async with trio.open_nursery() as nursery:
            stream = trio.SocketStream(trio.socket.from_stdlib_socket(ours))
            nursery.start_soon(_inward, ws, stream)
            nursery.start_soon(_outward, stream, ws)
            await Connection(services, dispatcher, theirs).serve()
            with trio.move_on_after(limits.BYE_SECONDS):  # what was said last is on its way
                await stream.send_eof()
                await ws.aclose()
            nursery.cancel_scope.cancel()
    finally:
        services.clients -= 1
        ours.close()


async def _inward(ws: WebSocketConnection, stream: trio.SocketStream) -> None:
    """Messages of the client, each a line."""
    try:
        while True:
            message = await ws.get_message()
            data = message.encode("utf-8", "surrogatepass") if isinstance(message, str) else message
            await stream.send_all(data.replace(b"\n", b" ") + b"\n")
    except (ConnectionClosed, trio.BrokenResourceError):
        await stream.aclose()


async def _outward(stream: trio.SocketStream, ws: WebSocketConnection) -> None:
    """Lines for the client, each a message. One that does not read is cut by its connection."""
    rest = b""
    try:
        async for data in stream:
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                await ws.send_message(line.decode())
    except (ConnectionClosed, trio.BrokenResourceError, trio.ClosedResourceError):
        pass
