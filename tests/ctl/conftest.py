"""Fixtures: a folder of its own for each test, a canned hive in it, and hivectl that finds it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ctl.canned import Hive, Hivectl


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


@pytest.fixture
def hive(home: Path) -> Iterator[Hive]:
    served = Hive(str(home / "hived.sock"))
    yield served
    served.close()


@pytest.fixture
def hivectl(home: Path) -> Hivectl:
    return Hivectl(home)
