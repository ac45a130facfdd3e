"""The full check of a log: reads every row, and says what is wrong."""

from collections.abc import Callable, Sequence

from attrs import frozen

from hived import limits
from hived.errors import LOOK_AT_LOG, LogCorrupt, LogFromTheFuture
from hived.events import Recorded
from hived.store.mapper import LogMapper, Row
from hived.store.recorder import LogRecorder
from hived.store.segments import Segments


@frozen
class Report:
    """What a verify saw.

    Fields:
      events: How many rows were read. head: the log's last position.
      segments: How many good segments agree with the rows.
      problems: In words, at most VERIFY_PROBLEMS_MAX; empty for a sound log.
    """

    events: int
    head: int
    segments: int
    problems: tuple[str, ...]


def verify(
    recorder: LogRecorder,
    mapper: LogMapper,
    segments: Segments | None,
    head: int,
    progress: Callable[[int, int], None] | None,
) -> Report:
    """Check that every row up to head decodes, stands where it should, and agrees with the caches.

    Tables sound, positions dense, versions without a gap, recorded_at never falling within a
    node, command ids as in the events, segments as the rows.
    """
    problems = recorder.problems()
    check = _Check(problems)
    there = segments.there() if segments is not None else frozenset[int]()
    agreed = 0
    position = 0
    while position < head:
        end = min(head, position + limits.SEGMENT_EVENTS)
        rows = recorder.rows(position, limits.SEGMENT_EVENTS, end, None, None)
        events = check.rows(rows, position, end, mapper)
        check.commands(events, recorder.commands_between(position, end))
        block = position // limits.SEGMENT_EVENTS
        if segments is not None and block in there:
            loaded = segments.load(block)
            if loaded is not None and loaded != events:
                problems.append(f"the segment after position {position} differs from the rows")
            agreed += loaded == events
        position = end
        if progress is not None:
            progress(position, head)
    return Report(check.count, head, agreed, tuple(problems[: limits.VERIFY_PROBLEMS_MAX]))


def check_end(events: Sequence[Recorded], start: int, head: int) -> None:
    """Look at the last events before anything is built on them.

    Args:
      events: All that were found after position `start`, up to the last of the log.
    Raises:
      LogCorrupt: A position, or a version of a stream, is missing among them.
    """
    if [rec.position for rec in events] != list(range(start + 1, head + 1)):
        raise LogCorrupt(f"positions are missing between {start} and {head}", hint=LOOK_AT_LOG)
    versions: dict[str, int] = {}
    for rec in events:
        before = versions.get(rec.stream, rec.version - 1)
        if rec.version != before + 1:
            raise LogCorrupt(
                f"versions {before + 1} to {rec.version - 1} of {rec.stream} are missing before"
                f" position {rec.position}",
                hint=LOOK_AT_LOG,
            )
        versions[rec.stream] = rec.version


class _Check:
    def __init__(self, problems: list[str]) -> None:
        self._problems = problems
        self._times: dict[str, float] = {}
        self.count = 0

    def rows(self, rows: list[Row], after: int, upto: int, mapper: LogMapper) -> list[Recorded]:
        """Decode a block of rows; note what is missing, does not read, or goes back in time."""
        self.count += len(rows)
        missing = set(range(after + 1, upto + 1)) - {row.position for row in rows}
        if missing:
            self._note(f"{len(missing)} positions are missing, the first is {min(missing)}")
        events = []
        for row in rows:
            try:
                rec = mapper.to_recorded(row)
            except (LogCorrupt, LogFromTheFuture) as error:
                self._note(error.message)
                continue
            events.append(rec)
            if rec.recorded_at < self._times.get(rec.node, rec.recorded_at):
                self._note(f"position {rec.position} was recorded before the one before it")
            self._times[rec.node] = rec.recorded_at
        return events

    def commands(self, events: list[Recorded], kept: dict[int, str]) -> None:
        """Compare the column of command ids with the events' own marks."""
        said = {rec.position: rec.command.id for rec in events if rec.command is not None}
        for position in sorted(said.keys() | kept.keys()):
            if said.get(position) != kept.get(position):
                self._note(f"the command id beside position {position} is not the event's")

    def _note(self, problem: str) -> None:
        if len(self._problems) < limits.VERIFY_PROBLEMS_MAX:
            self._problems.append(problem)
