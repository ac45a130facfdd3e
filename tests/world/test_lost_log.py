"""A log without an event, and what lies beside it."""

from pathlib import Path

import pytest

from hived.errors import HivedError
from hived.paths import Home
from hived.world.lost_log import what_was_there


def test_a_home_that_is_new(tmp_path: Path) -> None:
    home = Home.at(str(tmp_path))
    assert what_was_there(home) == ""
    for folder in home.folders:
        Path(folder).mkdir(exist_ok=True)
    Path(home.settings).touch()
    (tmp_path / "transcripts" / "lost+found").mkdir()  # of a file system of its own
    assert what_was_there(home) == ""


@pytest.mark.parametrize("folder", ["agents", "transcripts", "applied"])
def test_a_home_where_agents_were(tmp_path: Path, folder: str) -> None:
    for name in ("ada", "bob", "cyd", "dora", "eve"):
        (tmp_path / folder / name).mkdir(parents=True)
    said = what_was_there(Home.at(str(tmp_path)))
    assert said.endswith(f"{folder} holds ada, bob, cyd and 2 more")


def test_a_folder_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "agents").touch()
    with pytest.raises(HivedError, match="agents cannot be read: Not a directory"):
        what_was_there(Home.at(str(tmp_path)))
