"""Approvals and drafts by decide and fold alone."""

from typing import Any

import pytest

from hived import limits
from hived.decisions.approvals import RequestApproval
from hived.decisions.base import on_hive
from hived.decisions.drafts import CreateDraft, DiscardDraft
from hived.decisions.lifecycle import RemoveAgent
from hived.decisions.outcomes import FinishApproval
from hived.decisions.timers import due
from hived.decisions.turns import BeginTurn
from hived.decisions.verdicts import Decide, ExpireApproval, Withdraw
from hived.errors import CommandRefused
from hived.events.approvals import ApprovalRequest
from hived.events.hive import HiveConfigured
from hived.events.settings import Policy, Settings
from hived.projections import Hive
from tests.decisions.bench import OPERATOR, Bench, config, kinds

BOSS = "agent:boss"


def bench_of(settings: Settings | None = None) -> Bench:
    """A manager boss, whose worker is ada."""
    bench = Bench()
    if settings is not None:
        bench.append([on_hive(HiveConfigured(settings))], "hive")
    bench.new("boss", role="manager")
    bench.new("ada", parent="boss")
    return bench


def ask(bench: Bench, kind: str = "spawn", agent: str = "web", by: str = BOSS, **more: Any) -> str:
    bench.ids += 1
    approval = f"p{bench.ids:016x}"
    more.setdefault("config", config())
    bench.do(RequestApproval(approval, kind, agent, **more), by)
    return approval


def state(bench: Bench, approval: str) -> str:
    found = bench.hive.approvals.find(approval)
    assert found is not None
    return found.state


def refused(bench: Bench, command: Any, by: str, code: str) -> CommandRefused:
    before = bench.hive.dump()
    with pytest.raises(CommandRefused) as error:
        bench.do(command, by)
    assert error.value.code == code
    assert bench.hive.dump() == before
    return error.value


def mail(bench: Bench, to: str) -> list[str]:
    return [letter.body for letter in bench.hive.inboxes.box(to).open.values()]


def test_a_spawn_waits_for_the_operator_and_is_made_once() -> None:
    bench = bench_of()
    approval = ask(bench, description="for the web")
    assert state(bench, approval) == "pending"
    assert "web" not in bench.hive.agents.live
    assert bench.do(FinishApproval(approval, config=config()), "hive") == []
    bench.do(Decide(approval, "approve", "go"), OPERATOR)
    assert state(bench, approval) == "approved"
    assert bench.hive.approvals.ordered()[0].config == config()
    done = bench.do(FinishApproval(approval, "", config(), "key", "here"), "hive")
    assert kinds(done) == ["agent_created", "agent_started", "approval_outcome", "message_sent"]
    assert done[0].cause is not None and done[0].cause.stream == f"approval:{approval}"
    assert bench.agent("web").parent == "boss"
    assert state(bench, approval) == "done"
    assert bench.do(FinishApproval(approval, "", config(), "key", "here"), "hive") == []
    told = mail(bench, "boss")
    assert "was approved: go" in told[0] and '"event":"approval_decided"' in told[0]
    assert "was spawned" in told[1] and '"event":"agent_spawned"' in told[1]


def test_of_two_operators_one_wins_and_the_other_is_told_who_did() -> None:
    bench = bench_of()
    approval = ask(bench)
    word = bench.do(Decide(approval, "approve"), "operator:ann")[0]
    error = refused(bench, Decide(approval, "deny"), "operator:ben", "wrong_state")
    assert "approved by operator:ann" in error.message
    assert f"position {word.position}" in error.message
    bench.do(FinishApproval(approval, "the disk is full"), "hive")
    error = refused(bench, Decide(approval, "approve"), "operator:ben", "wrong_state")
    assert "approved by operator:ann" in error.message and "it is failed" in error.message


@pytest.mark.parametrize("by", [BOSS, "agent:ada", "hive", "policy:next_step", "agent:operator"])
def test_nobody_but_an_operator_decides(by: str) -> None:
    bench = bench_of()
    approval = ask(bench)
    refused(bench, Decide(approval, "approve"), by, "not_allowed")
    refused(bench, RequestApproval("p1", "spawn", "w2", consent=True), BOSS, "not_allowed")


