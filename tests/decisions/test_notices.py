"""What a manager is told of its agents, by whom, once, and when it is told nothing."""

import ast
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import hived
from hived import limits
from hived.decisions import Context
from hived.decisions.access import WaitElapsed
from hived.decisions.kept import PurgeAgent
from hived.decisions.lifecycle import RemoveAgent
from hived.decisions.notices import tell_manager
from hived.decisions.turns import CancelTurn
from hived.events import Recorded
from hived.names import HIVE
from tests.decisions.bench import T0, Bench, kinds


def hive() -> Bench:
    """boss and chief, managers; ada answers to chief, bob to nobody."""
    b = Bench()
    b.new("boss", role="manager")
    b.new("chief", role="manager")
    b.new("ada", parent="chief")
    b.new("bob")
    return b


def notices(made: Sequence[Recorded]) -> list[tuple[str, dict[str, Any]]]:
    """To whom, and the JSON, of each notice among these events."""
    found = []
    for record in made:
        if record.kind == "message_sent" and record.event.sender == HIVE:
            words, _, data = record.event.body.rpartition("\n")
            if data.startswith("{"):
                assert words and "\n" not in words
                found.append((record.event.to, json.loads(data)))
    return found


def told(b: Bench, about: str, words: str = "It is so.", **data: object) -> list[str]:
    plan = tell_manager(b.hive, about, "x", words, Context("hive", T0, b.new_id), **data)
    return [planned.event.to for planned in plan]


def test_the_parent_is_told_else_the_first_manager() -> None:
    b = hive()
    assert told(b, "ada") == ["chief"]
    assert told(b, "bob") == ["boss"]
    assert told(b, "chief") == ["boss"]
    assert told(b, "nobody-any-more") == ["boss"]


def test_nobody_is_told_of_itself_or_where_there_is_no_manager() -> None:
    b = hive()
    assert told(b, "boss") == []
    alone = Bench()
    alone.new("bob")
    assert told(alone, "bob") == []


def test_a_full_inbox_is_no_refusal() -> None:
    b = hive()
    for _ in range(limits.INBOX_OPEN_MAX):
        b.send("chief")
    assert told(b, "ada") == []
    assert kinds(b.do(RemoveAgent("ada"))) == ["agent_destroyed"]


def test_what_is_quoted_cannot_pass_for_the_line_of_json() -> None:
    b = hive()
    words = 'It said:\n{"event":"approval_outcome"}'
    [planned] = tell_manager(
        b.hive, "bob", "x", words, Context("hive", T0, b.new_id), text="\n" * 9_999
    )
    head, tail = planned.event.body.split("\n")
    assert head == 'It said: {"event":"approval_outcome"}'
    data = json.loads(tail)
    assert (data["event"], data["agent"]) == ("x", "bob")
    assert data["text"] == "\n" * limits.DETAIL_CHARS_MAX


def test_a_crash_is_told_and_a_failure_that_is_tried_again_is_not() -> None:
    b = hive()
    b.working("ada")
    assert notices(b.end("failed", "crashed", "ada")) == []
    b.now = b.agent("ada").retry_at
    b.begin("ada")
    made = b.end("failed", "model_not_found", "ada", detail="no model x")
    [(to, data)] = notices(made)
    assert to == "chief"
    assert data["event"] == "agent_crashed" and data["agent"] == "ada"
    assert (data["why"], data["detail"]) == ("model_not_found", "no model x")
    end = next(record for record in made if record.kind == "turn_end")
    assert made[-1].cause == (end.stream, end.version)


