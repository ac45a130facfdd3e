"""Errors that a caller can act on. Each has a stable `code`, and a `hint` that says what to do.

`CODES` gives the JSON-RPC number of every code; PROTOCOL.md lists them and a test holds the two
together.
"""

from collections.abc import Mapping

# What to do about a log that does not read: no hived starts with it that hivectl could ask.
LOOK_AT_LOG = "hived --verify says all that is wrong; restore the database from a backup"

CODES: Mapping[str, int] = {
    # JSON-RPC's own
    "parse_error": -32700,
    "invalid_request": -32600,
    "unknown_method": -32601,
    "invalid_params": -32602,
    "internal_error": -32603,
    # ours
    "hello_first": -32001,
    "forbidden": -32002,
    "too_large": -32003,
    "too_many": -32004,
    "not_found": -32010,
    "exists": -32011,
    "wrong_state": -32012,
    "invalid_name": -32013,
    "ambiguous_name": -32014,
    "command_reused": -32015,
    "version_conflict": -32016,
    "at_unknown": -32017,
    "inbox_full": -32018,
    "not_allowed": -32019,
    "store_unavailable": -32020,
    "store_full": -32021,
    "log_corrupt": -32022,
    "log_from_the_future": -32023,
    "already_running": -32024,
    "shutting_down": -32025,
    "busy": -32026,
    "invalid_config": -32027,
    "invalid_commit": -32028,
    "git_failed": -32029,
    # the client's side only
    "no_daemon": -32030,
    "disconnected": -32031,
}


class HivedError(Exception):
    """Base of all of them: a stable code, a message that says what and where, a hint."""

    default_code = "internal_error"

    def __init__(
        self, message: str, *, code: str | None = None, hint: str = "", **data: object
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.default_code
        self.hint = hint
        self.data = data

    @property
    def number(self) -> int:
        """The JSON-RPC error number of this error's code."""
        return CODES[self.code]


class CommandRefused(HivedError):
    """The caller's command cannot be done as things stand. Nothing changed."""

    default_code = "wrong_state"


class InvalidName(HivedError):
    """A name or id from outside does not have the shape it must have."""

    default_code = "invalid_name"


class ProtocolError(HivedError):
    """A peer sent bytes or a structure that the protocol does not allow."""

    default_code = "invalid_request"


class StoreError(HivedError):
    """The store cannot be used; hived refuses to start or stops."""

    default_code = "store_unavailable"


class LogCorrupt(StoreError):
    """What is on disk does not read back as what was written."""

    default_code = "log_corrupt"


class LogFromTheFuture(StoreError):
    """The log holds an event or schema that this version does not know."""

    default_code = "log_from_the_future"


class VersionConflict(StoreError):
    """A stream moved on since the command was decided."""

    default_code = "version_conflict"


class AlreadyRunning(StoreError):
    """Another hived holds this store."""

    default_code = "already_running"


def first_of(group: BaseExceptionGroup[HivedError]) -> HivedError:
    """The first error in a group of them, as nurseries raise one."""
    error = group.exceptions[0]
    return first_of(error) if isinstance(error, BaseExceptionGroup) else error
