"""Lines of the spool: however the bytes come, the lines and their places are the same."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from hived.host.lines import LineSplitter, SpoolItem, SpoolLine, TooLong

LONGEST = 8
output = st.lists(
    st.one_of(st.just(b"\n"), st.binary(max_size=20), st.sampled_from([b"12345678", b"123456789"]))
).map(b"".join)


def split(chunks: list[bytes], from_byte: int = 0) -> list[SpoolItem]:
    splitter = LineSplitter(from_byte, LONGEST)
    return [item for chunk in chunks for item in splitter.feed(chunk)] + splitter.finish()


def model(data: bytes, from_byte: int = 0) -> list[SpoolItem]:
    """What must come out, said in the plainest way."""
    items: list[SpoolItem] = []
    at = from_byte
    for line in _by_newline(data):
        at += len(line)
        text = line.removesuffix(b"\n")
        torn = not line.endswith(b"\n")
        items.append(TooLong(at, len(text)) if len(text) > LONGEST else SpoolLine(text, at, torn))
    return items


def _by_newline(data: bytes) -> list[bytes]:
    pieces = [piece + b"\n" for piece in data.split(b"\n")]
    pieces[-1] = pieces[-1][:-1]
    return [piece for piece in pieces if piece]


@given(output, st.lists(st.integers(0, 200)), st.integers(0, 1000))
def test_chunking_never_changes_the_lines(data: bytes, cuts: list[int], start: int) -> None:
    edges = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    chunks = [data[a:b] for a, b in itertools.pairwise(edges)]
    assert b"".join(chunks) == data
    assert split(chunks, start) == model(data, start)


@given(output, st.data())
def test_reading_again_from_any_line_gives_the_rest(data: bytes, draw: st.DataObject) -> None:
    whole = split([data])
    taken = draw.draw(st.integers(0, len(whole)))
    at = whole[taken - 1].end if taken else 0
    assert split([data[at:]], at) == whole[taken:]


def test_a_line_of_just_the_bound_is_whole() -> None:
    assert split([b"12345678\n123456789\n"]) == [SpoolLine(b"12345678", 9), TooLong(19, 9)]


def test_a_too_long_line_is_not_held_in_memory() -> None:
    splitter = LineSplitter(0, LONGEST)
    for _ in range(1000):
        assert splitter.feed(b"x" * 1000) == []
        assert len(splitter._rest) <= LONGEST
    assert splitter.feed(b"\nok\n") == [TooLong(1_000_001, 1_000_000), SpoolLine(b"ok", 1_000_004)]
