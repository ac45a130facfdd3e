"""Segments and the replay over them: a cache that may be lost, damaged or foreign."""

import gc
from collections.abc import Callable, Iterator
from itertools import cycle, islice
from pathlib import Path

import orjson
import pytest
import zstandard
from attrs import fields, frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from hived import limits
from hived.events import EVENT_TYPES, Recorded, kind_of
from hived.events.codec import Codec
from hived.events.turn import ToolCall, ToolResult, TurnEnd, TurnStart
from hived.store.columns import Columns
from hived.store.log import EventLog
from tests.events.golden import expected
from tests.events.strategies import events, recorded
from tests.store.contract import append, joined
from tests.store.history import History, placed

COUNT = 57


@pytest.fixture(autouse=True)
def short_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "SEGMENT_EVENTS", 10)
    monkeypatch.setattr(limits, "REPLAY_CHUNK_EVENTS", 15)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log.db"


def history(count: int = COUNT) -> list[Recorded]:
    """Every kind of event, one after another."""
    plain = History().many(count)
    whole = islice(cycle(expected()), count)
    return placed(
        [
            rec._replace(kind=other.kind, event=other.event, cause=other.cause, by=other.by)
            for rec, other in zip(plain, whole, strict=True)
        ]
    )


@pytest.fixture
def log(path: Path) -> Iterator[EventLog]:
    log = EventLog.open(str(path))
    append(log, *history())
    build(log)
    yield log
    log.close()


def build(log: EventLog) -> None:
    while log.build_segments(log.head()):
        pass


def files(log: EventLog) -> list[Path]:
    assert log.segments is not None
    return sorted(log.segments.folder.iterdir())


def test_only_whole_blocks_become_segments(log: EventLog) -> None:
    assert [file.name for file in files(log)] == [f"{n:010d}.seg" for n in range(5)]


@pytest.mark.parametrize("after", [0, 1, 9, 10, 11, 35, 49, 50, 51, 56, 57])
@pytest.mark.parametrize("length", [1, 10, 26, 100])
def test_a_replay_gives_the_same_with_any_segments(log: EventLog, after: int, length: int) -> None:
    wanted = history()[after : after + length]
    assert joined(log, after, upto=after + length) == wanted
    files(log)[1].unlink()
    files(log)[2].unlink()
    assert joined(log, after, upto=after + length) == wanted


def test_events_from_segments_are_what_events_from_rows_are(log: EventLog) -> None:
    for rec, row in zip(joined(log), log.read(0, 100), strict=True):
        assert rec == row
        assert type(rec) is Recorded
        assert type(rec.event) is type(row.event)
        assert repr(rec) == repr(row)
        assert hash(rec.stream) == hash(row.stream)
        with pytest.raises(AttributeError):
            rec.event.agent = "changed"


@pytest.mark.parametrize("after", [0, 1, 10, 11, 35, 49, 50, 51, 57])
@pytest.mark.parametrize("length", [1, 10, 26, 100])
def test_a_fold_is_given_the_same_with_any_segments(
    log: EventLog, monkeypatch: pytest.MonkeyPatch, after: int, length: int
) -> None:
    monkeypatch.setattr(limits, "SEGMENTS_READ_AHEAD", 2)
    wanted = [rec[:9] for rec in history()[after : after + length]]
    for lost in ([], files(log)[1:3]):
        for file in lost:
            file.write_bytes(b"nothing good")
        given = log.stream(after, min(after + length, COUNT), lambda: 0)
        assert [rec[:9] for chunk in given for rec in chunk] == wanted


def test_a_fold_really_uses_them(log: EventLog) -> None:
    kinds = [type(rec.event) for chunk in log.stream(0, COUNT, lambda: 0) for rec in chunk]
    assert all(issubclass(kind, tuple) for kind in kinds[:50])
    assert not any(issubclass(kind, tuple) for kind in kinds[50:])


