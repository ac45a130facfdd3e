"""The compressor: from any thread, with every dictionary that was ever used."""

import threading
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

import hived.store.dictionaries
from hived import limits
from hived.errors import LogCorrupt, LogFromTheFuture
from hived.store.compressor import DICTIONARY, EventCompressor, load_dictionaries

COMPRESSOR = EventCompressor()
SAMPLES = [b'{"agent":"worker-%d","text":"%s"}' % (i, b"word " * (i % 40)) for i in range(300)]


@given(st.binary(max_size=2_000))
def test_any_bytes_come_back(data: bytes) -> None:
    assert COMPRESSOR.decompress(COMPRESSOR.compress(data)) == data


def test_threads_do_not_disturb_one_another() -> None:
    wrong: list[object] = []
    start = threading.Barrier(6)

    def hammer(seed: int) -> None:
        start.wait()
        for turn in range(40):
            for sample in SAMPLES[seed::3]:
                data = sample * (1 + (turn + seed) % 7)
                try:
                    if COMPRESSOR.decompress(COMPRESSOR.compress(data)) != data:
                        wrong.append(data)
                except Exception as error:
                    wrong.append(error)

    threads = [threading.Thread(target=hammer, args=(i,)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert not any(thread.is_alive() for thread in threads)
    assert wrong == []


def test_frames_name_their_dictionary_and_carry_a_checksum() -> None:
    frame = zstandard.get_frame_parameters(COMPRESSOR.compress(SAMPLES[9]))
    assert (frame.dict_id, frame.has_checksum) == (DICTIONARY, True)
    assert frame.content_size == len(SAMPLES[9])


def test_every_dictionary_ships_and_is_named_after_its_id() -> None:
    folder = Path(hived.store.dictionaries.__file__).parent
    files = {int(file.stem): file.read_bytes() for file in folder.glob("*.zdict")}
    assert load_dictionaries() == files
    assert DICTIONARY in files
    for number, data in files.items():
        assert zstandard.ZstdCompressionDict(data).dict_id() == number


def test_frames_of_an_older_dictionary_are_read_and_of_an_unknown_one_refused() -> None:
    second = zstandard.train_dictionary(1_024, SAMPLES * 20, dict_id=2).as_bytes()
    newer = EventCompressor({**load_dictionaries(), 2: second}, write_with=2)
    data = SAMPLES[7]
    frames = [newer.compress(data), COMPRESSOR.compress(data)]
    assert [zstandard.get_frame_parameters(f).dict_id for f in frames] == [2, 1]
    assert [newer.decompress(frame) for frame in frames] == [data] * 2
    with pytest.raises(LogFromTheFuture, match="dictionary 2"):
        COMPRESSOR.decompress(frames[0])
    with pytest.raises(LogCorrupt, match="no dictionary"):
        COMPRESSOR.decompress(zstandard.ZstdCompressor().compress(data))


@given(at=st.integers(0, 10**4), flip=st.integers(1, 255), cut=st.booleans())
def test_a_damaged_frame_is_never_taken_for_sound(at: int, flip: int, cut: bool) -> None:
    frame = COMPRESSOR.compress(SAMPLES[30])
    at %= len(frame)
    bad = frame[:at] if cut else frame[:at] + bytes([frame[at] ^ flip]) + frame[at + 1 :]
    try:
        assert COMPRESSOR.decompress(bad) == SAMPLES[30]
    except (LogCorrupt, LogFromTheFuture):
        pass


def test_a_frame_that_claims_to_be_huge_is_not_given_the_memory() -> None:
    frame = zstandard.ZstdCompressor().compress(bytes(limits.STORED_EVENT_BYTES_MAX + 1))
    with pytest.raises(LogCorrupt, match="claims"):
        COMPRESSOR.decompress(frame)
