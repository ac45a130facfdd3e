"""What any event log must do, whatever keeps it. Each backend subclasses these."""

import pytest
from eventsourcing.persistence import IntegrityError, Notification, StoredEvent

from hived import limits
from hived.errors import LogCorrupt, LogFromTheFuture, VersionConflict
from hived.events import Recorded
from hived.events.agents import StatusSet
from hived.store.log import EventLog
from hived.store.recorder import LogRecorder
from tests.store.history import History, placed


def append(log: EventLog, *events: Recorded) -> int:
    return log.insert([log.prepare(events)])


def joined(log: EventLog, after: int = 0, **rest: object) -> list[Recorded]:
    return [rec for chunk in log.replay(after, **rest) for rec in chunk]  # type: ignore[arg-type]


class RecorderContract:
    """The recorder as eventsourcing knows it, with what we added."""

    @pytest.fixture
    def recorder(self) -> LogRecorder:
        raise NotImplementedError

    def stored(self, stream: str, *versions: int) -> list[StoredEvent]:
        return [StoredEvent(stream, v, "status_set@1", f"{stream}{v}".encode()) for v in versions]

    def test_positions_are_dense_and_in_order(self, recorder: LogRecorder) -> None:
        assert recorder.max_notification_id() is None
        assert list(recorder.insert_events(self.stored("a", 1, 2), commands=[None] * 2)) == [1, 2]
        assert list(recorder.insert_events(self.stored("b", 1), commands=["c1"])) == [3]
        assert recorder.max_notification_id() == 3

    def test_the_librarys_own_calls_work(self, recorder: LogRecorder) -> None:
        recorder.insert_events(self.stored("a", 1, 2) + self.stored("b", 1))
        found = recorder.select_notifications(start=2, limit=10)
        assert found == [
            Notification("a", 2, "status_set@1", b"a2", id=2),
            Notification("b", 1, "status_set@1", b"b1", id=3),
        ]
        assert recorder.select_notifications(2, 1, inclusive_of_start=False)[0].id == 3
        assert recorder.select_notifications(None, 10, 1)[0].id == 1
        assert recorder.select_notifications(None, 10, topics=["other@1"]) == []
        assert recorder.select_events("a", gt=1) == self.stored("a", 2)

    @pytest.mark.parametrize(
        ("stream", "versions", "commands"),
        [
            ("a", [1], [None]),
            ("b", [1, 1], [None, None]),
            ("b", [1], ["c1"]),
            ("b", [1, 2], ["c2", "c2"]),
            ("b", [*range(1, 400), 1], [None] * 400),
        ],
    )
    def test_what_is_taken_is_refused_whole(
        self,
        recorder: LogRecorder,
        stream: str,
        versions: list[int],
        commands: list[str | None],
    ) -> None:
        recorder.insert_events(self.stored("a", 1), commands=["c1"])
        with pytest.raises(IntegrityError):
            recorder.insert_events(self.stored(stream, *versions), commands=commands)
        assert recorder.max_notification_id() == 1
        assert recorder.last_version("b") == 0
        assert list(recorder.insert_events(self.stored("b", 1), commands=["c2"])) == [2]


