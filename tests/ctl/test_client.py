"""The client alone: connecting, refusals, ends of the connection, streams."""

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import hived
from hived import limits
from hived.client import Client
from hived.errors import HivedError
from tests.ctl.canned import SECONDS, Connection, Hive, Refusal
from tests.ctl.rows import event


def connect(hive: Hive) -> Client:
    return Client.connect(hive.path, answer_seconds=SECONDS)


def refused(run: Callable[[], object]) -> HivedError:
    with pytest.raises(HivedError) as caught:
        run()
    return caught.value


def test_hello_comes_first_and_says_who(hive: Hive) -> None:
    with connect(hive) as client:
        assert client.hello["node"] == "n1"
    assert hive.calls == [("hello", {"protocol": 1, "client": "python"})]


def test_an_answer_and_parameters_left_out(hive: Hive) -> None:
    with connect(hive) as client:
        answer = client.call("agent", agent="ada", at=None)
    assert answer == hive.answers["agent"]
    assert hive.params("agent") == {"agent": "ada"}


def test_a_refusal_keeps_code_hint_and_data(hive: Hive) -> None:
    def ambiguous(params: object) -> None:
        raise Refusal("ambiguous_name", -32014, "which?", hint="say more", candidates=["a", "b"])

    hive.answers["agent"] = ambiguous
    with connect(hive) as client:
        error = refused(lambda: client.call("agent", agent="a"))
        assert (error.code, error.message, error.hint) == ("ambiguous_name", "which?", "say more")
        assert error.data == {"candidates": ["a", "b"]}
        assert client.call("agents") == hive.answers["agents"]  # the connection lives


def test_an_error_without_data_has_the_code_of_its_number(hive: Hive) -> None:
    hive.after["hello"] = lambda c: c.send(
        {"jsonrpc": "2.0", "id": None, "error": {"code": -32003, "message": "too long"}}
    )
    with connect(hive) as client:
        assert refused(lambda: client.call("agents")).code == "too_large"


