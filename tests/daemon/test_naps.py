"""Naps, mail received within a turn, reminders: with real processes, over deaths of hived."""

import os
import signal
import time
from datetime import UTC, datetime

import pytest

from tests.daemon.harness import Hive, Row, wait

# Its first turn asks for a nap and says what it was answered; the later ones say what woke them.
NAPPING = """
[[turn]]
steps = [
  {{ hive = "nap", args = {{ seconds = {seconds}, reason = "the build runs" }} }},
  {{ say = "nap: {{result}}" }},
]
[default]
steps = [{{ say = "woken: {{last}}" }}]
"""
HOUR = NAPPING.format(seconds=3600)
WOKEN = '[default]\nsteps = [{ say = "woken: {last}" }]'
DONE = '[default]\nsteps = [{ say = "done: {body}" }]'


def at_rest(hive: Hive, word: str, agent: str = "ada") -> Row:
    return wait(lambda: (r := hive.agent(agent))["word"] == word and r, hive.story)


def napping(hive: Hive, scenario: str = HOUR) -> Row:
    """ada, in a nap that she asked for in her first turn."""
    hive.new("ada", scenario)
    hive.send("ada")
    assert hive.end("ada")["outcome"] == "ok"
    return at_rest(hive, "napping")


def unix(stamp: object) -> float:
    return datetime.fromisoformat(str(stamp)).timestamp()


def woken(hive: Hive, number: int = 2) -> str:
    """What ada said she was told in this turn, which the nap's end began."""
    assert hive.end("ada", number)["outcome"] == "ok"
    [said] = hive.said("ada")
    assert said.startswith("woken: Your nap is over: "), said
    return said.removeprefix("woken: Your nap is over: ")


def test_a_nap_is_kept_over_a_death_of_hived_and_ended_by_wake(hive: Hive) -> None:
    row = napping(hive)
    assert hive.said("ada")[0].startswith("nap: You will nap until ")
    [start] = hive.events("nap_start")
    [end] = hive.events("turn_end")
    assert start["data"]["turn"] == end["data"]["turn"]
    assert (row["group"], row["turn_state"], row["since"]) == (
        "Idle or napping",
        "napping",
        end["at"],
    )
    assert abs(unix(row["until"]) - start["data"]["until"]) < 0.001
    assert abs(unix(row["until"]) - unix(start["at"]) - 3600) < 0.01
    hive.send("ada", "one")
    hive.send("ada", "two")
    hive.kill()
    hive.start()
    again = hive.agent("ada")
    assert [again[key] for key in ("word", "since", "until", "nap")] == [
        row[key] for key in ("word", "since", "until", "nap")
    ]
    assert again["nap"]["reason"] == "the build runs"
    assert again["inbox"]["queued"] == 2
    assert len(hive.events("turn_start")) == 1
    hive.call("wake", agent="ada")
    said = woken(hive)
    assert said.startswith("the operator ended it.")
    assert "Its reason: the build runs" in said
    assert "You have 2 messages." in said
    assert at_rest(hive, "idle")["nap"] is None
    _, second = hive.events("turn_start")
    assert (second["data"]["reason"], len(second["data"]["messages"])) == ("nap_over", 2)
    assert second["cause"]["version"] == hive.events("nap_end")[0]["version"]
    hive.check()


def test_a_nap_elapses_by_itself(hive: Hive) -> None:
    hive.new("ada", WOKEN)
    hive.call("nap", agent="ada", seconds=2)
    assert woken(hive, 1).startswith("its time has passed. It was to last 2 s")
    [start], [end] = hive.events("nap_start"), hive.events("nap_end")
    assert (end["by"], end["data"]["why"]) == ("policy:nap_elapsed", "elapsed")
    assert unix(end["at"]) >= start["data"]["until"] - 0.001


def test_a_nap_whose_time_ran_out_while_hived_was_down_ends_at_once(hive: Hive) -> None:
    hive.new("ada", WOKEN)
    until = unix(hive.call("nap", agent="ada", seconds=6)["until"])
    hive.send("ada", "while you slept")
    hive.kill()
    wait(lambda: time.time() > until)
    hive.start()
    said = woken(hive, 1)
    assert said.startswith("its time has passed.")
    assert "while you slept" in said
    [end] = hive.events("nap_end")
    assert end["position"] > hive.events("hive_started")[1]["position"]


