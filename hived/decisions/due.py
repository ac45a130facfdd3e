"""A thing that time alone will bring. In a file of its own: the families of commands that fall
due make it, and `timers` lists the families."""

from typing import Any, NamedTuple


class Due(NamedTuple):
    """at: unix seconds. command: to be sent then. by: policy:RULE, who it is decided by."""

    at: float
    command: Any
    by: str
