"""The only client of hived: JSON-RPC on its unix socket, blocking, standard library only.

    with Client.connect() as hive:
        for row in hive.call("agents")["agents"]:
            print(row["agent"], row["word"])
        for event in hive.subscribe(since=0):
            print(event["position"], event["kind"])

Whatever goes wrong is a HivedError with a stable code and a hint.
"""

import os
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Any, Self

from hived import limits
from hived.client.streams import Events, follow
from hived.client.wire import Wire
from hived.errors import CODES, HivedError, ProtocolError
from hived.paths import Home
from hived.rpc.specs import PROTOCOL

__all__ = ["Client", "Events"]

_CODE_OF = {number: code for code, number in CODES.items()}


class Client:
    """One connection to hived. For one thread; a call waits for its answer.

    Fields:
      hello: The daemon's answer to hello: protocol, version, node, you, position.
      on_progress: Called with (done, total) while a long read runs.
    """

    def __init__(self, wire: Wire, answer_seconds: float) -> None:
        self._wire = wire
        self._answer_seconds = answer_seconds
        self._request = 0
        self._queues: dict[int, deque[tuple[str, dict[str, Any]]]] = {}
        self._queued = 0
        self.hello: dict[str, Any] = {}
        self.on_progress: Callable[[int, int], None] | None = None

    @classmethod
    def connect(
        cls,
        path: str | None = None,
        *,
        name: str = "python",
        answer_seconds: float = limits.ANSWER_SECONDS,
    ) -> Self:
        """Connect and say hello.

        Args:
          path: The control socket; the one that the environment names if None.
          name: A word for the daemon's logs.
          answer_seconds: Longest silence while an answer is awaited.
        Raises:
          HivedError: no_daemon where nothing listens; forbidden where the socket is not for this
            user; else what the daemon answered.
        """
        # os, not pathlib: that alone would cost a tenth of the time `hivectl ps` may take.
        where = path or Home.find(os.environ, os.getcwd).socket
        client = cls(Wire(where, answer_seconds), answer_seconds)
        try:
            client.hello = client.call("hello", protocol=PROTOCOL, client=name)
        except BaseException:
            client.close()
            raise
        return client

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        self._wire.close()

    def call(self, method: str, /, **params: Any) -> dict[str, Any]:
        """Call a method and return its answer. Parameters that are None are left out.

        Raises:
          HivedError: With the daemon's code, hint and data; disconnected where the connection
            ended or was silent for answer_seconds; shutting_down where the daemon says bye.
        """
        self._request += 1
        asked = {key: value for key, value in params.items() if value is not None}
        request = {"jsonrpc": "2.0", "id": self._request, "method": method, "params": asked}
        try:
            self._wire.send(request, self._answer_seconds)
        except HivedError as error:
            if error.code == "disconnected":
                self._last_words()
            raise
        while True:
            message = self._wire.receive(self._answer_seconds)
            if "method" in message:
                self._take(message)
            elif message.get("id") == self._request or "error" in message:
                return _answer(message)

    def subscribe(
        self, *, since: int | None = None, kinds: Sequence[str] = (), agent: str | None = None
    ) -> Events:
        """Events after a position (from now on if None), then what comes, without a gap."""
        return Events(self, since, list(kinds), agent)

    def follow(
        self, agent: str, *, turn: str | None = None, from_byte: int = 0
    ) -> Iterator[dict[str, Any]]:
        """What an agent's turns print, as {agent, turn, byte, line}, each line once, in order.

        Begins with what the turn (the last one if None) has printed after `from_byte`, goes on
        with what comes, and fills what a cut has left out. With a turn it ends when that is over.
        """
        return follow(self, agent, turn, from_byte)

    def open(self, method: str, /, **params: Any) -> tuple[int, dict[str, Any]]:
        """Call a method that opens a subscription; returns its number and the whole answer."""
        answer = self.call(method, **params)
        number = answer.get("subscription")
        if not isinstance(number, int):
            raise ProtocolError(f"the answer to {method} names no subscription")
        return number, answer

    def wait(self, *subscriptions: int) -> tuple[str, dict[str, Any]]:
        """The next notification of one of these subscriptions: its method and parameters.

        Raises:
          HivedError: disconnected; shutting_down where the daemon says bye.
        """
        while True:
            for number in subscriptions:
                queue = self._queues.get(number)
                if queue:
                    self._queued -= 1
                    return queue.popleft()
            message = self._wire.receive(None)
            if "method" in message:
                self._take(message)

    def forget(self, subscription: int) -> None:
        """Drop what is left of a subscription that the daemon has cut or that was ended."""
        self._queued -= len(self._queues.pop(subscription, ()))

    def wait_for_end(self, seconds: float) -> None:
        """Wait until the daemon has closed the connection.

        Raises:
          HivedError: busy where it has not after that many seconds.
        """
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            try:
                self._wire.receive(left)
            except HivedError as error:
                if error.data.get("silent"):
                    break
                return
        raise HivedError(f"hived has not ended within {seconds:g} s", code="busy")

    def _take(self, message: dict[str, Any]) -> None:
        """Put a notification where `wait` finds it."""
        method, params = message["method"], message.get("params")
        if not isinstance(params, dict):
            raise ProtocolError("hived sent a notification without parameters")
        if method == "bye":
            reason = params.get("reason")
            raise HivedError(
                f"hived has stopped: {reason}" if reason else "hived has stopped",
                code="shutting_down",
            )
        if method == "progress":
            if self.on_progress is not None:
                self.on_progress(params.get("done", 0), params.get("total", 0))
            return
        number = params.get("subscription")
        if not isinstance(number, int):
            return  # a kind of notification that is newer than this client
        self._queued += 1
        if self._queued > limits.CLIENT_NOTIFICATIONS_MAX:
            raise HivedError("more notifications came than were taken", code="too_many")
        self._queues.setdefault(number, deque()).append((method, params))

    def _last_words(self) -> None:
        """Raise what the daemon said before it closed, such as too_many or bye, if it did."""
        while True:
            try:
                message = self._wire.receive(limits.LAST_WORDS_SECONDS)
            except HivedError:
                return
            if "error" in message:
                _answer(message)
            elif "method" in message:
                self._take(message)


def _answer(message: dict[str, Any]) -> dict[str, Any]:
    error = message.get("error")
    if error is None:
        result = message.get("result")
        if not isinstance(result, dict):
            raise ProtocolError("hived sent an answer that is not an object")
        return result
    if not isinstance(error, dict):
        raise ProtocolError("hived sent an error that is not an object")
    number, data = error.get("code"), error.get("data")
    extra = dict(data) if isinstance(data, dict) else {}
    code = extra.pop("code", None) or _CODE_OF.get(number or 0, "internal_error")
    hint = extra.pop("hint", "")
    told = {str(key): value for key, value in extra.items() if key not in ("message", "self")}
    raise HivedError(str(error.get("message", code)), code=str(code), hint=str(hint or ""), **told)
