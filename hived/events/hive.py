"""The hive itself."""

from attrs import frozen


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
