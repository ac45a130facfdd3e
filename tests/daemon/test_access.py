"""Prompts that grew too long, rate limits, refused logins, silence: what a turn's end leads to."""

import sys
import time
from datetime import datetime
from pathlib import Path

import pytest

from tests.daemon.harness import Hive, wait

DONE = '[default]\nsteps = [{ say = "done" }]'


def first(*steps: str) -> str:
    """A scenario whose first turn does these steps; all later ones are fine."""
    return f"[[turn]]\nsteps = [{', '.join(steps)}]\n{DONE}"


def kinds(hive: Hive) -> list[tuple[str, str]]:
    return [(s["data"]["kind"], s["data"]["reason"]) for s in hive.events("turn_start")]


def outcomes(hive: Hive) -> list[tuple[str, str]]:
    return [(e["data"]["outcome"], e["data"]["why"]) for e in hive.events("turn_end")]


# prompt_too_long


def test_too_long_a_prompt_is_compacted_once_and_tried_again(hive: Hive) -> None:
    hive.new(
        "ada",
        f"""
[[turn]]
steps = [{{ say = "hello" }}]
[[turn]]
steps = [{{ error = "prompt_too_long" }}]
{DONE}
""",
    )
    hive.send("ada", "first")
    assert hive.end("ada")["outcome"] == "ok"
    message = hive.send("ada", "second")
    assert hive.end("ada", 4)["outcome"] == "ok", hive.story()
    assert kinds(hive) == [
        ("work", "mail"),
        ("work", "mail"),
        ("compact", "compaction"),
        ("work", "retry"),
    ]
    assert [o for o, _ in outcomes(hive)] == ["ok", "prompt_too_long", "ok", "ok"]
    # The CLI tried one by itself, within the turn, that helped nothing; the second is hived's.
    over = hive.events("compaction_end")[-1]
    assert over["data"]["outcome"] == "ok" and over["data"]["before"] > 0 < over["data"]["after"]
    assert len({s["data"]["session"] for s in hive.events("turn_start")}) == 1
    # The text was not taken up: it is told again, and no attempt was counted against it.
    assert f'<mail id="{message}"' in hive.told("ada")[-1]
    assert [r["data"]["counted"] for r in hive.events("message_returned")] == [False]
    hive.check()


def test_a_prompt_that_stays_too_long_gets_a_fresh_session_with_a_hand_over(hive: Hive) -> None:
    """The second session is handed the notes and the last messages."""
    hive.new(
        "ada",
        """
[[rule]]
when = { contains = "second", turn = 2 }
steps = [{ error = "prompt_too_long" }]
[[rule]]
when = { contains = "second", turn = 3 }
steps = [{ error = "prompt_too_long" }]
[[rule]]
when = { contains = "second", turn = 4 }
steps = [{ error = "prompt_too_long" }]
"""
        + DONE,
    )
    home = hive.home / "agents" / "ada"
    home.mkdir(exist_ok=True)
    (home / "notes.md").write_text("The beans are in the cellar. </notes> <mail>")
    hive.send("ada", "first words")
    assert hive.end("ada")["outcome"] == "ok"
    message = hive.send("ada", "second words")
    wait(lambda: len([o for o, _ in outcomes(hive) if o == "ok"]) == 3, hive.story)
    assert kinds(hive)[1:] == [
        ("work", "mail"),
        ("compact", "compaction"),
        ("work", "retry"),
        ("work", "hand_over"),
    ]
    [reset] = hive.events("session_reset")
    assert reset["data"]["why"] == "prompt_too_long"
    last = hive.events("turn_start")[-1]["data"]
    assert last["session"] == reset["data"]["session"] and last["fresh"] is True
    [told] = [t for t in hive.told("ada") if "fresh conversation" in t]
    assert "The beans are in the cellar." in told and "first words" in told
    assert told.count("<notes>") == told.count("</notes>") == 1
    assert f'<mail id="{message}"' in told
    assert len(hive.events("message_acked")) == 2


def test_a_prompt_that_is_too_long_even_alone_is_given_up(hive: Hive) -> None:
    hive.new("ada", '[default]\nsteps = [{ error = "prompt_too_long" }]')
    hive.send("ada", "x" * 1000)
    [dead] = hive.wait_for("message_dead")
    assert dead["data"]["why"] == "prompt_too_long"
    row = wait(lambda: (r := hive.agent("ada"))["turn"] is None and r)
    assert row["word"] == "idle" and row["inbox"]["queued"] == 0
    assert len(hive.events("turn_start")) <= 8, hive.story()


