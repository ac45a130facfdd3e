"""What a fold of a block of history may lack: what is overtaken in its own stream, and no more."""

from hypothesis import given, settings
from hypothesis import strategies as st

from hived.events import EVENT_TYPES, Recorded
from hived.projections import PASSED_OVER, PROJECTIONS
from hived.projections.overtaken import OVERTAKEN, needless, overtaken
from tests.events.strategies import events, recorded

kinds = st.sampled_from(sorted(EVENT_TYPES))
few = st.sampled_from(["agent:ada", "agent:bob"])


@st.composite
def blocks(draw: st.DrawFn) -> list[Recorded]:
    """A block of few streams, so that one event often overtakes another."""
    made = draw(st.lists(recorded(events), min_size=1, max_size=30))
    return [rec._replace(position=i, stream=draw(few)) for i, rec in enumerate(made, 1)]


def covered(block: list[Recorded], position: int) -> bool:
    """Whether the event belongs to a command that begins in the block."""
    return any(
        rec.command is not None and rec.position <= position < rec.position + rec.command.extent
        for rec in block
    )


@settings(max_examples=100)
@given(blocks(), st.dictionaries(kinds, kinds))
def test_what_is_overtaken_and_of_no_command_is_needless(
    block: list[Recorded], by: dict[str, str]
) -> None:
    expected = [
        any(
            later.stream == rec.stream and later.kind == by.get(rec.kind)
            for later in block[rec.position :]
        )
        and not covered(block, rec.position)
        for rec in block
    ]
    assert list(needless(block, by)) == expected


def test_a_kind_is_passed_over_only_where_all_views_that_fold_it_agree() -> None:
    assert overtaken({"agents": ["tool_call", "turn_end"]}) == {"tool_call": "turn_end"}
    assert overtaken({"agents": ["tool_call"], "another": ["tool_call"]}) == {}
    assert overtaken({"another": ["tool_call"]}) == {}


def test_the_registry_has_no_word_that_is_none() -> None:
    assert PASSED_OVER.keys() | set(PASSED_OVER.values()) <= EVENT_TYPES.keys()
    assert OVERTAKEN.keys() <= PROJECTIONS.keys()
    assert {"tool_call", "tool_result"} <= PASSED_OVER.keys()
