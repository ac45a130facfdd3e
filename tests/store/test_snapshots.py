"""Snapshots: the nearest good one, never a damaged or foreign one, never too many."""

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hived import limits
from hived.store.snapshots import Snapshots


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "made" / "when needed"


@pytest.fixture
def snapshots(folder: Path) -> Snapshots:
    return Snapshots(folder)


def state(position: int) -> dict[str, object]:
    return {"at": position, "agents": {"ada": {"turns": [1, 2.5, None, "é"]}}}


def test_none_at_all(snapshots: Snapshots, folder: Path) -> None:
    assert snapshots.nearest(10, "f") is None
    assert not folder.exists()


def test_the_nearest_before(snapshots: Snapshots) -> None:
    for position in (30, 10, 20):
        snapshots.save(position, state(position), "f")
    found = {at: snapshots.nearest(at, "f") for at in (9, 10, 11, 29, 30, 10**12)}
    assert found == {
        9: None,
        10: (10, state(10)),
        11: (10, state(10)),
        29: (20, state(20)),
        30: (30, state(30)),
        10**12: (30, state(30)),
    }


def test_a_later_save_at_a_position_replaces(snapshots: Snapshots) -> None:
    snapshots.save(10, {"was": 1}, "f")
    snapshots.save(10, {"is": 2}, "f")
    assert snapshots.nearest(10, "f") == (10, {"is": 2})


def test_another_fingerprint_is_foreign(snapshots: Snapshots) -> None:
    snapshots.save(10, state(10), "f")
    snapshots.save(20, state(20), "g")
    assert snapshots.nearest(20, "f") == (10, state(10))
    assert snapshots.nearest(20, "g") == (20, state(20))
    assert snapshots.nearest(20, "h") is None


def test_a_snapshot_of_another_log_is_foreign(folder: Path) -> None:
    Snapshots(folder, lambda position: f"row {position}").save(10, state(10), "f")
    same = Snapshots(folder, lambda position: f"row {position}")
    assert same.nearest(10, "f") == (10, state(10))
    other = Snapshots(folder, lambda position: f"another row {position}")
    assert other.nearest(10, "f") is None


@given(at=st.integers(0, 10**6), flip=st.integers(1, 255), cut=st.booleans())
def test_a_damaged_one_is_never_believed(
    tmp_path_factory: pytest.TempPathFactory, at: int, flip: int, cut: bool
) -> None:
    folder = tmp_path_factory.mktemp("snapshots")
    snapshots = Snapshots(folder)
    snapshots.save(10, state(10), "f")
    snapshots.save(20, state(20), "f")
    bad = max(folder.iterdir())
    body = bad.read_bytes()
    at %= len(body)
    bad.write_bytes(body[:at] if cut else body[:at] + bytes([body[at] ^ flip]) + body[at + 1 :])
    # Some bits of a frame mean nothing; every other flip gives way to the snapshot before.
    found = snapshots.nearest(20, "f")
    assert found in ((10, state(10)), (20, state(20)))
    assert not cut or found == (10, state(10))


def test_a_renamed_one_and_what_is_not_ours_are_passed_over(
    snapshots: Snapshots, folder: Path
) -> None:
    snapshots.save(10, state(10), "f")
    (file,) = folder.iterdir()
    (folder / file.name.replace("10-", "15-")).write_bytes(file.read_bytes())
    (folder / "notes.txt").write_text("mine")
    (folder / "000000000000016-x.snap").mkdir()
    assert snapshots.nearest(20, "f") == (10, state(10))


def test_they_are_thinned_and_the_newest_stay(
    snapshots: Snapshots, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "SNAPSHOTS_KEPT_MAX", 20)
    snapshots.save(1, state(1), "of an old version")
    most = 0
    for position in range(10, 2_000, 10):
        snapshots.save(position, state(position), "f")
        most = max(most, len(list(folder.iterdir())))
    assert most <= 20
    assert snapshots.nearest(1, "of an old version") is None
    kept = sorted(int(file.name[:15]) for file in folder.iterdir())
    assert kept[-8:] == list(range(1_920, 2_000, 10))
    assert kept[0] == 10, "the first is the way into old history"
    gaps = [b - a for a, b in pairwise(kept)]
    assert gaps == sorted(gaps, reverse=True)
