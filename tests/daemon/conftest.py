"""Fixtures: a hive in a folder of its own, cleaned up whatever happens."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.daemon.harness import Hive


@pytest.fixture
def stopped(tmp_path: Path) -> Iterator[Hive]:
    """A hive whose daemon was not started yet."""
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    hive = Hive(home)
    yield hive
    hive.clean_up()


@pytest.fixture
def hive(stopped: Hive) -> Hive:
    stopped.start()
    return stopped
