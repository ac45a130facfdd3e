"""The client's iterators: events and lines of output, over cuts and ends, none lost or twice."""

from collections.abc import Callable
from typing import Any

import pytest

from hived import limits
from hived.client import Client
from tests.ctl.canned import Connection, Hive, Refusal, connect, refused
from tests.ctl.rows import event


def subscription(hive: Hive, batches: list[Callable[[Connection, int], None]]) -> None:
    """Each subscribe gets a number of its own and then plays the next batch."""
    numbers = iter(range(1, 100))
    opened: list[int] = []

    def answer(params: dict[str, Any]) -> dict[str, Any]:
        opened.append(next(numbers))
        return {"subscription": opened[-1], "position": 412}

    hive.answers["subscribe"] = answer
    hive.after["subscribe"] = lambda c: batches[opened[-1] - 1](c, opened[-1])


def test_events_go_on_after_a_cut_without_a_gap(hive: Hive) -> None:
    def first(c: Connection, number: int) -> None:
        c.notify("events", subscription=99, events=[event(1)], position=1)  # not ours
        c.notify("events", subscription=number, events=[event(3), event(5)], position=6)
        c.notify("cut", subscription=number, resume_from=6)

    def second(c: Connection, number: int) -> None:
        c.notify("events", subscription=number, events=[event(8)], position=9)
        c.notify("bye", reason="over")

    subscription(hive, [first, second])
    with connect(hive) as client:
        events = client.subscribe(since=2, kinds=["status_set"], agent="ada")
        assert events.position == 2
        assert [next(events)["position"] for _ in range(3)] == [3, 5, 8]
        assert refused(lambda: next(events)).code == "shutting_down"
        assert events.position == 9  # what the filter left out is behind us too
    asked = [params for name, params in hive.calls if name == "subscribe"]
    assert [params["from"] for params in asked] == [2, 6]
    assert all(p["kinds"] == ["status_set"] and p["agent"] == "ada" for p in asked)


def test_a_subscription_from_now_begins_at_the_head(hive: Hive) -> None:
    subscription(hive, [lambda c, n: None])
    with connect(hive) as client:
        assert client.subscribe().position == 412
    assert "from" not in hive.params("subscribe")


def test_events_that_come_while_something_else_is_asked_are_kept(hive: Hive) -> None:
    subscription(
        hive, [lambda c, n: c.notify("events", subscription=n, events=[event(413)], position=413)]
    )
    with connect(hive) as client:
        events = client.subscribe(since=412)
        assert client.call("agents")["position"] == 412
        assert next(events)["position"] == 413


def test_what_is_not_taken_is_bounded(hive: Hive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "CLIENT_NOTIFICATIONS_MAX", 3)

    def many(c: Connection, number: int) -> None:
        for position in range(10):
            c.notify("events", subscription=number, events=[event(position)], position=position)

    subscription(hive, [many])
    with connect(hive) as client:
        client.subscribe(since=0)
        assert refused(lambda: client.call("agents")).code == "too_many"


class Output:
    """What a hive's turns have printed, and a script for each `follow`."""

    def __init__(self, hive: Hive) -> None:
        self.turns: dict[str, list[int]] = {}
        self.running = True
        self.scripts: list[Callable[[Connection, int], None]] = []
        self.page = 2
        self._opened = 0
        hive.answers["transcript"] = self.transcript
        hive.answers["follow"] = self.follow
        hive.answers["subscribe"] = {"subscription": 50, "position": 412}
        hive.answers["agent"] = lambda params: {
            "agent": {
                "turns": [
                    {"turn": turn, "number": number} for number, turn in enumerate(self.turns, 1)
                ]
            }
        }
        hive.after["follow"] = lambda c: self.scripts[self._opened - 1](c, self._opened)

    def follow(self, params: object) -> dict[str, int]:
        self._opened += 1
        return {"subscription": self._opened}

    def transcript(self, params: dict[str, Any]) -> dict[str, Any]:
        if not self.turns:
            raise Refusal("not_found", -32010, "ada has had no turn")
        turn = params.get("turn") or list(self.turns)[-1]
        left = [byte for byte in self.turns[turn] if byte > params["from_byte"]]
        shown = left[: self.page]
        running = self.running and turn == list(self.turns)[-1]
        end = params["from_byte"] if running else None  # of a running turn more may come
        return {
            "agent": "ada",
            "turn": turn,
            "lines": [{"byte": byte, "line": f"{turn}:{byte}"} for byte in shown],
            "next": shown[-1] if shown and (running or len(left) > len(shown)) else end,
            "running": running,
        }

    def live(self, c: Connection, number: int, turn: str, *more: int) -> None:
        self.turns.setdefault(turn, []).extend(more)
        rows = [{"agent": "ada", "turn": turn, "byte": b, "line": f"{turn}:{b}"} for b in more]
        c.notify("output", subscription=number, lines=rows)


