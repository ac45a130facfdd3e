"""What is kept of an agent: measured, and deleted, with nothing outside it touched."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from hived import limits
from hived.errors import CommandRefused, InvalidName
from hived.paths import Home
from hived.world import kept


@pytest.fixture
def home(tmp_path: Path) -> Home:
    found = Home.at(str(tmp_path / "home"))
    for folder in (found.agents, found.transcripts, found.applied):
        Path(folder).mkdir(parents=True)
    return found


def planted(home: Home, name: str = "ada") -> Path:
    """An agent's folder with files, a closed folder and links that lead outside."""
    folder = Path(home.agents, name)
    (folder / "state" / "deep" / "deeper").mkdir(parents=True)
    (folder / "state" / "notes.md").write_bytes(b"n" * 100)
    (folder / "state" / "deep" / "deeper" / "x").write_bytes(b"x" * 11)
    Path(home.transcripts, name).mkdir()
    Path(home.transcripts, name, "t1.zst").write_bytes(b"t" * 7)
    return folder


def test_its_places_are_measured_and_deleted(home: Home) -> None:
    planted(home)
    planted(home, "ada-b")
    found = kept.measure(home, "ada")
    assert [(one.path, one.bytes, one.more) for one in found] == [
        (f"{home.agents}/ada", 111, False),
        (f"{home.transcripts}/ada", 7, False),
    ]
    assert str(found[0]) == f"{home.agents}/ada (111)"
    assert kept.delete(home, "ada") == 118
    assert kept.measure(home, "ada") == []
    assert kept.delete(home, "ada") == 0
    assert [one.bytes for one in kept.measure(home, "ada-b")] == [111, 7]


def test_links_within_are_taken_away_and_not_followed(home: Home, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").write_bytes(b"p" * 1000)
    folder = planted(home)
    (folder / "away").symlink_to(outside)
    (folder / "state" / "file").symlink_to(outside / "precious")
    (folder / "state" / "up").symlink_to("../../..")
    (folder / "loop").symlink_to("loop")
    os.link(outside / "precious", folder / "state" / "hard")
    assert kept.measure(home, "ada")[0].bytes == 1111
    kept.delete(home, "ada")
    assert not folder.exists()
    assert (outside / "precious").read_bytes() == b"p" * 1000


@pytest.mark.parametrize("place", ["agents", "transcripts", "applied"])
def test_a_link_in_the_place_of_a_folder_is_refused_and_named(
    home: Home, tmp_path: Path, place: str
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").write_text("p")
    folder = planted(home)
    target = Path(getattr(home, place), "ada")
    if target.exists():
        shutil.rmtree(target)
    target.symlink_to(outside)
    for act in (kept.measure, kept.delete):
        with pytest.raises(CommandRefused) as caught:
            act(home, "ada")
        assert str(target) in caught.value.message
        assert str(outside) in caught.value.message
    assert (outside / "precious").exists()
    target.unlink()
    target.write_text("a file")
    with pytest.raises(CommandRefused, match="not a folder"):
        kept.delete(home, "ada")
    assert place == "agents" or not folder.is_symlink()


@pytest.mark.parametrize(
    "name", ["..", ".", "", "ada/..", "../agents", "/etc", "Ada", "a\0b", "-x"]
)
def test_no_name_is_a_path(home: Home, name: str) -> None:
    planted(home)
    for act in (kept.measure, kept.delete):
        with pytest.raises(InvalidName):
            act(home, name)
    assert Path(home.agents, "ada", "state").is_dir()


def test_folders_that_the_agent_has_closed_are_deleted(home: Home) -> None:
    folder = planted(home)
    (folder / "state" / "deep" / "deeper").chmod(0)
    (folder / "state" / "deep").chmod(0o500)
    folder.chmod(0)
    kept.delete(home, "ada")
    assert not folder.exists()


def test_a_tree_of_any_depth_and_width_is_deleted(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "KEPT_BATCH_ENTRIES", 7)
    folder = Path(home.agents, "ada")
    folder.mkdir()
    # Deeper than a path may be long, and than Python may call.
    fd = os.open(folder, os.O_RDONLY)
    for number in range(3_000):
        os.mkdir(".purge-0", dir_fd=fd)
        if number % 100 == 0:
            os.close(os.open("file", os.O_CREAT | os.O_WRONLY, dir_fd=fd))
        inner = os.open(".purge-0", os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = inner
    os.close(fd)
    for number in range(50):
        (folder / f"d{number}" / "e").mkdir(parents=True)
        (folder / f"f{number}").write_bytes(b"x")
    found = kept.measure(home, "ada")
    assert found[0].more
    assert kept.delete(home, "ada") == 50
    assert not folder.exists()


def test_more_entries_than_are_counted_are_told(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "KEPT_ENTRIES_MAX", 5)
    folder = planted(home)
    for number in range(10):
        (folder / f"f{number}").write_bytes(b"xx")
    found = kept.measure(home, "ada")[0]
    assert found.more and found.bytes <= 10
    kept.delete(home, "ada")
    assert not folder.exists()


def test_what_is_mounted_in_it_is_refused_and_named(home: Home, tmp_path: Path) -> None:
    outside = tmp_path / "out side"
    outside.mkdir()
    (outside / "precious").write_text("p")
    place = planted(home) / "state" / "a mount"
    place.mkdir()
    # In a mount namespace of its own, of a user namespace of its own where that is needed.
    script = f"""
mount --bind '{outside}' '{place}' || exit 77
exec '{shutil.which("python3")}' -c '
import sys; sys.path.insert(0, sys.argv[1])
from hived.errors import CommandRefused
from hived.paths import Home
from hived.world import kept
for act in (kept.measure, kept.delete):
    try:
        act(Home.at(sys.argv[2]), "ada")
    except CommandRefused as error:
        print(error.message)
kept._mounts = lambda: []
try:
    kept.delete(Home.at(sys.argv[2]), "ada")
except OSError as error:
    print(error.strerror)
' "$1" "$2"
"""
    script = script.replace(str(shutil.which("python3")), os.sys.executable)  # type: ignore[attr-defined]
    root = str(Path(kept.__file__).parents[2])
    done = subprocess.run(
        [
            "unshare",
            "--user",
            "--map-root-user",
            "--mount",
            "sh",
            "-c",
            script,
            "sh",
            root,
            home.state,
        ],
        capture_output=True,
        text=True,
        timeout=60,
    )
    if done.returncode in (1, 77) and not done.stdout:
        pytest.skip(f"no mount can be made here: {done.stderr.strip()[-200:]}")
    words = done.stdout.splitlines()
    assert words[:2] == [f"{place} is another file system, mounted there"] * 2, done
    # Even if it were not seen before, the kernel does not let it be moved or deleted.
    assert words[2:] == ["Device or resource busy"], done
    assert (outside / "precious").read_text() == "p"
