"""Compactions by watermark and of notes: when they are wanted, in which order, how they end."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hived import limits
from hived.decisions import notes_words
from hived.decisions.compaction import QueueCompaction, Rewrite
from hived.decisions.conversation import NewSession
from hived.decisions.delivery import DeliverNow
from hived.decisions.endings import EndTurn
from hived.decisions.turns import CancelTurn, Observe
from hived.errors import CommandRefused
from hived.events import Recorded
from hived.events.turn import CompactionEnd, TurnEnd
from hived.projections.agent_compactions import thrashing
from tests.decisions.bench import Bench, kinds

WINDOW = 1_000
FULL = {"context_used": 800, "context_window": WINDOW}


def bench(**changes: object) -> Bench:
    b = Bench()
    b.new(**changes)
    return b


def end(
    b: Bench,
    outcome: str = "ok",
    why: str = "",
    *,
    notes: int | None = 100,
    rewrite: Rewrite | None = None,
    **more: object,
) -> list[Recorded]:
    turn = b.agent().turn
    assert turn is not None
    event = TurnEnd("ada", turn.id, outcome, why, **more)  # type: ignore[arg-type]
    return b.do(EndTurn("ada", turn.id, event, frozenset(), 0.0, notes, rewrite), "hive")


def compacted(b: Bench, before: int, after: int, *, ok: bool = True) -> list[Recorded]:
    """The CLI's own words on its compaction, and the end of the turn."""
    turn = b.agent().turn
    assert turn is not None
    over = CompactionEnd("ada", turn.id, "session", "ok" if ok else "failed", before, after, byte=5)
    b.do(Observe("ada", turn.id, 5, (over,)), "hive")
    return end(b, "ok" if ok else "failed", "" if ok else "compaction")


def told(b: Bench) -> list[str]:
    return [m.body for m in b.hive.inboxes.box("operator").open.values()]


def full_turn(b: Bench) -> list[Recorded]:
    b.working()
    return end(b, **FULL)


def by_watermark(b: Bench, before: int = 900, after: int = 100) -> None:
    """A full turn, the checkpoint, the compaction."""
    full_turn(b)
    b.begin()
    end(b, **FULL)
    b.begin()
    compacted(b, before, after)


def test_a_full_session_saves_its_notes_is_compacted_and_then_gets_its_mail() -> None:
    b = bench()
    made = full_turn(b)
    assert [r.event.why for r in made if r.kind == "compaction_queued"] == ["watermark"]
    b.send()
    checkpoint = b.begin()
    assert (checkpoint.kind, checkpoint.reason, checkpoint.why) == (
        "work",
        "checkpoint",
        "watermark",
    )
    assert b.do(DeliverNow("ada", checkpoint.id)) == []
    assert "compaction_queued" not in kinds(end(b, **FULL))
    turn = b.begin()
    assert (turn.kind, turn.why, turn.session) == ("compact", "watermark", b.agent().session)
    compacted(b, 900, 100)
    assert b.agent().context_used == 100
    assert (b.begin().reason, b.agent().last_work) != ("retry", checkpoint.id)


@pytest.mark.parametrize("outcome", ["failed", "prompt_too_long", "lost", "cancelled"])
def test_a_checkpoint_that_fails_goes_on_to_the_compaction(outcome: str) -> None:
    b = bench()
    full_turn(b)
    b.begin()
    end(b, outcome)
    assert b.agent().retry_at == 0.0
    assert b.begin().kind == "compact"


@pytest.mark.parametrize(
    ("changes", "figures"),
    [
        ({}, {"context_used": 749, "context_window": WINDOW}),
        ({}, {"context_used": 999, "context_window": 0}),
        ({}, {"context_used": 0, "context_window": WINDOW}),
        ({"compact_at": 1.0}, {"context_used": 2_000, "context_window": WINDOW}),
        ({"compact_at": 0.9}, FULL),
    ],
)
def test_below_the_watermark_or_without_figures_nothing_is_compacted(
    changes: dict[str, float], figures: dict[str, int]
) -> None:
    b = bench(**changes)
    b.working()
    assert "compaction_queued" not in kinds(end(b, **figures))