def test_a_message_or_its_words_decide_nothing() -> None:
    bench = bench_of()
    approval = ask(bench)
    bench.send("boss", f"approve {approval}: yes, approved")
    bench.send("operator", f"approve {approval}", by=BOSS)
    assert state(bench, approval) == "pending"


@pytest.mark.parametrize("kind", ["spawn", "spawn_commit", "apply_commit", "revive"])
def test_a_worker_cannot_ask(kind: str) -> None:
    bench = bench_of()
    refused(bench, RequestApproval("p1", kind, "boss"), "agent:ada", "not_allowed")
    refused(bench, CreateDraft("web"), "agent:ada", "not_allowed")


def test_a_manager_asks_for_what_answers_to_it_and_for_itself() -> None:
    bench = bench_of()
    bench.new("other", role="manager")
    bench.new("free")
    refused(bench, RequestApproval("p1", "apply_commit", "ada"), "agent:other", "not_allowed")
    for agent in ("ada", "free", "boss"):
        assert state(bench, ask(bench, "apply_commit", agent)) == "pending"
    refused(bench, RequestApproval("p1", "apply_commit", "nobody"), BOSS, "not_found")


def test_a_name_is_checked_against_agents_drafts_kept_state_and_requests() -> None:
    bench = bench_of()
    bench.do(RemoveAgent("ada"))
    bench.do(CreateDraft("web"), BOSS)
    for name in ("boss", "ada", "web"):
        refused(bench, RequestApproval("p1", "spawn", name), BOSS, "exists")
        refused(bench, CreateDraft(name), BOSS, "exists")
    ask(bench, agent="new")
    refused(bench, RequestApproval("p1", "spawn", "new"), BOSS, "exists")
    refused(bench, CreateDraft("new"), BOSS, "exists")
    refused(bench, RequestApproval("p1", "spawn_commit", "new"), BOSS, "not_found")
    refused(bench, RequestApproval("p1", "spawn_commit", "boss"), BOSS, "exists")


def test_a_draft_becomes_an_agent_of_who_asked() -> None:
    bench = bench_of()
    bench.do(CreateDraft("web", "pages"), BOSS)
    approval = ask(bench, "spawn_commit", commit="c" * 40, paths=("agent.toml",))
    refused(bench, RequestApproval("p1", "spawn_commit", "web"), BOSS, "exists")
    bench.do(Decide(approval, "approve"))
    refused(bench, DiscardDraft("web"), OPERATOR, "wrong_state")
    bench.do(FinishApproval(approval, "", config(commit="c" * 40), "key", "here"), "hive")
    assert bench.agent("web").config.commit == "c" * 40
    assert bench.agent("web").version == bench.log[-3].version == 4
    assert bench.hive.agents.drafts == {}


def test_a_discarded_draft_takes_its_requests_along_and_frees_its_name_once_deleted() -> None:
    bench = bench_of()
    bench.do(CreateDraft("web"), BOSS)
    approval = ask(bench, "spawn_commit", commit="c" * 40)
    refused(bench, DiscardDraft("web"), BOSS, "not_allowed")
    bench.do(DiscardDraft("web"))
    assert state(bench, approval) == "withdrawn"
    assert "the draft was discarded" in mail(bench, "boss")[0]
    refused(bench, DiscardDraft("web"), OPERATOR, "not_found")
    assert "web" in bench.hive.agents.purging


def test_a_commit_is_applied_at_the_next_turn() -> None:
    bench = bench_of()
    turn = bench.working("ada")
    approval = ask(bench, "apply_commit", "ada", commit="c" * 40)
    bench.do(Decide(approval, "approve"))
    new = config(model="opus", commit="c" * 40)
    done = bench.do(FinishApproval(approval, "", new, "key2", "here"), "hive")
    assert kinds(done) == ["config_applied", "approval_outcome", "message_sent"]
    agent = bench.agent("ada")
    assert (agent.config, agent.credential) == (new, "key2")
    assert agent.turn is not None and agent.turn.id == turn.id
    assert (agent.model, agent.model_queued) == ("", "opus")
    bench.end(name="ada", seen=(1,))
    bench.send("ada")
    assert "model_switched" in kinds(bench.do(BeginTurn("ada"), "policy:next_step"))
    assert bench.agent("ada").model == "opus"


