"""Whom a message goes to, who may send it, what a full inbox does, what is read."""

import pytest

from hived import limits
from hived.decisions.delivery import DeliverNow, Receive
from hived.decisions.kept import PurgeAgent
from hived.decisions.lifecycle import RemoveAgent
from hived.decisions.mail import AckMessages, SendMessage
from hived.errors import CommandRefused
from hived.projections.inboxes import ACKED
from tests.decisions.bench import Bench, all_open, kinds


def hive() -> Bench:
    """boss, a manager; ada and bob, of whom ada answers to boss; eve may write to few."""
    b = Bench()
    b.new("boss", role="manager")
    b.new("ada", parent="boss")
    b.new("bob")
    b.new("eve", recipients=("bob", "manager"))
    return b


def sent_to(b: Bench, to: str, by: str) -> list[str]:
    return [record.event.to for record in b.do(SendMessage(to, "hi"), by)]


def refused(b: Bench, command: object, by: str = "operator:x") -> str:
    with pytest.raises(CommandRefused) as error:
        b.plan(command, by)
    return error.value.code


def test_a_broadcast_reaches_everyone_but_its_sender_in_one_append() -> None:
    b = hive()
    assert sent_to(b, "*", "agent:ada") == ["boss", "bob", "eve"]
    assert sent_to(b, "*", "operator:x") == ["boss", "ada", "bob", "eve"]


def test_the_manager_is_the_parent_or_the_only_one() -> None:
    b = hive()
    assert sent_to(b, "manager", "agent:ada") == ["boss"]
    assert sent_to(b, "manager", "agent:bob") == ["boss"]
    b.new("chief", role="manager")
    assert sent_to(b, "manager", "agent:ada") == ["boss"]
    assert refused(b, SendMessage("manager", "x"), "agent:bob") == "ambiguous_name"
    assert sent_to(b, "manager", "agent:boss") == ["chief"]


def test_an_agent_writes_to_the_operator_and_not_to_itself() -> None:
    b = hive()
    assert sent_to(b, "operator", "agent:ada") == ["operator"]
    assert refused(b, SendMessage("ada", "x"), "agent:ada") == "not_allowed"


def test_recipients_of_an_agent_are_held_in_a_broadcast_too() -> None:
    b = hive()
    assert sent_to(b, "bob", "agent:eve") == ["bob"]
    assert sent_to(b, "boss", "agent:eve") == ["boss"]
    assert sent_to(b, "manager", "agent:eve") == ["boss"]
    for to in ("ada", "operator", "*"):
        assert refused(b, SendMessage(to, "x"), "agent:eve") == "not_allowed"


def test_urgent_mail_is_the_operators_and_goes_first() -> None:
    b = hive()
    assert refused(b, SendMessage("bob", "x", urgent=True), "agent:ada") == "not_allowed"
    late = b.send("bob", "late")
    first = b.send("bob", "first", urgent=True)
    assert [m.id for m in b.hive.inboxes.box("bob").queued()] == [first, late]


def test_a_full_inbox_refuses_the_whole_broadcast() -> None:
    b = hive()
    for _ in range(limits.INBOX_OPEN_MAX):
        b.send("bob")
    assert refused(b, SendMessage("bob", "x")) == "inbox_full"
    before = b.hive.dump()
    assert refused(b, SendMessage("*", "x")) == "inbox_full"
    assert b.hive.dump() == before


def test_the_operators_full_inbox_closes_its_oldest() -> None:
    b = hive()
    ids = [b.send("operator", f"n{n}", "agent:ada") for n in range(limits.INBOX_OPEN_MAX)]
    made = b.do(SendMessage("operator", "one more"), "agent:ada", "client:1")
    assert kinds(made) == ["message_sent", "message_acked"]
    assert made[0].command is not None
    assert made[1].by == "policy:inbox_full"
    assert made[1].event.message == ids[0]
    assert len(b.hive.inboxes.box("operator").open) == limits.INBOX_OPEN_MAX


