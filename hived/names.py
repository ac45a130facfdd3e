"""Names and ids, validated at the edge and typed from there on. Makes no id: ids come as data."""

import re
from typing import NewType

from hived import limits
from hived.errors import InvalidName

AgentName = NewType("AgentName", str)

OPERATOR = "operator"
HIVE = "hive"
EVERYONE = "*"
MANAGER = "manager"
ROLES = ("worker", MANAGER)
APPROVAL_KINDS = ("spawn", "spawn_commit", "apply_commit", "revive")
RESERVED = frozenset({OPERATOR, HIVE, "system", "all", "none", "self"})

_NAME = re.compile(r"[a-z][a-z0-9]*(?:[-_][a-z0-9]+)*\Z")
_COMMAND_ID = re.compile(r"[A-Za-z0-9_.:-]+\Z")


def agent_name(text: object) -> AgentName:
    """Check a name given to an agent: lower case words joined by - or _, NAME_CHARS_MAX long.

    Raises:
      InvalidName: Not a string, too long, or with another shape; so no name can be a path.
    """
    if not isinstance(text, str):
        raise InvalidName("an agent's name must be a string", hint="such as ada or web-1")
    quoted = shown(text)
    if len(text) > limits.NAME_CHARS_MAX:
        raise InvalidName(
            f"the name {quoted} is longer than {limits.NAME_CHARS_MAX} characters",
            hint="choose a shorter name",
        )
    if not _NAME.match(text):
        raise InvalidName(
            f"{quoted} is not a name for an agent",
            hint="a-z, 0-9 and single - or _ between them, beginning with a letter: ada, web-1",
        )
    if text in RESERVED:
        raise InvalidName(f"the name {quoted} is taken by hived itself", hint="choose another")
    return AgentName(text)


def command_id(text: object) -> str:
    """Check a command id chosen by a client: letters, digits and _ . : - only."""
    if (
        not isinstance(text, str)
        or len(text) > limits.COMMAND_ID_CHARS_MAX
        or not _COMMAND_ID.match(text)
    ):
        raise InvalidName(
            f"{shown(text)} is not a command id",
            hint=f"at most {limits.COMMAND_ID_CHARS_MAX} letters, digits and _ . : -",
        )
    return text


def agent_stream(name: str) -> str:
    return f"agent:{name}"


def message_stream(message: str) -> str:
    return f"message:{message}"


def question_stream(question: str) -> str:
    return f"question:{question}"


def approval_stream(approval: str) -> str:
    return f"approval:{approval}"


HIVE_STREAM = "hive"


def as_uuid(digits: str) -> str:
    """32 hexadecimal digits as a UUID of version 4."""
    variant = "89ab"[int(digits[16], 16) % 4]
    d = f"{digits[:12]}4{digits[13:16]}{variant}{digits[17:32]}"
    return f"{d[:8]}-{d[8:12]}-{d[12:16]}-{d[16:20]}-{d[20:]}"


def shown(text: object) -> str:
    """A caller's own words in an error message: quoted, escaped, cut short."""
    quoted = repr(text)
    return quoted if len(quoted) <= 60 else quoted[:57] + "..."