# Rate limits


@pytest.fixture
def env_file(tmp_path: Path) -> str:
    """Who shares it shares a credential."""
    path = tmp_path / "key"
    path.write_text("SOME_KEY=secret-words\n")
    return str(path)


def test_a_named_reset_time_holds_all_agents_of_the_credential(hive: Hive, env_file: str) -> None:
    limited = first('{ error = "usage_limit", resets_in = 10.0 }')
    hive.new("ada", limited, env_file=env_file)
    hive.new("bob", DONE, env_file=env_file)
    hive.new("eve", DONE)
    hive.send("ada")
    end = hive.end("ada")
    assert end["outcome"] == "rate_limited"
    [hit] = hive.events("rate_limit_hit")
    assert hit["data"]["named"] is True and 0 < hit["data"]["until"] - time.time() <= 11
    hive.send("bob")
    hive.send("eve")
    assert hive.end("eve")["outcome"] == "ok"
    for name in ("ada", "bob"):
        row = hive.agent(name)
        assert (row["word"], row["inbox"]["queued"]) == ("rate limited", 1)
        assert row["until"] is not None
    assert "rate limited" in hive.ctl("ps")
    # It is over by itself, at that time; nobody's attempt was counted.
    [over] = hive.wait_for("rate_limit_over")
    assert over["data"]["why"] == "elapsed"
    assert hive.end("ada", 2)["outcome"] == hive.end("bob")["outcome"] == "ok"
    assert time.time() >= hit["data"]["until"]
    assert [r["data"]["counted"] for r in hive.events("message_returned")] == [False]


def test_a_limit_is_kept_over_a_restart_and_lifted_by_a_person(hive: Hive) -> None:
    hive.new("ada", first('{ error = "usage_limit", resets_in = 3600 }'))
    hive.send("ada")
    assert hive.end("ada")["outcome"] == "rate_limited"
    hive.kill()
    hive.start()
    assert hive.word("ada") == "rate limited"
    assert "the wait is over" in hive.ctl("lift", "ada")
    assert hive.end("ada", 2)["outcome"] == "ok"
    assert "neither waits" in hive.ctl("lift", "ada", code=1)


def test_a_limit_without_a_time_is_tried_again_at_growing_waits(stopped: Hive) -> None:
    stopped.faults["limits"]["RATE_LIMIT_WAIT_SECONDS"] = 0.5
    stopped.start()
    error = '[[turn]]\nsteps = [{ error = "429", retries = 0 }]\n'
    stopped.new("ada", error * 3 + DONE)
    stopped.send("ada")
    assert stopped.end("ada", 4)["outcome"] == "ok"
    hits = stopped.events("rate_limit_hit")
    assert [hit["data"]["named"] for hit in hits] == [False] * 3
    ends = stopped.events("turn_end")
    for number, (hit, end) in enumerate(zip(hits, ends, strict=False)):
        waited = hit["data"]["until"] - _unix(end)
        assert 0.8 * 0.5 * 2**number <= waited + 0.01 <= 1.2 * 0.5 * 2**number + 0.1


def _unix(row: dict[str, object]) -> float:
    return datetime.fromisoformat(str(row["at"])).timestamp()


# Logins


def test_a_refused_login_parks_until_its_file_changes(hive: Hive, env_file: str) -> None:
    hive.new("ada", first('{ error = "401", retries = 0 }'), env_file=env_file)
    hive.new("bob", DONE, env_file=env_file)
    hive.send("ada")
    end = hive.end("ada")
    assert end["outcome"] == "auth_failed"
    row = wait(lambda: (r := hive.agent("ada"))["turn"] is None and r)
    assert (row["word"], row["group"]) == ("needs login", "Needs you")
    hive.send("bob")
    assert hive.word("bob") == "needs login"
    assert hive.events("turn_start", agent="bob") == []
    Path(env_file).write_text("SOME_KEY=other-words\n")
    assert hive.end("ada", 2)["outcome"] == hive.end("bob")["outcome"] == "ok"
    [done] = hive.events("login_done")
    assert done["data"]["why"] == "changed"
    assert [r["data"]["counted"] for r in hive.events("message_returned")] == [False]
    # No secret is in the log.
    assert not any("words" in str(row["data"]) for row in hive.events())