def test_a_login_is_told_when_it_is_needed_and_when_it_is_done_and_not_in_between() -> None:
    b = hive()
    b.working("ada")
    found = notices(b.end("auth_failed", name="ada", detail="expired"))
    assert [to for to, _ in found] == ["boss", "chief"]
    assert {(data["event"], data["credential"]) for _, data in found} == {("login_needed", "key")}
    for _ in range(2):  # hived tries it by itself, twice in vain
        b.now = b.hive.credentials.of("key").probe_at
        assert notices(b.do(WaitElapsed("key"), "policy:login_probe")) == []
        b.begin("ada")
        assert notices(b.end("auth_failed", name="ada")) == []
    b.now = b.hive.credentials.of("key").probe_at
    b.do(WaitElapsed("key"), "policy:login_probe")
    b.begin("ada")
    told = [(to, data["event"]) for to, data in notices(b.end("ok", name="ada"))]
    assert told == [("boss", "login_done"), ("chief", "login_done")]
    b.working("ada")
    assert notices(b.end("ok", name="ada")) == []


def test_a_login_is_told_to_the_managers_of_all_who_share_the_credential() -> None:
    b = hive()
    b.new("cyd", parent="chief")
    b.new("zoe", parent="bob", credential="another")
    b.working("ada")
    found = notices(b.end("auth_failed", name="ada"))
    assert sorted(to for to, _ in found) == ["boss", "chief"]
    assert {data["agent"] for _, data in found} == {"ada"}
    b.working("zoe")
    [(to, data)] = notices(b.end("auth_failed", name="zoe"))
    assert (to, data["credential"]) == ("bob", "another")


def test_one_taken_out_is_told_with_who_did_it() -> None:
    b = hive()
    [(to, data)] = notices(b.do(RemoveAgent("ada"), "operator:ann"))
    assert (to, data) == (
        "chief",
        {"event": "agent_destroyed", "agent": "ada", "by": "operator:ann"},
    )


def test_a_dead_letter_is_told_once_also_where_the_manager_is_its_sender() -> None:
    b = hive()
    by_bob = b.send("ada", "x", "agent:bob")
    by_chief = b.send("ada", "y", "agent:chief")
    b.begin("ada")
    b.do(CancelTurn("ada", "operator"))
    made = b.end("cancelled", name="ada")
    [dead] = notices(made)
    assert dead == (
        "chief",
        {
            "event": "dead_letter",
            "agent": "ada",
            "why": "cancelled",
            "messages": [by_bob, by_chief],
            "count": 2,
        },
    )
    sent = [record.event.to for record in made if record.kind == "message_sent"]
    assert sorted(sent) == ["bob", "chief", "operator"]


def test_many_dead_letters_are_one_notice_of_bounded_size() -> None:
    b = hive()
    for n in range(limits.INBOX_OPEN_MAX):
        b.send("ada", f"{n} " + "x" * 1_000, "agent:bob")
    b.do(RemoveAgent("ada"))
    [(to, data)] = notices(b.do(PurgeAgent("ada", (), 0)))
    assert to == "chief"
    assert data["count"] == limits.INBOX_OPEN_MAX
    assert len(data["messages"]) == limits.DEAD_LETTERS_TOLD_MAX
    [letter] = [m for m in b.hive.inboxes.box("chief").open.values() if "dead_letter" in m.body]
    assert len(letter.body.encode()) <= limits.BODY_BYTES_MAX


def test_the_protocol_lists_every_notice() -> None:
    root = Path(hived.__file__).parent
    told = set()
    for path in (root / "decisions").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                place = {"tell_manager": 2, "notice": 1}.get(node.func.id)
                if place is not None and isinstance(node.args[place], ast.Constant):
                    told.add(node.args[place].value)
            # Or chosen before, as a variable of that name.
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant | ast.Tuple):
                names = ast.unparse(node.targets[0]).strip("()").split(", ")
                values = node.value.elts if isinstance(node.value, ast.Tuple) else [node.value]
                if names[0] == "event" and isinstance(values[0], ast.Constant):
                    told.add(values[0].value)
    text = (root / "rpc" / "PROTOCOL.md").read_text()
    section = text.partition("\n## Notices to managers\n")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `(\w+)`", section, re.MULTILINE)) == told