def test_urgent_mail_of_the_operator_wakes(hive: Hive) -> None:
    napping(hive)
    sent = hive.call("send", to="ada", body="now", urgent=True)
    assert [message[0] for message in sent["messages"]] == ["m"]
    said = woken(hive)
    assert said.startswith("urgent mail of the operator came.")
    assert "\nnow\n" in said
    assert hive.events("turn_start")[1]["data"]["reason"] == "mail"


def test_cancel_and_restart_wake(hive: Hive) -> None:
    napping(hive)
    assert hive.call("cancel", agent="ada")["turn"] is None
    assert woken(hive).startswith("the operator ended it.")
    hive.call("nap", agent="ada", seconds=3600, reason="quiet")
    at_rest(hive, "napping")
    hive.call("restart", agent="ada")
    assert hive.end("ada", 3)["outcome"] == "ok"
    [said] = hive.said("ada")
    assert "you were restarted" in said and "Its reason: quiet" in said


def test_no_mail_is_put_to_the_turn_that_asked_for_a_nap(hive: Hive) -> None:
    hive.new(
        "ada",
        """
[[turn]]
steps = [
  { hive = "nap", args = { seconds = 3600 } },
  { say = "line {i}", times = 600, delay = 0.05 },
]
[default]
steps = [{ say = "woken: {last}" }]
""",
    )
    hive.send("ada")
    hive.wait_for("nap_start")
    hive.send("ada", "not now")
    row = hive.agent("ada")
    assert (row["word"], row["nap"]["since"], row["inbox"]["queued"]) == ("thinking", None, 1)
    shown = len(hive.said("ada"))
    wait(lambda: len(hive.said("ada")) > shown + 5)
    assert len(hive.events("message_delivered")) == 1
    # Urgent mail is put to it, and with the nap gone all that waits.
    hive.send("ada", "now", urgent=True)
    hive.wait_for("message_delivered", 3)
    assert hive.events("nap_end")[0]["data"]["why"] == "message"
    assert hive.agent("ada")["nap"] is None


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("{ seconds = -1 }", "a nap lasts from 1 to 86400 seconds"),
        ('{ seconds = "soon" }', "must be a number, not 'soon' (from 1 to 86400 seconds)"),
        ("{ seconds = 86401 }", "a nap lasts from 1 to 86400 seconds"),
        ("{ }", "nap needs seconds: from 1 to 86400 seconds"),
        ("{ seconds = 5, until = 6 }", "it takes seconds, reason"),
    ],
)
def test_a_wrong_nap_is_told_and_begins_none(hive: Hive, arguments: str, words: str) -> None:
    step = f'{{ hive = "nap", args = {arguments} }}'
    hive.new("ada", f'[default]\nsteps = [{step}, {{ say = "{{result}}" }}]')
    hive.send("ada")
    hive.end("ada")
    [said] = hive.said("ada")
    assert said.startswith("invalid_params: ") and words in said
    at_rest(hive, "idle")
    assert hive.events("nap_start") == []


def test_a_nap_asked_for_when_hived_dies_is_one_nap_and_answered(stopped: Hive) -> None:
    """hived dies when the nap is in the log, and before the CLI is answered."""
    stopped.start(die_at=["nap_start", 1])
    stopped.new("ada", HOUR)
    stopped.send("ada")
    stopped.died()
    stopped.start()
    assert stopped.end("ada")["outcome"] == "ok"
    row = at_rest(stopped, "napping")
    [start] = stopped.events("nap_start")
    assert abs(unix(row["until"]) - start["data"]["until"]) < 0.001
    assert stopped.said("ada")[0].startswith("nap: You will nap until ")
    stopped.check()


def receiving(wait_seconds: float = 60, most: int = 1) -> str:
    args = f"{{ wait_seconds = {wait_seconds}, max = {most} }}"
    return f"""
[[turn]]
steps = [
  {{ say = "waiting" }},
  {{ hive = "recv", args = {args} }},
  {{ say = "got: {{result}}" }},
]
{DONE}
"""


def parked(hive: Hive, scenario: str) -> None:
    """ada, in a turn that waits for mail."""
    hive.new("ada", scenario)
    hive.send("ada", "begin")
    hive.wait_for("tool_call", tool="mcp__hive__recv")


