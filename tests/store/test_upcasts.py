"""Upcasts through the production reader, from bytes on disk: 1 to 2 to 3, by every way to read."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from hived import limits
from hived.errors import LogFromTheFuture
from hived.events import CommandMark, Recorded
from hived.store.log import EventLog
from tests.events.test_upcasts import ONE, THREE, TWO, NapOne, NapThree, NapTwo

PER_SCHEMA = 8


def rec(version: int, event: object) -> Recorded:
    mark = CommandMark(f"c{version}", "d", 1)
    return Recorded(
        0, "agent:ada", version, float(version), "n", "hive", mark, None, "nap_start", event
    )


EXPECTED = [NapThree("ada", 3600.0 * v, "unknown") for v in range(1, 2 * PER_SCHEMA + 1)] + [
    NapThree("ada", 3600.0 * v, "tired") for v in range(2 * PER_SCHEMA + 1, 3 * PER_SCHEMA + 1)
]


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[EventLog]:
    """A log that three versions of hived wrote to, opened by the third."""
    monkeypatch.setattr(limits, "SEGMENT_EVENTS", 5)
    path = str(tmp_path / "log.db")
    version = 0
    for codec, make in (
        (ONE, lambda hours: NapOne("ada", hours)),
        (TWO, lambda hours: NapTwo("ada", hours * 3600)),
        (THREE, lambda hours: NapThree("ada", hours * 3600.0, "tired")),
    ):
        log = EventLog.open(path, codec=codec)
        for _ in range(PER_SCHEMA):
            version += 1
            log.insert([log.prepare([rec(version, make(version))])])
        # Each version leaves its segments behind, which the next must not believe.
        log.build_segments(log.head())
        log.close()
    log = EventLog.open(path, codec=THREE)
    yield log
    log.close()


def test_reads(log: EventLog) -> None:
    assert [r.event for r in log.read(0, 100)] == EXPECTED
    assert [r.event for r in log.read(0, 100, kinds={"nap_start"})] == EXPECTED
    assert [r.event for r in log.stream_events("agent:ada", 0, 100)] == EXPECTED
    for version, event in enumerate(EXPECTED, 1):
        one = log.get("agent:ada", version)
        by_command = log.find_command(f"c{version}")
        assert one is not None
        assert one.event == event
        assert by_command == one
        assert log.position_at(version) == version


def test_replay_from_rows_and_from_segments(log: EventLog) -> None:
    assert [r.event for chunk in log.replay(0) for r in chunk] == EXPECTED
    log.build_segments(log.head())
    assert log.segments is not None
    assert len(log.segments.there()) == 3 * PER_SCHEMA // 5
    for _ in range(2):
        assert [r.event for chunk in log.replay(0) for r in chunk] == EXPECTED
    assert log.verify().problems == ()


def test_a_version_before_refuses_the_log(log: EventLog, tmp_path: Path) -> None:
    log.close()
    for codec, first in ((ONE, "nap_start@2"), (TWO, "nap_start@3")):
        with pytest.raises(LogFromTheFuture, match=first) as caught:
            EventLog.open(str(tmp_path / "log.db"), codec=codec)
        assert "newer hived" in caught.value.hint
