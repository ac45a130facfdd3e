"""ARCHITECTURE.md shows the turn's state machine as it is in the code, and leads to real files."""

import re
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


def test_the_files_that_the_map_leads_to_are_there() -> None:
    package = DOCUMENT.parent / "hived"
    table = DOCUMENT.read_text(encoding="utf-8").split("## Where to find")[1].split("\n## ")[0]
    named = re.findall(r"`([a-z_/]+(?:/|\.py)|[a-z_/]+/[A-Z]+\.md)`", table)
    assert len(named) > 40
    assert [name for name in named if not (package / name).exists()] == []