def test_recv_waits_for_mail_and_its_answer_delivers_it(hive: Hive) -> None:
    parked(hive, receiving())
    message = hive.send("ada", "the answer is 42")
    end = hive.end("ada")
    assert (end["outcome"], end["received"]) == ("ok", 2)
    got = hive.said("ada")[1]
    assert f'<mail id="{message}" from="operator"' in got and "the answer is 42" in got
    [delivered] = hive.events("message_delivered", message=message)
    assert (delivered["data"]["line"], delivered["data"]["uuid"]) == (0, "")
    assert len(hive.wait_for("message_acked", 2)) == 2
    assert len(hive.told("ada")) == 1  # and not as a user line as well


def test_recv_that_waited_in_vain_says_so_and_mail_comes_by_itself_again(hive: Hive) -> None:
    parked(hive, receiving(1))
    assert hive.end("ada")["outcome"] == "ok"
    assert hive.said("ada")[1] == "got: No mail came within 1 s."


@pytest.mark.parametrize("args", ["{ wait_seconds = 181 }", "{ max = 0 }", "{ max = 33 }"])
def test_recv_tells_its_bounds(hive: Hive, args: str) -> None:
    step = f'{{ hive = "recv", args = {args} }}'
    hive.new("ada", f'[default]\nsteps = [{step}, {{ say = "{{result}}" }}]')
    hive.send("ada")
    hive.end("ada")
    [said] = hive.said("ada")
    assert said.startswith("invalid_params: ") and "from" in said


def test_a_cancel_ends_the_wait_for_mail(hive: Hive) -> None:
    parked(hive, receiving(180))
    hive.call("cancel", agent="ada")
    assert hive.end("ada")["outcome"] == "cancelled"


def test_a_nap_ends_the_wait_for_mail(hive: Hive) -> None:
    parked(hive, receiving(180))
    hive.call("nap", agent="ada", seconds=3600)
    assert hive.end("ada")["outcome"] == "ok"
    assert "begins with this turn's end; mail waits for it" in hive.said("ada")[1]
    at_rest(hive, "napping")


def test_output_is_read_on_while_a_recv_waits(hive: Hive) -> None:
    """The end of the CLI is seen at once, whoever waits."""
    parked(hive, receiving(180))
    turn = hive.agent("ada")["turn"]["turn"]
    cli = hive.folder(turn).started()["cli_pid"]
    os.kill(cli, signal.SIGKILL)
    end = hive.end("ada")
    assert (end["outcome"], end["duration_ms"] < 60_000) == ("failed", True)


def test_a_recv_that_waits_goes_on_after_a_death_of_hived(hive: Hive) -> None:
    """Mail that comes before the CLI has asked reaches the turn by itself, and ends the wait."""
    parked(hive, receiving())
    hive.kill()
    hive.start()
    message = hive.send("ada", "late")
    assert hive.end("ada")["outcome"] == "ok"
    got = hive.said("ada")[1]
    assert message in got or "it follows this call" in got
    assert len(hive.events("message_delivered", message=message)) == 1
    assert len(hive.wait_for("message_acked", 2)) == 2


def test_a_recv_asked_again_is_answered_with_the_same_messages(stopped: Hive) -> None:
    """hived dies when the mail is given out in the log, and before the CLI is answered."""
    stopped.start(die_at=["message_delivered", 2])
    parked(stopped, receiving())
    message = stopped.send("ada", "once")
    stopped.died()
    stopped.start()
    assert stopped.end("ada")["outcome"] == "ok"
    assert message in stopped.said("ada")[1]
    [delivered] = stopped.events("message_delivered", message=message)
    assert delivered["data"]["line"] == 0
    assert len(stopped.wait_for("message_acked", 2)) == 2
    stopped.check()


def test_what_was_received_in_a_failed_turn_comes_again_with_its_words(hive: Hive) -> None:
    scenario = receiving().replace('{ say = "got: {result}" },', '{ error = "500", retries = 0 },')
    parked(hive, scenario)
    message = hive.send("ada", "precious")
    assert hive.end("ada")["outcome"] == "failed"
    assert hive.end("ada", 2)["outcome"] == "ok"
    [returned] = hive.events("message_returned", message=message)
    assert (returned["data"]["counted"], returned["data"]["held"]) == (True, False)
    assert any("precious" in told for told in hive.told("ada")[1:])


REMINDING = """
[[turn]]
steps = [
  {{ hive = "remind", args = {{ message = "look at the oven", {when} }} }},
  {{ say = "{{result}}" }},
]
{done}
"""


