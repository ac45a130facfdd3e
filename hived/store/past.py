"""The state at a position: the nearest snapshot before it, then a fold of the rest."""

from typing import Any

from hived.projections import FINGERPRINT, Hive
from hived.store.log import EventLog
from hived.store.replay import no_collection
from hived.store.snapshots import Snapshots


def load_hive(log: EventLog, snapshots: Snapshots, upto: int | None = None) -> Hive:
    """Fold the log up to a position (its head if None). Blocks: run it in a thread.

    A snapshot is a cache: a bad, foreign or missing one only makes this slower.
    """
    position = log.head() if upto is None else upto
    with no_collection():
        found = snapshots.nearest(position, FINGERPRINT)
        hive = Hive() if found is None else _loaded(found[1])
        for chunk in log.stream(hive.position, position, hive.unfinished):
            hive.fold(chunk)
    return hive


def save_snapshot(snapshots: Snapshots, position: int, data: dict[str, object]) -> None:
    """Keep the state of `Hive.dump` for later. Blocks: run it in a thread."""
    snapshots.save(position, data, FINGERPRINT)


def _loaded(data: dict[str, Any]) -> Hive:
    """The state of a snapshot, or an empty one where views have changed and FINGERPRINT has not."""
    try:
        return Hive.load(data)
    except (LookupError, TypeError, ValueError):
        return Hive()
