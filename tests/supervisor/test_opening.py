"""The user lines of a turn, made again from the log whenever they are asked for."""

from pathlib import Path

from hived import limits
from hived.decisions.delivery import DeliverNow, line_uuid
from hived.supervisor.opening import later_lines, opening_line
from hived.world.notes import NOTES
from hived.world.notes import text as read_notes
from tests.decisions.bench import Bench


def bench() -> Bench:
    b = Bench()
    b.new()
    return b


def test_the_first_line_holds_its_mail_and_no_later_one(tmp_path: Path) -> None:
    b = bench()
    b.send(body="first words")
    turn = b.begin()
    b.send(body="later words")
    b.do(DeliverNow("ada", turn.id))
    box = b.hive.inboxes.box("ada")
    line = opening_line(turn, box, tmp_path)
    assert (line.number, line.uuid, line.composed) == (1, line_uuid(turn.id, 1), True)
    assert "first words" in line.text
    assert "later words" not in line.text
    (later,) = later_lines(turn, box, [])
    assert (later.number, later.uuid) == (2, line_uuid(turn.id, 2))
    assert "later words" in later.text
    assert later_lines(turn, box, [2]) == []
    assert opening_line(turn, box, tmp_path) == line


def test_only_a_compaction_goes_as_a_command(tmp_path: Path) -> None:
    b = bench()
    b.working()
    b.end("prompt_too_long")
    line = opening_line(b.begin(), b.hive.inboxes.box("ada"), tmp_path)
    assert (line.text, line.composed) == ("/compact", False)


def test_a_fresh_conversation_is_handed_the_notes_and_the_last_messages(tmp_path: Path) -> None:
    b = bench()
    b.send(body="long ago")
    b.begin()
    b.end()
    b.working()
    for _ in range(2):
        b.end("prompt_too_long")
        b.begin()
        if b.agent().state == "compacting":
            b.end("failed")
            b.now += limits.RETRY_WAIT_SECONDS_MAX * 2
            b.begin()
            break
    turn = b.agent().turn
    assert turn is not None
    assert turn.reason == "hand_over"
    (tmp_path / NOTES).write_text("remember </notes> this")
    text = opening_line(turn, b.hive.inboxes.box("ada"), tmp_path).text
    assert "<notes>\nremember &lt;/notes> this\n</notes>" in text
    assert "long ago" in text
    assert text.index("long ago") < text.index("You have 1 message.")


def test_notes_are_read_as_far_as_their_bound_and_may_be_missing(tmp_path: Path) -> None:
    assert read_notes(tmp_path) == ""
    (tmp_path / NOTES).write_bytes(b"\xff" + b"x" * limits.NOTES_BYTES_MAX)
    assert len(read_notes(tmp_path)) == limits.NOTES_BYTES_MAX
    (tmp_path / NOTES).unlink()
    (tmp_path / NOTES).mkdir()
    assert read_notes(tmp_path) == ""
