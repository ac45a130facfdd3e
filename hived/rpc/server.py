"""Accepts clients on the control socket, each a task of its own."""

import logging
import socket

import trio

from hived import limits
from hived.errors import HivedError
from hived.rpc.connection import Connection
from hived.rpc.dispatch import Dispatcher, encode, error_response
from hived.rpc.listener import Listener
from hived.rpc.services import Services
from hived.rpc.sockets import accept, turn_away

logger = logging.getLogger("hived.rpc")


async def serve(
    services: Services,
    listener: Listener,
    *,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve the methods on a socket until cancelled. Closes the listener.

    Cancellation: Nobody is accepted any more; every client is told `bye` and closed.
    """
    dispatcher = Dispatcher()
    try:
        async with trio.open_nursery() as nursery:
            task_status.started()
            while True:
                sock = await accept(listener.sock)
                if services.clients >= limits.CONNECTIONS_MAX:
                    _turn_away(sock)
                    continue
                services.clients += 1
                nursery.start_soon(_serve_one, services, Connection(services, dispatcher, sock))
    finally:
        trio.lowlevel.notify_closing(listener.sock)
        listener.close()


async def _serve_one(services: Services, connection: Connection) -> None:
    try:
        await connection.serve()
    finally:
        services.clients -= 1


def _turn_away(sock: socket.socket) -> None:
    """Tell one client too many that it is."""
    error = HivedError(
        f"hived has {limits.CONNECTIONS_MAX} clients, the most it takes",
        code="too_many",
        hint="close some, or try again later",
    )
    turn_away(sock, encode(error_response(error)) + b"\n")
