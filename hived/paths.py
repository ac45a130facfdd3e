"""Where hived keeps its things: the state folder and all below it, and the control socket.

Pure: the environment and the working folder come from the caller, and nothing is looked at on
disk.
"""

import posixpath
from collections.abc import Callable, Mapping
from typing import NamedTuple

from hived.errors import HivedError

AGENT_SOCKET = "hive.sock"  # within an agent's own folder


class Home(NamedTuple):
    """The places of one hived. Every path is absolute.

    state: the folder of all that must last. socket: the control socket's file.
    """

    state: str
    socket: str

    @property
    def log(self) -> str:
        """The event log's database."""
        return posixpath.join(self.state, "log.sqlite")

    @property
    def turns(self) -> str:
        """A folder for each turn that runs: its spool, its socket, its lock."""
        return posixpath.join(self.state, "turns")

    @property
    def transcripts(self) -> str:
        """What turns printed that are over."""
        return posixpath.join(self.state, "transcripts")

    @property
    def agents(self) -> str:
        """A folder for each agent."""
        return posixpath.join(self.state, "agents")

    @property
    def settings(self) -> str:
        """hive.toml: what the operator has set for the hive."""
        return posixpath.join(self.state, "hive.toml")

    @property
    def folders(self) -> tuple[str, ...]:
        """All that must be there before hived runs, the outer ones first."""
        inner = (self.turns, self.transcripts, self.agents, self.applied, self.sessions)
        return (self.state, *inner)

    @property
    def applied(self) -> str:
        """The configurations that agents run with; only hived writes here."""
        return posixpath.join(self.state, "applied")

    def agent(self, name: str) -> str:
        """All that an agent, or a draft of one, has for itself."""
        return posixpath.join(self.agents, name)

    def proposed(self, name: str) -> str:
        """The repository in which a manager edits an agent's configuration."""
        return posixpath.join(self.agents, name, "config")

    def agent_state(self, name: str) -> str:
        """An agent's notes and what it keeps; a manager may put things there before its start."""
        return posixpath.join(self.agents, name, "state")

    def applied_repo(self, name: str) -> str:
        """The repository of what an agent ran with, runs with, and was proposed to."""
        return posixpath.join(self.applied, f"{name}.git")

    def applied_tree(self, name: str, commit: str) -> str:
        """The files of a deployed commit."""
        return posixpath.join(self.applied, name, commit)

    def agent_socket(self, name: str) -> str:
        """The agent's own socket: who connects there is that agent."""
        return agent_socket(posixpath.join(self.agents, name))

    @property
    def snapshots(self) -> str:
        return posixpath.join(self.state, "snapshots")

    @property
    def sessions(self) -> str:
        """Lock files, one for each session of a CLI."""
        return posixpath.join(self.state, "sessions")

    @classmethod
    def find(cls, environ: Mapping[str, str], cwd: Callable[[], str]) -> "Home":
        """The home that the environment names.

        HIVED_HOME holds everything, a relative one below `cwd`, which is asked for then alone: the
        folder that a shell stands in may be gone. Without it, state is `hived` in XDG_STATE_HOME
        (~/.local/state by default) and the socket `hived/hived.sock` in XDG_RUNTIME_DIR, or in the
        state folder where there is none.

        Raises:
          HivedError: Neither HIVED_HOME, XDG_STATE_HOME nor HOME says where.
        """
        own = environ.get("HIVED_HOME", "")
        if posixpath.isabs(own):
            return cls.at(posixpath.normpath(own))
        if own:
            return cls.at(_below(cwd, own))
        state = posixpath.join(_state_home(environ), "hived")
        runtime = environ.get("XDG_RUNTIME_DIR", "")
        if not posixpath.isabs(runtime):
            return cls.at(state)
        return cls(state, posixpath.join(runtime, "hived", "hived.sock"))

    @classmethod
    def at(cls, folder: str) -> "Home":
        """The home with everything below one folder, which must be absolute."""
        return cls(folder, posixpath.join(folder, "hived.sock"))


def agent_socket(folder: str) -> str:
    """The socket of the agent whose own folder this is."""
    return posixpath.join(folder, AGENT_SOCKET)


def _below(cwd: Callable[[], str], folder: str) -> str:
    try:
        return posixpath.normpath(posixpath.join(cwd(), folder))
    except FileNotFoundError:
        raise HivedError(
            f"cannot tell where {folder} is: the working folder is gone",
            code="invalid_params",
            hint="cd to a folder that is there, or name the whole path",
        ) from None


def _state_home(environ: Mapping[str, str]) -> str:
    # The XDG rules say that a relative path in these variables is to be ignored.
    xdg = environ.get("XDG_STATE_HOME", "")
    if posixpath.isabs(xdg):
        return xdg
    home = environ.get("HOME", "")
    if posixpath.isabs(home):
        return posixpath.join(home, ".local", "state")
    raise HivedError(
        "cannot tell where hived keeps its things: HOME is not set",
        code="invalid_params",
        hint="set HIVED_HOME to a folder",
    )