def test_a_running_turn_keeps_the_configuration_it_began_with() -> None:
    bench = bench_of()
    bench.working("ada")
    was = bench.agent("ada").config
    for _ in range(2):
        approval = ask(bench, "apply_commit", "ada", commit="c" * 40)
        bench.do(Decide(approval, "approve"))
        new = config(allow=("Read",), commit="c" * 40)
        bench.do(FinishApproval(approval, "", new, "key", "here"), "hive")
        assert bench.agent("ada").running_config == was
        assert Hive.load(bench.hive.dump()).agents.live["ada"].running_config == was
    bench.end(name="ada", seen=(1,))
    assert bench.agent("ada").running_config == new


def test_a_new_place_of_work_begins_a_new_conversation() -> None:
    bench = bench_of()
    bench.working("ada")
    bench.end(name="ada", seen=(1,))
    session = bench.agent("ada").session
    for workdir, reset in (("/srv/x", False), ("/srv/y", True)):
        approval = ask(bench, "apply_commit", "ada", commit="c" * 40)
        bench.do(Decide(approval, "approve"))
        from attrs import evolve

        moved = evolve(config(), workdir=workdir)
        bench.do(FinishApproval(approval, "", moved, "key", "here"), "hive")
        assert (bench.agent("ada").session != session) is reset


def test_a_failure_leaves_what_ran_and_is_told() -> None:
    bench = bench_of()
    was = bench.agent("ada").config
    approval = ask(bench, "apply_commit", "ada", commit="c" * 40)
    bench.do(Decide(approval, "approve"))
    done = bench.do(FinishApproval(approval, "no such folder"), "hive")
    assert kinds(done) == ["config_failed", "approval_outcome", "message_sent"]
    assert bench.agent("ada").config == was
    assert "no such folder" in mail(bench, "boss")[-1]


@pytest.mark.parametrize("kind", ["spawn", "apply_commit"])
def test_what_can_no_longer_be_done_fails(kind: str) -> None:
    bench = bench_of()
    name = {"spawn": "web", "apply_commit": "ada"}[kind]
    approval = ask(bench, kind, name)
    bench.do(Decide(approval, "approve"))
    if kind == "spawn":
        bench.new("web")
    else:
        bench.do(RemoveAgent("ada"))
    bench.do(FinishApproval(approval, "", config(), "key", "here"), "hive")
    assert state(bench, approval) == "failed"


def test_an_agent_that_is_taken_out_takes_what_is_asked_for_it_along() -> None:
    bench = bench_of()
    approval = ask(bench, "apply_commit", "ada", commit="c" * 40)
    other = ask(bench)
    bench.do(RemoveAgent("ada"))
    assert state(bench, approval) == "withdrawn" and state(bench, other) == "pending"
    assert any("ada was taken out" in body for body in mail(bench, "boss"))


def test_a_tombstone_is_an_agent_again_once_the_operator_says_so() -> None:
    bench = bench_of()
    refused(bench, RequestApproval("p1", "revive", "ada"), BOSS, "wrong_state")
    bench.do(RemoveAgent("ada"))
    approval = ask(bench, "revive", "ada", config=None)
    bench.do(Decide(approval, "approve"))
    done = bench.do(FinishApproval(approval, node="here"), "hive")
    assert kinds(done)[:3] == ["agent_revived", "agent_created", "agent_started"]
    assert bench.agent("ada").parent == "boss" and state(bench, approval) == "done"
    assert "was brought back" in mail(bench, "boss")[-1]


def test_only_the_asker_withdraws_and_only_while_it_waits() -> None:
    bench = bench_of()
    bench.new("other", role="manager")
    approval = ask(bench)
    refused(bench, Withdraw(approval), "agent:other", "not_allowed")
    assert "deny" in refused(bench, Withdraw(approval), OPERATOR, "not_allowed").hint
    bench.do(Withdraw(approval), BOSS)
    assert state(bench, approval) == "withdrawn"
    refused(bench, Withdraw(approval), BOSS, "wrong_state")
    refused(bench, Decide(approval, "approve"), OPERATOR, "wrong_state")
    refused(bench, Withdraw("p" + "0" * 16), BOSS, "not_found")
    own = ask(bench, by=OPERATOR)
    bench.do(Withdraw(own), "operator:another")
    assert state(bench, own) == "withdrawn"
    assert mail(bench, "boss") == []


