"""What is shown of an agent at work, from the log alone; and the orders a person gives."""

import json
import subprocess
import sys
from datetime import datetime

import pytest

from tests.daemon.harness import SECONDS, Hive, wait
from tests.daemon.said import numbers
from tests.printed import Printed

SLOW = '[default]\nsteps = [{ say = "line {i}", times = 400, delay = 0.05 }]'
DONE = '[default]\nsteps = [{ say = "done" }]'
THEN_DONE = f'[[turn]]\nsteps = [{{ say = "line {{i}}", times = 400, delay = 0.05 }}]\n{DONE}'
COMPACTING = f"compact_seconds = 2\n{DONE}"


def at_work(hive: Hive, scenario: str = SLOW) -> str:
    """ada in a turn that has said something; the turn's id."""
    hive.new("ada", scenario)
    hive.send("ada")
    wait(lambda: numbers(hive.said("ada")))
    return str(hive.agent("ada")["turn"]["turn"])


def rest(hive: Hive, agent: str = "ada") -> dict[str, object]:
    row: dict[str, object] = wait(lambda: (r := hive.agent(agent))["turn"] is None and r)
    return row


def _unix(row: dict[str, object]) -> float:
    return datetime.fromisoformat(str(row["at"])).timestamp()


def test_thinking_and_idle_since_the_events_that_say_so(hive: Hive) -> None:
    turn = at_work(hive)
    [start] = hive.events("turn_start")
    row = hive.agent("ada")
    assert (row["turn_state"], row["word"], row["group"]) == ("thinking", "thinking", "Working")
    assert abs(row["turn_state_since"] - _unix(start)) < 0.001
    assert row["since"] == start["at"] and row["cause"]["version"] == start["version"]
    hive.kill()  # a client's clock, or a later start of hived, has no part in it
    hive.start()
    assert hive.agent("ada")["since"] == start["at"]
    hive.ctl("cancel", "ada")
    hive.end("ada")
    row = rest(hive)
    [end] = hive.events("turn_end")
    assert (row["turn_state"], row["word"]) == ("idle", "idle")
    assert row["since"] == end["at"]
    last = row["last_turn"]
    assert isinstance(last, dict)
    assert last["turn"] == turn and last["duration_ms"] == end["data"]["duration_ms"]
    # By the host's clock: about as long as between the two events, never longer.
    assert 0 < end["data"]["duration_ms"] / 1000 <= _unix(end) - _unix(start)


def test_a_compaction_is_shown_and_told(hive: Hive) -> None:
    hive.new("ada", COMPACTING)
    assert "no conversation" in hive.ctl("compact", "ada", code=1)
    hive.send("ada")
    hive.end("ada")
    rest(hive)
    assert "compacts now" in hive.ctl("compact", "ada")
    [start] = hive.wait_for("compaction_start")
    assert start["data"]["why"] == "operator"
    row = hive.agent("ada")
    assert (row["turn_state"], row["word"], row["group"]) == ("compacting", "compacting", "Working")
    assert row["since"] == start["at"]
    assert hive.end("ada", 2)["outcome"] == "ok"
    [over] = hive.events("compaction_end")
    assert over["data"]["outcome"] == "ok" and over["data"]["before"] > 0 < over["data"]["after"]
    row = rest(hive)
    assert row["word"] == "idle" and row["context_used"] == over["data"]["after"]


def test_a_compaction_asked_for_in_a_turn_waits_for_its_end(hive: Hive) -> None:
    hive.new("ada", f"[[turn]]\nsteps = [{{ say = 'hello' }}]\n{THEN_DONE}")
    hive.send("ada")
    hive.end("ada")
    hive.send("ada")
    wait(lambda: numbers(hive.said("ada")))
    turn = hive.agent("ada")["turn"]["turn"]
    assert f"compacts after turn {turn}" in hive.ctl("compact", "ada")
    assert "queued already" in hive.ctl("compact", "ada", code=1)
    hive.ctl("cancel", "ada")
    hive.end("ada", 3)
    kinds = [row["data"]["kind"] for row in hive.events("turn_start")]
    assert kinds == ["work", "work", "compact"]


