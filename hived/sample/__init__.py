"""The sample hive that `make run` brings up: who is in it, and the mail that sets it going.

Data only. Its agents are driven by hived-rehearsal with the scenario files beside this module,
so it needs no account and spends nothing. It goes on for as long as hived runs: queen hands out
work, ada and bob do it and report, and each report brings the next round.
"""

from pathlib import Path
from typing import NamedTuple


class SampleAgent(NamedTuple):
    """One agent of the sample hive.

    scenario: its file, to be given to scenario_path. allow: the CLI's own permission rules.
    """

    name: str
    role: str
    scenario: str
    allow: tuple[str, ...]
    model: str


SAMPLE_AGENTS: tuple[SampleAgent, ...] = (
    SampleAgent("queen", "manager", "queen.toml", ("mcp__hive",), "opus"),
    SampleAgent(
        "ada", "worker", "ada.toml", ("mcp__hive", "Bash(git *)", "Bash(date *)"), "sonnet"
    ),
    SampleAgent("bob", "worker", "bob.toml", ("mcp__hive", "Bash(uname *)"), "haiku"),
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
