"""hive.toml in force: quiet hours by the clock, waits after limits, a model for a lost one."""

import json
from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from hived.decisions.access import Lift, StartHive, WaitElapsed
from hived.decisions.approvals import RequestApproval
from hived.decisions.conversation import QueueModel
from hived.decisions.next_step import PARK, RUN, next_step
from hived.decisions.outcomes import FinishApproval
from hived.decisions.settings import ConfigureHive, KeepQuietHours
from hived.decisions.timers import due
from hived.decisions.verdicts import Decide
from hived.events.settings import QuietHours, Settings
from hived.projections import Hive
from hived.projections.status import IDLE, NEEDS_YOU, status
from tests.decisions.bench import Bench, config, kinds

NIGHT = QuietHours("night", 22 * 60, 6 * 60)


def at(text: str) -> float:
    return datetime.fromisoformat(f"2026-11-{text}").replace(tzinfo=UTC).timestamp()


def hive(now: str, *hours: QuietHours, **settings: Any) -> Bench:
    """ada, in a hive that was started at that time and has these settings."""
    b = Bench(now=at(now))
    b.do(StartHive("0", "here", "b"), "hive")
    b.new()
    b.do(ConfigureHive(Settings(quiet_hours=hours, **settings)), "hive")
    return b


def quiet_due(b: Bench) -> list[float]:
    return [one.at for one in due(b.hive) if isinstance(one.command, KeepQuietHours)]


def step(b: Bench) -> tuple[str, str, float]:
    found = next_step(b.agent(), b.hive, b.now)
    return found.kind, found.because, found.until


def test_the_same_settings_give_no_event() -> None:
    b = hive("23 12:00", NIGHT)
    assert b.log[-1].kind == "hive_configured"
    assert b.plan(ConfigureHive(Settings(quiet_hours=(NIGHT,))), "hive") == []
    assert kinds(b.do(ConfigureHive(Settings()), "hive")) == ["hive_configured"]
    assert b.hive.settings.now == Settings()


def test_quiet_hours_begin_and_end_by_the_clock() -> None:
    b = hive("23 12:00", NIGHT)
    assert quiet_due(b) == [at("23 22:00")]
    assert b.do(KeepQuietHours(), "policy:night") == []
    b.send()
    assert step(b)[0] == RUN
    b.now = at("23 22:00")
    made = b.do(KeepQuietHours(), "policy:night")
    assert kinds(made) == ["quiet_start"]
    assert (made[0].by, made[0].event.until) == ("policy:night", at("24 06:00"))
    assert b.do(KeepQuietHours(), "policy:night") == []
    assert step(b) == (
        PARK,
        "quiet hours (night); only the operator's urgent mail wakes it",
        at("24 06:00"),
    )
    shown = status(b.agent(), b.hive)
    assert (shown.word, shown.group, shown.until) == ("quiet", IDLE, at("24 06:00"))
    assert (shown.since, shown.by) == (b.now, (made[0].stream, made[0].version))
    assert quiet_due(b) == [at("24 06:00")]
    b.now = at("24 06:00")
    made = b.do(KeepQuietHours(), "policy:night")
    assert [(r.kind, r.event.why) for r in made] == [("quiet_end", "elapsed")]
    assert step(b)[0] == RUN
    assert quiet_due(b) == [at("24 22:00")]


def test_only_the_operators_urgent_mail_begins_a_turn_in_them() -> None:
    b = hive("23 23:00", NIGHT)
    b.new("bob")
    b.send("ada", by="agent:bob")
    b.send("ada")
    assert step(b)[0] == PARK
    b.send("ada", urgent=True)
    assert step(b)[0] == RUN
    assert len(b.hive.inboxes.box("ada").in_turn(b.begin().id)) == 3


def test_those_of_some_agents_leave_the_others_alone() -> None:
    b = hive("23 23:00", QuietHours("ada's", 22 * 60, 6 * 60, agents=("ada",)))
    b.new("bob")
    for name in ("ada", "bob"):
        b.send(name)
    found = [next_step(b.agent(name), b.hive, b.now).kind for name in ("ada", "bob")]
    assert found == [PARK, RUN]


def test_what_began_or_ended_while_hived_was_down_is_made_up_for() -> None:
    b = hive("23 12:00", NIGHT)
    b.now = at("25 23:30")
    b.do(StartHive("0", "here", "b"), "hive")
    assert quiet_due(b) == [at("25 22:00")]
    assert b.do(KeepQuietHours(), "policy:night")[0].event.until == at("26 06:00")
    b.now = at("27 12:00")
    b.do(StartHive("0", "here", "b"), "hive")
    assert quiet_due(b) == [at("26 06:00")]
    assert [r.event.why for r in b.do(KeepQuietHours(), "policy:night")] == ["elapsed"]


def test_quiet_hours_hold_from_the_start_of_hived_on() -> None:
    """Without the clock, which sends its command only when the agents look for turns already."""
    b = hive("23 12:00", NIGHT)
    b.now = at("25 23:30")
    b.do(StartHive("0", "here", "b"), "hive")
    assert kinds(b.do(ConfigureHive(b.hive.settings.now), "hive")) == ["quiet_start"]