def test_a_model_waits_for_the_next_turn_and_says_so(hive: Hive) -> None:
    hive.new("ada", SLOW, model="sonnet")
    hive.send("ada")
    wait(lambda: numbers(hive.said("ada")))
    assert "haiku with the next turn" in hive.ctl("model", "ada", "haiku")
    model = hive.agent("ada")["model"]
    assert model["queued"] == "haiku" and "sonnet" in model["active"]
    assert "with the next turn" in hive.ctl("status", "ada")
    assert hive.events("model_switched") == []
    hive.ctl("cancel", "ada")
    hive.end("ada")
    hive.send("ada")
    hive.wait_for("turn_start", 2)
    wait(lambda: numbers(hive.said("ada")))
    model = hive.agent("ada")["model"]
    assert model["queued"] is None and "haiku" in model["active"]
    [switched] = hive.events("model_switched")
    assert model["switched_at"] == switched["at"]
    assert [row["data"]["model"] for row in hive.events("turn_start")] == ["sonnet", "haiku"]
    assert '"model":"claude-haiku' in "".join(hive.lines("ada")).replace(" ", "")


def test_context_window_and_cost_are_the_clis_own_figures(hive: Hive) -> None:
    hive.new("ada", DONE, model="haiku")
    hive.send("ada")
    end = hive.end("ada")
    row = rest(hive)
    [result] = [r for r in map(json.loads, hive.lines("ada")) if r["type"] == "result"]
    assert end["cost_usd"] == pytest.approx(result["total_cost_usd"]) and end["cost_usd"] > 0
    assert row["cost_usd"] == pytest.approx(end["cost_usd"], abs=1e-6)
    windows = [use["contextWindow"] for use in result["modelUsage"].values()]
    assert row["context_window"] in windows
    assert 0 < int(str(row["context_used"])) < max(windows)
    assert end["usage"]["output"] == result["usage"]["output_tokens"]


def test_stop_cancels_the_turn_and_keeps_the_mail_for_start(hive: Hive) -> None:
    turn = at_work(hive, THEN_DONE)
    assert f"turn {turn} is cancelled" in hive.ctl("stop", "ada")
    end = hive.end("ada")
    assert (end["outcome"], end["why"]) == ("cancelled", "stop")
    row = rest(hive)
    assert (row["word"], row["inbox"]["queued"]) == ("stopped", 1)
    assert "stopped already" in hive.ctl("stop", "ada", code=1)
    hive.ctl("start", "ada")
    assert "started already" in hive.ctl("start", "ada", code=1)
    assert hive.end("ada", 2)["outcome"] == "ok"
    assert hive.events("message_returned")[0]["data"]["counted"] is False


def test_restart_ends_the_turn_and_goes_on_in_the_same_conversation(hive: Hive) -> None:
    turn = at_work(hive, THEN_DONE)
    assert f"turn {turn} is cancelled" in hive.ctl("restart", "ada")
    assert hive.end("ada", 2)["outcome"] == "ok"
    sessions = {row["data"]["session"] for row in hive.events("turn_start")}
    assert len(sessions) == 1
    assert rest(hive)["word"] == "idle"


def test_pause_lets_the_turn_end_and_starts_no_other(hive: Hive) -> None:
    hive.new("ada", '[default]\nsteps = [{ say = "line {i}", times = 10, delay = 0.1 }]')
    hive.send("ada")
    wait(lambda: numbers(hive.said("ada")))
    hive.ctl("pause", "ada")
    assert hive.end("ada")["outcome"] == "ok"
    assert rest(hive)["word"] == "paused"
    hive.send("ada")
    assert "is paused" in hive.ctl("start", "ada", code=1)
    hive.kill()
    hive.start()
    assert hive.agent("ada")["inbox"]["queued"] == 1
    assert len(hive.events("turn_start")) == 1
    hive.ctl("resume", "ada")
    assert "not paused" in hive.ctl("resume", "ada", code=1)
    assert hive.end("ada", 2)["outcome"] == "ok"


