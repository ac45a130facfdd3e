"""From a plan to records, and what tells a repeated command from a new one."""

from hashlib import blake2b
from typing import Any

import orjson

from hived.decisions.base import Context, Plan, stream_version
from hived.errors import CommandRefused
from hived.events import Cause, CommandMark, Recorded, kind_of
from hived.projections import Hive
from hived.projections.shapes import dump_as


def placed(
    plan: Plan, hive: Hive, context: Context, node: str, mark: CommandMark | None
) -> tuple[Recorded, ...]:
    """Give each event its place after a state: position, stream version, time, cause.

    mark: the command's, for its first event. An event without a cause of its own follows from
    that first one.
    """
    versions: dict[str, int] = {}
    records: list[Recorded] = []
    for position, planned in enumerate(plan, hive.position + 1):
        stream = planned.stream
        version = versions.get(stream, stream_version(hive, stream)) + 1
        versions[stream] = version
        cause = planned.cause
        if cause is None and records:
            cause = Cause(records[0].stream, records[0].version)
        records.append(
            Recorded(
                position,
                stream,
                version,
                context.now,
                node,
                planned.by or context.by,
                None if records else mark,
                cause,
                kind_of(planned.event),
                planned.event,
            )
        )
    return tuple(records)


def digest(command: Any) -> str:
    """Of a command's content: the same words, the same digest, in any process."""
    content = [type(command).__name__, dump_as(type(command), command)]
    data = orjson.dumps(content, option=orjson.OPT_SORT_KEYS, default=_plain)
    return blake2b(data, digest_size=8).hexdigest()


def _plain(value: object) -> object:
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    raise TypeError(f"{type(value).__name__} is not plain data")


def check_same(command_id: str, first: str, second: str) -> None:
    """Hold the digests of two commands with one id against each other.

    Raises:
      CommandRefused: command_reused.
    """
    if first != second:
        raise CommandRefused(
            f"the command id {command_id} was used before for something else",
            code="command_reused",
            hint="use a new id for a new command",
        )
