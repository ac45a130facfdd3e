"""The sample hive that `make run` brings up: who is in it, and the mail that sets it going.

Data only. Its agents are driven by hived-rehearsal with the scenario files beside this module,
so it needs no account and spends nothing. It goes on for as long as hived runs: queen hands out
work, ada and bob do it and report, and each report brings the next round. In its first two minutes
it shows a nap, a question, a draft that waits for the operator's approval, a change that a policy
denies, compactions of a session and of notes, and a dead letter.
"""

from pathlib import Path
from typing import NamedTuple


class SampleAgent(NamedTuple):
    """One agent of the sample hive.

    scenario: its file, to be given to scenario_path. allow: the CLI's own permission rules.
    notes: bytes of its notes beyond which they are compacted. compact_at: a share of the window.
    """

    name: str
    role: str
    scenario: str
    allow: tuple[str, ...]
    model: str
    parent: str = ""
    notes: int = 0
    compact_at: float = 0.0


SAMPLE_AGENTS: tuple[SampleAgent, ...] = (
    SampleAgent("queen", "manager", "queen.toml", ("mcp__hive", "Write", "Bash(git *)"), "opus"),
    SampleAgent(
        "ada",
        "worker",
        "ada.toml",
        ("mcp__hive", "Bash(git *)", "Bash(date *)", "Bash(echo *)", "Bash(tee *)"),
        "sonnet",
        "queen",
        notes=300,
    ),
    SampleAgent(
        "bob",
        "worker",
        "bob.toml",
        ("mcp__hive", "Bash(uname *)"),
        "haiku",
        "queen",
        compact_at=0.5,
    ),
    SampleAgent("eve", "worker", "eve.toml", ("mcp__hive",), "haiku", "queen"),
)

# To whom and what the operator writes when the hive is new.
FIRST_MAIL = (
    "queen",
    "Good morning. Keep ada and bob busy: ada looks after the clock and the repository, bob after"
    " the machine. Hand out a round of work to each and answer their reports with the next.",
)


def scenario_path(name: str) -> str:
    """The full path of a sample scenario file.

    Raises:
      KeyError: None of the sample agents has a scenario of that name.
    """
    if name not in {agent.scenario for agent in SAMPLE_AGENTS}:
        raise KeyError(name)
    return str(Path(__file__).with_name(name))


def settings_path() -> str:
    """The full path of the sample's hive.toml."""
    return str(Path(__file__).with_name("hive.toml"))
