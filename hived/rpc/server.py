"""Accepts clients on the control socket, each a task of its own."""

import errno
import logging
import socket

import trio

from hived import limits
from hived.errors import HivedError
from hived.rpc.connection import Connection
from hived.rpc.dispatch import Dispatcher, encode, error_response
from hived.rpc.listener import Listener
from hived.rpc.services import Services

logger = logging.getLogger("hived.rpc")

# The machine or the daemon is out of something that comes back when others let go of it.
_OUT_OF = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


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
                sock = await _accept(listener.sock)
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


async def _accept(listener: socket.socket) -> socket.socket:
    """The next client's socket, which does not block."""
    while True:
        await trio.lowlevel.checkpoint()  # a flood of clients must not starve those served
        try:
            sock, _ = listener.accept()
        except BlockingIOError:
            await trio.lowlevel.wait_readable(listener)
        except ConnectionAbortedError:
            continue  # that one has gone again
        except OSError as error:
            if error.errno not in _OUT_OF:
                raise
            logger.warning("cannot accept a client: %s", error.strerror)
            await trio.sleep(limits.ACCEPT_WAIT_SECONDS)
        else:
            sock.setblocking(False)
            return sock


def _turn_away(sock: socket.socket) -> None:
    """Tell one client too many that it is."""
    error = HivedError(
        f"hived has {limits.CONNECTIONS_MAX} clients, the most it takes",
        code="too_many",
        hint="close some, or try again later",
    )
    try:
        sock.send(encode(error_response(error)) + b"\n")
    except OSError:
        pass  # it has gone already
    finally:
        sock.close()
