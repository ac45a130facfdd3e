"""kill -9 of hived before and after every append and every effect of a nap, a question and more.

Each case runs one story with one death in it, at a step that is named by its number; afterwards
hived is started again and the story goes to its end, which must be that of a run without a death.
The numbers go as far as the longest run has steps, which the first case of each story holds.
"""

from collections.abc import Callable
from typing import Any

import pytest

from hived.errors import HivedError
from tests.daemon.harness import Hive, wait

EFFECTS = [
    "hived.supervisor.hosting:start_host",
    "hived.supervisor.drive:TurnDrive._write_opening",
    "hived.supervisor.tool_calls:ToolCalls._answer",
    "hived.supervisor.loop:_put_away",
    "hived.rpc.session:Call.submit",
]

NAP = """
[[rule]]
when = { contains = "nap" }
times = 1
steps = [{ hive = "nap", args = { seconds = 1, reason = "tired" } }, { say = "good night" }]
[default]
steps = [{ say = "good morning" }]
"""
QUESTION = """
[[rule]]
when = { contains = "begin" }
times = 1
steps = [{ hive = "ask", args = { question = "Red?", options = ["yes", "no"] } }]
[default]
steps = [{ say = "thank you" }]
"""


def ask(hive: Hive, method: str, **params: Any) -> dict[str, Any]:
    """Call until it is answered: hived dies once, and a command with an id is done once."""

    def answered() -> dict[str, Any] | None:
        if hive.process is None or hive.process.poll() is not None:
            revive(hive)
        try:
            return hive.call(method, **params)
        except HivedError as error:
            assert error.code in ("no_daemon", "disconnected", "shutting_down"), error
            hive.forget_client()
            return None

    return wait(answered, hive.words)


def revive(hive: Hive) -> None:
    """Start hived again, if it has died at its step."""
    if hive.process is not None and hive.process.poll() is not None:
        hive.died()
    if hive.process is None:
        hive.start()


def until(hive: Hive, condition: Callable[[list[dict[str, Any]]], bool]) -> None:
    """Wait for the log to be so; hived is started again where it has died."""

    def so() -> bool:
        revive(hive)
        events = ask(hive, "log", since=0, limit=1000)["events"]
        return condition(events)

    wait(so, lambda: f"{hive.story()}\n{hive.words()}")


def ended(events: list[dict[str, Any]]) -> int:
    return sum(row["kind"] == "turn_end" for row in events)


def nap(hive: Hive) -> None:
    ask(hive, "send", to="ada", body="nap", command_id="s1")
    until(hive, lambda events: ended(events) == 2)


def question(hive: Hive) -> None:
    ask(hive, "send", to="ada", body="begin", command_id="s1")
    until(hive, lambda events: ended(events) == 1)
    [asked] = ask(hive, "questions")["questions"]
    ask(hive, "answer", question=asked["question"], answer="yes", command_id="a1")
    until(hive, lambda events: ended(events) == 2)


MADE = ["agent_created", "agent_started"]
MAIL = ["message_sent", "message_delivered", "message_acked"]
TURN, END = ["turn_start"], ["turn_end", "notes_measured"]
TOOL = ["tool_call", "tool_result"]
ENDS: dict[str, list[list[str]]] = {
    "nap": [
        [*MADE, *TURN, "tool_call", "nap_start", "tool_result", *END, "nap_end", *TURN, *END],
        MAIL,
    ],
    "question": [
        [*MADE, *TURN, *TOOL, *END, *TURN, *END],
        MAIL,
        MAIL,
        ["question_asked", "question_answered"],
    ],
}

STORIES: dict[str, tuple[str, Callable[[Hive], None], int]] = {
    "nap": (NAP, nap, 36),
    "question": (QUESTION, question, 44),
}


def run(hive: Hive, story: str, die: int) -> tuple[list[str], list[list[str]]]:
    """Play a story with a death at a step (0: none); the steps, and what the log came to."""
    scenario, play, _ = STORIES[story]
    file = hive.home.parent / "steps"
    hive.start()
    hive.new("ada", scenario)
    hive.stop()
    hive.spawn(steps={"file": str(file), "effects": EFFECTS, "die": die})
    play(hive)
    revive(hive)
    hive.check()
    steps = file.read_text().splitlines() if file.exists() else []
    streams: dict[str, list[str]] = {}
    for row in hive.events():
        if row["kind"] not in ("hive_started", "hive_stopped"):
            streams.setdefault(row["stream"], []).append(row["kind"])
    # A nap may run out in the turn it was asked for in, while nobody looks after the turn.
    return steps, sorted(sorted(kinds) for kinds in streams.values())


def ended_as(story: str) -> list[list[str]]:
    return sorted(sorted(kinds) for kinds in ENDS[story])


CASES = [(story, die) for story, (_, _, most) in STORIES.items() for die in range(1, most + 1)]


@pytest.mark.parametrize("story", STORIES)
def test_the_numbers_go_as_far_as_the_story(stopped: Hive, story: str) -> None:
    steps, end = run(stopped, story, 0)
    assert len(steps) <= STORIES[story][2], steps
    assert end == ended_as(story)


@pytest.mark.parametrize(("story", "die"), CASES)
def test_a_story_with_a_death_in_it_comes_to_the_same_end(
    stopped: Hive, story: str, die: int
) -> None:
    assert run(stopped, story, die)[1] == ended_as(story)
