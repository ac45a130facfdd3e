"""kill -9 of hived before and after every append and every effect of a nap, a question and more.

Each case runs one story with one death in it, at a step that is named by its number; afterwards
hived is started again and the story goes to its end, which must be that of a run without a death.
The numbers go as far as the longest run has steps, which the first case of each story holds.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from hived.errors import HivedError
from tests.daemon.harness import Hive, wait
from tests.daemon.test_approvals import commit

TURNS = [
    "hived.supervisor.hosting:start_host",
    "hived.supervisor.drive:TurnDrive._write_opening",
    "hived.supervisor.loop:_put_away",
]
WORDS = ["hived.supervisor.tool_calls:ToolCalls._answer", "hived.rpc.session:Call.submit"]
GIT = [
    *WORDS,
    "hived.world.repos:_place",
    "hived.world.git:run?index-pack,tag,update-ref,replace",
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

BOSS = """
[[rule]]
when = { contains = "prepare" }
steps = [{ hive = "request_spawn_draft", args = { name = "web" } }]
[[rule]]
when = { contains = "spawn ", from = "operator" }
steps = [{ hive = "request_spawn_commit", args = { name = "web", commit_ref = "COMMIT" } }]
[[rule]]
when = { contains = "apply ", from = "operator" }
steps = [{ hive = "request_apply_commit", args = { agent = "web", commit_ref = "COMMIT" } }]
[default]
steps = [{ say = "I take note" }]
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


def proposed(hive: Hive) -> None:
    """Have a commit for web ready in its proposed repository, and the manager know of it."""
    made = commit(hive, "web", 'driver = "rehearsal"\nmodel = "haiku"\n')
    (hive.home.parent / "ada.toml").write_text(BOSS.replace("COMMIT", made))


def a_draft(hive: Hive) -> None:
    hive.new("ada", BOSS, role="manager")
    hive.send("ada", "prepare")
    hive.wait_for("message_acked")
    proposed(hive)


def two_agents(hive: Hive) -> None:
    hive.new("ada", BOSS, role="manager")
    hive.new("web", BOSS, parent="ada")
    proposed(hive)


def decided(hive: Hive, word: str) -> None:
    """The manager asks, the operator approves, and it comes to its outcome."""
    ask(hive, "send", to="ada", body=f"{word} it", command_id="s1")
    until(hive, lambda events: any(row["kind"] == "approval_request" for row in events))
    [waiting] = ask(hive, "approvals")["approvals"]
    ask(hive, "approve", approval=waiting["approval"], command_id="a1")
    until(hive, lambda events: any(row["kind"] == "approval_outcome" for row in events))
    until(hive, lambda events: quiet(events, "ada"))


def quiet(events: list[dict[str, Any]], name: str) -> bool:
    """Whether all mail to the agent has come to its end, and no turn of it runs."""
    of = [row["kind"] for row in events if row["data"].get("agent") == name]
    sent = sum(row["kind"] == "message_sent" and row["data"]["to"] == name for row in events)
    return of.count("message_acked") == sent and of.count("turn_start") == of.count("turn_end")


MADE = ["agent_created", "agent_started"]
MAIL = ["message_sent", "message_acked"]
TURN, END = ["turn_start"], ["turn_end", "notes_measured"]
APPROVED = ["approval_request", "approval_decision", "approval_outcome"]


class Story(NamedTuple):
    """steps: at most so many. end: the kinds on each stream but the one that is `aside`."""

    prepare: Callable[[Hive], None]
    play: Callable[[Hive], None]
    effects: list[str]
    steps: int
    end: list[list[str]]
    aside: str = ""


STORIES = {
    "nap": Story(
        lambda hive: hive.new("ada", NAP),
        nap,
        TURNS + WORDS,
        36,
        [
            [*MADE, *TURN, "tool_call", "nap_start", "tool_result", *END, "nap_end", *TURN, *END],
            MAIL,
        ],
    ),
    "question": Story(
        lambda hive: hive.new("ada", QUESTION),
        question,
        WORDS,
        36,
        [
            [*MADE, *TURN, "tool_call", "tool_result", *END, *TURN, *END],
            *[MAIL] * 2,
            ["question_asked", "question_answered"],
        ],
    ),
    "spawn": Story(
        a_draft,
        lambda hive: decided(hive, "spawn"),
        GIT,
        44,
        [["draft_created", "config_proposed", *MADE], *[MAIL] * 4, APPROVED],
        "agent:ada",
    ),
    "apply": Story(
        two_agents,
        lambda hive: decided(hive, "apply"),
        GIT,
        44,
        [[*MADE, "config_proposed", "config_applied"], *[MAIL] * 3, APPROVED],
        "agent:ada",
    ),
}


def run(hive: Hive, story: Story, die: int) -> tuple[list[str], list[list[str]]]:
    """Play a story with a death at a step (0: none); the steps, and what the log came to."""
    file = hive.home.parent / "steps"
    hive.start()
    story.prepare(hive)
    hive.stop()
    hive.spawn(steps={"file": str(file), "effects": story.effects, "die": die})
    story.play(hive)
    revive(hive)
    hive.check()
    steps = file.read_text().splitlines() if file.exists() else []
    streams: dict[str, list[str]] = {}
    for row in hive.events():
        # Mail for a turn that is at its end comes back, and goes with the next.
        passing = row["kind"] in ("message_delivered", "message_returned")
        if row["stream"] not in ("hive", story.aside) and not passing:
            streams.setdefault(row["stream"], []).append(row["kind"])
    # A nap may run out in the turn it was asked for in, while nobody looks after the turn.
    return steps, sorted(sorted(kinds) for kinds in streams.values())


CASES = [(name, die) for name, story in STORIES.items() for die in range(1, story.steps + 1)]


@pytest.mark.parametrize("name", STORIES)
def test_the_numbers_go_as_far_as_the_story(stopped: Hive, name: str) -> None:
    story = STORIES[name]
    steps, end = run(stopped, story, 0)

    assert len(steps) <= story.steps, steps
    assert end == sorted(sorted(kinds) for kinds in story.end)


@pytest.mark.parametrize(("name", "die"), CASES)
def test_a_story_with_a_death_in_it_comes_to_the_same_end(
    stopped: Hive, name: str, die: int
) -> None:
    story = STORIES[name]
    assert run(stopped, story, die)[1] == sorted(sorted(kinds) for kinds in story.end)
