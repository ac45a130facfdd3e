"""Iterators over what the daemon sends by itself: events, and what turns print.

Both go on by themselves where the daemon cut a subscription, and leave no gap.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any, Protocol, Self

from hived import limits
from hived.errors import HivedError, ProtocolError

Row = dict[str, Any]


class Caller(Protocol):
    """The part of Client that the iterators stand on."""

    def call(self, method: str, /, **params: Any) -> Row: ...
    def open(self, method: str, /, **params: Any) -> tuple[int, Row]: ...
    def wait(self, *subscriptions: int) -> tuple[str, Row]: ...
    def forget(self, subscription: int) -> None: ...


class Events:
    """Iterator over event rows.

    position: all up to here has been seen, what the filters leave out included.
    """

    position: int

    def __init__(
        self, client: Caller, since: int | None, kinds: Sequence[str], agent: str | None
    ) -> None:
        self._client, self._kinds, self._agent = client, kinds, agent
        self._rows: deque[Row] = deque()
        self._open(since)

    def _open(self, since: int | None) -> None:
        params: Row = {"from": since, "kinds": self._kinds, "agent": self._agent}
        self._number, answer = self._client.open("subscribe", **params)
        self.position = answer["position"] if since is None else since
        self._batch_end = self.position

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Row:
        while not self._rows:
            self.position = self._batch_end
            method, params = self._client.wait(self._number)
            if method == "events":
                self._rows.extend(params["events"])
                self._batch_end = params["position"]
            elif method == "cut":
                self._client.forget(self._number)
                self._open(params["resume_from"])
        row = self._rows.popleft()
        self.position = row["position"] if self._rows else self._batch_end
        return row


def follow(client: Caller, agent: str, turn: str | None, from_byte: int) -> Iterator[Row]:
    """See Client.follow."""
    lines = _Lines(client, agent, only=turn is not None)
    # First which turn it begins with: then each live line is of that turn or of a later one.
    try:
        yield from lines.read(turn, from_byte)
    except HivedError as error:
        if error.code != "not_found" or turn:
            raise  # else the agent has had no turn yet
    output, _ = client.open("follow", agent=agent)
    ends = client.open("subscribe", agent=agent, kinds=["turn_end"])[0] if turn else 0
    # What was printed before the live lines began is read now; what is in both is dropped.
    yield from lines.catch_up()
    while lines.running or not turn:
        method, params = client.wait(output, ends)
        if method == "output":
            yield from lines.fresh(params["lines"])
            continue
        if method == "cut" and params["subscription"] == output:
            client.forget(output)
            output, _ = client.open("follow", agent=agent)
        elif method == "cut":
            client.forget(ends)
            ends, _ = client.open("subscribe", agent=agent, kinds=["turn_end"])
        yield from lines.catch_up()  # after a cut, and where a turn may have ended


class _Lines:
    """Which lines of an agent have been given out, by turn and byte. only: of a single turn."""

    def __init__(self, client: Caller, agent: str, *, only: bool) -> None:
        self._client, self._agent, self._only = client, agent, only
        self._seen: dict[str, int] = {}
        self._turn = ""
        self.running = True

    def read(self, turn: str | None, from_byte: int) -> Iterator[Row]:
        """What a turn has printed so far after a byte, page by page."""
        while True:
            page = self._client.call(
                "transcript", agent=self._agent, turn=turn, from_byte=from_byte
            )
            self.running = bool(page["running"])
            turn = page["turn"]
            self._note(page["turn"], from_byte)
            rows = [{"agent": page["agent"], "turn": turn, **row} for row in page["lines"]]
            yield from self.fresh(rows)
            # Of a running turn there is always more to come: a page without lines is the end.
            if page["next"] is None or not rows:
                return
            if page["next"] <= from_byte:
                raise ProtocolError("hived sent a transcript page that does not go on")
            from_byte = page["next"]

    def fresh(self, rows: Sequence[Row]) -> Iterator[Row]:
        """Those of the lines that have not been given out."""
        for row in rows:
            known = row["turn"] == self._turn or not self._only
            if known and row["byte"] > self._seen.get(row["turn"], -1):
                self._note(row["turn"], row["byte"])
                yield row

    def catch_up(self) -> Iterator[Row]:
        """What was printed since the last line given out: in its turn, then in those after it."""
        last = self._turn
        if last:
            yield from self.read(last, self._seen[last])
        if self._only:
            return
        turns = self._client.call("agent", agent=self._agent)["agent"]["turns"]
        number = next((row["number"] for row in turns if row["turn"] == last), 0)
        for row in turns:
            if row["number"] > number:
                yield from self.read(row["turn"], 0)

    def _note(self, turn: str, byte: int) -> None:
        self._seen[turn] = max(byte, self._seen.get(turn, -1))
        self._turn = turn
        if len(self._seen) > limits.RECENT_TURNS_MAX:
            del self._seen[next(iter(self._seen))]
