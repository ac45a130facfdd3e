"""A state taken from a snapshot is the one that the log folds to."""

from pathlib import Path

import orjson

from hived.events import Cause, Recorded, kind_of
from hived.events import agents as a
from hived.events import messages as m
from hived.events import turn as t
from hived.events.values import AgentConfig
from hived.projections import FINGERPRINT, Hive
from hived.store.log import EventLog
from hived.store.past import load_hive, save_snapshot
from hived.store.snapshots import Snapshots

AGENT, LETTER = "agent:ada", "message:m1"


def events() -> list[Recorded]:
    """An agent in the middle of a turn, with a letter delivered."""
    config = AgentConfig("claude", "/srv", "haiku")
    told: list[tuple[str, int, object]] = [
        (AGENT, 1, a.AgentCreated("ada", config, "s1", "main")),
        (AGENT, 2, a.AgentStarted("ada", "created")),
        (LETTER, 1, m.MessageSent("m1", "operator", "ada", "Good morning.")),
        (AGENT, 3, t.TurnStart("ada", "t1", 1, "work", "mail", "s1", True, "haiku")),
        (LETTER, 2, m.MessageDelivered("m1", "ada", "t1", 1, 1, "u1")),
        (AGENT, 4, t.ToolCall("ada", "t1", "c1", "Bash", "ls", 100)),
    ]
    cause = Cause(AGENT, 1)
    return [
        Recorded(n, stream, version, float(n), "main", "hive", None, cause, kind_of(event), event)
        for n, (stream, version, event) in enumerate(told, 1)
    ]


def test_a_state_with_causes_in_it_goes_to_a_snapshot_and_back(tmp_path: Path) -> None:
    log = EventLog.open(str(tmp_path / "log"))
    told = events()
    log.insert([log.prepare(told)])
    snapshots = Snapshots(tmp_path / "snapshots", log.anchor)
    whole = Hive()
    whole.fold(told)
    half = Hive()
    half.fold(told[:4])
    save_snapshot(snapshots, 4, half.dump())

    found = snapshots.nearest(6, FINGERPRINT)
    assert found is not None and found[0] == 4
    again = load_hive(log, snapshots)

    assert orjson.dumps(again.dump()) == orjson.dumps(whole.dump())
    agent = again.agents.live["ada"]
    assert agent.state_by == Cause(AGENT, 3) and type(agent.state_by) is Cause
    log.close()


def test_a_snapshot_of_other_views_under_the_same_name_is_passed_over(tmp_path: Path) -> None:
    log = EventLog.open(str(tmp_path / "log"))
    told = events()
    log.insert([log.prepare(told)])
    whole = Hive()
    whole.fold(told)
    snapshots = Snapshots(tmp_path / "snapshots", log.anchor)
    half = Hive()
    half.fold(told[:4])
    data = half.dump()
    data["views"]["inboxes"]["boxes"]["ada"]["open"]["fields"] = ["id", "colour"]
    save_snapshot(snapshots, 4, data)

    assert orjson.dumps(load_hive(log, snapshots).dump()) == orjson.dumps(whole.dump())
    log.close()