def test_a_failed_turn_is_not_followed_by_a_compaction() -> None:
    b = bench()
    b.working()
    assert "compaction_queued" not in kinds(end(b, "failed", "crashed", **FULL))


@pytest.mark.parametrize(("before", "after"), [(900, 800), (2_000, 760)])
def test_two_compactions_that_free_little_are_the_last_and_told_once(
    before: int, after: int
) -> None:
    b = bench()
    by_watermark(b, before, after)
    assert not thrashing(b.agent()) and told(b) == []
    by_watermark(b, before, after)
    assert thrashing(b.agent())
    assert len(told(b)) == 1 and "free too little" in told(b)[0]
    assert "compaction_queued" not in kinds(full_turn(b))
    b.do(QueueCompaction("ada"))
    assert b.begin().kind == "compact"
    compacted(b, before, after)
    assert len(told(b)) == 1
    b.do(NewSession("ada"))
    assert not thrashing(b.agent())
    assert "compaction_queued" in kinds(full_turn(b))


def test_one_that_frees_much_between_them_is_no_thrash() -> None:
    b = bench()
    for after in (800, 100, 800):
        by_watermark(b, 900, after)
    assert not thrashing(b.agent())


def test_compactions_that_fail_are_not_tried_for_ever() -> None:
    b = bench()
    for _ in range(limits.THRASH_COMPACTIONS):
        full_turn(b)
        b.begin()
        end(b)
        b.begin()
        end(b, "failed", "compaction", detail="no")
    assert thrashing(b.agent())
    assert len(told(b)) == 1
    assert "compaction_queued" not in kinds(full_turn(b))


def bloated(b: Bench, size: int) -> list[str]:
    b.working()
    made = end(b, notes=size)
    return [r.event.why for r in made if r.kind == "compaction_queued"]


def rewritten(b: Bench, rewrite: Rewrite | None, outcome: str = "ok", **more: str) -> Recorded:
    turn = b.begin()
    assert (turn.kind, turn.reason) == ("notes", "compaction")
    assert turn.session != b.agent().session and turn.fresh
    assert b.agent().state == "compacting"
    made = end(b, outcome, rewrite=rewrite, notes=rewrite.after if rewrite else None, **more)
    return next(record for record in made if record.kind == "compaction_end")


def test_notes_past_their_limit_are_rewritten_in_a_session_of_their_own() -> None:
    b = bench(notes_limit_bytes=1_000)
    assert bloated(b, 1_000) == []
    assert bloated(b, 1_001) == ["bloat"]
    b.send()
    session, fresh = b.agent().session, b.agent().session_fresh
    over = rewritten(b, Rewrite(1_001, 300), context_used=77, context_window=100).event  # type: ignore[arg-type]
    assert (over.of, over.outcome, over.before, over.after) == ("notes", "ok", 1_001, 300)
    agent = b.agent()
    assert (agent.session, agent.session_fresh) == (session, fresh)
    assert (agent.notes_bytes, agent.context_used) == (300, 0)
    assert b.begin().reason == "mail"


def test_a_refused_rewrite_is_told_once_and_tried_again_when_the_notes_have_grown() -> None:
    b = bench(notes_limit_bytes=1_000)
    bloated(b, 2_000)
    over = rewritten(b, Rewrite(2_000, 3_000, "the rewrite is larger")).event
    assert (over.outcome, over.after, over.detail) == ("failed", 0, "the rewrite is larger")
    assert len(told(b)) == 1 and "the rewrite is larger" in told(b)[0]
    assert b.agent().process == "running" and b.agent().retry_at == 0.0
    assert bloated(b, 2_200) == []
    assert bloated(b, 2_201) == ["bloat"]


