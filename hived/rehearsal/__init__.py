"""hived-rehearsal: a CLI that speaks the claude CLI's stream-json, with a scenario as its model.

For trying a hive's set-up without an account, and for tests. It goes through the same driver and
turn host as the real one. Standard library only, and imports wait until they are needed, for the
program is started once a turn. SCENARIOS.md is the manual.
"""

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hived.rehearsal.scenario import Scenario

SCENARIO_VARIABLE = "HIVED_REHEARSAL_SCENARIO"


def main(argv: list[str] | None = None) -> int:
    """Run the program; gives its exit code.

    Args:
      argv: The command line without the program's name; sys.argv if None.
    """
    from hived.rehearsal import options as command_line

    try:
        options = command_line.read(sys.argv[1:] if argv is None else argv)
        if "--help" in options.flags:
            print(command_line.USAGE, end="")
            return 0
        if "--version" in options.flags:
            from hived.rehearsal.shapes import VERSION

            print(f"{VERSION} (hived rehearsal)")
            return 0
        if "--list-steps" in options.flags:
            from hived.rehearsal.steps import listing

            print(listing())
            return 0
        if "--check" in options.one:
            return _check(options.get("--check"))
        scenario = _scenario(options.get("--scenario") or os.environ.get(SCENARIO_VARIABLE, ""))
        from hived.rehearsal.program import run

        return run(options, scenario)
    except command_line.Refused as refusal:
        print(refusal, file=sys.stderr)
        return 1


def _scenario(path: str) -> "Scenario":
    from hived import limits
    from hived.rehearsal.options import Refused
    from hived.rehearsal.scenario import Scenario, ScenarioError

    if not path:
        return Scenario()
    from hived.rehearsal.parse import parse

    try:
        # Without waiting, and no more than is allowed: /dev/zero would fill the memory.
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK), encoding="utf-8") as file:
            return parse(file.read(limits.SCENARIO_CHARS_MAX + 1))
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(f"Error: Scenario {path} cannot be read: {error}") from None
    except ScenarioError as error:
        told = "\n".join(f"{path}: {problem}" for problem in error.problems)
        raise Refused(told) from None


def _check(path: str) -> int:
    """Say what is wrong with a scenario, or what is in it."""
    scenario = _scenario(path)
    print(f"{path}: fine: {len(scenario.turns)} turns, {len(scenario.rules)} rules")
    return 0
