"""The stored form: what is written reads back the same, and nothing else reads at all."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hived import limits
from hived.errors import HivedError, LogCorrupt, LogFromTheFuture, StoreError
from hived.events import EVENT_TYPES, Cause, CommandMark, Recorded, kind_of
from hived.events.agents import AgentPaused, RateLimitHit, StatusSet
from hived.events.codec import Codec
from hived.events.messages import MessageSent
from hived.events.turn import CompactionEnd, TurnEnd
from tests.events.strategies import events, recorded, values

CODEC = Codec()


def rec(event: object, **changed: object) -> Recorded:
    made = Recorded(7, "agent:ada", 3, 5.5, "main", "hive", None, None, kind_of(event), event)
    return made._replace(**changed)  # type: ignore[arg-type]


def stored(event: object) -> dict[str, object]:
    body: dict[str, object] = orjson.loads(CODEC.encode(rec(event))[1])
    return body


def decode(topic: str, body: object) -> Recorded:
    return CODEC.decode(topic, orjson.dumps(body), 7, "agent:ada", 3)


@pytest.mark.parametrize("kind", EVENT_TYPES)
@given(data=st.data())
def test_every_event_reads_back_as_it_was(kind: str, data: st.DataObject) -> None:
    cls, schema = EVENT_TYPES[kind]
    before = data.draw(recorded(values(cls)))
    topic, raw = CODEC.encode(before)
    after = CODEC.decode(topic, raw, before.position, before.stream, before.version)
    assert topic == f"{kind}@{schema}"
    assert after == before
    assert type(after) is Recorded
    assert type(after.event) is cls
    assert CODEC.encode(after) == (topic, raw)


def test_position_stream_and_version_are_not_in_the_bytes() -> None:
    event = AgentPaused("ada")
    one = CODEC.encode(rec(event))
    assert one == CODEC.encode(rec(event, position=9, stream="elsewhere", version=1))
    assert set(orjson.loads(one[1])) == {"at", "node", "by", "event"}


def test_marks_and_causes_are_tuples_with_names() -> None:
    mark, cause = CommandMark("operator:ann:1", "d1", 2), Cause("hive", 4)
    topic, raw = CODEC.encode(rec(AgentPaused("ada"), command=mark, cause=cause))
    after = CODEC.decode(topic, raw, 7, "agent:ada", 3)
    assert (type(after.command), type(after.cause)) == (CommandMark, Cause)
    assert (after.command, after.cause) == (mark, cause)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_a_number_json_cannot_carry_is_refused(number: float) -> None:
    for bad in (
        rec(AgentPaused("ada"), recorded_at=number),
        rec(RateLimitHit("ada", "c", "t1", number, True)),
        rec(TurnEnd("ada", "t1", "ok", cost_usd=number)),
    ):
        with pytest.raises(HivedError) as caught:
            CODEC.encode(bad)
        assert caught.value.code == "invalid_params"


def test_text_that_is_not_unicode_is_refused() -> None:
    with pytest.raises(HivedError, match="cannot be stored"):
        CODEC.encode(rec(StatusSet("ada", "\ud800")))


def test_a_kind_that_is_not_the_events_is_refused() -> None:
    with pytest.raises(HivedError, match="is not the event"):
        CODEC.encode(rec(AgentPaused("ada"), kind="agent_resumed"))


def test_an_event_longer_than_the_limit_is_refused() -> None:
    fits = "x" * (limits.EVENT_BYTES_MAX - len(CODEC.encode(rec(StatusSet("ada", "")))[1]))
    assert len(CODEC.encode(rec(StatusSet("ada", fits)))[1]) == limits.EVENT_BYTES_MAX
    with pytest.raises(HivedError) as caught:
        CODEC.encode(rec(StatusSet("ada", fits + "x")))
    assert caught.value.code == "too_large"


@pytest.mark.parametrize("topic", ["turn_end@2", "turn_end@999", "unheard_of@1"])
def test_a_topic_of_a_later_version_is_from_the_future(topic: str) -> None:
    with pytest.raises(LogFromTheFuture, match=topic) as caught:
        decode(topic, stored(AgentPaused("ada")))
    assert "newer hived" in caught.value.hint


@pytest.mark.parametrize("topic", ["", "turn_end", "turn_end@", "@1", "turn_end@x", "turn_end@01"])
def test_a_topic_of_no_version_is_damage(topic: str) -> None:
    with pytest.raises(LogCorrupt):
        decode(topic, stored(AgentPaused("ada")))


def test_a_field_of_a_later_version_is_from_the_future() -> None:
    body = stored(AgentPaused("ada"))
    for later in (
        {**body, "event": {"agent": "ada", "mood": "new"}},
        {**body, "signature": "new"},
    ):
        with pytest.raises(LogFromTheFuture):
            decode("agent_paused@1", later)


MESSAGE = {"message": "m1", "sender": "operator", "to": "ada", "body": "hello"}


@pytest.mark.parametrize(
    "payload",
    [
        {},
        [],
        "text",
        None,
        {**MESSAGE, "body": None},
        {**MESSAGE, "body": 5},
        {**MESSAGE, "urgent": "false"},
        {**MESSAGE, "urgent": 1},
        {k: v for k, v in MESSAGE.items() if k != "to"},
    ],
)
def test_a_payload_of_another_shape_is_damage_and_is_not_coerced(payload: object) -> None:
    body = stored(MessageSent(**MESSAGE))
    assert decode("message_sent@1", body).event == MessageSent(**MESSAGE)
    with pytest.raises(LogCorrupt, match=r"message_sent@1 at agent:ada version 3"):
        decode("message_sent@1", {**body, "event": payload})


@pytest.mark.parametrize("before", [5.7, "5", True, None])
def test_whole_numbers_are_not_coerced(before: object) -> None:
    body = stored(CompactionEnd("ada", "t1", "session", "ok"))
    event = {"agent": "ada", "turn": "t1", "of": "session", "outcome": "ok", "before": before}
    with pytest.raises(LogCorrupt):
        decode("compaction_end@1", {**body, "event": event})


@pytest.mark.parametrize("missing", ["at", "node", "by", "event"])
def test_an_envelope_that_is_not_whole_is_damage(missing: str) -> None:
    body = stored(AgentPaused("ada"))
    del body[missing]
    with pytest.raises(LogCorrupt):
        decode("agent_paused@1", body)


@pytest.mark.parametrize("change", [{"at": "now"}, {"by": 1}, {"command": ["a"]}, {"cause": "x"}])
def test_an_envelope_of_another_shape_is_damage(change: dict[str, object]) -> None:
    with pytest.raises(LogCorrupt):
        decode("agent_paused@1", {**stored(AgentPaused("ada")), **change})


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)


@given(recorded(events), st.binary(max_size=50) | json_values.map(orjson.dumps), st.data())
def test_any_bytes_either_read_or_are_a_store_error(
    before: Recorded, junk: bytes, data: st.DataObject
) -> None:
    topic, raw = CODEC.encode(before)
    at = data.draw(st.integers(0, len(raw)))
    to = data.draw(st.integers(at, len(raw)))
    for bad in (junk, raw[:at], raw[:at] + junk + raw[to:]):
        try:
            CODEC.decode(topic, bad, 1, "s", 1)
        except StoreError as error:
            assert error.hint
