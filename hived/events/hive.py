"""The hive itself."""

from attrs import frozen


@frozen
class HiveStarted:
    version: str
    node: str
    boot: str


@frozen
class HiveStopped:
    """A polite stop. turns: "left" running, or "ended"."""

    turns: str
