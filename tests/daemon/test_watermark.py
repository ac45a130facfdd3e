"""A session that grows full: its notes are saved, it is compacted, and only then comes its mail."""

from tests.daemon.harness import Hive

TINY = """
model = "tiny"
{more}
[[turn]]
steps = [{{ context = 9_000 }}, {{ say = "full" }}]
[default]
steps = [{{ say = "Done." }}]
[[rule]]
when = {{ command = "checkpoint" }}
steps = [
  {{ sleep = {slow} }},
  {{ tool = "Write", input = {{ file_path = "{{notes}}", content = "the beans are wet" }} }},
]
[models.tiny]
window = 10_000
input = 1_000.0
"""


def scenario(more: str = "", slow: float = 0) -> str:
    return TINY.format(more=more, slow=slow)


def kinds(hive: Hive) -> list[tuple[str, str]]:
    return [(row["data"]["kind"], row["data"]["reason"]) for row in hive.events("turn_start")]


def test_checkpoint_then_compaction_then_the_mail_that_waits(hive: Hive) -> None:
    hive.new("ada", scenario(slow=1))
    hive.send("ada")
    [_, checkpoint] = hive.wait_for("turn_start", 2)
    hive.send("ada", "later")
    [over] = hive.wait_for("compaction_end")
    assert over["data"]["outcome"] == "ok", over
    assert over["data"]["before"] > over["data"]["after"] > 0
    assert [row["data"]["why"] for row in hive.events("compaction_queued")] == ["watermark"]
    hive.end("ada", 4)
    assert kinds(hive) == [
        ("work", "mail"),
        ("work", "checkpoint"),
        ("compact", "compaction"),
        ("work", "mail"),
    ]
    notes = hive.home / "agents" / "ada" / "state" / "notes.md"
    assert notes.read_text() == "the beans are wet"
    measured = [row["data"] for row in hive.events("notes_measured")]
    assert {row["turn"]: row["bytes"] for row in measured}[checkpoint["data"]["turn"]] == 17
    assert hive.agent("ada")["compaction"] is None
    hive.check()


def test_hived_dies_in_the_checkpoint_and_goes_on_to_the_compaction(hive: Hive) -> None:
    hive.new("ada", scenario(slow=2))
    hive.send("ada")
    [_, checkpoint] = hive.wait_for("turn_start", 2)
    hive.host(checkpoint["data"]["turn"])
    hive.kill()
    hive.start()
    hive.wait_for("compaction_end")
    hive.end("ada", 3)
    assert [kind for kind, _ in kinds(hive)] == ["work", "work", "compact"]
    hive.check()


def test_compactions_that_free_little_are_stopped_and_told(hive: Hive) -> None:
    hive.new("ada", scenario("summary_tokens = 6_000"))
    hive.send("ada")
    hive.end("ada", 3)
    hive.send("ada", "again")
    hive.end("ada", 6)
    assert len(hive.events("compaction_end")) == 2
    assert hive.agent("ada")["compaction"] == "thrashing"
    assert "thrashing" in hive.ctl("status", "ada")
    told = [row["body"] for row in hive.call("inbox")["messages"]]
    assert len([body for body in told if "free too little" in body]) == 1
    hive.send("ada", "and again")
    hive.end("ada", 7)
    assert len(hive.events("compaction_queued")) == 2
    assert hive.word("ada") == "idle"
