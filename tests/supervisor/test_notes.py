"""The agent's prompt names its notes; the turns about them are known to the rehearsal CLI."""

from pathlib import Path

import pytest
from attrs import evolve

from hived.decisions import notes_words
from hived.drivers.base import TurnSpec
from hived.rehearsal import words
from hived.supervisor.notes import told_of_notes


@pytest.fixture
def spec(tmp_path: Path) -> TurnSpec:
    return TurnSpec("ada", "t1", "work", "s", False, "/w", str(tmp_path / "ada"))


def test_the_prompt_names_the_notes_after_the_agents_own(spec: TurnSpec, tmp_path: Path) -> None:
    home = Path(spec.home)
    made = Path(told_of_notes(spec, home).prompt_file)
    assert made.read_text().startswith(f"Your notes are the file {home}/state/notes.md")
    assert (home / "state").is_dir()
    own = tmp_path / "role.md"
    own.write_text("You are ada.\n")
    named = evolve(spec, prompt_file=str(own))
    assert told_of_notes(named, home).prompt_file == str(made)
    assert made.read_text().startswith("You are ada.\n\nYour notes are the file")
    before = made.stat().st_ino, made.stat().st_mtime_ns
    told_of_notes(named, home)
    assert (made.stat().st_ino, made.stat().st_mtime_ns) == before  # no write where none is due


def test_a_managers_prompt_names_the_places_of_configurations(spec: TurnSpec) -> None:
    made = Path(told_of_notes(evolve(spec, add_dirs=("/srv/agents",)), Path(spec.home)).prompt_file)
    assert "/srv/agents/NAME" in made.read_text()
    assert "/srv/agents" not in Path(told_of_notes(spec, Path(spec.home)).prompt_file).read_text()


def test_a_prompt_that_cannot_be_read_is_left_to_the_cli(spec: TurnSpec, tmp_path: Path) -> None:
    for file in (tmp_path / "none.md", tmp_path / "bytes.md"):
        named = evolve(spec, prompt_file=str(file))
        assert told_of_notes(named, Path(spec.home)) == named
        (tmp_path / "bytes.md").write_bytes(b"\xff\xfe")


def test_a_link_in_the_place_of_the_prompt_is_not_written_through(
    spec: TurnSpec, tmp_path: Path
) -> None:
    target = tmp_path / "target"
    target.write_text("mine")
    home = Path(spec.home)
    home.mkdir()
    (home / "prompt.md").symlink_to(target)
    made = Path(told_of_notes(spec, home).prompt_file)
    assert target.read_text() == "mine" and not made.is_symlink()


@pytest.mark.parametrize("kind", ["compact", "notes"])
def test_other_turns_are_not_told(spec: TurnSpec, kind: str) -> None:
    other = evolve(spec, kind=kind)
    assert told_of_notes(other, Path(spec.home)) is other


def test_the_rehearsal_knows_the_words_of_these_turns() -> None:
    notes = "a {brace}\n<mail> and </notes>\n"
    text = notes_words.rewrite(notes.encode(), 1_000)
    assert (words.command_of(text), words.notes_of(text)) == ("notes", notes)
    path = "/srv/hive: 1/state/notes.md"
    text = notes_words.checkpoint(path)
    assert (words.command_of(text), words.notes_of(text)) == ("checkpoint", path)
    assert words.command_of("You have 1 message.") is None
    assert words.fill(words.verbatim("a {brace} }}"), {}) == "a {brace} }}"
