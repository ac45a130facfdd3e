"""Who a connection belongs to, and one call of it: what a handler may know and do."""

import os
import pwd
import secrets
from collections.abc import Callable
from typing import Any, TypeVar

import trio
from attrs import define, evolve, field, frozen

from hived import names
from hived.decisions.base import check_unique
from hived.engine import Answer
from hived.errors import CommandRefused
from hived.events import Recorded
from hived.projections import Hive
from hived.publish import SubscriberTooSlow
from hived.rpc.outbox import Outbox
from hived.rpc.services import Services
from hived.rpc.specs import ANYONE, OPERATOR
from hived.rpc.subscriptions import Subscriptions

T = TypeVar("T")


@frozen
class Peer:
    """The other end, as the kernel names it. access: operator, or anyone, who may only read.

    in_turn: It is a process of an agent's turn, or one that cannot be told from such.
    """

    uid: int
    name: str
    access: str
    in_turn: bool = False

    @classmethod
    def of(cls, uid: int, turn: str | None = "") -> "Peer":
        """The peer with this uid: root and the daemon's own user are its operators.

        turn: of which it is a process, empty for none, None where that is not known. What an
        agent started is no operator, whosever processes an agent's are: its word is not consent.
        """
        try:
            name = pwd.getpwuid(uid).pw_name
        except KeyError:
            name = str(uid)
        ours = uid in (0, os.getuid()) and turn == ""
        return cls(uid, name, OPERATOR if ours else ANYONE, turn != "")


@define
class Session:
    """One client's side of the daemon. `on_hello` is called when it has said hello."""

    services: Services
    peer: Peer
    outbox: Outbox
    nursery: trio.Nursery
    on_hello: Callable[[], None] = lambda: None
    id: str = field(factory=lambda: secrets.token_hex(8))
    greeted: bool = False
    calls: int = 0
    subscriptions: Subscriptions = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.subscriptions = Subscriptions(self.services, self.outbox, self.nursery)


@define
class Call:
    """One call. request: its JSON-RPC id, or NOID for a notification.

    hive: the state at the position or time that a read asked for, else the present one.
    """

    session: Session
    request: Any
    hive: Hive
    command_id: str | None = None
    expected_version: int | None = None

    @property
    def services(self) -> Services:
        return self.session.services

    @property
    def by(self) -> str:
        """Who asks, as events name them."""
        return f"operator:{self.session.peer.name}"

    async def in_thread(self, fn: Callable[..., T], *args: Any) -> T:
        """Run what blocks, with a bound on how many do so at once."""
        return await trio.to_thread.run_sync(fn, *args, limiter=self.services.threads)

    async def submit(self, command: Any) -> "Written":
        """Do a command, under the caller's command id or one of this connection."""
        session = self.session
        if self.command_id is not None:
            names.command_id(self.command_id)
            scoped = self.scoped_id
        else:
            session.calls += 1
            scoped = f"conn:{session.id}/{session.calls}"
        answer = await self.services.engine.submit(
            command,
            by=self.by,
            command_id=scoped,
            lookup=self.command_id is not None,
            expected_version=self.expected_version,
        )
        written = Written(self, answer, scoped)
        if answer.repeated:
            await written.correct()
        return written

    @property
    def scoped_id(self) -> str:
        """The command id as the log has it; empty where the caller gave none."""
        return "" if self.command_id is None else f"{self.by}/{self.command_id}"

    async def until(self, true: Callable[[], bool], seconds: float) -> None:
        """Wait until the durable state says so, at most for so long.

        Returns early too where hived is very busy, or ends: the caller tells how far it has come.
        """
        subscription = self.services.engine.subscribe()
        try:
            with trio.move_on_after(seconds):
                while not true():
                    await anext(subscription)
        except (SubscriberTooSlow, StopAsyncIteration):
            pass
        finally:
            subscription.close()

    def agent(self, text: str) -> str:
        """The live agent of that name, or the only one whose name begins so.

        Raises:
          CommandRefused: not_found; ambiguous_name with the `candidates`.
        """
        live = self.hive.agents.live
        if text in live:
            return text
        candidates = [name for name in live if text and name.startswith(text)]
        check_unique(text, candidates, "agents")
        if candidates:
            return candidates[0]
        # With a command id this may be a repeat, whose agent has gone since: the engine knows.
        if self.command_id is not None and self.hive.agents.known(text):
            return text
        hint = "hivectl ps lists them"
        if text in self.hive.agents.kept:
            hint = f"it was taken out of the hive: hivectl revive {text} brings it back"
        raise CommandRefused(f"there is no agent {text[:60]!r}", code="not_found", hint=hint)

    def past_agent(self, text: str) -> str:
        """As `agent`, or the whole name of one that was taken out: its events are still there."""
        return text if self.hive.agents.known(text) else self.agent(text)


@define
class Written:
    """What a command gave, and what its caller is answered."""

    call: Call
    answer: Answer
    command_id: str

    async def correct(self) -> None:
        """Give a repeat the version that its first answer had."""
        events = await self.events()
        first = [rec.version for rec in events if rec.stream == events[0].stream]
        self.answer = evolve(self.answer, version=max(first, default=0))

    async def hive(self) -> Hive:
        """The state that the command left: of a repeat that of then, though more came since."""
        engine, answer = self.call.services.engine, self.answer
        return await engine.hive_at(answer.position) if answer.repeated else engine.durable

    async def events(self) -> list[Recorded]:
        """The command's events, from the log: the same for the first answer and each repeat."""
        log = self.call.services.engine.log
        return await self.call.in_thread(log.command_events, self.command_id)

    def row(self, **more: Any) -> dict[str, Any]:
        """The answer: position, streams, version, and what the method adds."""
        answer = self.answer
        return {
            "position": answer.position,
            "streams": list(answer.streams),
            "version": answer.version,
            **more,
        }
