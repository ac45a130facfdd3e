"""The rehearsal driver: claude's dialect, spoken by a CLI that ships with hived."""

from hived.drivers.base import TurnSpec
from hived.drivers.claude import ClaudeDriver


class RehearsalDriver(ClaudeDriver):
    """The claude driver with another program and one flag more.

    Options:
      scenario: The file that says what the rehearsed model does.
      python: An interpreter to run the `hived.rehearsal` module with, where the program itself
        is not on the path.
    """

    name = "rehearsal"

    def _program(self, spec: TurnSpec) -> tuple[str, ...]:
        python = spec.options.get("python", "")
        program: tuple[str, ...]
        if spec.program or not python:
            program = (spec.program or "hived-rehearsal",)
        else:
            program = (python, "-m", "hived.rehearsal")
        scenario = spec.options.get("scenario", "")
        return (*program, f"--scenario={scenario}") if scenario else program