def test_a_reminder_comes_as_mail(hive: Hive) -> None:
    hive.new("ada", REMINDING.format(when="delay_seconds = 1", done=DONE))
    hive.send("ada")
    assert hive.end("ada", 2)["outcome"] == "ok"
    [fired] = hive.events("reminder_fired")
    [sent] = hive.events("message_sent", message=fired["data"]["message"])
    assert (fired["by"], sent["data"]["sender"]) == ("policy:reminder_due", "hive")
    assert sent["position"] == fired["position"] + 1
    assert "that you set at" in sent["data"]["body"]
    assert sent["data"]["body"].endswith("look at the oven")
    assert hive.said("ada")[0].endswith("look at the oven")


def test_a_reminder_of_a_time_when_hived_was_down_comes_once(hive: Hive) -> None:
    hive.new("ada", DONE)
    at = unix(hive.call("remind", agent="ada", text="the oven", delay_seconds=5)["at"])
    hive.kill()
    wait(lambda: time.time() > at)
    hive.start()
    assert hive.end("ada")["outcome"] == "ok"
    [fired] = hive.events("reminder_fired")
    assert fired["position"] > hive.events("hive_started")[1]["position"]
    assert hive.said("ada")[0].endswith("the oven")


@pytest.mark.parametrize("as_text", [True, False])
def test_a_reminder_is_set_for_a_time(hive: Hive, as_text: bool) -> None:
    at = time.time() + 3600
    text = datetime.fromtimestamp(at, UTC).isoformat()
    when = f'at = "{text}"' if as_text else f"at = {at}"
    hive.new("ada", REMINDING.format(when=when, done=DONE))
    hive.send("ada")
    hive.end("ada")
    [reminder] = hive.call("reminders", agent="ada")["reminders"]
    assert abs(unix(reminder["at"]) - at) < 0.01
    assert reminder["reminder"] in hive.said("ada")[0]


def test_loose_ends_are_told_to_the_agent(hive: Hive) -> None:
    hive.new(
        "ada",
        """
[default]
steps = [
  { hive = "loose_ends" },
  { say = "first: {result}" },
  { hive = "remind", args = { message = "oven", delay_seconds = 3600 } },
  { hive = "ask", args = { question = "which way?" } },
  { hive = "loose_ends" },
  { say = "then: {result}" },
]
""",
    )
    hive.send("ada")
    assert hive.end("ada")["outcome"] == "ok"
    first, then = hive.said("ada")
    assert first == "first: Nothing is open."
    assert "Questions you asked that have no answer yet:\n- q" in then
    assert "to operator: which way?" in then
    assert "Your reminders:\n- r" in then and ": oven" in then


def test_a_person_gives_naps_and_reminders(hive: Hive) -> None:
    hive.new("ada", '[default]\nsteps = [{ say = "woken: {last}" }]')
    told = hive.ctl("nap", "ada", "2h", "--reason", "quiet please")
    assert told.startswith("ada: naps until 20")
    assert "napping" in hive.ctl("ps") and "quiet please" in hive.ctl("status", "ada")
    assert "naps already, until" in hive.ctl("nap", "ada", "5", code=1)
    hive.ctl("send", "ada", "hello")
    assert "ada naps" not in hive.ctl("loose-ends")
    assert "1 message not read" in hive.ctl("loose-ends", "ada")
    assert hive.ctl("wake", "ada") == "ada: woken, 1 message waited\n"
    assert hive.end("ada")["outcome"] == "ok"
    assert "Its reason: quiet please" in hive.said("ada")[0]
    assert "does not nap" in hive.ctl("wake", "ada", code=1)
    assert "from 1 to 86400 seconds" in hive.ctl("nap", "ada", "2d", code=1)

    hive.ctl("remind", "ada", "tomorrow's work", "--in", "1d")
    shown = hive.ctl("reminders", "ada")
    assert "tomorrow's work" in shown and "set by operator:" in shown
    assert "tomorrow's work" in hive.ctl("loose-ends")
    reminder = shown.split()[0]
    assert hive.ctl("reminders", "cancel", reminder) == f"{reminder}: cancelled\n"
    assert hive.ctl("reminders") == "no reminders\n"
    assert "lies ahead" in hive.ctl("remind", "ada", "x", "--at", "2020-01-01", code=1)
    hive.ctl("remind", "ada", "now then", "--in", "1")
    hive.end("ada", 2)
    assert "that operator set at" in hive.said("ada")[0]
    hive.check()
