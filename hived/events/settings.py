"""The hive's own settings, as hive.toml gives them. Frozen, JSON-shaped."""

from attrs import field, frozen

from hived.events.values import Budget


@frozen
class Policy:
    """Decides an approval without the operator. The first that matches does.

    decision: approve or deny. kinds, requesters: which requests; empty for all. requesters: names
    of agents, or `manager`. paths: globs; an approval needs all touched paths to match, a denial
    any; empty matches whatever is touched.
    """

    name: str
    decision: str
    kinds: tuple[str, ...] = ()
    requesters: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    note: str = ""


@frozen
class QuietHours:
    """No turns are begun in them but for the operator's urgent mail. agents: empty for all.

    begin, end: minutes of the day at the offset (minutes east of UTC); end may be before begin.
    """

    name: str
    begin: int
    end: int
    offset: int = 0
    agents: tuple[str, ...] = ()


@frozen
class Settings:
    """hive.toml. defaults: keys of agent.toml with their values, as JSON text.

    expiry_s: seconds a pending approval of a kind waits before the policy `expiry` ends it; kinds
    that are not named wait for good. resume_after_limits: agents go on by themselves when a rate
    limit's time has passed. digest: of the file; empty where there is none.
    """

    defaults: dict[str, str] = field(factory=dict)
    budgets: tuple[Budget, ...] = ()
    policies: tuple[Policy, ...] = ()
    expiry_s: dict[str, float] = field(factory=dict)
    quiet_hours: tuple[QuietHours, ...] = ()
    resume_after_limits: bool = True
    digest: str = ""
