"""What falls due by the passing of time alone: the commands that the clock sends, and when.

A row of TIMERS is a family's: it names each next thing that time will bring. The clock (room 7)
waits for the earliest and sends its command; one that ran out while hived was down is sent at once
after the start. The decide function holds the time against the clock again, so a command that comes
too early or twice gives no event.
"""

from collections.abc import Callable, Iterable, Iterator

from hived.decisions import access, budgets, naps, question_ends, reminders, settings, verdicts
from hived.decisions.due import Due
from hived.projections import Hive

Timer = Callable[[Hive], Iterable[Due]]

TIMERS: tuple[Timer, ...] = (
    naps.timer,
    reminders.timer,
    verdicts.timer,
    question_ends.timer,
    budgets.timer,
    settings.timer,
    access.timer,
)

# Events after which the earliest time may be another one.
WAKING: frozenset[str] = frozenset(
    {
        "nap_start",
        "reminder_set",
        "question_asked",
        "approval_request",
        "turn_end",
        "budget_reached",
        "budget_over",
        "config_applied",
        "hive_configured",
        "agent_destroyed",
    }
)


def due(hive: Hive, timers: Iterable[Timer] = TIMERS) -> Iterator[Due]:
    """All that time will bring as things stand, in no order."""
    for timer in timers:
        yield from timer(hive)
