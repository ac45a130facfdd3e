"""Event lines: every kind of the catalogue has one, and none can break the terminal or raise."""

from typing import Any, get_type_hints

import pytest
from attrs import fields
from hypothesis import given
from hypothesis import strategies as st

from hived.ctl.render import _GISTS, event_line
from hived.events import EVENT_TYPES, Recorded
from hived.events.settings import Settings
from hived.events.values import AgentConfig, ModelUse, Usage
from hived.rpc.rows import event_row
from tests.ctl.rows import HOSTILE, event

SAMPLES: dict[object, Any] = {
    str: "word",
    int: 7,
    float: 1_763_900_000.5,
    bool: True,
    int | None: 1500,
    tuple[str, ...]: ("m1", "m2"),
    dict[str, int]: {"Bash": 2},
    Usage: Usage(),
    AgentConfig: AgentConfig(driver="claude", workdir="/srv"),
    AgentConfig | None: None,
    dict[str, ModelUse]: {"haiku": ModelUse()},
    Settings: Settings(),
}


def sample(kind: str) -> dict[str, Any]:
    """An event of this kind with every field filled, as the protocol's row."""
    cls = EVENT_TYPES[kind][0]
    hints = get_type_hints(cls)
    made = cls(**{field.name: SAMPLES[hints[field.name]] for field in fields(cls)})
    return event_row(
        Recorded(412, "agent:ada", 3, 1_763_900_000.0, "n1", "hive", None, None, kind, made)
    )


def test_every_kind_has_a_gist() -> None:
    assert _GISTS.keys() == EVENT_TYPES.keys()


@pytest.mark.parametrize("kind", EVENT_TYPES)
def test_a_gist_knows_its_kind(kind: str) -> None:
    row = sample(kind)
    line = event_line(row)
    assert line.isprintable()
    assert f"  {kind}" in line
    # The gist itself, not the fallback for what it does not understand.
    _GISTS[kind](row["data"])


def test_an_ok_end_that_lacked_something_says_so() -> None:
    row = sample("turn_end")
    data = {**row["data"], "outcome": "ok", "why": "", "detail": "no tools"}
    assert event_line({**row, "data": data}).endswith(": no tools")
    assert ": " not in event_line({**row, "data": {**data, "detail": ""}}).partition("ok")[2]


@pytest.mark.parametrize("kind", EVENT_TYPES)
def test_hostile_words_are_escaped(kind: str) -> None:
    row = sample(kind)
    data = {key: HOSTILE if isinstance(v, str) else v for key, v in row["data"].items()}
    assert event_line({**row, "data": data, "kind": kind, "by": HOSTILE}).isprintable()


@given(
    st.sampled_from([*EVENT_TYPES, "unknown_kind"]),
    st.dictionaries(
        st.sampled_from(["agent", "why", "tools", "turn", "body", "until", "config", "cost_usd"]),
        st.recursive(
            st.none() | st.booleans() | st.floats() | st.text(max_size=5),
            lambda inner: st.lists(inner, max_size=2),
            max_leaves=3,
        ),
    ),
)
def test_any_data_gives_a_line(kind: str, data: dict[str, Any]) -> None:
    line = event_line({**event(1, kind), "data": data})
    assert line.isprintable()


@pytest.mark.parametrize(
    "row,gist",
    [
        (
            event(1, "message_sent", to="bob", sender="ada", body="hi\nthere", urgent=True),
            "message_sent urgent from ada: hi …",
        ),
        (event(2, "turn_cancel", turn="t1", why="stop"), "turn_cancel (stop)"),
        (
            event(
                3, "compaction_end", of="session", outcome="ok", before=45e3, after=3e3, detail=""
            ),
            "compaction_end session ok 45k → 3.0k",
        ),
        (
            event(4, "permission_answer", tool="Bash", allowed=False, rule="", reason="no rule"),
            "permission_answer Bash refused: no rule",
        ),
        (event(5, "model_queued", model="sonnet", was=""), "model_queued the default → sonnet"),
    ],
)
def test_gists(row: dict[str, Any], gist: str) -> None:
    assert event_line(row).endswith(gist)


def test_an_operators_order_names_them() -> None:
    assert event_line({**event(1, "agent_paused"), "by": "operator:ann"}).endswith("  by ann")
