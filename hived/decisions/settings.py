"""The hive's own settings: hive.toml taken in, and the quiet hours that it sets."""

from collections.abc import Iterator

from attrs import evolve, frozen

from hived.config.rules import in_quiet_hours
from hived.decisions import budgets
from hived.decisions.base import Context, Plan, on_hive
from hived.decisions.due import Due
from hived.events.hive import HiveConfigured, QuietEnd, QuietStart
from hived.events.settings import QuietHours, Settings
from hived.projections import Hive
from hived.projections.budgets import HIVE

_DAY = 86_400
_MINUTE = 60


@frozen
class ConfigureHive:
    """hive.toml as it was read. It is no event where it is what holds already."""

    settings: Settings


def configure_hive(hive: Hive, command: ConfigureHive, context: Context) -> Plan:
    # Of the hours too that came while hived was down: before any agent looks for its next turn.
    changes = quiet_changes(hive, command.settings, context.now)
    if command.settings == hive.settings.now:
        return changes
    # What was spent counts in a budget that is new: no further turn starts where it is used up.
    reached = budgets.passed(hive, HIVE, command.settings.budgets, context)
    return [on_hive(HiveConfigured(command.settings)), *changes, *reached]


@frozen
class KeepQuietHours:
    """The time of some quiet hours may have come, or be over."""


def keep_quiet_hours(hive: Hive, command: KeepQuietHours, context: Context) -> Plan:
    return quiet_changes(hive, hive.settings.now, context.now)


def quiet_changes(hive: Hive, settings: Settings, now: float) -> Plan:
    """What begins and what ends of the quiet hours, by the rule that says so."""
    plan: Plan = []
    rules = named(settings)
    hold = hive.settings.quiet
    for name, quiet in hold.items():
        hours = rules.get(name)
        until = _until(hours, now) if hours is not None else 0.0
        if hours is None or (until, hours.agents) != (quiet.until, quiet.agents):
            why = "elapsed" if quiet.until <= now else "changed"
            plan.append(on_hive(QuietEnd(name, why), quiet.by, f"policy:{name}"))
    ended = {planned.event.name for planned in plan}
    for name, hours in rules.items():
        until = _until(hours, now)
        if until and (name not in hold or name in ended):
            start = QuietStart(name, until, hours.agents)
            plan.append(on_hive(start, by=f"policy:{name}"))
    return plan


def named(settings: Settings) -> dict[str, QuietHours]:
    """Each of the quiet hours under a name of its own: of one name, the second is NAME 2."""
    found: dict[str, QuietHours] = {}
    for hours in settings.quiet_hours:
        name, number = hours.name, 1
        while name in found:
            number += 1
            name = f"{hours.name} {number}"
        found[name] = hours
    return found


def _until(hours: QuietHours, now: float) -> float:
    """The end of these hours, if they hold now; else 0."""
    alone = Settings(quiet_hours=(evolve(hours, agents=()),))
    return float(round(in_quiet_hours(alone, now)))


def timer(hive: Hive) -> Iterator[Due]:
    """The next beginning or end of each."""
    for name, hours in named(hive.settings.now).items():
        quiet = hive.settings.quiet.get(name)
        at = quiet.until if quiet is not None else _beginning(hours, hive.recorded_at)
        yield Due(at, KeepQuietHours(), f"policy:{name}")


def _beginning(hours: QuietHours, after: float) -> float:
    """When they begin: the next time, or the last if they should hold already.

    Rounded: all of them begin at a whole minute, and a fraction too early would begin nothing.
    """
    since = (after + (hours.offset - hours.begin) * _MINUTE) % _DAY
    begun = float(round(after - since))
    return begun if _until(hours, after) else begun + _DAY