def damaged(documents: list[bytes], what: str) -> list[bytes]:
    """The documents with something taken off, or out of bounds."""
    envelopes = orjson.loads(documents[0])
    if what == "order":
        envelopes["order"][3] = 99
    elif what == "cause":
        envelopes["cause"][3] = 999
    elif what == "kinds":
        envelopes["kinds"].append("turn_end")
    elif what == "payload":
        columns = orjson.loads(documents[1])
        column = columns[0]
        (column if type(column) is list else column["i"]).pop()
        return [documents[0], orjson.dumps(columns), *documents[2:]]
    else:
        column = envelopes[what]
        (column if type(column) is list else column["i"]).pop()
    return [orjson.dumps(envelopes), *documents[1:]]


@pytest.mark.parametrize(
    "what", ["order", "cause", "kinds", "payload", "position", "stream", "by", "at", "version"]
)
def test_columns_that_do_not_fit_are_refused_before_the_first_event(what: str) -> None:
    documents = COLUMNS.dump(history())
    with pytest.raises((ValueError, LookupError, TypeError)):
        COLUMNS.stream(damaged(documents, what))


def test_a_replay_really_uses_them(log: EventLog) -> None:
    reads: list[tuple[int, int]] = []
    rows = log._recorder.rows

    def spy(after: int, limit: int, *rest: object) -> object:
        reads.append((after, limit))
        return rows(after, limit, *rest)  # type: ignore[arg-type]

    log._recorder.rows = spy  # type: ignore[method-assign,assignment]
    assert joined(log) == history()
    big = [read for read in reads if read[1] > 1]  # one row is the look at a segment's anchor
    assert big == [(50, 7)]


def test_kinds_are_chosen_from_segments_and_rows_alike(log: EventLog) -> None:
    kinds = frozenset({"turn_end", "message_sent", "hive_stopped"})
    wanted = [rec for rec in history() if rec.kind in kinds]
    assert joined(log, kinds=kinds) == wanted
    assert joined(log, 8, upto=44, kinds=kinds) == [r for r in wanted if 8 < r.position <= 44]
    assert joined(log, kinds=frozenset()) == []


def test_deleting_the_folder_changes_nothing(log: EventLog) -> None:
    for file in files(log):
        file.unlink()
    assert joined(log) == history()
    build(log)
    assert len(files(log)) == 5


