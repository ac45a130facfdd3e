"""The hive itself."""

from attrs import frozen

from hived.events.settings import Settings


@frozen
class HiveStarted:
    """A daemon of this version runs on the node. boot: of the machine, by its kernel."""

    version: str
    node: str
    boot: str


@frozen
class HiveStopped:
    """A polite stop. turns: "left" running, or "ended"."""

    turns: str


@frozen
class HiveConfigured:
    """The hive's own settings hold from now on: hive.toml as it was read at start or on reload."""

    settings: Settings


@frozen
class QuietStart:
    """Quiet hours have begun: no turns but for the operator's urgent mail. by names the rule.

    until: unix seconds. agents: whose; empty for all.
    """

    name: str
    until: float
    agents: tuple[str, ...] = ()


@frozen
class QuietEnd:
    """They are over. why: elapsed, or changed (hive.toml says otherwise now)."""

    name: str
    why: str
