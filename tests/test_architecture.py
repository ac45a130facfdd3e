"""The turn's state machine stands in ARCHITECTURE.md as it is in the code."""

from collections.abc import Mapping
from pathlib import Path

from hived.projections.agent import IDLE, TRANSITIONS

DOCUMENT = Path(__file__).parents[1] / "ARCHITECTURE.md"
BEGIN, END = "<!-- transitions -->\n", "<!-- /transitions -->"


def drawn(transitions: Mapping[tuple[str, str], str]) -> str:
    """The table as a picture that a browser shows."""
    arrows = [f"    {a} --> {b}: {kind}" for (a, kind), b in transitions.items()]
    return "\n".join(["```mermaid", "stateDiagram-v2", f"    [*] --> {IDLE}", *arrows, "```", ""])


def test_the_picture_of_the_turns_states_is_that_of_the_table() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    assert text.count(BEGIN) == text.count(END) == 1
    shown = text.split(BEGIN)[1].split(END)[0]
    assert shown == drawn(TRANSITIONS), f"put this between the marks:\n{drawn(TRANSITIONS)}"
