"""Agents taken out, brought back and purged, by a real hived on real folders."""

import os
from pathlib import Path

import pytest

from hived.errors import HivedError
from tests.daemon.harness import Hive, wait

DONE = '[default]\nsteps = [{ say = "done" }]'


def taken_out(hive: Hive, name: str = "ada") -> str:
    """An agent that had a turn, and mail that came too late; the mail's id."""
    hive.new(name, DONE, role="manager")
    hive.send(name, "first")
    assert hive.end(name)["outcome"] == "ok"
    hive.call("pause", agent=name)
    message = hive.send(name, "second")
    assert hive.call("rm", agent=name)["kept_messages"] == 1
    return message


def refused(hive: Hive, method: str, **params: object) -> HivedError:
    with pytest.raises(HivedError) as caught:
        hive.call(method, **params)
    return caught.value


def test_an_agent_that_comes_back_reads_its_mail_in_its_conversation(hive: Hive) -> None:
    message = taken_out(hive)
    before = hive.events("turn_start")[0]["data"]["session"]
    row = hive.call("tombstones")["tombstones"][0]
    assert (row["agent"], row["turns"], row["inbox"]) == ("ada", 1, {"queued": 1})
    assert row["destroyed_by"].startswith("operator:")
    assert row["bytes"] > 0
    gone = refused(hive, "send", to="ada", body="x")
    assert (gone.code, "hivectl revive ada" in gone.hint) == ("not_found", True)
    assert "second" in hive.ctl("inbox", "ada")
    assert refused(hive, "new", agent="ada", driver="rehearsal").code == "exists"
    hive.kill()
    hive.start()
    hive.ctl("revive", "ada")
    assert hive.end("ada", 2)["outcome"] == "ok"
    start = hive.events("turn_start")[1]["data"]
    assert (start["session"], start["number"], start["fresh"]) == (before, 2, False)
    assert start["messages"] == [message]
    assert f'<mail id="{message}"' in hive.told("ada")[-1]
    assert hive.call("tombstones")["tombstones"] == []
    decided = hive.events("approval_decision")[0]
    assert (decided["data"]["decision"], decided["by"][:9]) == ("approved", "operator:")
    hive.check()


def test_one_may_ask_for_it_and_another_approves(hive: Hive) -> None:
    taken_out(hive)
    answer = hive.call("revive", agent="ada", request=True, command_id="once")
    again = hive.call("revive", agent="ada", request=True, command_id="once")
    assert (answer["revived"], again["approval"]) == (False, answer["approval"])
    assert hive.call("agents")["agents"] == []
    asked = hive.events("approval_request")
    assert [row["data"]["kind"] for row in asked] == ["revive"]
    hive.call("approve", approval=answer["approval"])
    hive.wait_for("approval_outcome", outcome="done")
    assert hive.end("ada", 2)["outcome"] == "ok"
    assert hive.events("agent_revived")[0]["data"]["approval"] == answer["approval"]


def test_what_is_denied_stays_taken_out(hive: Hive) -> None:
    taken_out(hive)
    approval = hive.call("revive", agent="ada", request=True)["approval"]
    hive.call("deny", approval=approval, note="not now")
    assert [row["agent"] for row in hive.call("tombstones")["tombstones"]] == ["ada"]
    assert hive.call("agents")["agents"] == []
    hive.call("revive", agent="ada", start=False)
    assert hive.agent("ada")["process"] == "stopped"


def test_a_purge_names_what_it_deletes_and_deletes_no_more(hive: Hive, tmp_path: Path) -> None:
    taken_out(hive)
    hive.new("ada-b", DONE)
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").write_text("p")
    folder = hive.home / "agents" / "ada"
    (folder / "work" / "away").symlink_to(outside)
    (folder / "work" / "file").write_bytes(b"x" * 5000)
    for name in ("ad", "..", "ada-b", "ada/..", "bob", ""):
        assert refused(hive, "purge", agent=name).code in ("not_found", "wrong_state")
        assert refused(hive, "purge_plan", agent=name).code in ("not_found", "wrong_state")
    asked = hive.ctl("purge", "ada", code=2)
    assert str(folder) in asked and "add --yes" in asked
    assert folder.is_dir()
    told = hive.ctl("purge", "ada", "--yes")
    assert str(folder) in told and str(hive.home / "transcripts" / "ada") in told
    assert "ada: deleted, the name is free" in told
    assert not folder.exists() and not (hive.home / "transcripts" / "ada").exists()
    assert (outside / "precious").read_text() == "p"
    assert (hive.home / "agents" / "ada-b" / "work").is_dir()
    purged = hive.events("agent_purged")[0]["data"]
    assert [path.partition(" (")[0] for path in purged["paths"]][:2] == [
        str(folder),
        str(hive.home / "transcripts" / "ada"),
    ]
    assert purged["bytes"] > 5000
    assert [m["data"]["why"] for m in hive.events("message_dead")] == ["purged"]
    hive.new("ada", DONE)
    hive.send("ada")
    assert hive.end("ada", 2)["outcome"] == "ok"
    assert hive.agent("ada")["turns"][-1]["number"] == 1
    hive.check()


def test_a_repeat_of_a_purge_is_answered_as_the_first(hive: Hive) -> None:
    taken_out(hive)
    first = hive.call("purge", agent="ada", command_id="p1")
    again = hive.call("purge", agent="ada", command_id="p1")
    assert first["deleted"] and first == again
    assert len(hive.events("agent_purged")) == 1


def test_a_link_in_the_place_of_the_folder_stops_a_purge(hive: Hive, tmp_path: Path) -> None:
    taken_out(hive)
    folder = hive.home / "agents" / "ada"
    folder.rename(tmp_path / "elsewhere")
    folder.symlink_to(tmp_path / "elsewhere")
    for method in ("purge_plan", "purge"):
        error = refused(hive, method, agent="ada")
        assert error.code == "wrong_state"
        assert str(folder) in error.message and "link" in error.message
    row = hive.call("tombstones")["tombstones"][0]
    assert (row["bytes"], "link" in row["problem"]) == (None, True)
    assert "link" in hive.ctl("tombstones")
    assert (tmp_path / "elsewhere" / "work").is_dir()
    assert hive.events("agent_purged") == []


@pytest.mark.parametrize(
    "fault",
    [
        {"die_at": ["agent_purged", 1]},
        {"die_in": "hived.world.kept:delete"},
        {"die_in": "os:rmdir"},
        {"die_at": ["purge_done", 1]},
    ],
    ids=str,
)
def test_a_purge_survives_the_death_of_hived(stopped: Hive, fault: dict[str, object]) -> None:
    """Whatever was done of it before: after the start it is done, and the name is free."""
    hive = stopped
    hive.start()
    taken_out(hive)
    for number in range(20):
        (hive.home / "agents" / "ada" / "work" / f"d{number}" / "e").mkdir(parents=True)
    hive.stop()
    hive.start(**fault)
    with pytest.raises(HivedError):
        hive.call("purge", agent="ada")
    hive.died()
    hive.start()
    wait(lambda: hive.call("tombstones")["purging"] == [], hive.story)
    assert len(hive.events("agent_purged")) == len(hive.events("purge_done")) == 1
    for place in ("agents", "transcripts"):
        assert not os.path.lexists(hive.home / place / "ada")
    hive.new("ada", DONE)
    hive.send("ada")
    assert hive.end("ada", 2)["outcome"] == "ok"
    hive.check()
