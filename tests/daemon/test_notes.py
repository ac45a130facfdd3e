"""The notes of an agent: measured, compacted, kept; a rewrite that is no good changes nothing."""

import json
from pathlib import Path

import pytest

from hived import limits
from tests.daemon.harness import Hive, wait

# 40 lines of notes, 10 bytes each.
LINES = [f"note {number:04d}" for number in range(40)]
NOTES = "\n".join(LINES) + "\n"


def scenario(said: str = "", more: str = "") -> str:
    """An agent that writes NOTES in its first turn, and what it answers to a rewrite."""
    rule = f"[[rule]]\nwhen = {{ command = 'notes' }}\nsteps = [{said}]\n" if said else ""
    return f"""
{rule}
[[turn]]
steps = [
  {{ tool = "Write", input = {{ file_path = "{{notes_file}}", content = {json.dumps(NOTES)} }} }},
  {{ say = "Noted." }},
]
[default]
steps = [{{ say = "Done." }}]
{more}
"""


def new(hive: Hive, said: str = "", more: str = "") -> Path:
    """ada, and the path of her notes."""
    notes = hive.home / "agents" / "ada" / "state" / "notes.md"
    text = scenario(said, more).replace("{notes_file}", str(notes))
    hive.new("ada", text)
    return notes


def test_what_an_agent_writes_is_measured_at_the_end_of_its_turn(hive: Hive) -> None:
    notes = new(hive)
    hive.send("ada")
    assert hive.end("ada")["outcome"] == "ok", hive.story()
    assert notes.read_text() == NOTES
    [measured] = hive.wait_for("notes_measured")
    assert measured["data"] == {
        "agent": "ada",
        "turn": hive.events("turn_end")[0]["data"]["turn"],
        "bytes": len(NOTES),
    }
    assert hive.agent("ada")["notes_bytes"] == len(NOTES)


def test_notes_are_compacted_by_hand_in_a_session_of_their_own(hive: Hive) -> None:
    notes = new(hive)
    assert "no notes to compact" in hive.ctl("compact", "ada", "--notes", code=1)
    hive.send("ada")
    hive.end("ada")
    assert "compacts its notes" in hive.ctl("compact", "ada", "--notes")
    [over] = hive.wait_for("compaction_end")
    assert over["data"]["of"] == "notes"
    assert over["data"]["outcome"] == "ok", over
    rewrite = "\n".join(LINES[:20]) + "\n"
    assert (over["data"]["before"], over["data"]["after"]) == (len(NOTES), len(rewrite))
    assert notes.read_text() == rewrite
    [work, start] = hive.events("turn_start")
    assert start["data"]["kind"] == "notes"
    assert start["data"]["session"] != work["data"]["session"]
    history = wait(lambda: list((hive.home / "agents" / "ada" / "notes-history").glob("*.md")))
    assert [file.read_text() for file in history] == [NOTES]
    assert hive.ctl("notes", "ada", "--replaced-by", "2").endswith(NOTES)
    refused = hive.ctl("notes", "ada", "--replaced-by", "7", code=4)
    assert "that turn '7' replaced" in refused and "hivectl notes ada --history" in refused
    assert "#2 " in hive.ctl("notes", "ada", "--history")
    end = hive.end("ada", 2)
    assert end["cost_usd"] > 0 and end["outcome"] == "ok"
    row = hive.agent("ada")
    assert row["session"] == work["data"]["session"]
    assert row["notes_bytes"] == len(rewrite)
    hive.send("ada", "go on")
    hive.end("ada", 3)
    assert not any("Rewrite the notes" in text for text in hive.told("ada"))
    hive.check()


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ('{ say = " " }', "empty"),
        ('{ say = "{notes}{notes}" }', "bytes, the notes have"),
        ('{ error = "400" }', ""),
        ("{ exit = 1 }", ""),
    ],
)
def test_a_rewrite_that_is_no_good_changes_nothing_and_is_told(
    hive: Hive, said: str, why: str
) -> None:
    notes = new(hive, said)
    hive.send("ada")
    hive.end("ada")
    hive.ctl("compact", "ada", "--notes")
    [over] = hive.wait_for("compaction_end")
    assert over["data"]["outcome"] == "failed" and why in over["data"]["detail"], over
    assert notes.read_text() == NOTES
    kept = hive.home / "agents" / "ada" / "notes-history"
    wait(lambda: not list(kept.glob("*")), "what was kept of nothing is gone")
    [told] = [
        row for row in hive.call("inbox")["messages"] if "could not be compacted" in row["body"]
    ]
    assert why in told["body"] and "compacted: . " not in told["body"]
    hive.send("ada", "go on")
    assert hive.end("ada", 3)["outcome"] == "ok"
    assert hive.word("ada") == "idle"


