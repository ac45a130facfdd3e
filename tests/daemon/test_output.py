"""CLIs that print what they should not, or too much; and more mail than a turn takes."""

import json

import pytest

from hived import limits
from tests.daemon.harness import Hive, wait
from tests.daemon.said import numbers, said

DONE = '[default]\nsteps = [{ say = "done" }]'


def test_a_cli_that_prints_too_much_is_ended_and_its_turn_tried_again(stopped: Hive) -> None:
    stopped.faults["limits"]["SPOOL_BYTES_MAX"] = 200_000
    stopped.start()
    stopped.new(
        "ada",
        '[[turn]]\nsteps = [{ say = "line {i}", times = 3 }, { long = 300000, json = false },'
        f' {{ hang = "quiet" }}]\n{DONE}',
    )
    stopped.send("ada")
    end = stopped.end("ada")
    assert (end["outcome"], end["why"]) == ("failed", "spool_full")
    assert end["byte"] <= 200_000
    assert stopped.end("ada", 2)["outcome"] == "ok"
    assert numbers(stopped.said("ada", end["turn"])) == [1, 2, 3]


def test_a_line_that_is_too_long_is_passed_over(stopped: Hive) -> None:
    stopped.faults["limits"]["LINE_BYTES_MAX"] = 100_000
    stopped.start()
    steps = '{ say = "line 1" }, { long = 300000, json = true }, { say = "line 2" }'
    stopped.new("ada", f"[default]\nsteps = [{steps}]")
    stopped.send("ada")
    end = stopped.end("ada")
    assert end["outcome"] == "ok"
    assert numbers(stopped.said("ada")) == [1, 2]
    assert "a line of" in stopped.words() and "passed over" in stopped.words()


@pytest.mark.parametrize(
    "raw",
    ["hello", "{", '{"type":7}', "[" * 5000, "\\u0000\\ufffd", '{"type":"result"', "null", '""'],
    ids=range(8),
)
def test_lines_that_are_not_the_clis_dialect_do_no_harm(hive: Hive, raw: str) -> None:
    text = json.dumps(raw) if "\\" not in raw else f'"{raw}"'
    steps = f'{{ say = "line 1" }}, {{ raw = {text} }}, {{ say = "line 2" }}'
    hive.new("ada", f"[default]\nsteps = [{steps}]")
    hive.send("ada")
    assert hive.end("ada")["outcome"] == "ok"
    assert numbers(hive.said("ada")) == [1, 2]
    assert "line 2" in hive.ctl("transcript", "ada")


def test_a_cli_that_dies_within_a_line_fails_and_its_words_are_kept(hive: Hive) -> None:
    steps = '{ say = "line 1" }, { raw = \'{"type":"assis\', newline = false }, { die = "SEGV" }'
    hive.new("ada", f"[[turn]]\nsteps = [{steps}]\n{DONE}")
    hive.send("ada")
    end = hive.end("ada")
    assert (end["outcome"], end["exit_code"]) == ("failed", -11)
    assert hive.end("ada", 2)["outcome"] == "ok"
    assert hive.lines("ada", end["turn"])[-1] == '{"type":"assis'


def test_the_past_of_a_transcript_is_what_the_log_had_heard_by_then(hive: Hive) -> None:
    steps = '{ say = "line 1" }, { bash = "true" }, { say = "line 2" }'
    hive.new("ada", f"[default]\nsteps = [{steps}]", allow=["Bash"])
    hive.send("ada")
    end = hive.end("ada")
    [called] = hive.events("tool_call")
    lines, byte = [], 0
    while True:
        page = hive.call("transcript", agent="ada", at=called["position"], from_byte=byte, limit=3)
        assert page["running"] is True
        lines += page["lines"]
        if page["next"] is None:
            break
        assert page["next"] > byte
        byte = page["next"]
    assert lines[-1]["byte"] == called["data"]["byte"]
    assert numbers(said([line["line"] for line in lines])) == [1]
    [start] = hive.events("turn_start")
    page = hive.call("transcript", agent="ada", at=start["position"])
    assert (page["lines"], page["next"]) == ([], None)
    [ended] = hive.events("turn_end")
    whole = hive.call("transcript", agent="ada", turn=end["turn"], at=ended["position"], limit=1000)
    assert whole["running"] is False
    assert numbers(said([line["line"] for line in whole["lines"]])) == [1, 2]


def test_more_mail_than_one_line_takes_is_all_delivered_in_order(hive: Hive) -> None:
    count = limits.TURN_MESSAGES_MAX * 2 + 5
    hive.new("ada", DONE, start=False)
    sent = [hive.send("ada", f"number {n}") for n in range(count)]
    hive.ctl("start", "ada")
    hive.wait_for("message_acked", count)
    delivered = [row["data"]["message"] for row in hive.events("message_delivered")]
    # Some may come back from a turn that was just ending; none overtakes another.
    assert list(dict.fromkeys(delivered)) == sent
    told = "\n".join(hive.told("ada"))
    places = [told.index(f"number {n}\n") for n in range(count)]
    assert places == sorted(places)
    row = wait(lambda: (r := hive.agent("ada"))["turn"] is None and r)
    assert row["inbox"]["queued"] == 0


def test_the_largest_message_arrives_whole(hive: Hive) -> None:
    body = "ä" * (limits.BODY_BYTES_MAX // 2)
    hive.new("ada", DONE)
    hive.send("ada", body)
    assert hive.end("ada")["outcome"] == "ok"
    assert body in hive.told("ada")[0]
