"""What a projection is: a fold of the log into one view, with no clock, file or task.

A projection names its handlers by event kind; `dump` and `load` carry its state to a snapshot and
back. Every view is bounded: what grows with the log's length is cut by a constant in limits.py.
"""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Protocol

from hived.events import Recorded

Handler = Callable[[Recorded], None]


class Projection(Protocol):
    """One view. `decides` is true where commands are decided on it.

    Such a view exists twice in a daemon: once for what is durable, once for what is decided and
    not yet on disk.
    """

    name: ClassVar[str]
    decides: ClassVar[bool]

    def handlers(self) -> Mapping[str, Handler]:
        """The fold, by event kind. Total: no recorded event may make it raise."""
        ...

    def dump(self) -> dict[str, Any]:
        """The state as JSON-shaped data, for a snapshot."""
        ...

    def load(self, data: Mapping[str, Any]) -> None:
        """Take the state of a snapshot made by `dump` of the same version."""
        ...
