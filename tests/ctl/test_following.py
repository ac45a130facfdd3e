"""hivectl log -f and transcript -f: without a gap over cuts and a daemon's restart; quiet ends."""

import json
import signal
import threading
import time
from collections.abc import Callable

from tests.ctl.canned import SECONDS, Connection, Hive, Hivectl
from tests.ctl.rows import event
from tests.printed import Printed


def live_log(hive: Hive, *then: Callable[[Connection], None]) -> None:
    """Each subscription plays its part once it is answered."""
    parts = iter(then)
    hive.after["subscribe"] = lambda c: next(parts)(c)


def send(c: Connection, *positions: int, upto: int | None = None) -> None:
    events = [event(position) for position in positions]
    c.notify("events", subscription=1, events=events, position=upto or positions[-1])


def test_log_follows_without_a_gap_over_a_cut(hive: Hive, hivectl: Hivectl) -> None:
    def cut(c: Connection) -> None:
        send(c, 413, 415, upto=416)
        c.notify("cut", subscription=1, resume_from=416)

    def end(c: Connection) -> None:
        send(c, 417)
        c.notify("bye", reason="told to")

    live_log(hive, cut, end)
    done = hivectl("log", "-f", "--json", "--agent", "ada", "--kind", "status_set")
    assert done.returncode == 3
    assert done.stderr == "hivectl: hived has stopped: told to [shutting_down]\n"
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["position"] for row in rows] == [410, 411, 412, 413, 415, 417]
    assert {row["v"] for row in rows} == {1}
    asked = [params for name, params in hive.calls if name == "subscribe"]
    assert [params["from"] for params in asked] == [412, 416]
    assert all(p["agent"] == "ada" and p["kinds"] == ["status_set"] for p in asked)


def test_log_follow_as_text(hive: Hive, hivectl: Hivectl) -> None:
    def end(c: Connection) -> None:
        send(c, 413)
        c.close()

    live_log(hive, end)
    done = hivectl("log", "-f")
    assert done.returncode == 3
    assert "hived has closed the connection" in done.stderr
    assert done.stdout.splitlines()[-1].endswith("413  ada         status_set at 413")


def test_log_reconnects_and_goes_on_from_its_position(hive: Hive, hivectl: Hivectl) -> None:
    def die(c: Connection) -> None:
        send(c, 413, upto=414)
        c.close()

    live_log(hive, die, lambda c: send(c, 415))
    process = hivectl.start("log", "-f", "--reconnect", "--json")
    assert process.stdout is not None and process.stderr is not None
    try:
        rows = Printed(process.stdout).rows(5)
        assert [row["position"] for row in rows] == [410, 411, 412, 413, 415]
        process.send_signal(signal.SIGINT)
        assert process.wait(SECONDS) == -signal.SIGINT
        said = process.stderr.read()
        assert said == "hivectl: hived has closed the connection; waiting for it at position 414\n"
    finally:
        process.kill()
        process.wait(SECONDS)
        process.stdout.close()
        process.stderr.close()
    asked = [params["from"] for name, params in hive.calls if name == "subscribe"]
    assert asked == [412, 414]


def test_a_new_day_gets_a_line(hive: Hive, hivectl: Hivectl) -> None:
    lines = hivectl("log").stdout.splitlines()
    assert lines[0] == "2026-11-23:" or time.strftime("%Y-%m-%d", time.gmtime()) == "2026-11-23"


def test_interrupt_while_following_is_quiet(hive: Hive, hivectl: Hivectl) -> None:
    subscribed = threading.Event()
    live_log(hive, lambda c: subscribed.set())
    process = hivectl.start("log", "-f")
    try:
        assert subscribed.wait(SECONDS)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=SECONDS)
        assert (process.returncode, err) == (-signal.SIGINT, "")
        assert "turn_end ok" in out
    finally:
        process.kill()
        process.wait(SECONDS)


def test_transcript_follows_to_the_end_of_the_turn(hive: Hive, hivectl: Hivectl) -> None:
    done = hivectl("transcript", "ada", "#4", "-f")
    assert done.returncode == 0
    assert done.stdout.splitlines()[-1] == "= success, 1.5s, $0.0020"
    assert hive.params("transcript")["turn"] == "t1"
    rows = hivectl("transcript", "ada", "4", "-f", "--json").stdout.splitlines()
    assert [json.loads(row)["byte"] for row in rows] == [90, 200, 300, 400]
    assert json.loads(rows[0]).keys() == {"v", "agent", "turn", "byte", "line"}