def test_notes_past_their_limit_are_compacted_before_the_mail_that_waits(stopped: Hive) -> None:
    hive = stopped
    hive.faults["limits"]["NOTES_LIMIT_BYTES"] = len(NOTES) - 1
    hive.start()
    new(hive, more="")
    hive.send("ada")
    [over] = hive.wait_for("compaction_end")
    assert over["data"]["outcome"] == "ok"
    [queued] = hive.events("compaction_queued")
    assert (queued["data"]["why"], queued["data"]["of"]) == ("bloat", "notes")
    hive.send("ada", "again")
    hive.end("ada", 3)
    assert len(hive.events("compaction_queued")) == 1


def test_a_refused_rewrite_is_not_tried_again_until_the_notes_have_grown(stopped: Hive) -> None:
    hive = stopped
    hive.faults["limits"]["NOTES_LIMIT_BYTES"] = 100
    hive.start()
    notes = new(hive, '{ say = " " }')
    hive.send("ada")
    hive.wait_for("compaction_end")
    hive.send("ada", "again")
    hive.end("ada", 3)
    assert len(hive.events("compaction_queued")) == 1
    notes.write_text(NOTES * 2)
    hive.send("ada", "and again")
    hive.wait_for("compaction_end", 2)


def test_hived_dies_in_a_rewrite_and_takes_it_up_again(hive: Hive) -> None:
    notes = new(hive, '{ sleep = 2 }, { say = "short" }')
    hive.send("ada")
    hive.end("ada")
    hive.ctl("compact", "ada", "--notes")
    [start] = hive.wait_for("compaction_start")
    hive.host(start["data"]["turn"])
    assert hive.word("ada") == "compacting"
    hive.kill()
    hive.start()
    [over] = hive.wait_for("compaction_end")
    assert over["data"]["outcome"] == "ok"
    assert notes.read_text() == "short\n"
    assert len(hive.events("turn_start")) == 2
    hive.check()


def test_notes_that_a_person_changes_meanwhile_stay_so(hive: Hive) -> None:
    notes = new(hive, '{ sleep = 2 }, { say = "short" }')
    hive.send("ada")
    hive.end("ada")
    hive.ctl("compact", "ada", "--notes")
    [start] = hive.wait_for("compaction_start")
    hive.host(start["data"]["turn"])
    notes.write_text("mine")
    [over] = hive.wait_for("compaction_end")
    assert over["data"]["outcome"] == "failed"
    assert "changed meanwhile" in over["data"]["detail"]
    assert notes.read_text() == "mine"


def test_notes_that_are_a_link_are_not_followed(hive: Hive, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret " * 1000)
    notes = new(hive)
    notes.parent.mkdir(parents=True, exist_ok=True)
    notes.symlink_to(secret)
    hive.call("compact", agent="ada", notes=True)
    [over] = hive.wait_for("compaction_end")
    assert over["data"]["outcome"] == "failed"
    assert secret.read_text() == "secret " * 1000
    assert hive.end("ada")["exit_code"] is None  # no CLI was started


def test_only_so_many_old_versions_are_kept(hive: Hive) -> None:
    notes = new(hive, '{ say = "x" }')
    for number in range(1, limits.NOTES_HISTORY_MAX + 3):
        notes.parent.mkdir(parents=True, exist_ok=True)
        notes.write_text(f"version {number:02d} " * 3)
        hive.call("compact", agent="ada", notes=True)
        hive.end("ada", number)
        wait(lambda: hive.word("ada") == "idle")
    folder = hive.home / "agents" / "ada" / "notes-history"
    kept = wait(lambda: len(sorted(folder.glob("*"))) == limits.NOTES_HISTORY_MAX)
    assert kept
    assert sorted(folder.glob("*"))[-1].read_text() == f"version {number:02d} " * 3


@pytest.mark.parametrize(
    "place",
    [
        "hived.world.notes:keep",
        "hived.supervisor.drive:TurnDrive._start",
        "hived.world.notes:replace",
        "hived.supervisor.drive:measure",
        "hived.world.notes:settle",
    ],
)
def test_hived_dies_at_any_step_of_a_rewrite_and_comes_to_the_same_end(
    stopped: Hive, place: str
) -> None:
    hive = stopped
    hive.start(die_in=place)
    notes = new(hive, '{ say = "short" }')
    notes.parent.mkdir(parents=True, exist_ok=True)
    notes.write_text(NOTES)
    hive.call("compact", agent="ada", notes=True)
    hive.died()
    hive.start()
    [over] = hive.wait_for("compaction_end")
    assert (over["data"]["outcome"], over["data"]["detail"]) == ("ok", "")
    assert notes.read_text() == "short\n"
    [start] = hive.events("turn_start")
    folder = hive.home / "agents" / "ada" / "notes-history"
    [kept] = folder.glob("*.md")
    assert kept.read_text() == NOTES and start["data"]["turn"] in kept.name
    assert hive.end("ada")["outcome"] == "ok"
    assert hive.agent("ada")["notes_bytes"] == len("short\n")
    assert hive.call("inbox")["messages"] == []
    hive.check()