def test_a_change_of_hive_toml_holds_at_once() -> None:
    b = hive("23 23:00", NIGHT)
    longer = QuietHours("night", 22 * 60, 8 * 60)
    other = QuietHours("night", 1, 2)
    made = b.do(ConfigureHive(Settings(quiet_hours=(longer,))), "hive")
    assert kinds(made) == ["hive_configured", "quiet_end", "quiet_start"]
    assert [made[1].event.why, made[2].event.until] == ["changed", at("24 08:00")]
    made = b.do(ConfigureHive(Settings(quiet_hours=(longer, other))), "hive")
    assert kinds(made) == ["hive_configured"]
    made = b.do(ConfigureHive(Settings(quiet_hours=(other, longer))), "hive")
    assert [r.event.name for r in made[1:]] == ["night", "night 2"]
    assert kinds(b.do(ConfigureHive(Settings()), "hive")) == ["hive_configured", "quiet_end"]
    assert b.hive.settings.quiet == {}


def test_they_live_on_in_a_snapshot() -> None:
    b = hive("23 23:00", NIGHT)
    loaded = Hive.load(json.loads(json.dumps(b.hive.dump())))
    assert loaded.settings.quiet == b.hive.settings.quiet != {}


MINUTES = st.integers(0, 1439)


@given(
    hours=st.lists(
        st.builds(QuietHours, st.just("q"), MINUTES, MINUTES, st.integers(-840, 840)), max_size=3
    ),
    steps=st.lists(st.floats(1.0, 40_000.0), min_size=1, max_size=12),
)
def test_a_clock_that_sends_what_is_due_is_always_right(
    hours: list[QuietHours], steps: list[float]
) -> None:
    """By the minutes of the day alone, at any time that the clock looks."""
    rules = tuple(one for one in hours if one.begin != one.end)
    b = hive("23 12:00", *rules)
    for seconds in steps:
        until = b.now + seconds
        while dues := [one for one in quiet_due(b) if one <= until]:
            b.now = max(b.now, min(dues))
            assert b.do(KeepQuietHours(), "policy:q"), "what is due changes something"
        b.now = until
        expected = sum(
            (b.now / 60 + one.offset - one.begin) % 1440 < (one.end - one.begin) % 1440
            for one in rules
        )
        assert len(b.hive.settings.quiet) == expected


def test_a_limit_that_has_passed_holds_until_the_operator_lifts_it() -> None:
    b = hive("23 12:00", resume_after_limits=False)
    b.working()
    b.end("rate_limited", until=b.now + 60)
    b.now += 3600
    assert b.do(WaitElapsed("key"), "policy:wait_elapsed") == []
    assert not any(isinstance(item.command, WaitElapsed) for item in due(b.hive))
    assert step(b)[:2] == (
        PARK,
        "its credential key is rate limited, and hive.toml lets nobody go on by itself: "
        "hivectl lift ada",
    )
    assert status(b.agent(), b.hive).group == NEEDS_YOU
    assert kinds(b.do(Lift("ada"))) == ["rate_limit_over"]
    assert step(b)[0] == RUN
    b.begin()
    b.end("rate_limited", until=b.now + 60)
    b.now += 3600
    b.do(ConfigureHive(Settings()), "hive")
    assert status(b.agent(), b.hive).group == IDLE
    assert kinds(b.do(WaitElapsed("key"), "policy:wait_elapsed")) == ["rate_limit_over"]


def test_a_model_that_is_not_there_makes_way_for_the_fallback() -> None:
    b = Bench()
    b.new(model="gone", fallback="haiku")
    message = b.send()
    b.begin()
    made = b.end("failed", "model_not_found")
    queued = next(r for r in made if r.kind == "model_queued")
    assert (queued.event.model, queued.event.was, queued.by) == ("haiku", "gone", "policy:fallback")
    assert "agent_crashed" not in kinds(made)
    assert not [r for r in made if r.kind == "message_sent"]
    assert b.letter(message).attempts == 0
    turn = b.begin()
    assert (turn.model, turn.reason) == ("haiku", "retry")
    assert (b.agent().model, b.agent().model_switched_by) == ("haiku", "policy:fallback")
    # The fallback is not to be had either: there is nothing left to try.
    made = b.end("failed", "model_not_found")
    assert "agent_crashed" in kinds(made)
    assert b.agent().process == "failed"
    assert "hivectl model ada MODEL" in step(b)[1]


def test_without_a_fallback_a_lost_model_parks_the_agent() -> None:
    b = Bench()
    b.new(model="gone")
    b.working()
    assert "agent_crashed" in kinds(b.end("failed", "model_not_found"))
    assert "hivectl model ada MODEL" in step(b)[1]


def test_a_model_that_was_queued_meanwhile_comes_before_the_fallback() -> None:
    b = Bench()
    b.new(model="gone", fallback="haiku")
    b.working()
    b.do(QueueModel("ada", "opus"))
    made = b.end("failed", "model_not_found")
    assert {"model_queued", "agent_crashed"}.isdisjoint(kinds(made))
    assert b.begin().model == "opus"
    assert b.agent().model_switched_by == "operator:tester"


def test_the_fallback_is_for_lost_models_alone() -> None:
    b = Bench()
    b.new(model="haiku", fallback="opus")
    b.working()
    assert "agent_crashed" in kinds(b.end("failed", "configuration"))


def test_a_model_of_an_approved_commit_is_queued_and_is_the_approvers() -> None:
    b = Bench()
    b.new("boss", role="manager")
    b.new("ada", parent="boss", model="haiku")
    asked = RequestApproval("p1", "apply_commit", "ada", commit="c" * 40)
    b.do(asked, "agent:boss")
    b.do(Decide("p1", "approve"), "operator:ann")
    b.working()
    made = b.do(FinishApproval("p1", config=config(model="opus"), credential="key"), "hive")
    assert made[0].kind == "config_applied"
    assert (b.agent().model, b.agent().model_queued) == ("haiku", "opus")
    b.end()
    b.working()
    assert (b.agent().model, b.agent().model_queued) == ("opus", None)
    assert b.agent().model_switched_by == "operator:ann"