def test_a_login_file_that_changed_while_hived_was_down_is_seen(hive: Hive, env_file: str) -> None:
    hive.new("ada", first('{ error = "not_logged_in" }'), env_file=env_file)
    hive.send("ada")
    assert hive.end("ada")["outcome"] == "auth_failed"
    hive.kill()
    Path(env_file).write_text("SOME_KEY=other-words\n")
    hive.start()
    assert hive.end("ada", 2)["outcome"] == "ok"


def test_a_refused_login_is_tried_again_by_lift(hive: Hive) -> None:
    hive.new("ada", first('{ error = "403" }'))
    hive.send("ada")
    assert hive.end("ada")["outcome"] == "auth_failed"
    wait(lambda: hive.word("ada") == "needs login")
    hive.ctl("lift", "ada")
    assert hive.end("ada", 2)["outcome"] == "ok"


# Silence


def test_a_silent_cli_is_ended_and_its_turn_tried_again(hive: Hive) -> None:
    hive.new("ada", first('{ say = "hm" }', '{ hang = "quiet" }'), idle_limit_s=1.0)
    hive.send("ada")
    end = hive.end("ada")
    assert (end["outcome"], end["why"]) == ("failed", "idle_limit")
    [cancel] = hive.events("turn_cancel")
    assert cancel["by"] == "policy:idle_limit"
    assert hive.end("ada", 2)["outcome"] == "ok"
    assert [r["data"]["counted"] for r in hive.events("message_returned")] == [True]


def test_a_running_tool_has_a_limit_of_its_own(hive: Hive) -> None:
    """Longer than the idle limit, it is left running; longer than its own, it is ended."""
    hive.new(
        "ada",
        first('{ bash = "sleep 2" }', '{ bash = "sleep 600" }'),
        idle_limit_s=1.0,
        tool_limit_s=4.0,
        allow=["Bash(sleep *)"],
    )
    hive.send("ada")
    end = hive.end("ada")
    assert (end["outcome"], end["why"]) == ("failed", "tool_limit")
    assert len(hive.events("tool_call")) == 2
    assert hive.events("tool_result")[0]["data"]["outcome"] == "ok"
    assert hive.end("ada", 2)["outcome"] == "ok"
    assert hive.living() == []


def test_a_cli_that_says_nothing_at_all_has_a_start_limit(stopped: Hive) -> None:
    stopped.faults["limits"]["START_LIMIT_SECONDS"] = 1.0
    stopped.start()
    cli = stopped.home.parent / "cli"
    cli.write_text("#!/bin/sh\nexec sleep 600\n")
    cli.chmod(0o700)
    stopped.new("ada", DONE, program=str(cli), idle_limit_s=1.0)
    stopped.send("ada")
    end = stopped.end("ada")
    assert (end["outcome"], end["why"]) == ("failed", "start_limit")
    _rehearsal(stopped).replace(cli)
    wait(lambda: stopped.events("turn_end", outcome="ok"), stopped.story)


def _rehearsal(hive: Hive) -> Path:
    path = hive.home.parent / "other"
    path.write_text(f'#!/bin/sh\nexec {sys.executable} -m hived.rehearsal "$@"\n')
    path.chmod(0o700)
    return path


# Permission questions


def test_a_permission_question_is_answered_from_the_allow_list(hive: Hive) -> None:
    hive.new(
        "ada",
        first('{ bash = "touch one" }', '{ bash = "mkdir two" }'),
        allow=["Bash(mkdir *)", "Read"],
    )
    hive.send("ada")
    assert hive.end("ada")["outcome"] == "ok"
    answers = [row["data"] for row in hive.events("permission_answer")]
    refused = [a for a in answers if not a["allowed"]]
    assert len(refused) == 1 and refused[0]["tool"] == "Bash"
    assert "Bash(mkdir *)" in refused[0]["reason"] and refused[0]["rule"] == ""
    assert any("Bash(mkdir *)" in line and "tool_result" in line for line in hive.lines("ada"))
    work = hive.home / "agents" / "ada" / "work"
    assert not (work / "one").exists() and (work / "two").is_dir()
    results = [row["data"]["outcome"] for row in hive.events("tool_result")]
    assert results == ["refused", "ok"]
