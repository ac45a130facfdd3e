"""Approvals and drafts over the socket, where nobody carries them out."""

from pathlib import Path
from typing import Any

import pytest

from hived import limits
from hived.decisions.approvals import RequestApproval
from hived.events.values import AgentConfig


@pytest.fixture
async def asked(world: Any, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Three requests of a manager; their ids."""
    monkeypatch.setattr(limits, "APPROVAL_WAIT_SECONDS", 0.05)
    await world.agent("boss", role="manager")
    ids = ["p00000000000000aa", "p00000000000000ab", "p0000000000000bbb"]
    for number, id in enumerate(ids):
        config = AgentConfig("claude", "/srv")
        request = RequestApproval(id, "spawn", f"web{number}", "pages", config=config)
        await world.engine.submit(request, by="agent:boss")
    return ids


def there(path: str) -> bool:
    return Path(path).exists()


def make(path: str) -> None:
    Path(path).mkdir(parents=True)


async def test_an_approval_is_named_by_its_beginning(raw: Any, asked: list[str]) -> None:
    error = await raw.refused("approve", approval="p00000000000000a")
    assert error["data"]["code"] == "ambiguous_name"
    assert error["data"]["candidates"] == asked[:2]
    for method, more in (("approval", {}), ("approve", {}), ("deny", {"note": "no"})):
        error = await raw.refused(method, approval="p9", **more)
        assert error["data"]["code"] == "not_found"
    answer = await raw.call("approve", approval="p0000000000000b")
    assert (answer["approval"]["approval"], answer["approval"]["state"]) == (asked[2], "approved")
    answer = await raw.call("deny", approval=asked[0], note="not\nnow")
    assert (answer["approval"]["state"], answer["approval"]["note"]) == ("denied", "not\nnow")


async def test_what_was_pending_then_is_told_as_it_was(raw: Any, asked: list[str]) -> None:
    before = await raw.call("approvals")
    await raw.call("deny", approval=asked[0], note="no")
    now = await raw.call("approvals")
    assert [row["approval"] for row in now["approvals"]] == asked[1:]
    then = await raw.call("approvals", at=before["position"])
    assert then == before
    all_of_them = await raw.call("approvals", all=True, limit=2)
    assert [row["approval"] for row in all_of_them["approvals"]] == asked[1:]
    assert all_of_them["left_out"] == 1
    past = await raw.call("approval", approval=asked[0], at=before["position"])
    assert past["approval"]["state"] == "pending"
    hive = (await raw.call("agents"))["hive"]
    assert hive["approvals"] == 2


async def test_a_decision_stands_and_the_second_is_told_whose_it_is(
    raw: Any, asked: list[str]
) -> None:
    first = await raw.call("deny", approval=asked[0], note="no", command_id="one")
    again = await raw.call("deny", approval=asked[0], note="no", command_id="one")
    assert again == first
    error = (await raw.refused("approve", approval=asked[0]))["data"]
    assert error["code"] == "wrong_state" and error["state"] == "denied"
    assert error["decided_position"] == first["approval"]["decided_position"]
    assert error["decided_by"].startswith("operator:")
    error = await raw.refused("withdraw", approval=asked[1])
    assert error["data"]["code"] == "not_allowed"


async def test_bad_words_change_nothing(world: Any, raw: Any, asked: list[str]) -> None:
    before = world.engine.durable.position
    long = "x" * (limits.APPROVAL_NOTE_CHARS_MAX + 1)
    for method, params, code in (
        ("deny", {"approval": asked[0]}, "invalid_params"),
        ("deny", {"approval": asked[0], "note": "\x1b[31m"}, "invalid_params"),
        ("deny", {"approval": asked[0], "note": long}, "too_large"),
        ("approve", {"approval": 5}, "invalid_params"),
        ("spawn", {"agent": "../up"}, "invalid_name"),
        ("spawn", {"agent": "boss"}, "exists"),
        ("spawn", {"agent": "web0"}, "exists"),
        ("spawn", {"agent": "nodraft", "commit": "0123abc"}, "not_found"),
        ("spawn", {"agent": "new", "description": long}, "too_large"),
        ("apply", {"agent": "boss", "commit": "main"}, "invalid_params"),
        ("apply", {"agent": "nobody", "commit": "0123abc"}, "not_found"),
        ("draft_new", {"agent": "operator"}, "invalid_name"),
        ("draft_new", {"agent": "boss"}, "exists"),
        ("draft_discard", {"agent": "boss"}, "not_found"),
    ):
        error = await raw.refused(method, **params)
        assert error["data"]["code"] == code, (method, params, error)
    assert world.engine.durable.position == before
    assert not there(world.home.agent("new"))


async def test_a_draft_is_there_when_it_is_answered(world: Any, raw: Any) -> None:
    answer = await raw.call("draft_new", agent="page", description="for later")
    row = answer["draft"]
    assert there(f"{row['config_path']}/agent.toml") and there(row["state_path"])
    assert (await raw.call("drafts"))["drafts"] == [row]
    assert (await raw.call("drafts", at=answer["position"] - 1))["drafts"] == []
    make(world.home.agent_state("odd"))
    error = await raw.refused("draft_new", agent="odd")
    assert error["data"]["code"] == "exists" and "state" in error["message"]
    gone = await raw.call("draft_discard", agent="page")
    assert gone["withdrawn"] == []
    error = await raw.refused("draft_new", agent="page")
    assert "being deleted" in error["message"]
