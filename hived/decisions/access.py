"""Credentials: waits that end, logins that are tried again. And the hive's own start and stop."""

from collections.abc import Iterator

from attrs import frozen

from hived.decisions.base import Context, Plan, need_agent, on_hive
from hived.decisions.budgets import lift_budgets
from hived.decisions.due import Due
from hived.errors import CommandRefused
from hived.events import agents as e
from hived.events.hive import HiveStarted, HiveStopped
from hived.projections import Hive

# The times of events are whole microseconds: a command that is sent so much later is not early.
_TICK = 1e-6


@frozen
class Lift:
    """The operator ends the wait of an agent's credential, or has its login tried again; a budget
    that it has reached is lifted to the end of its window."""

    agent: str


def lift(hive: Hive, command: Lift, context: Context) -> Plan:
    agent = need_agent(hive, command.agent)
    credential = hive.credentials.of(agent.credential)
    plan: Plan = []
    if credential.until:
        plan.append(on_hive(e.RateLimitOver(agent.credential, "operator")))
    if credential.needs_login:
        plan.append(on_hive(e.LoginDone(agent.credential, "operator")))
    plan += lift_budgets(hive, agent.name)
    if not plan:
        raise CommandRefused(
            f"{agent.name} is within its budgets, and its credential neither waits nor needs a"
            " login",
            hint=f"hivectl why {agent.name} says what it waits for",
        )
    return plan


@frozen
class WaitElapsed:
    """The time of a rate limit has passed, or that of trying a refused login again."""

    credential: str


def wait_elapsed(hive: Hive, command: WaitElapsed, context: Context) -> Plan:
    name = command.credential
    credential = hive.credentials.of(name)
    plan: Plan = []
    # Where hive.toml lets nobody go on by itself, they wait for the operator's `lift`.
    resumes = hive.settings.now.resume_after_limits
    if resumes and credential.until and credential.until <= context.now:
        plan.append(on_hive(e.RateLimitOver(name, "elapsed"), credential.by))
    if credential.needs_login and 0 < credential.probe_at <= context.now:
        plan.append(on_hive(e.LoginDone(name, "probe"), credential.by))
    return plan


def timer(hive: Hive) -> Iterator[Due]:
    """When limits are over that agents wait for, and refused logins are to be tried again."""
    resumes = hive.settings.now.resume_after_limits
    for name, credential in hive.credentials.known.items():
        waits = [credential.until] if credential.until and resumes else []
        if credential.needs_login and credential.probe_at:
            waits.append(credential.probe_at)
        if waits:
            yield Due(min(waits) + _TICK, WaitElapsed(name), "policy:wait_elapsed")


@frozen
class CredentialChanged:
    """A file of a refused credential has changed: it is worth another try."""

    credential: str


def credential_changed(hive: Hive, command: CredentialChanged, context: Context) -> Plan:
    credential = hive.credentials.of(command.credential)
    if not credential.needs_login:
        return []
    return [on_hive(e.LoginDone(command.credential, "changed"), credential.by)]


@frozen
class StartHive:
    """A daemon begins its work."""

    version: str
    node: str
    boot: str


def start_hive(hive: Hive, command: StartHive, context: Context) -> Plan:
    return [on_hive(HiveStarted(command.version, command.node, command.boot))]


@frozen
class StopHive:
    """turns: "left" running or "ended"."""

    turns: str


def stop_hive(hive: Hive, command: StopHive, context: Context) -> Plan:
    return [on_hive(HiveStopped(command.turns))]