@pytest.mark.parametrize("name", ["none.sock", "none/hived.sock", "file/hived.sock"])
def test_no_socket(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("")
    error = refused(lambda: Client.connect(str(tmp_path / name)))
    assert (error.code, error.hint) == ("no_daemon", "start it with: hived")


def test_a_socket_file_left_by_a_dead_daemon(tmp_path: Path) -> None:
    path = str(tmp_path / "hived.sock")
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(path)
    error = refused(lambda: Client.connect(path))
    assert error.code == "no_daemon"
    assert "nothing listens" in error.message


def test_a_file_that_is_no_socket(tmp_path: Path) -> None:
    (tmp_path / "hived.sock").write_text("not a socket")
    assert refused(lambda: Client.connect(str(tmp_path / "hived.sock"))).code == "no_daemon"


@pytest.mark.skipif(os.getuid() != 0, reason="needs a second user to be")
def test_a_socket_for_somebody_else(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0o700)
    script = (
        "import os, sys; from hived.client import Client; from hived.errors import HivedError\n"
        "os.setuid(65534)\n"
        "try: Client.connect(sys.argv[1])\n"
        "except HivedError as e: print(e.code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "closed" / "hived.sock")],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        env={"PYTHONPATH": str(Path(hived.__file__).parents[1])},
    )
    assert done.stdout == "forbidden\n", done.stderr


@pytest.mark.parametrize("length", [100, 107, 108, 109, 250])
def test_paths_of_any_length(tmp_path: Path, length: int) -> None:
    missing = length - len(str(tmp_path)) - len("/hived.sock") - 1
    folder = tmp_path / ("d" * missing) if missing > 0 else tmp_path
    folder.mkdir(exist_ok=True)
    hive = Hive(str(folder / "hived.sock"))
    try:
        with connect(hive) as client:
            assert client.call("agents")["position"] == 412
    finally:
        hive.close()


def test_the_environment_names_the_socket(
    hive: Hive, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HIVED_HOME", "home")
    monkeypatch.chdir(home.parent)
    with Client.connect() as client:
        assert client.hello["protocol"] == 1


def test_a_request_that_is_too_long_is_not_sent(hive: Hive) -> None:
    with connect(hive) as client:
        long = "x" * limits.REQUEST_BYTES_MAX
        assert refused(lambda: client.call("send", to="ada", body=long)).code == "too_large"
    assert [name for name, _ in hive.calls] == ["hello"]


def test_silence_has_an_end(hive: Hive) -> None:
    asleep = threading.Event()
    hive.answers["agents"] = lambda params: asleep.wait(SECONDS) and {}
    with Client.connect(hive.path, answer_seconds=0.1) as client:
        error = refused(lambda: client.call("agents"))
        assert error.code == "disconnected"
        assert "did not answer within 0.1 s" in error.message
    asleep.set()


def test_the_end_of_the_connection(hive: Hive) -> None:
    hive.after["hello"] = Connection.close
    with connect(hive) as client:
        assert refused(lambda: client.call("agents")).code == "disconnected"


def test_what_was_said_before_the_end_is_told(hive: Hive) -> None:
    def full(c: Connection) -> None:
        error = {"code": -32004, "message": "too many connections", "data": {"code": "too_many"}}
        c.send({"jsonrpc": "2.0", "id": None, "error": error})
        c.close()

    hive.after["hello"] = full
    with connect(hive) as client:
        assert refused(lambda: client.call("agents")).code == "too_many"


def test_bye(hive: Hive) -> None:
    hive.after["hello"] = lambda c: c.notify("bye", reason="stopped by ann")
    with connect(hive) as client:
        error = refused(lambda: client.call("agents"))
    assert (error.code, error.message) == ("shutting_down", "hived has stopped: stopped by ann")


@pytest.mark.parametrize(
    "line",
    [
        *(b"no json\n", b"[]\n", b"3\n", b'{"method":"events"}\n', b'{"id":2,"result":3}\n'),
        *(b'{"id":2,"error":7}\n', b"\xff\xfe\n", b"[" * 100_000 + b"\n"),
    ],
)
def test_a_daemon_that_talks_nonsense(hive: Hive, line: bytes) -> None:
    hive.after["hello"] = lambda c: c.sock.sendall(line)
    with connect(hive) as client:
        assert refused(lambda: client.call("agents")).code == "invalid_request"


def test_a_long_answer_in_many_pieces(hive: Hive) -> None:
    hive.answers["state"] = {"state": "é" * 2_000_000}
    with connect(hive) as client:
        assert client.call("state") == hive.answers["state"]


def test_progress_is_told_while_the_answer_is_awaited(hive: Hive) -> None:
    def slowly(params: object) -> object:
        connection.notify("progress", request=2, done=1, total=2)
        connection.notify("later_kind", of="notification")
        return {"ok": True}

    holder: list[Connection] = []
    hive.after["hello"] = holder.append
    hive.answers["verify"] = slowly
    seen: list[tuple[int, int]] = []
    with connect(hive) as client:
        client.call("agents")
        connection = holder[0]
        client.on_progress = lambda done, total: seen.append((done, total))
        assert client.call("verify") == {"ok": True}
    assert seen == [(1, 2)]


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


def test_nothing_but_the_standard_library_is_imported() -> None:
    script = (
        "import sys; import hived.client, hived.ctl.run, hived.ctl.verbs; from importlib import *\n"
        "for verb in hived.ctl.verbs.VERBS.values(): import_module('hived.ctl.' + verb.module)\n"
        "import json; print(json.dumps(sorted(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        env={"PYTHONPATH": str(Path(hived.__file__).parents[1])},
        check=True,
    )
    modules = json.loads(done.stdout)
    ours = {name.split(".")[1] for name in modules if name.startswith("hived.")}
    assert ours == {"client", "ctl", "errors", "limits", "names", "paths", "rpc"}
    assert [name for name in modules if name.startswith("hived.rpc.")] == ["hived.rpc.specs"]
    roots = {name.split(".")[0] for name in modules}
    # A start-up hook of the interpreter's own installation may be there before us.
    foreign = roots - sys.stdlib_module_names - {"hived", "__main__", "_distutils_hack"}
    assert foreign == set()
