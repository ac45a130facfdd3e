"""Notes on disk: no link is followed, no pipe waited for, a rewrite is whole, old versions kept."""

import os
from pathlib import Path

import pytest

from hived import limits
from hived.world import notes
from hived.world.notes import NotesUnread


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "ada"
    (folder / "state").mkdir(parents=True)
    return folder


def write(home: Path, words: str = "words\n") -> Path:
    file = notes.notes_path(home)
    file.write_text(words)
    return file


def test_there_may_be_none(tmp_path: Path) -> None:
    assert notes.read(tmp_path, 10) == (b"", 0)
    assert (notes.measure(tmp_path), notes.text(tmp_path), notes.history(tmp_path)) == (0, "", [])
    with pytest.raises(NotesUnread, match="no notes to compact"):
        notes.keep(tmp_path, "00000001-t1.md")


def test_the_old_place_is_read_where_the_new_one_has_none(home: Path) -> None:
    (home / "notes.md").write_text("old")
    assert notes.text(home) == "old"
    write(home, "new")
    assert (notes.text(home), notes.measure(home)) == ("new", 3)


def test_no_link_is_followed_and_no_pipe_is_waited_for(home: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    file = notes.notes_path(home)
    file.symlink_to(secret)
    with pytest.raises(NotesUnread):
        notes.read(home, 10)
    with pytest.raises(NotesUnread):
        notes.replace(home, b"secret", b"x")
    file.unlink()
    os.mkfifo(file)
    with pytest.raises(NotesUnread, match="no plain file"):
        notes.read(home, 10)
    file.unlink()
    file.mkdir()
    assert (notes.measure(home), notes.text(home)) == (0, "")
    file.rmdir()
    (home / "state").rmdir()
    (home / "state").symlink_to(tmp_path)
    (tmp_path / "notes.md").write_text("elsewhere")
    with pytest.raises(NotesUnread, match="no folder"):
        notes.read(home, 10)
    assert secret.read_text() == "secret"


def test_what_a_turn_kept_is_what_it_goes_by_when_it_is_taken_up_again(home: Path) -> None:
    file = write(home, "first\n")
    name = notes.kept_name(7, "t7")
    assert notes.keep(home, name) == b"first\n"
    file.write_text("second\n")
    assert notes.keep(home, name) == b"first\n"
    assert notes.replace(home, b"first\n", b"x\n") is False
    assert file.read_text() == "second\n"
    file.write_text("first\n")
    assert notes.replace(home, b"first\n", b"x\n") is True
    assert notes.replace(home, b"first\n", b"x\n") is True  # done before a crash
    assert file.read_text() == "x\n"
    [kept] = notes.history(home)
    assert (kept.number, kept.turn, kept.bytes) == (7, "t7", 6)
    for word in ("7", "t7"):
        assert notes.old(home, notes.history(home), word) == b"first\n"
    assert notes.old(home, notes.history(home), "8") is None


def test_notes_too_large_to_be_compacted_are_refused(home: Path) -> None:
    write(home, "x" * (limits.NOTES_COMPACT_BYTES_MAX + 1))
    with pytest.raises(NotesUnread, match="at most"):
        notes.keep(home, "00000001-t1.md")
    assert notes.history(home) == []


def test_a_link_in_the_place_of_the_history_is_not_written_through(
    home: Path, tmp_path: Path
) -> None:
    write(home)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (home / "notes-history").symlink_to(elsewhere)
    with pytest.raises(NotesUnread):
        notes.keep(home, "00000001-t1.md")
    assert list(elsewhere.iterdir()) == []


def test_the_last_versions_are_kept_and_those_of_refused_rewrites_are_not(home: Path) -> None:
    write(home)
    for number in range(1, limits.NOTES_HISTORY_MAX + 4):
        name = notes.kept_name(number, f"t{number}")
        notes.keep(home, name)
        notes.settle(home, name, replaced=number != 5)
        notes.settle(home, name, replaced=number != 5)
    numbers = [one.number for one in notes.history(home)]
    made = [number for number in range(1, limits.NOTES_HISTORY_MAX + 4) if number != 5]
    assert numbers == made[-limits.NOTES_HISTORY_MAX :]