class LogContract:
    """The log as the rest of hived knows it."""

    @pytest.fixture
    def log(self) -> EventLog:
        raise NotImplementedError

    @pytest.fixture
    def history(self) -> History:
        return History()

    def test_an_empty_log(self, log: EventLog) -> None:
        assert log.head() == 0
        assert log.read(0, 10) == []
        assert joined(log) == []
        assert log.position_at(1e12) == 0
        assert log.get("agent:ada", 1) is None
        assert log.stream_events("agent:ada", 0, 10) == []
        assert log.find_command("c") is None
        assert log.last_version("agent:ada") == 0
        assert log.anchor(1) == ""
        assert log.verify().problems == ()

    def test_what_was_appended_is_read_back(self, log: EventLog, history: History) -> None:
        events = [history.one("agent:ada", "Grüße \0 🐝", "c1"), *history.many(5)]
        assert append(log, *events[:2]) == 1
        assert append(log, *events[2:]) == 3
        assert log.read(0, 100) == placed(events)
        assert joined(log) == placed(events)
        assert log.head() == 6
        assert all(type(rec) is Recorded for rec in log.read(0, 100))

    def test_pages(self, log: EventLog, history: History) -> None:
        events = placed(history.many(20))
        append(log, *events)
        assert log.read(5, 3) == events[5:8]
        assert log.read(5, 100, upto=7) == events[5:7]
        assert log.read(20, 100) == []
        assert log.read(0, 0) == []

    def test_a_page_is_bounded(self, log: EventLog, history: History) -> None:
        append(log, *history.many(limits.LOG_PAGE_EVENTS_MAX + 1, streams=1))
        most = limits.LOG_PAGE_EVENTS_MAX
        assert len(log.read(0, most + 1)) == most
        assert len(log.stream_events("agent:a0", 0, most + 1)) == most
        assert len(joined(log)) == most + 1

    def test_pages_of_streams_and_kinds(self, log: EventLog, history: History) -> None:
        names = ["agent:ada", "message:m1", "agent:ada-2", "agent:ada", "hive", "message:m2"]
        events = placed([history.one(name) for name in names])
        append(log, *events)

        def positions(**wanted: object) -> list[int]:
            return [rec.position for rec in log.read(0, 10, **wanted)]  # type: ignore[arg-type]

        assert positions(streams="agent:ada") == [1, 4]
        assert positions(streams="agent:") == [1, 3, 4]
        assert positions(streams="message:") == [2, 6]
        assert positions(streams="agent") == []
        assert positions(kinds={"message_sent"}) == [2, 6]
        assert positions(kinds={"message_sent", "status_set"}) == [1, 2, 3, 4, 5, 6]
        assert positions(kinds={"unheard_of"}) == []
        assert positions(kinds=set()) == []
        assert positions(kinds={"status_set"}, streams="message:") == []
        assert [rec.position for rec in log.read(1, 1, streams="agent:ada")] == [4]
        assert joined(log, kinds=frozenset({"message_sent"})) == [events[1], events[5]]
        assert joined(log, 2, kinds=frozenset({"message_sent"})) == [events[5]]
        assert joined(log, kinds=frozenset({"unheard_of"})) == []

    def test_streams(self, log: EventLog, history: History) -> None:
        events = placed(history.many(9))
        append(log, *events)
        own = [rec for rec in events if rec.stream == "agent:a1"]
        assert log.stream_events("agent:a1", 0, 10) == own
        assert log.stream_events("agent:a1", 1, 1) == own[1:2]
        assert [log.get("agent:a1", v) for v in range(5)] == [None, *own, None]
        assert log.last_version("agent:a1") == 3

    def test_replay_of_a_part(self, log: EventLog, history: History) -> None:
        events = placed(history.many(50))
        append(log, *events)
        assert joined(log, 10, upto=20) == events[10:20]
        assert joined(log, 10, upto=1_000) == events[10:]
        assert joined(log, 50) == []
        assert joined(log, 20, upto=10) == []

    def test_a_command_is_found_by_its_id(self, log: EventLog, history: History) -> None:
        events = placed([history.one(), history.one(command="operator:ann:7"), history.one()])
        append(log, *events)
        assert log.find_command("operator:ann:7") == events[1]
        assert log.find_command("operator:ann:8") is None

    def test_the_position_at_a_time(self, log: EventLog, history: History) -> None:
        times = [10.0, 20.0, 20.0, 20.0, 30.5]
        append(log, *(history.one()._replace(recorded_at=at) for at in times))
        asked = [9.9, 10.0, 15.0, 20.0, 29.0, 30.5, 99.0]
        assert [log.position_at(at) for at in asked] == [0, 1, 1, 4, 4, 5, 5]

    def test_a_taken_version_is_a_conflict_and_nothing_is_appended(
        self, log: EventLog, history: History
    ) -> None:
        first = history.one()
        append(log, first)
        with pytest.raises(VersionConflict):
            append(log, history.one("agent:bob"), first)
        assert log.head() == 1
        assert log.last_version("agent:bob") == 0

    def test_a_taken_command_is_a_conflict(self, log: EventLog, history: History) -> None:
        append(log, history.one(command="c1"))
        with pytest.raises(VersionConflict):
            append(log, history.one("agent:bob", command="c1"))
        assert log.head() == 1

    def test_an_anchor_tells_one_event_from_another(self, log: EventLog, history: History) -> None:
        append(log, *history.many(3))
        assert len({log.anchor(position) for position in (0, 1, 2, 3)}) == 4
        assert log.anchor(2) == log.anchor(2)

    def test_a_sound_log_verifies(self, log: EventLog, history: History) -> None:
        append(log, *history.many(30), history.one(command="c1"))
        seen: list[tuple[int, int]] = []
        report = log.verify(lambda position, head: seen.append((position, head)))
        assert (report.events, report.head, report.problems) == (31, 31, ())
        assert seen[-1] == (31, 31)

    def test_verify_tells_of_a_gap_and_of_time_that_fell(
        self, log: EventLog, history: History
    ) -> None:
        first, second = history.one(), history.one()
        append(log, first._replace(recorded_at=50.0), second._replace(version=3, recorded_at=49.0))
        problems = " | ".join(log.verify().problems)
        assert "agent:ada has 2 events but its last version is 3" in problems
        assert "position 2 was recorded before" in problems

    def test_a_row_that_does_not_read_is_told_with_its_place(
        self, log: EventLog, history: History
    ) -> None:
        good = log.mapper.to_stored_event(history.one())
        bad = StoredEvent("agent:bob", 1, "status_set@1", b"not a frame")
        new = StoredEvent("agent:eve", 1, "later@1", good.state)
        log._recorder.insert_events([good, bad, new], commands=[None] * 3)
        with pytest.raises(LogCorrupt, match=r"agent:bob version 1 \(position 2\)"):
            log.read(0, 10)
        with pytest.raises(LogFromTheFuture, match="later@1 at agent:eve version 1"):
            log.get("agent:eve", 1)
        assert len(log.verify().problems) == 2

    def test_long_events(self, log: EventLog, history: History) -> None:
        long = history.one()._replace(event=StatusSet("ada", "é" * 100_000))
        append(log, long)
        assert log.read(0, 1) == placed([long])
