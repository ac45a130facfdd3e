"""One client on the control socket: lines in, lines out, and nothing of it outlives it."""

import logging
import socket

import trio

from hived import limits
from hived.errors import HivedError
from hived.rpc.dispatch import Dispatcher, Parsed, encode, error_response, parse
from hived.rpc.outbox import ClientGone, ClientTooSlow, Outbox
from hived.rpc.services import Services
from hived.rpc.session import Peer, Session
from hived.rpc.sockets import hung_up, peer, receive, stop_reading
from hived.rpc.subscriptions import notification
from hived.world.callers import turn_of

logger = logging.getLogger("hived.rpc")


class Connection:
    """One accepted socket. `serve` owns it from there on."""

    def __init__(self, services: Services, dispatcher: Dispatcher, sock: socket.socket) -> None:
        self._services, self._dispatcher, self._sock = services, dispatcher, sock
        self._outbox = Outbox(sock)
        self._in_flight = 0
        self._slot_free = trio.Event()

    async def serve(self) -> None:
        """Talk with the client until it goes, is cut off, or the daemon stops.

        Raises nothing but Cancelled: what goes wrong with one client is not another's business.
        Cancellation: The client is told `bye`, within BYE_SECONDS.
        """
        pid, uid = peer(self._sock)
        known = Peer.of(uid, turn_of(pid, self._services.home.turns))
        cancelled = True
        try:
            with trio.move_on_after(limits.HELLO_WAIT_SECONDS) as scope:
                try:
                    await self._talk(known, scope)
                except* (ClientGone, ClientTooSlow, OSError):
                    pass
                except* Exception:
                    logger.exception("a connection failed")
            if scope.cancelled_caught:
                await self._bye(f"no hello within {limits.HELLO_WAIT_SECONDS:.0f} s")
            cancelled = False
        finally:
            if cancelled:
                await self._bye("the daemon stops")
            trio.lowlevel.notify_closing(self._sock)
            self._sock.close()

    async def _talk(self, peer: Peer, scope: trio.CancelScope) -> None:
        async with trio.open_nursery() as nursery:

            def greeted() -> None:
                scope.deadline = float("inf")

            session = Session(self._services, peer, self._outbox, nursery, greeted)
            nursery.start_soon(self._outbox.run)
            await self._read(session)
            # The client sends no more, but what it has asked for is still answered.
            while self._in_flight:
                await self._freed()
            # No event tells of a hang-up alone: a half closed socket is readable all the time.
            while session.subscriptions and not hung_up(self._sock):  # noqa: ASYNC110
                await trio.sleep(limits.HALF_CLOSED_LOOK_SECONDS)
            await self._outbox.drained()
            nursery.cancel_scope.cancel()

    async def _read(self, session: Session) -> None:
        """Take in lines until the client's end, or one that is too long."""
        rest = b""
        while True:
            await self._outbox.room()
            data = await receive(self._sock)
            if not data:
                return
            if b"\n" not in data and len(rest) + len(data) > limits.REQUEST_BYTES_MAX:
                self._refuse_length()
                return
            *lines, rest = (rest + data).split(b"\n") if rest else data.split(b"\n")
            for line in lines:
                if len(line) > limits.REQUEST_BYTES_MAX:
                    self._refuse_length()
                    return
                if line and not line.isspace():
                    await self._take(session, line)
                    if len(lines) > 1:
                        # Many calls at once must neither hold up others nor pile up answers.
                        await trio.lowlevel.checkpoint()
                        if self._outbox.full:
                            self._outbox.flush()
                            await self._outbox.room()
            self._outbox.flush()

    async def _take(self, session: Session, line: bytes) -> None:
        """Answer a line on the spot, or start what will."""
        parsed = parse(line)
        if self._dispatcher.immediate(parsed):
            answer = await self._dispatcher.answer(session, parsed)
            if answer:
                self._outbox.put(answer)
            return
        # What was put so far must not wait for the calls ahead.
        self._outbox.flush()
        while self._in_flight and self._in_flight + len(parsed.items) > limits.IN_FLIGHT_MAX:
            await self._freed()
        await self._outbox.room()
        self._in_flight += len(parsed.items)
        session.nursery.start_soon(self._answer, session, parsed)

    async def _answer(self, session: Session, parsed: Parsed) -> None:
        try:
            answer = await self._dispatcher.answer(session, parsed)
            if answer:
                self._outbox.put(answer)
                self._outbox.flush()
        finally:
            self._in_flight -= len(parsed.items)
            self._slot_free.set()

    async def _freed(self) -> None:
        self._slot_free = trio.Event()
        await self._slot_free.wait()

    def _refuse_length(self) -> None:
        """Say once that a line is too long. What follows of it is not read."""
        error = HivedError(
            f"a line has at most {limits.REQUEST_BYTES_MAX} bytes",
            code="too_large",
            hint="send less at once; the connection is closed",
        )
        self._outbox.put(encode(error_response(error)) + b"\n")
        self._outbox.flush()
        stop_reading(self._sock)

    async def _bye(self, reason: str) -> None:
        """Send the last words, to whoever still reads."""
        with trio.move_on_after(limits.BYE_SECONDS, shield=True):
            self._outbox.put(notification("bye", reason=reason))
            try:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._outbox.run)
                    await self._outbox.drained()
                    nursery.cancel_scope.cancel()
            except* (ClientGone, ClientTooSlow):
                pass