@pytest.mark.parametrize(
    "damage",
    [
        lambda body: b"",
        lambda body: b"not a segment at all",
        lambda body: body[:-1],
        lambda body: body[: len(body) // 2],
        lambda body: body[:8] + body[9:],
        lambda body: body[:40] + bytes([body[40] ^ 1]) + body[41:],
        lambda body: body[:-2] + bytes([body[-2] ^ 128]) + body[-1:],
        lambda body: body[:8] + zstandard.ZstdCompressor().compress(b"\xff\xff\xff\xff{}"),
        lambda body: body[:8] + zstandard.ZstdCompressor().compress(b"\x02\x00\x00\x00{}"),
    ],
)
def test_a_bad_segment_is_passed_over_and_built_again(log: EventLog, damage: object) -> None:
    bad = files(log)[2]
    good = bad.read_bytes()
    bad.write_bytes(damage(good))  # type: ignore[operator]
    assert joined(log) == history()
    assert not bad.exists()
    build(log)
    assert bad.read_bytes() == good


def test_a_segment_under_another_number_is_passed_over(log: EventLog) -> None:
    one, two = files(log)[:2]
    two.write_bytes(one.read_bytes())
    assert joined(log) == history()


def test_segments_of_a_log_put_back_from_a_backup_are_passed_over(path: Path) -> None:
    log = EventLog.open(str(path))
    append(log, *history(34))
    build(log)
    log.close()
    for file in [path, *path.parent.glob("log.db-*")]:
        file.unlink()
    log = EventLog.open(str(path))
    others = placed([rec._replace(by="operator:eve") for rec in history(34)])
    append(log, *others)
    assert joined(log) == others
    log.close()


def test_verify_counts_the_segments_and_tells_of_one_that_differs(log: EventLog) -> None:
    report = log.verify()
    assert (report.segments, report.problems) == (5, ())
    segments = log.segments
    assert segments is not None
    files(log)[3].unlink()
    lying = [rec._replace(by="agent:mallory") for rec in history()[30:39]] + [history()[39]]
    segments._write(3, lying)
    report = log.verify()
    assert report.segments == 4
    assert report.problems == ("the segment after position 30 differs from the rows",)


def test_a_call_does_a_bounded_part(log: EventLog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "SEGMENTS_PER_CALL_MAX", 2)
    for file in files(log):
        file.unlink()
    left = [(log.build_segments(57), len(files(log))) for _ in range(4)]
    assert left == [(True, 2), (True, 4), (False, 5), (False, 5)]


def test_another_catalogue_builds_its_own(path: Path) -> None:
    @frozen
    class StatusTwo:
        agent: str
        words: str

    def later(payload: dict[str, object]) -> dict[str, object]:
        return {"agent": payload["agent"], "words": f"said: {payload['text']}"}

    log = EventLog.open(str(path))
    append(log, *History().many(20))
    build(log)
    log.close()
    types = {**EVENT_TYPES, "status_set": (StatusTwo, 2)}
    log = EventLog.open(str(path), codec=Codec(types, {("status_set", 1): later}))
    for _ in range(2):
        assert [rec.event for rec in joined(log)] == [
            StatusTwo(f"agent:a{i % 3}", f"said: status {i + 1}") for i in range(20)
        ]
        build(log)
        assert len(files(log)) == 2
    assert log.verify().segments == 2
    log.close()


@settings(max_examples=60)
@given(
    st.lists(recorded(events), min_size=1, max_size=30),
    st.sets(st.sampled_from(sorted(EVENT_TYPES))),
)
def test_columns_give_back_any_events(before: list[Recorded], kinds: set[str]) -> None:
    # As in a log: what is put into columns has been read from its stored form.
    codec = Codec()
    before = [codec.decode(*codec.encode(rec), *rec[:3]) for rec in before]
    documents = COLUMNS.dump(before)
    assert COLUMNS.load(documents, None) == before
    assert repr(COLUMNS.load(documents, None)) == repr(before)
    chosen = [rec for rec in before if rec.kind in kinds]
    assert COLUMNS.load(documents, frozenset(kinds)) == chosen


COLUMNS = Columns(Codec())


@settings(max_examples=60)
@given(st.lists(recorded(events), min_size=1, max_size=30))
def test_a_fold_is_given_tuples_of_the_same_fields(before: list[Recorded]) -> None:
    codec = Codec()
    before = [codec.decode(*codec.encode(rec), *rec[:3]) for rec in before]
    found = list(COLUMNS.stream(COLUMNS.dump(before)))
    assert [rec[:9] for rec in found] == [rec[:9] for rec in before]
    for rec, full in zip(found, before, strict=True):
        names = [attribute.name for attribute in fields(type(full.event))]
        assert list(rec.event) == [getattr(full.event, name) for name in names]
        assert all(getattr(rec.event, n) == getattr(full.event, n) for n in names)


def turns(count: int) -> list[Recorded]:
    """Turns of one agent with a call of a tool in each."""
    kinds: list[tuple[str, object]] = [
        ("agent:ada", TurnStart("ada", "t", 1, "work", "mail", "s", False, "haiku")),
        ("agent:ada", ToolCall("ada", "t", "c", "Bash", "ls", 10)),
        ("agent:ada", ToolResult("ada", "t", "c", "Bash", "ok", 20)),
        ("agent:ada", TurnEnd("ada", "t", "ok")),
    ]
    history = History()
    plain = [history.one("agent:ada") for _ in range(count)]
    return placed(
        [
            rec._replace(stream=stream, kind=kind_of(event), event=event)
            for rec, (stream, event) in zip(plain, cycle(kinds), strict=False)
        ]
    )


def folded(log: EventLog, unfinished: Callable[[], int] = lambda: 0) -> list[int]:
    return [rec[0] for chunk in log.stream(0, log.head(), unfinished) for rec in chunk]


def test_a_fold_lacks_what_is_overtaken_within_its_block(path: Path) -> None:
    log = EventLog.open(str(path))
    append(log, *turns(20))
    assert folded(log) == list(range(1, 21))
    build(log)
    # The turn at 9 ends in the next block.
    assert folded(log) == [1, 4, 5, 8, 9, 10, 12, 13, 16, 17, 20]
    assert joined(log) == turns(20)
    assert joined(log, kinds=frozenset({"tool_call"})) == turns(20)[1::4]
    log.close()


def test_a_command_that_goes_on_from_the_block_before_lacks_nothing(path: Path) -> None:
    log = EventLog.open(str(path))
    append(log, *turns(20))
    build(log)
    # Positions 11 to 14 are said to be of a command that began before 11.
    left = iter([0, 4])
    assert folded(log, lambda: next(left)) == [1, 4, 5, 8, 9, 10, *range(11, 21)]
    left = iter([1, 0])
    assert folded(log, lambda: next(left)) == [1, 4, 5, 8, 9, 10, 12, 13, 16, 17, 20]
    log.close()


def test_damage_to_what_a_fold_passes_over_is_met_by_who_reads_it(path: Path) -> None:
    log = EventLog.open(str(path))
    append(log, *turns(20))
    build(log)
    bad = files(log)[0]
    data = bad.read_bytes()
    bad.write_bytes(data[:-3] + bytes([data[-3] ^ 1]) + data[-2:])
    assert folded(log)[:6] == [1, 4, 5, 8, 9, 10]
    assert bad.exists()
    assert joined(log) == turns(20)
    assert not bad.exists()
    build(log)
    assert bad.read_bytes() == data
    bad.write_bytes(data[:-3])
    assert folded(log)[:6] == [1, 2, 3, 4, 5, 6]
    assert not bad.exists()
    log.close()


def test_segments_that_leave_out_something_else_are_built_anew(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = EventLog.open(str(path))
    append(log, *turns(20))
    build(log)
    log.close()
    monkeypatch.setattr("hived.store.log.PASSED_OVER", {"tool_call": "turn_end"})
    log = EventLog.open(str(path))
    assert len(folded(log)) == 20
    build(log)
    assert folded(log)[:5] == [1, 3, 4, 5, 7]
    log.close()


def test_columns_of_a_class_without_fields() -> None:
    @frozen
    class Tick:
        pass

    columns = Columns(Codec({"tick": (Tick, 1)}, {}))
    ticks = [Recorded(i, "s", i, 1.0, "n", "b", None, None, "tick", Tick()) for i in range(1, 4)]
    assert columns.load(columns.dump(ticks), None) == ticks
    assert [rec[:9] for rec in columns.stream(columns.dump(ticks))] == [t[:9] for t in ticks]


def test_garbage_collection_goes_on_after_a_replay(log: EventLog) -> None:
    assert gc.isenabled()
    chunks = log.replay(0)
    next(chunks)
    assert not gc.isenabled()
    chunks.close()  # type: ignore[attr-defined]
    assert gc.isenabled()
    joined(log)
    assert gc.isenabled()


def test_the_last_of_two_replays_to_end_brings_garbage_collection_back(log: EventLog) -> None:
    one, two = log.replay(0), log.replay(0)
    next(one)
    next(two)
    one.close()  # type: ignore[attr-defined]
    assert not gc.isenabled()
    two.close()  # type: ignore[attr-defined]
    assert gc.isenabled()