def test_a_new_session_forgets_the_old_one(hive: Hive) -> None:
    hive.new("ada", f"[[turn]]\nsteps = [{{ say = 'turn {{n}}' }}]\n{SLOW}")
    assert "no conversation" in hive.ctl("new-session", "ada", code=1)
    hive.send("ada")
    hive.end("ada")
    rest(hive)
    hive.ctl("new-session", "ada")
    hive.send("ada")
    assert hive.end("ada", 2)["outcome"] == "ok"
    assert hive.said("ada") == ["turn 1"]
    starts = [row["data"] for row in hive.events("turn_start")]
    assert starts[0]["session"] != starts[1]["session"] and starts[1]["fresh"] is True
    hive.send("ada")
    wait(lambda: numbers(hive.said("ada")))
    assert "is in a turn" in hive.ctl("new-session", "ada", code=1)


def test_rm_takes_out_an_agent_that_rests_and_keeps_its_name_taken(hive: Hive) -> None:
    at_work(hive)
    assert "is in a turn" in hive.ctl("rm", "ada", "--yes", code=1)
    hive.ctl("stop", "ada")
    hive.end("ada")
    rest(hive)
    assert "1 message kept" in hive.ctl("rm", "ada", "--yes")
    hive.ctl("status", "ada", code=4)
    hive.ctl("send", "ada", "hello", code=4)
    assert "its state is kept" in hive.ctl("new", "ada", "--driver", "rehearsal", code=1)
    assert hive.events("turn_start", agent="ada")
    hive.new("bob", DONE)  # the hive goes on
    hive.send("bob")
    assert hive.end("bob")["outcome"] == "ok"
    hive.kill()
    hive.start()
    hive.ctl("status", "ada", code=4)


def test_cancel_of_an_agent_at_rest_is_refused(hive: Hive) -> None:
    hive.new("ada", DONE)
    assert "in no turn" in hive.ctl("cancel", "ada", code=1)
    hive.ctl("cancel", "nobody", code=4)


def test_hivectl_says_in_one_line_that_no_daemon_is_there(stopped: Hive) -> None:
    for words in (["ps"], ["cancel", "ada"], ["send", "ada", "hello"]):
        told = stopped.ctl(*words, code=3)
        assert len(told.strip().splitlines()) <= 2 and "hived" in told


def test_a_transcript_is_read_while_the_turn_runs_and_when_it_is_over(hive: Hive) -> None:
    hive.new("ada", '[default]\nsteps = [{ say = "line {i}", times = 20, delay = 0.1 }]')
    hive.send("ada")
    wait(lambda: len(numbers(hive.said("ada"))) >= 2)
    running = hive.ctl("transcript", "ada")
    assert "line 1" in running and "line 20" not in running
    following = _start(hive, "transcript", "ada", hive.agent("ada")["turn"]["turn"], "-f")
    told, _ = following.communicate(timeout=SECONDS)  # it ends with the turn
    hive.end("ada")
    rest(hive)
    over = hive.ctl("transcript", "ada")
    for text in (told, over):
        assert [text.count(f"line {n}\n") for n in range(1, 21)] == [1] * 20, text
    raw = hive.ctl("transcript", "ada", "--json")
    assert "line 20" in raw


def test_log_f_goes_on_over_a_restart_of_hived(hive: Hive) -> None:
    following = _start(hive, "log", "-f", "--reconnect", "--since", "0", "--json")
    try:
        printed = Printed(following.stdout)
        hive.new("ada", DONE)
        hive.send("ada")
        hive.end("ada")
        seen = [printed.row()]
        hive.kill()
        hive.start()
        hive.send("ada")
        hive.end("ada", 2)
        last = hive.events()[-1]["position"]
        while seen[-1]["position"] < last:
            seen.append(printed.row())
        assert [row["position"] for row in seen] == list(range(1, last + 1))
    finally:
        following.kill()
        following.communicate()


def _start(hive: Hive, *words: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "hived.ctl", *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        cwd=hive.home.parent,
        env=hive.environ,
    )
