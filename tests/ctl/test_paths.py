"""Where hived keeps its things, by environment."""

import posixpath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hived.errors import HivedError
from hived.paths import Home


@pytest.mark.parametrize(
    "environ,state,socket",
    [
        ({"HIVED_HOME": "/srv/hive", "HOME": "/h"}, "/srv/hive", "/srv/hive/hived.sock"),
        ({"HIVED_HOME": "hive"}, "/cwd/hive", "/cwd/hive/hived.sock"),
        ({"HIVED_HOME": "../hive/."}, "/hive", "/hive/hived.sock"),
        (
            {"HOME": "/h", "XDG_RUNTIME_DIR": "/run/user/1"},
            "/h/.local/state/hived",
            "/run/user/1/hived/hived.sock",
        ),
        ({"HOME": "/h"}, "/h/.local/state/hived", "/h/.local/state/hived/hived.sock"),
        ({"XDG_STATE_HOME": "/st", "HOME": "/h"}, "/st/hived", "/st/hived/hived.sock"),
        # By the XDG rules a relative path is as good as none.
        (
            {"XDG_STATE_HOME": "st", "XDG_RUNTIME_DIR": "run", "HOME": "/h", "HIVED_HOME": ""},
            "/h/.local/state/hived",
            "/h/.local/state/hived/hived.sock",
        ),
    ],
)
def test_places(environ: dict[str, str], state: str, socket: str) -> None:
    home = Home.find(environ, lambda: "/cwd")
    assert (home.state, home.socket) == (state, socket)
    assert home.log == f"{state}/log.sqlite"
    parts = (home.turns, home.transcripts, home.agents, home.snapshots, home.sessions)
    names = ("turns", "transcripts", "agents", "snapshots", "sessions")
    assert parts == tuple(f"{state}/{name}" for name in names)


@pytest.mark.parametrize("environ", [{}, {"HOME": ""}, {"HOME": "relative"}])
def test_nowhere(environ: dict[str, str]) -> None:
    with pytest.raises(HivedError, match="HOME is not set") as caught:
        Home.find(environ, lambda: "/cwd")
    assert caught.value.hint == "set HIVED_HOME to a folder"


def test_a_working_folder_that_is_gone_matters_to_a_relative_home_alone() -> None:
    def gone() -> str:
        raise FileNotFoundError

    assert Home.find({"HIVED_HOME": "/srv/hive"}, gone).state == "/srv/hive"
    assert Home.find({"HOME": "/h"}, gone).state == "/h/.local/state/hived"
    with pytest.raises(HivedError, match="cannot tell where hive is"):
        Home.find({"HIVED_HOME": "hive"}, gone)


@given(st.dictionaries(st.sampled_from(["HIVED_HOME", "XDG_STATE_HOME", "HOME"]), st.text()))
def test_every_place_is_absolute(environ: dict[str, str]) -> None:
    try:
        home = Home.find(environ, lambda: "/cwd")
    except HivedError:
        return
    assert posixpath.isabs(home.state) and posixpath.isabs(home.socket)
