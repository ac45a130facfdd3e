"""The in-memory recorder keeps the contract, so that a test on it says something of SQLite's."""

from collections.abc import Iterator

import pytest

from hived.store.log import EventLog
from hived.store.memory import LogMemoryRecorder
from tests.store.contract import LogContract, RecorderContract


class TestMemoryRecorder(RecorderContract):
    @pytest.fixture
    def recorder(self) -> LogMemoryRecorder:
        return LogMemoryRecorder()


class TestMemoryLog(LogContract):
    @pytest.fixture
    def log(self) -> Iterator[EventLog]:
        log = EventLog.open(None)
        yield log
        log.close()
