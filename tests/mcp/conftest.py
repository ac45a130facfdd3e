"""A hive with a worker and a manager, neither in a turn, and a way into their sockets."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.daemon.conftest import stopped
from tests.daemon.harness import Hive, wait
from tests.mcp.agent import Talk

__all__ = ["stopped"]

QUIET = '[turn]\nsay = "done"\n'


@pytest.fixture
def hive(stopped: Hive) -> Hive:
    stopped.start()
    stopped.new("bee", QUIET)
    stopped.new("queen", QUIET, role="manager")
    for name in ("bee", "queen"):
        wait(socket_of(stopped, name).exists, f"the socket of {name}")
    return stopped


def socket_of(hive: Hive, name: str) -> Path:
    return hive.home / "agents" / name / "hive.sock"


@pytest.fixture
def talk(hive: Hive) -> Callable[..., Talk]:
    """Connect as an agent."""
    return lambda name, **more: Talk(socket_of(hive, name), **more)
