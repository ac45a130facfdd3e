"""What falls due by the passing of time alone: the commands that the clock sends, and when.

A row of TIMERS looks at the state and names each next thing that time will bring. The clock (room
7) waits for the earliest and sends its command; one that ran out while hived was down is sent at
once after the start. The decide function holds the time against the clock again, so a command
that comes too early or twice gives no event.
"""

from collections.abc import Callable, Iterable, Iterator

from hived.decisions import budgets, settings, verdicts
from hived.decisions.due import Due
from hived.decisions.naps import NapElapsed
from hived.decisions.question_ends import deadlines
from hived.decisions.reminders import FireReminder, inbox_full
from hived.projections import Hive

Timer = Callable[[Hive], Iterable[Due]]


def naps(hive: Hive) -> Iterator[Due]:
    for agent in hive.agents.live.values():
        if agent.nap is not None:
            yield Due(agent.nap.until, NapElapsed(agent.name), "policy:nap_elapsed")


def reminders(hive: Hive) -> Iterator[Due]:
    for agent, pending in hive.reminders.of.items():
        # The end of a turn makes room in a full inbox, and is among WAKING.
        if agent in hive.agents.live and not inbox_full(hive, agent):
            for one in pending.values():
                yield Due(one.at, FireReminder(agent, one.id), "policy:reminder_due")


TIMERS: tuple[Timer, ...] = (
    naps,
    reminders,
    verdicts.expiries,
    deadlines,
    budgets.timer,
    settings.timer,
)

# Events after which the earliest time may be another one.
WAKING: frozenset[str] = frozenset(
    {"nap_start", "reminder_set", "turn_end", "approval_request", "question_asked"} | budgets.WAKING
)


def due(hive: Hive, timers: Iterable[Timer] = TIMERS) -> Iterator[Due]:
    """All that time will bring as things stand, in no order."""
    for timer in timers:
        yield from timer(hive)