@pytest.fixture
def output(hive: Hive) -> Output:
    return Output(hive)


def lines(client: Client, count: int, **params: Any) -> list[str]:
    stream = client.follow("ada", **params)
    return [next(stream)["line"] for _ in range(count)]


def test_follow_joins_old_lines_and_live_ones_once_each(hive: Hive, output: Output) -> None:
    output.turns = {"t1": [10], "t2": [10, 20, 30]}

    def script(c: Connection, number: int) -> None:
        output.live(c, number, "t2", 40, 50)  # stands in the transcript by now, too
        output.live(c, number, "t3", 10)

    output.scripts = [script]
    with connect(hive) as client:
        assert lines(client, 6) == ["t2:10", "t2:20", "t2:30", "t2:40", "t2:50", "t3:10"]


def test_follow_waits_for_a_first_turn(hive: Hive, output: Output) -> None:
    output.scripts = [lambda c, n: None]
    hive.after["agent"] = lambda c: output.live(c, 1, "t1", 10)
    with connect(hive) as client:
        assert lines(client, 1) == ["t1:10"]


def test_follow_fills_what_a_cut_left_out(hive: Hive, output: Output) -> None:
    output.turns = {"t1": [10]}

    def cut(c: Connection, number: int) -> None:
        output.live(c, number, "t1", 20)
        c.notify("cut", subscription=number, resume_from={"turn": "t1", "byte": 20})

    def again(c: Connection, number: int) -> None:
        # Printed between the cut and the new subscription: in the transcripts only.
        output.turns = {"t1": [10, 20, 30], "t2": [10, 20, 30], "t3": [10]}
        output.live(c, number, "t3", 20)

    output.scripts = [cut, again]
    expected = ["t1:10", "t1:20", "t1:30", "t2:10", "t2:20", "t2:30", "t3:10", "t3:20"]
    with connect(hive) as client:
        assert lines(client, 8) == expected


def test_follow_of_a_turn_ends_with_it(hive: Hive, output: Output) -> None:
    output.turns = {"t1": [10]}

    def end(c: Connection) -> None:
        output.live(c, 1, "t2", 10)  # of another turn
        output.live(c, 1, "t1", 20)
        output.turns = {"t1": [10, 20, 30]}  # its last line was never sent live
        output.running = False
        row = event(413, "turn_end", turn="t1")
        c.notify("events", subscription=50, events=[row], position=413)

    output.scripts = [lambda c, n: None]
    # The turn ends when all that it had printed so far has been read: twice, and a page's end.
    reads = iter([None, None, end])
    hive.after["transcript"] = lambda c: (next(reads, None) or (lambda c: None))(c)
    with connect(hive) as client:
        rows = list(client.follow("ada", turn="t1", from_byte=5))
    assert [row["line"] for row in rows] == ["t1:10", "t1:20", "t1:30"]
    assert rows[0] == {"agent": "ada", "turn": "t1", "byte": 10, "line": "t1:10"}


def test_follow_of_a_turn_that_is_over_gives_all_of_it(hive: Hive, output: Output) -> None:
    output.turns = {"t1": [10, 20, 30], "t2": [10]}
    output.scripts = [lambda c, n: None]
    with connect(hive) as client:
        assert [row["line"] for row in client.follow("ada", turn="t1")] == [
            "t1:10",
            "t1:20",
            "t1:30",
        ]


def test_follow_of_a_turn_that_is_not_there(hive: Hive, output: Output) -> None:
    output.scripts = [lambda c, n: None]
    with connect(hive) as client:
        assert refused(lambda: list(client.follow("ada", turn="t9"))).code == "not_found"
