"""Any order of requests and words: each is decided once, by who may, and only then carried out."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from hived.decisions.approvals import RequestApproval
from hived.decisions.base import on_hive
from hived.decisions.drafts import CreateDraft, DiscardDraft
from hived.decisions.lifecycle import RemoveAgent
from hived.decisions.outcomes import FinishApproval
from hived.decisions.verdicts import Decide, ExpireApproval, Withdraw
from hived.errors import CommandRefused
from hived.events.hive import HiveConfigured
from hived.events.settings import Policy, Settings
from hived.projections import Hive
from tests.decisions.bench import Bench, config

IDS = [f"p{number:016x}" for number in range(6)]
NAMES = ["web", "ada", "boss", "page"]
BY = st.sampled_from(["operator:ann", "operator:ben", "agent:boss", "agent:ada", "hive"])
WORDS = Policy("no words", "deny", kinds=("apply_commit",), paths=("*.md",))


@st.composite
def commands(draw: st.DrawFn) -> tuple[Any, str]:
    approval, name = draw(st.sampled_from(IDS)), draw(st.sampled_from(NAMES))
    kind = draw(st.sampled_from(["spawn", "spawn_commit", "apply_commit", "revive"]))
    paths = draw(st.sampled_from([("agent.toml",), ("a.md",)]))
    commit = "c" * 40 if "commit" in kind else ""
    request = RequestApproval(
        approval, kind, name, "", commit, paths=paths, consent=draw(st.booleans())
    )
    word = draw(st.sampled_from(["approve", "deny"]))
    finish = FinishApproval(approval, draw(st.sampled_from(["", "no"])), config(), "key", "here")
    command = draw(
        st.sampled_from(
            [
                request,
                request,
                Decide(approval, word),
                Decide(approval, word),
                Withdraw(approval),
                ExpireApproval(approval),
                finish,
                CreateDraft(name),
                DiscardDraft(name),
                RemoveAgent(name),
            ]
        )
    )
    if isinstance(command, ExpireApproval):
        return command, "policy:expiry"  # no one else sends it
    return command, "hive" if command is finish else draw(BY)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(commands(), st.sampled_from([0.0, 30.0])), max_size=40))
def test_each_request_is_decided_once_and_carried_out_once(steps: list[Any]) -> None:
    bench = Bench()
    rules = Settings(policies=(WORDS,), expiry_s={"spawn": 60.0})
    bench.append([on_hive(HiveConfigured(rules))], "hive")
    bench.new("boss", role="manager")
    bench.new("ada", parent="boss")
    asked: set[str] = set()
    for (command, by), wait in steps:
        bench.now += wait
        if isinstance(command, RequestApproval) and command.approval in asked:
            continue  # ids are never given twice
        before = bench.hive.dump()
        try:
            bench.do(command, by)
        except CommandRefused:
            assert bench.hive.dump() == before
        else:
            if isinstance(command, RequestApproval):
                asked.add(command.approval)
    _check(bench)
    assert Hive.load(bench.hive.dump()).dump() == bench.hive.dump()


def _check(bench: Bench) -> None:
    words: dict[str, str] = {}
    ends: set[str] = set()
    requesters: dict[str, str] = {}
    for rec in bench.log:
        e = rec.event
        if rec.kind == "approval_request":
            requesters[e.approval] = e.requester
        elif rec.kind == "approval_decision":
            assert e.approval not in words
            words[e.approval] = e.decision
            if e.decision in ("approved", "denied"):
                assert rec.by.startswith("operator:") or rec.by == "policy:no words"
            if rec.by.startswith("policy:"):
                assert rec.by in ("policy:no words", "policy:expiry")
            if rec.by.startswith("agent:"):
                assert (e.decision, rec.by) == ("withdrawn", f"agent:{requesters[e.approval]}")
        elif rec.kind == "approval_outcome":
            assert words[e.approval] == "approved" and e.approval not in ends
            ends.add(e.approval)
    view = bench.hive.approvals
    assert {one.id for one in view.pending()} == set(requesters) - set(words)
    assert {one.id for one in view.ordered()} == {
        id for id, word in words.items() if word == "approved"
    } - ends
    versions = {}
    for rec in bench.log:
        assert rec.version == versions.get(rec.stream, 0) + 1
        versions[rec.stream] = rec.version
