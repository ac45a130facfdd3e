"""The stored form of an event: a topic such as `turn_end@1` and one JSON object.

The object holds the envelope and the payload; position, stream and version stand outside it, in
the store's own columns. Reads older schemas through UPCASTS, refuses newer ones. Knows neither
the database nor the compressor.
"""

from collections.abc import Callable, Mapping
from math import isfinite
from operator import attrgetter
from typing import Any, NamedTuple

import orjson
from cattrs.errors import ForbiddenExtraKeysError

from hived import limits
from hived.errors import LOOK_AT_LOG, HivedError, LogCorrupt, LogFromTheFuture
from hived.events import EVENT_TYPES, shape, upcasts
from hived.events.record import Cause, CommandMark, Recorded

_ENVELOPE = frozenset({"at", "node", "by", "event"})
_OPTIONAL = frozenset({"command", "cause"})
_UPGRADE = "this log was written by a newer hived: install that version or a later one"


class _Writer(NamedTuple):
    kind: str
    topic: str
    unstructure: Callable[[Any], Any]
    floats: tuple[Callable[[Any], float], ...]


class _Reader(NamedTuple):
    kind: str
    steps: tuple[upcasts.Upcast, ...]
    structure: Callable[[Any, Any], Any]
    cls: type[Any]


class Codec:
    """Event to stored form and back, for one catalogue of types and its upcasts.

    Args:
      types: As EVENT_TYPES: stored name to (class, schema number).
      steps: As UPCASTS: every step from schema 1 to each type's own must be there.
    Raises:
      ValueError: The two tables do not fit together.
    """

    def __init__(
        self,
        types: Mapping[str, tuple[type[Any], int]] = EVENT_TYPES,
        steps: Mapping[tuple[str, int], upcasts.Upcast] = upcasts.UPCASTS,
    ) -> None:
        needed = {(name, n) for name, (_, schema) in types.items() for n in range(1, schema)}
        if needed != set(steps):
            raise ValueError(f"upcasts and schemas disagree: {sorted(needed ^ set(steps))}")
        converter = shape.converter()
        self.schemas = {name: schema for name, (_, schema) in types.items()}
        self._writers: dict[type[Any], _Writer] = {}
        self._readers: dict[str, _Reader] = {}
        for name, (cls, schema) in types.items():
            structure = converter.get_structure_hook(cls)
            self._writers[cls] = _Writer(
                name,
                f"{name}@{schema}",
                converter.get_unstructure_hook(cls),
                tuple(attrgetter(path) for path in shape.float_paths(cls)),
            )
            for old in range(1, schema + 1):
                chain = tuple(steps[name, n] for n in range(old, schema))
                self._readers[f"{name}@{old}"] = _Reader(name, chain, structure, cls)
        self.types = {name: cls for name, (cls, _) in types.items()}
        self.fingerprint = shape.fingerprint(types, steps)

    def encode(self, rec: Recorded) -> tuple[str, bytes]:
        """Give the topic and the bytes of an event and its envelope.

        Raises:
          HivedError: too_large above EVENT_BYTES_MAX; invalid_params where JSON cannot carry a
            value so that it reads back the same (not a number, half of a surrogate pair).
        """
        # Taken apart at once: each look at a field by its name takes as long as all of this.
        _, _, _, at, node, by, command, cause, kind, event = rec
        writer = self._writers.get(type(event))
        if writer is None or writer.kind != kind:
            raise _not_storable(rec, f"{type(event).__name__} is not the event {kind}")
        body: dict[str, Any] = {"at": at, "node": node, "by": by}
        if command is not None:
            body["command"] = tuple(command)  # orjson takes no subclass
        if cause is not None:
            body["cause"] = tuple(cause)
        # JSON has no infinity: orjson would write null, which could never be read again.
        if not isfinite(at):
            raise _not_storable(rec, "its time is not finite")
        for number in writer.floats:
            if not isfinite(number(event)):
                raise _not_storable(rec, "a number in it is not finite")
        body["event"] = writer.unstructure(event)
        try:
            data = orjson.dumps(body)
        except TypeError as error:
            raise _not_storable(rec, str(error)) from error
        if len(data) > limits.EVENT_BYTES_MAX:
            raise HivedError(
                f"{rec.kind} of {rec.stream} is {len(data)} bytes long",
                code="too_large",
                hint=f"an event has at most {limits.EVENT_BYTES_MAX} bytes",
            )
        return writer.topic, data

    def decode(self, topic: str, data: bytes, position: int, stream: str, version: int) -> Recorded:
        """Read an event back, upcast to the present schema.

        Raises:
          LogFromTheFuture: A name, schema or field that this version does not know.
          LogCorrupt: The bytes do not hold what the topic says. Names stream, version, topic.
        """
        reader = self._readers.get(topic)
        if reader is None:
            raise self._unknown(topic, stream, version)
        try:
            body = orjson.loads(data)
            keys = body.keys()
            if not keys >= _ENVELOPE:
                raise ValueError("the envelope is not whole")
            if not keys - _ENVELOPE <= _OPTIONAL:
                raise _from_the_future(topic, stream, version, "an envelope field")
            payload = body["event"]
            for step in reader.steps:
                payload = step(payload)
            event = reader.structure(payload, reader.cls)
            command, cause = body.get("command"), body.get("cause")
            return Recorded(
                position,
                stream,
                version,
                shape.strict_float(body["at"], float),
                shape.strict_str(body["node"], str),
                shape.strict_str(body["by"], str),
                None if command is None else _mark(*command),
                None if cause is None else _cause(*cause),
                reader.kind,
                event,
            )
        except ForbiddenExtraKeysError as error:
            raise _from_the_future(topic, stream, version, "a field") from error
        except (ValueError, TypeError, KeyError, AttributeError, LookupError) as error:
            raise LogCorrupt(
                f"{topic} at {stream} version {version} does not read: {error!r:.200}",
                hint=LOOK_AT_LOG,
                position=position,
            ) from error

    def topics(self, kinds: frozenset[str] | set[str]) -> list[str]:
        """Every topic under which events of these kinds may be stored. Unknown kinds have none."""
        return [
            f"{kind}@{schema}"
            for kind in sorted(kinds & self.schemas.keys())
            for schema in range(1, self.schemas[kind] + 1)
        ]

    def _unknown(self, topic: str, stream: str, version: int) -> HivedError:
        name, _, schema = topic.partition("@")
        if not name or not schema.isascii() or not schema.isdigit() or schema.startswith("0"):
            return LogCorrupt(
                f"{topic!r:.80} at {stream} version {version} is not a topic", hint=LOOK_AT_LOG
            )
        return _from_the_future(topic, stream, version, "an event")


def _mark(id: object, digest: object, extent: object) -> CommandMark:
    return CommandMark(
        shape.strict_str(id, str), shape.strict_str(digest, str), shape.strict_int(extent, int)
    )


def _cause(stream: object, version: object) -> Cause:
    return Cause(shape.strict_str(stream, str), shape.strict_int(version, int))


def _from_the_future(topic: str, stream: str, version: int, what: str) -> LogFromTheFuture:
    return LogFromTheFuture(
        f"{topic} at {stream} version {version} holds {what} that this hived does not know",
        hint=_UPGRADE,
    )


def _not_storable(rec: Recorded, why: str) -> HivedError:
    return HivedError(
        f"{rec.kind} of {rec.stream} cannot be stored: {why}",
        code="invalid_params",
        hint="only finite numbers and valid Unicode text can be stored",
    )
