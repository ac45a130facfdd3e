"""What single views keep, forget and bound."""

import json

import pytest

from hived import limits
from hived.decisions.delivery import DeliverNow
from hived.decisions.kept import FinishPurge, PurgeAgent
from hived.decisions.lifecycle import RemoveAgent, StartAgent, StopAgent
from hived.decisions.mail import SendMessage
from hived.decisions.turns import Observe
from hived.events import CommandMark, Recorded
from hived.events.turn import CompactionStart
from hived.projections import Hive
from hived.projections.inboxes import Message
from hived.projections.shapes import load_table, named
from tests.decisions.bench import Bench


def reloaded(b: Bench) -> Bench:
    b.hive = Hive.load(json.loads(json.dumps(b.hive.dump())))
    return b


def by_kind(made: list[Recorded], kind: str) -> Recorded:
    return next(record for record in made if record.kind == kind)


def test_a_started_agent_does_not_wait_for_an_old_retry() -> None:
    b = Bench()
    b.new()
    b.working()
    b.end("failed", "crashed")
    assert (b.agent().retry_at > b.now, b.agent().failures) == (True, 1)
    b.do(StopAgent("ada"))
    b.do(StartAgent("ada"))
    assert (b.agent().retry_at, b.agent().failures) == (0.0, 0)
    b.begin()


def test_a_turn_tells_whom_it_wrote_to_and_how_much_it_received() -> None:
    b = Bench()
    b.new("boss", role="manager")
    b.new("bob")
    b.new()
    turn = b.working()
    for to in ("operator", "boss", "boss", "bob"):
        b.send(to, by="agent:ada")
    b.send("ada")
    b.do(DeliverNow("ada", turn.id))
    end = by_kind(b.end(), "turn_end").event
    assert end.sent == {"operator": 1, "manager": 2, "peer": 1}
    assert end.received == 2


def test_tool_calls_are_remembered_while_their_turn_is_open() -> None:
    b = Bench()
    b.new()
    turn = b.working()
    mark = f"turn:{turn.id}/r1"
    message = b.do(SendMessage("operator", "done"), "agent:ada", mark)[0]
    found = reloaded(b).hive.commands.find(mark)
    assert found is not None
    assert (found.last, found.streams) == (message.position, (message.stream,))
    b.end()
    assert b.hive.commands.find(mark) is None
    assert b.hive.commands.of_turn == {}


def test_the_oldest_commands_are_forgotten() -> None:
    b = Bench()
    b.new()
    for number in range(limits.COMMAND_MEMORY + 3):
        mark = CommandMark(f"client:{number}", "d", 1)
        b.hive.commands.remember(b.log[0]._replace(command=mark, position=number))
    assert len(b.hive.commands.done) == limits.COMMAND_MEMORY
    assert b.hive.commands.find("client:2") is None
    assert b.hive.commands.find("client:3") is not None


def test_a_removed_agent_leaves_its_tombstone_its_mail_and_its_turns() -> None:
    b = Bench()
    b.new()
    b.working()
    b.end()
    version = b.agent().version
    b.do(RemoveAgent("ada"))
    kept = reloaded(b).hive.dump()["views"]["agents"]["kept"]
    assert (kept["ada"]["version"], kept["ada"]["destroyed_at"]) == (version + 1, b.now)
    assert "ada" not in b.hive.agents.live
    assert len(b.hive.turns.of["ada"]) == len(b.hive.inboxes.boxes["ada"].closed) == 1


def test_a_purged_agent_leaves_nothing_but_the_version_of_its_stream() -> None:
    b = Bench()
    b.new()
    b.working()
    b.end()
    b.do(RemoveAgent("ada"))
    b.do(PurgeAgent("ada", (), 0))
    assert reloaded(b).hive.agents.purging == {"ada": b.now}
    b.do(FinishPurge("ada", 0), "hive")
    views = b.hive.dump()["views"]
    version = b.log[-1].version
    assert views["agents"].pop("gone") == {"ada": version}
    del views["spend"]  # what it cost was spent all the same
    assert "ada" not in json.dumps(views)


def test_what_a_reloaded_hive_knows_of_credentials_goes_on() -> None:
    b = Bench()
    b.new()
    b.working()
    b.end("rate_limited", until=b.now + 1)
    reloaded(b).hive.credentials.known["key"].until = 0.0
    b.begin()
    b.end("ok")
    assert b.hive.credentials.of("key").hits == 0


def test_closed_messages_and_turns_are_bounded() -> None:
    b = Bench()
    b.new()
    for _ in range(limits.RECENT_MESSAGES_MAX + 5):
        b.working()
        b.end()
    box = b.hive.inboxes.box("ada")
    assert len(box.closed) == limits.RECENT_MESSAGES_MAX
    assert len(b.hive.turns.of["ada"]) == limits.RECENT_TURNS_MAX
    assert list(b.hive.turns.of["ada"].values())[-1].number == b.agent().turns


def test_mail_of_a_turn_that_ended_while_compacting_names_the_end_as_its_cause() -> None:
    b = Bench()
    b.new()
    turn = b.working()
    b.do(Observe("ada", turn.id, 5, (CompactionStart("ada", turn.id, "session", "auto", 5),)))
    made = b.end("failed", "crashed")
    end = by_kind(made, "turn_end")
    assert by_kind(made, "message_returned").cause == (end.stream, end.version)


def test_the_ledger_adds_up() -> None:
    b = Bench()
    b.new()
    for outcome in ("ok", "ok", "cancelled"):
        b.working()
        b.end(outcome, cost_usd=0.25)
    ledger = reloaded(b).hive.ledger
    assert ledger.outcomes == {"ok": 2, "failed": 1}
    assert (ledger.spent.cost_usd, ledger.messages) == (0.75, 3)
    assert b.agent().spent.cost_usd == 0.75


def test_tables_of_a_view_are_objects_to_people_and_of_one_class_only() -> None:
    b = Bench()
    b.new()
    b.do(SendMessage("ada", "Good morning."))
    data = b.hive.dump()["views"]
    (row,) = named(data)["inboxes"]["boxes"]["ada"]["open"]
    assert (row["to"], row["body"], row["state"]) == ("ada", "Good morning.", "queued")
    table = json.loads(json.dumps(data))["inboxes"]["boxes"]["ada"]["open"]
    assert load_table(Message, table) == list(b.hive.inboxes.box("ada").open.values())
    with pytest.raises(LookupError, match="another Message"):
        load_table(Message, {**table, "fields": table["fields"][:-1]})