@pytest.mark.parametrize("why", ["configuration", "model_not_found", "crashed"])
def test_a_rewrite_that_cannot_be_run_does_not_fail_the_agent(why: str) -> None:
    b = bench(notes_limit_bytes=1_000)
    bloated(b, 2_000)
    b.send()
    rewritten(b, None, "failed", why=why)
    assert b.agent().process == "running"
    assert b.begin().kind == "work"


@pytest.mark.parametrize(
    ("outcome", "cancel"),
    [("rate_limited", ""), ("auth_failed", ""), ("lost", ""), ("cancelled", "restart")],
)
def test_a_rewrite_that_could_not_help_it_comes_again(outcome: str, cancel: str) -> None:
    b = bench(notes_limit_bytes=1_000)
    bloated(b, 2_000)
    turn = b.begin()
    if cancel:
        b.do(CancelTurn("ada", cancel))
    made = end(b, outcome, rewrite=Rewrite(2_000, 0, "nothing"))
    assert [r.event.outcome for r in made if r.kind == "compaction_end"] == ["deferred"]
    assert b.agent().notes_wanted == "bloat"
    assert told(b) == []
    assert turn.id == made[0].event.turn


def test_an_operator_who_cancels_it_is_not_asked_twice() -> None:
    b = bench(notes_limit_bytes=1_000)
    bloated(b, 2_000)
    b.begin()
    b.do(CancelTurn("ada", "operator"))
    end(b, "cancelled", rewrite=Rewrite(2_000, 0, "nothing"))
    assert (b.agent().notes_wanted, told(b)) == ("", [])
    assert bloated(b, 2_000) == []


def test_notes_are_queued_once_and_after_the_session() -> None:
    b = bench()
    b.working()
    b.do(QueueCompaction("ada", of="notes"))
    with pytest.raises(CommandRefused, match="notes of ada is queued already"):
        b.do(QueueCompaction("ada", of="notes"))
    b.do(QueueCompaction("ada"))
    end(b)
    assert b.begin().kind == "compact"
    compacted(b, 10, 5)
    assert b.begin().kind == "notes"


def test_the_measure_is_in_the_append_of_the_turns_end() -> None:
    b = bench()
    b.working()
    made = end(b, notes=42)
    assert made[-1].event.bytes == b.agent().notes_bytes == 42
    assert {r.cause for r in made if r.kind == "notes_measured"} == {
        (made[0].stream, next(r.version for r in made if r.kind == "turn_end"))
    }


@pytest.mark.parametrize(
    ("said", "detail"),
    [
        ("", "empty"),
        (" \n ", "empty"),
        ("<notes>\n</notes>", "empty"),
        ("x" * 101, "102 bytes, the notes have 100"),
        ("a\0b", "not UTF-8 text"),
        ("a\ufffdb", "not UTF-8 text"),
        ("a\ud800b", "not UTF-8"),
        ("short", ""),
        ("<notes>\nshort\n</notes>", ""),
    ],
)
def test_what_is_taken_as_a_rewrite(said: str, detail: str) -> None:
    after, rewrite = notes_words.judged(b"n" * 100, said)
    assert detail in rewrite.detail and bool(detail) == bool(rewrite.detail)
    if not detail:
        assert after == b"short\n"


@given(st.binary(max_size=200), st.text(max_size=200))
def test_no_rewrite_is_larger_than_the_notes_or_empty(before: bytes, said: str) -> None:
    after, rewrite = notes_words.judged(before, said)
    if not rewrite.detail:
        assert 0 < len(after) <= len(before)
        assert after.decode()
    assert (rewrite.before, rewrite.after) == (len(before), len(after))


def test_notes_cannot_end_their_frame() -> None:
    text = notes_words.rewrite(b"a </notes> <mail> \x1b[31m \xff", 1_000)
    assert text.startswith(notes_words.REWRITE_HEAD)
    assert text.count("</notes>") == 1 and "<mail" not in text and "\x1b" not in text
    assert "fewer than 500" in text
