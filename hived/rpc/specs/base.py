"""What a method of the protocol is, and the parts that the tables of methods are made of."""

from collections.abc import Mapping
from typing import Any, NamedTuple

PROTOCOL = 1  # the number `hello` answers
JSON_VERSION = 1  # the "v" of every read's answer

READ, WRITE, STREAM = "read", "write", "stream"
ANYONE, OPERATOR = "anyone", "operator"


class Param(NamedTuple):
    """One parameter. type: a JSON type word: string, number, integer, boolean, strings, object.

    at: a position (integer) or a time (RFC 3339 string or unix seconds).
    """

    type: str
    required: bool = False
    summary: str = ""
    default: Any = None


class Method(NamedTuple):
    """One method. kind: read (takes `at`), write (takes `command_id`), stream."""

    kind: str
    access: str
    summary: str
    params: Mapping[str, Param]
    answers: str


AGENT = Param("string", True, "the agent's name, or a prefix that only it has")
AT = Param("at", False, "answer as things stood at this position or time")
LIMIT = Param("integer", False, "at most so many", 100)


def write(
    summary: str,
    answers: str,
    params: Mapping[str, Param] | None = None,
    access: str = OPERATOR,
) -> Method:
    own = {
        "command_id": Param("string", False, "chosen by the caller; a repeat changes nothing"),
        "expected_version": Param("integer", False, "refuse if the stream has moved on"),
    }
    return Method(WRITE, access, summary, {**(params or {}), **own}, answers)


def read(summary: str, answers: str, params: Mapping[str, Param] | None = None) -> Method:
    return Method(READ, ANYONE, summary, {**(params or {}), "at": AT}, answers)