def test_the_operator_reads_each_message_once() -> None:
    b = hive()
    one, two = (b.send("operator", "x", "agent:ada") for _ in range(2))
    assert len(b.do(AckMessages((one, two, one)))) == 2
    assert b.letter(one).state == ACKED
    assert refused(b, AckMessages((one,))) == "not_found"
    to_ada = b.send("ada")
    assert refused(b, AckMessages((to_ada,))) == "not_found"


def test_a_reply_names_a_message_that_is_there() -> None:
    b = hive()
    first = b.send("operator", "x", "agent:ada")
    reply = b.send("ada", "y", in_reply_to=first)
    assert b.letter(reply).in_reply_to == first


def test_mail_of_a_removed_agent_is_kept_and_dies_with_its_purge() -> None:
    b = hive()
    by_ada = [b.send("bob", f"n{n}", "agent:ada") for n in range(2)]
    by_hand = b.send("bob", "z")
    assert kinds(b.do(RemoveAgent("bob"))) == ["agent_destroyed", "message_sent"]
    assert list(b.hive.inboxes.box("bob").open) == [*by_ada, by_hand]
    assert refused(b, SendMessage("bob", "more")) == "not_found"
    made = b.do(PurgeAgent("bob", (), 0))
    assert kinds(made) == ["agent_purged"] + ["message_dead"] * 3 + ["message_sent"] * 3
    assert {r.event.message for r in made[1:4]} == {*by_ada, by_hand}
    assert [r.event.to for r in made[4:]] == ["operator", "ada", "boss"]
    assert "(purged)" in made[4].event.body
    assert "bob" not in b.hive.inboxes.boxes
    assert b.hive.inboxes.find(by_hand) is None
    assert sorted(m.to for m in all_open(b.hive)) == ["ada", "boss", "boss", "operator"]


def test_a_running_turn_takes_so_many_lines_of_so_much_mail() -> None:
    b = hive()
    turn = b.working("ada")
    for _ in range(limits.TURN_MESSAGES_MAX + 1):
        b.send("ada")
    assert len(b.do(DeliverNow("ada", turn.id))) == limits.TURN_MESSAGES_MAX
    assert turn.lines == 2
    turn.lines = limits.TURN_LINES_MAX
    assert b.do(DeliverNow("ada", turn.id)) == []


def test_long_mail_is_spread_over_turns_and_urgent_mail_is_let_in() -> None:
    b = hive()
    half = "x" * (limits.BODY_BYTES_MAX // 2)
    per_turn = 2 * limits.TURN_MAIL_BYTES_MAX // limits.BODY_BYTES_MAX
    sent = [b.send("ada", half) for _ in range(per_turn + 2)]
    small = b.send("ada", "overtakes none")
    turn = b.begin("ada")
    assert [one.id for one in b.hive.inboxes.box("ada").in_turn(turn.id)] == sent[:per_turn]
    assert b.do(DeliverNow("ada", turn.id)) == []
    urgent = b.send("ada", "now", urgent=True)
    [given] = b.do(DeliverNow("ada", turn.id))
    assert given.event.message == urgent
    assert b.do(DeliverNow("ada", turn.id)) == []
    b.end(name="ada", seen=(1, 2))
    turn = b.begin("ada")
    rest = [one.id for one in b.hive.inboxes.box("ada").in_turn(turn.id)]
    assert rest == [*sent[per_turn:], small]
    # What a recv answers is one message at least, and no more than a CLI passes on whole.
    long = [b.send("ada", body) for body in ("y" * limits.RECV_BYTES_MAX, "z", "z")]
    assert [r.event.message for r in b.do(Receive("ada", turn.id, 9))] == long[:1]
    assert [r.event.message for r in b.do(Receive("ada", turn.id, 9))] == long[1:]


def test_no_more_mail_goes_into_a_turn_that_is_cancelled_or_only_compacts() -> None:
    b = hive()
    turn = b.working("ada")
    b.send("ada")
    turn.cancel = "operator"
    assert b.do(DeliverNow("ada", turn.id)) == []
    turn.cancel, turn.kind = "", "compact"
    assert b.do(DeliverNow("ada", turn.id)) == []
