"""Every method of the protocol in literal tables: name, parameters, access, what it answers.

Standard library only: the client and hivectl read it too. The handlers are joined to it when
the daemon starts, and a method without a handler or a handler without a method is an error then.
PROTOCOL.md is the prose; a test fails on whatever it lacks.
"""

from collections.abc import Mapping

from hived.rpc.specs.approvals import APPROVALS
from hived.rpc.specs.base import (
    ANYONE,
    JSON_VERSION,
    OPERATOR,
    PROTOCOL,
    READ,
    STREAM,
    WRITE,
    Method,
    Param,
)
from hived.rpc.specs.config import CONFIGS
from hived.rpc.specs.costs import COSTS
from hived.rpc.specs.kept import KEPT
from hived.rpc.specs.questions import QUESTIONS
from hived.rpc.specs.reads import READS
from hived.rpc.specs.rows import ROWS
from hived.rpc.specs.streams import NOTIFICATIONS, STREAMS
from hived.rpc.specs.waiting import WAITING
from hived.rpc.specs.writes import WRITES

__all__ = [
    "ANYONE",
    "JSON_VERSION",
    "METHODS",
    "NOTIFICATIONS",
    "OPERATOR",
    "PROTOCOL",
    "READ",
    "ROWS",
    "STREAM",
    "WRITE",
    "Method",
    "Param",
]

METHODS: Mapping[str, Method] = {
    "hello": STREAMS["hello"],
    **READS,
    **WRITES,
    **QUESTIONS,
    **KEPT,
    **CONFIGS,
    **COSTS,
    **APPROVALS,
    **WAITING,
    **STREAMS,
}
