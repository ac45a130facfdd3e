"""Old schemas: read one step at a time, before an object exists."""

from typing import Any

import orjson
import pytest
from attrs import frozen

from hived.errors import LogCorrupt, LogFromTheFuture
from hived.events import EVENT_TYPES, Recorded
from hived.events.codec import Codec
from hived.events.upcasts import UPCASTS


@frozen
class NapOne:
    agent: str
    hours: int


@frozen
class NapTwo:
    agent: str
    seconds: int


@frozen
class NapThree:
    agent: str
    seconds: float
    reason: str


def one_to_two(payload: dict[str, Any]) -> dict[str, Any]:
    return {"agent": payload["agent"], "seconds": payload["hours"] * 3600}


def two_to_three(payload: dict[str, Any]) -> dict[str, Any]:
    return {**payload, "seconds": float(payload["seconds"]), "reason": "unknown"}


STEPS = {("nap_start", 1): one_to_two, ("nap_start", 2): two_to_three}
ONE = Codec({"nap_start": (NapOne, 1)}, {})
TWO = Codec({"nap_start": (NapTwo, 2)}, {("nap_start", 1): one_to_two})
THREE = Codec({"nap_start": (NapThree, 3)}, STEPS)


def rec(event: object) -> Recorded:
    return Recorded(1, "agent:ada", 1, 5.0, "main", "hive", None, None, "nap_start", event)


@pytest.mark.parametrize(
    ("codec", "event", "topic"),
    [
        (ONE, NapOne("ada", 2), "nap_start@1"),
        (TWO, NapTwo("ada", 7200), "nap_start@2"),
        (THREE, NapThree("ada", 7200.0, "unknown"), "nap_start@3"),
    ],
)
def test_every_schema_reads_as_the_last(codec: Codec, event: object, topic: str) -> None:
    stored_topic, data = codec.encode(rec(event))
    assert stored_topic == topic
    after = THREE.decode(topic, data, 1, "agent:ada", 1)
    assert after == rec(NapThree("ada", 7200.0, "unknown"))


def test_what_an_upcast_gives_keeps_its_envelope() -> None:
    _, data = ONE.encode(rec(NapOne("ada", 1))._replace(recorded_at=6.5, by="agent:ada"))
    after = THREE.decode("nap_start@1", data, 9, "agent:bob", 4)
    assert after[:6] == (9, "agent:bob", 4, 6.5, "main", "agent:ada")


def test_a_later_schema_is_refused_by_an_earlier_version() -> None:
    topic, data = THREE.encode(rec(NapThree("ada", 1.0, "tired")))
    with pytest.raises(LogFromTheFuture, match="nap_start@3"):
        TWO.decode(topic, data, 1, "agent:ada", 1)


def test_a_payload_that_an_upcast_cannot_read_is_damage() -> None:
    body = orjson.dumps({"at": 1.0, "node": "n", "by": "hive", "event": {"agent": "ada"}})
    with pytest.raises(LogCorrupt, match="nap_start@1"):
        THREE.decode("nap_start@1", body, 1, "agent:ada", 1)


@pytest.mark.parametrize(
    "steps",
    [
        {},
        {("nap_start", 2): two_to_three},
        {**STEPS, ("nap_start", 3): two_to_three},
        {**STEPS, ("other", 1): one_to_two},
    ],
)
def test_a_chain_with_a_gap_or_a_step_too_many_is_refused(steps: dict[Any, Any]) -> None:
    with pytest.raises(ValueError, match="disagree"):
        Codec({"nap_start": (NapThree, 3)}, steps)


def test_the_production_tables_fit() -> None:
    codec = Codec(EVENT_TYPES, UPCASTS)
    assert codec.topics(EVENT_TYPES.keys()) == [
        f"{kind}@{n}" for kind, (_, last) in sorted(EVENT_TYPES.items()) for n in range(1, last + 1)
    ]


def test_a_catalogue_is_known_by_its_classes_and_by_what_its_upcasts_do() -> None:
    def other(payload: dict[str, Any]) -> dict[str, Any]:
        return {**payload, "seconds": float(payload["seconds"]), "reason": "changed"}

    changed = Codec({"nap_start": (NapThree, 3)}, {**STEPS, ("nap_start", 2): other})
    again = Codec({"nap_start": (NapThree, 3)}, dict(reversed(STEPS.items())))
    assert len({c.fingerprint for c in (ONE, TWO, THREE, changed)}) == 4
    assert again.fingerprint == THREE.fingerprint
