"""hive.toml as a real hived takes it in, and what it does to the agents; configurations shown."""

import json
import signal
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from hived.errors import HivedError
from tests.daemon.harness import Hive, wait

DONE = '[default]\nsteps = [{ say = "done" }]'


def write(hive: Hive, text: str) -> None:
    (hive.home / "hive.toml").write_text(text)


def quiet_now(shift: int = 0) -> str:
    """Quiet hours from an hour ago to in two hours."""
    minute = int(time.time() // 60) + shift
    first, last = (f"{m // 60 % 24:02}:{m % 60:02}" for m in (minute - 60, minute + 120))
    return f'[[quiet_hours]]\nname = "night"\nfrom = "{first}"\nto = "{last}"\n'


def test_it_is_taken_in_at_start_and_stands_in_the_log_once(stopped: Hive) -> None:
    hive = stopped
    write(hive, '[defaults]\nmodel = "haiku"\n')
    hive.start()
    assert [e["data"]["settings"]["defaults"] for e in hive.events("hive_configured")] == [
        {"model": '"haiku"'}
    ]
    hive.stop()
    hive.start()
    assert len(hive.events("hive_configured")) == 1
    assert "nothing new" in hive.ctl("daemon", "reload")
    write(hive, '[defaults]\nmodel = "opus"\n')
    assert "is taken in" in hive.ctl("daemon", "reload")
    assert hive.events("hive_configured")[-1]["by"].startswith("operator:")
    (hive.home / "hive.toml").unlink()
    assert hive.call("daemon_reload")["digest"] is None
    assert hive.events("hive_configured")[-1]["data"]["settings"]["defaults"] == {}
    hive.check()


def test_one_that_does_not_validate_is_a_reason_not_to_start(stopped: Hive) -> None:
    hive = stopped
    write(hive, '[defaults]\nmodle = "x"\n[[quiet_hours]]\nfrom = "soon"\nto = "07:00"\n')
    hive.spawn()
    assert hive.ended() == 1
    for words in ("did you mean model?", "quiet_hours[1].from", "hint: mend hive.toml"):
        assert words in hive.words()
    write(hive, "")
    hive.start()


def test_a_reload_of_one_that_does_not_validate_changes_nothing(hive: Hive) -> None:
    write(hive, "[rate_limits]\nresume = false\n")
    hive.call("daemon_reload")
    before = len(hive.events("hive_configured"))
    write(hive, "[rate_limits]\nresume = 1\nnew = 2\n")
    told = hive.ctl("daemon", "reload", code=1)
    assert "rate_limits.resume" in told and "rate_limits.new" in told
    assert hive.process is not None
    hive.process.send_signal(signal.SIGHUP)
    wait(lambda: "the settings stay as they are" in hive.words(), hive.words)
    assert len(hive.events("hive_configured")) == before
    write(hive, "[rate_limits]\nresume = true\n")
    hive.process.send_signal(signal.SIGHUP)
    hive.wait_for("hive_configured", before + 1)
    (hive.home / "hive.toml").unlink()
    (hive.home / "hive.toml").mkdir()
    with pytest.raises(HivedError) as caught:
        hive.call("daemon_reload")
    assert caught.value.code == "invalid_config"


def test_in_quiet_hours_only_the_operators_urgent_mail_begins_a_turn(stopped: Hive) -> None:
    hive = stopped
    write(hive, quiet_now())
    hive.start()
    [began] = hive.events("quiet_start")
    assert began["by"] == "policy:night"
    hive.new("ada", DONE)
    hive.send("ada", "some time")
    row = hive.agent("ada")
    assert (row["word"], row["group"]) == ("quiet", "Idle or napping")
    ends = datetime.fromisoformat(row["until"]).timestamp() - datetime.now(UTC).timestamp()
    assert 0 < ends < 7300
    why = hive.call("why", agent="ada")
    assert "quiet hours (night)" in why["because"]
    assert why["chain"][0]["kind"] == "quiet_start"
    assert hive.events("turn_start") == []
    hive.send("ada", "now", urgent=True)
    assert hive.end("ada")["outcome"] == "ok"
    hive.send("ada", "later")
    hive.kill()
    hive.start()
    assert hive.word("ada") == "quiet"
    assert len(hive.events("turn_start")) == len(hive.events("quiet_start")) == 1
    write(hive, "")
    hive.ctl("daemon", "reload")
    assert hive.end("ada", 2)["outcome"] == "ok"
    assert hive.events("quiet_end")[0]["data"]["why"] == "changed"
    hive.check()


def test_quiet_hours_that_ended_while_hived_was_down_hold_nobody(stopped: Hive) -> None:
    hive = stopped
    write(hive, quiet_now())
    hive.start()
    hive.new("ada", DONE)
    hive.send("ada")
    hive.kill()
    write(hive, quiet_now(shift=600))
    hive.start()
    assert hive.end("ada")["outcome"] == "ok"
    assert len(hive.events("quiet_end")) == 1


def test_nobody_goes_on_after_a_limit_where_hive_toml_says_so(stopped: Hive) -> None:
    hive = stopped
    write(hive, "[rate_limits]\nresume = false\n")
    # On a slow machine the time is over when it is told, and hived waits for one of its own.
    hive.faults["limits"]["RATE_LIMIT_WAIT_SECONDS"] = 1.0
    hive.start()
    hive.new("ada", f'[[turn]]\nsteps = [{{ error = "usage_limit", resets_in = 1.0 }}]\n{DONE}')
    hive.send("ada")
    [hit] = hive.wait_for("rate_limit_hit")
    wait(lambda: time.time() > hit["data"]["until"] + 1)
    row = hive.agent("ada")
    assert (row["word"], row["group"]) == ("rate limited", "Needs you")
    assert "hivectl lift ada" in hive.ctl("why", "ada")
    assert hive.events("rate_limit_over") == []
    hive.ctl("lift", "ada")
    assert hive.end("ada", 2)["outcome"] == "ok"


def test_a_model_that_is_not_there_falls_back_as_config_says(hive: Hive) -> None:
    # The CLI itself goes on with the fallback at the first error, and gives up at the second.
    lost = f'[[turn]]\nsteps = [{{ error = "404" }}, {{ error = "404" }}]\n{DONE}'
    hive.new("ada", lost, model="gone", fallback="haiku")
    hive.new("bob", lost, model="gone")
    for name in ("ada", "bob"):
        hive.send(name)
    first, second = hive.end("ada"), hive.end("ada", 2)
    assert (first["outcome"], first["why"]) == ("failed", "model_not_found")
    assert second["outcome"] == "ok"
    model = hive.agent("ada")["model"]
    assert (model["active"], model["switched_by"]) == ("haiku", "policy:fallback")
    assert hive.end("bob")["why"] == "model_not_found"
    wait(lambda: hive.word("bob") == "failed")
    assert "hivectl model bob MODEL" in hive.ctl("why", "bob")
    hive.stop()
    hive.start()
    assert hive.agent("ada")["model"] == model
    hive.ctl("model", "bob", "opus")
    hive.ctl("start", "bob")
    assert hive.end("bob", 2)["outcome"] == "ok"
    switched = hive.agent("bob")["model"]
    assert (switched["active"], switched["switched_by"][:9]) == ("opus", "operator:")


def test_a_configuration_is_shown_and_explained(stopped: Hive) -> None:
    hive = stopped
    write(hive, '[defaults]\nfallback = "sonnet"\n')
    hive.start()
    hive.new("ada", DONE, model="haiku", fallback="sonnet")
    shown = hive.ctl("config", "ada")
    assert "ada comes from no commit" in shown and 'model = "haiku"' in shown
    assert str(hive.home / "agents" / "ada" / "config") in shown
    document = json.loads(hive.ctl("config", "explain", "ada", "--json"))
    sources = {row["key"]: (row["value"], row["source"]) for row in document["keys"]}
    assert sources["model"] == ('"haiku"', "agent.toml")
    assert sources["fallback"] == ('"sonnet"', "hive.toml")
    assert sources["role"] == ('"worker"', "built-in")
    assert "hive.toml" in hive.ctl("config", "explain", "ada")
    hive.call("rm", agent="ada")
    assert 'model = "haiku"' in hive.ctl("config", "ada")
    hive.ctl("config", "show", "ad", code=4)


def test_a_new_agent_takes_from_hive_toml_what_it_is_not_given(stopped: Hive) -> None:
    hive = stopped
    write(hive, '[defaults]\ndriver = "rehearsal"\nmodel = "haiku"\nresources.pids = 99\n')
    hive.start()
    hive.ctl("new", "ada", "--stopped")
    hive.ctl("new", "bob", "--stopped", "--model", "opus", "--driver", "claude")
    made = [hive.agent(name)["config"] for name in ("ada", "bob")]
    assert [(c["driver"], c["model"], c["resources"]["pids"]) for c in made] == [
        ("rehearsal", "haiku", 99),
        ("claude", "opus", 99),
    ]
    keys = hive.call("config", agent="ada")["keys"]
    assert {row["key"] for row in keys if row["source"] == "hive.toml"} == {
        "driver",
        "model",
        "resources.pids",
    }


@pytest.mark.parametrize(
    "given,key",
    [
        ({"idle_limit_s": 0.5}, "limits.idle_seconds"),
        ({"tool_limit_s": 0.5}, "limits.tool_seconds"),
        ({"tools": ["Read Write"]}, "tools[1]"),
        ({"options": {"a key": "x"}}, "options."),
        ({"model": "two words"}, "'two words' is no model"),
        ({"fallback": "two words"}, "'two words' is no model"),
    ],
)
def test_an_agent_is_given_nothing_that_agent_toml_could_not_say(
    hive: Hive, given: dict[str, Any], key: str
) -> None:
    with pytest.raises(HivedError) as refused:
        hive.call("new", agent="ada", driver="rehearsal", **given)
    assert refused.value.code == "invalid_params"
    assert key in refused.value.message
    assert hive.call("agents")["agents"] == []


def test_the_history_of_an_agents_commits_is_shown(stopped: Hive) -> None:
    hive = stopped
    write(hive, '[defaults]\ndriver = "rehearsal"\n')
    hive.start()
    hive.ctl("spawn", "web")
    hive.wait_for("approval_outcome", outcome="done")
    answer = hive.call("config", agent="web")
    marks = {(row["mark"], row["commit"]) for row in answer["history"]}
    assert ("deployed", answer["commit"]) in marks
    assert answer["text"].startswith("# The configuration of the agent web")
    sources = {row["key"]: (row["value"], row["source"]) for row in answer["keys"]}
    assert sources["driver"] == ('"rehearsal"', "hive.toml")
    assert sources["prompt_file"] == ('"prompt.md"', "built-in")
    shown = hive.ctl("config", "web")
    assert f"runs with commit {answer['commit'][:12]}" in shown and "deployed/p" in shown
    # It is kept with the agent, and goes with it.
    hive.call("rm", agent="web")
    assert hive.call("config", agent="web")["history"] == answer["history"]
    assert str(hive.home / "applied" / "web.git") in hive.ctl("purge", "web", "--yes")
    assert list((hive.home / "applied").iterdir()) == []


def test_what_runs_is_explained_though_hive_toml_is_another_now(stopped: Hive) -> None:
    hive = stopped
    write(hive, '[defaults]\ndriver = "rehearsal"\nmodel = "haiku"\nnotes.limit = "2KiB"\n')
    hive.start()
    hive.ctl("spawn", "web")
    hive.wait_for("approval_outcome", outcome="done")
    write(hive, '[defaults]\ndriver = "rehearsal"\nmodel = "opus"\n')
    hive.ctl("daemon", "reload")
    keys = {row["key"]: row for row in hive.call("config", agent="web")["keys"]}
    told = [(keys[key]["value"], keys[key]["source"]) for key in ("driver", "model", "notes.limit")]
    earlier = "earlier hive.toml"
    assert told == [('"rehearsal"', "hive.toml"), ('"haiku"', earlier), ("2048", earlier)]


def test_texts_are_checked_before_they_are_used(hive: Hive, tmp_path: Path) -> None:
    good, bad = tmp_path / "agent.toml", tmp_path / "bad.toml"
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts" / "ada.md").write_text("You are ada.")
    good.write_text('model = "haiku"\nprompt_file = "prompts/ada.md"\n')
    bad.write_text('modle = "haiku"\nallow = ["Bash("]\n')
    assert "validates" in hive.ctl("config", "check", str(good))
    done = hive.call("config_check", toml=bad.read_text())
    assert not done["ok"] and len(done["problems"]) == 2
    hive.ctl("config", "check", str(bad), code=5)
    hive.ctl("config", "check", str(tmp_path / "none.toml"), code=2)
    settings = tmp_path / "hive.toml"
    settings.write_text("[rate_limits]\nresume = false\n")
    assert "validates as hive.toml" in hive.ctl("config", "check", str(settings))
    for of in ("agent", "hive"):
        assert json.loads(hive.ctl("config", "schema", of))["title"] == f"{of}.toml"
    hive.ctl("config", "schema", "zoo", code=2)
    with pytest.raises(HivedError) as caught:
        hive.call("config_check", toml="", file="other.toml")
    assert caught.value.code == "invalid_params"
