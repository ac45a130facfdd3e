"""The real CLI, hived in a process of its own, and the scripted API they speak to."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.real.hive import Hive
from tests.real_cli import claude_program

__all__ = ["claude_program"]


@pytest.fixture
def hive(claude_program: str, tmp_path: Path) -> Iterator[Hive]:
    """A hived that serves and has no agents yet."""
    with Hive(tmp_path, claude_program) as running:
        yield running