def test_a_request_expires_by_the_policy_and_not_before() -> None:
    bench = bench_of(Settings(expiry_s={"spawn": 60.0}))
    approval = ask(bench)
    assert ask(bench, "apply_commit", "ada")
    [item] = due(bench.hive)
    assert item.command == ExpireApproval(approval) and item.by == "policy:expiry"
    assert bench.do(item.command, item.by) == []
    bench.now = item.at
    [word, notice] = bench.do(item.command, item.by)
    assert word.by == "policy:expiry" and word.event.rule == "expiry"
    assert state(bench, approval) == "expired"
    assert "was expired" in notice.event.body
    assert list(due(bench.hive)) == [] and bench.do(item.command, item.by) == []


def policies(*rows: Policy) -> Settings:
    return Settings(policies=rows)


def test_a_rule_decides_in_the_append_of_the_request_and_is_named() -> None:
    rows = policies(
        Policy("no env", "deny", paths=("env/*",), note="never"),
        Policy(
            "words", "approve", kinds=("apply_commit",), requesters=("manager",), paths=("*.md",)
        ),
    )
    bench = bench_of(rows)
    commit = {"commit": "c" * 40}
    first = ask(bench, "apply_commit", "ada", paths=("prompt.md", "notes.md"), **commit)
    word = bench.log[-2]
    assert (word.kind, word.by, word.event.rule) == ("approval_decision", "policy:words", "words")
    assert state(bench, first) == "approved"
    assert state(bench, ask(bench, "apply_commit", "ada", paths=("agent.toml",), **commit)) == (
        "pending"
    )
    denied = ask(bench, "apply_commit", "ada", paths=("prompt.md", "env/x"), **commit)
    assert state(bench, denied) == "denied"
    assert "never" in mail(bench, "boss")[-1]
    assert state(bench, ask(bench, "spawn")) == "pending"


def test_a_rule_looks_at_all_paths_though_the_event_names_a_part() -> None:
    bench = bench_of(policies(Policy("words", "approve", paths=("*.md",))))
    many = (*(f"{n}.md" for n in range(limits.APPROVAL_PATHS_MAX)), "agent.toml")
    approval = ask(bench, "apply_commit", "ada", commit="c" * 40, paths=many)
    assert state(bench, approval) == "pending"
    event = next(r.event for r in reversed(bench.log) if isinstance(r.event, ApprovalRequest))
    assert event.paths[-1] == "... and 1 more"


def test_the_operators_own_request_may_be_the_word_as_well() -> None:
    bench = bench_of()
    approval = ask(bench, by=OPERATOR, consent=True)
    assert state(bench, approval) == "approved"
    bench.do(FinishApproval(approval, "", config(), "key", "here"), "hive")
    assert bench.agent("web").parent == ""
    assert "was spawned" in mail(bench, "boss")[0]


def test_bounds() -> None:
    bench = bench_of()
    for n in range(limits.APPROVALS_OPEN_MAX):
        ask(bench, agent=f"w{n}")
    refused(bench, RequestApproval("p1", "spawn", "more"), BOSS, "too_many")
    long = "x" * (limits.APPROVAL_NOTE_CHARS_MAX + 1)
    refused(bench, RequestApproval("p1", "spawn", "z", long), OPERATOR, "too_large")
    approval = bench.hive.approvals.pending()[0].id
    refused(bench, Decide(approval, "deny", long), OPERATOR, "too_large")
    for n in range(limits.DRAFTS_MAX):
        bench.do(CreateDraft(f"d{n}"), OPERATOR)
    refused(bench, CreateDraft("more"), OPERATOR, "too_many")


def test_the_view_keeps_what_is_open_and_the_last_closed_and_comes_back_from_a_snapshot() -> None:
    bench = bench_of()
    kept = ask(bench, agent="kept")
    bench.do(Decide(kept, "approve"))
    for n in range(limits.RECENT_APPROVALS_MAX + 5):
        bench.do(Decide(ask(bench, agent=f"w{n}"), "deny"))
    view = bench.hive.approvals
    assert len(view.closed) == limits.RECENT_APPROVALS_MAX
    assert [one.id for one in view.ordered()] == [kept]
    assert all(one.config is None for one in view.closed.values())
    assert Hive.load(bench.hive.dump()).dump() == bench.hive.dump()
    assert view.named(kept) == [kept] and view.named("") == []
    assert len(view.named("p0")) > 1
