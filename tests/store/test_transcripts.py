"""Transcripts: the same bytes by the same numbers, as a spool and compressed."""

import os
import subprocess
from pathlib import Path

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from hived import limits
from hived.errors import CommandRefused, LogCorrupt
from hived.store import transcripts

TEXT = b"".join(
    b'{"type":"assistant","line":%d,"text":"%s"}\n' % (i, os.urandom(9).hex().encode())
    for i in range(3_000)
)


@pytest.fixture(autouse=True)
def short_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "TRANSCRIPT_FRAME_BYTES", 1_000)


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    spool = tmp_path / "spool"
    spool.write_bytes(TEXT)
    return spool


def test_the_spool_becomes_one_file_that_any_zstd_reads(spool: Path) -> None:
    packed = transcripts.compress(spool)
    assert sorted(file.name for file in spool.parent.iterdir()) == ["spool.zst"]
    assert packed == transcripts.compressed(spool)
    assert packed.stat().st_size < len(TEXT)
    reader = zstandard.ZstdDecompressor().stream_reader(
        packed.open("rb"), read_across_frames=True, closefd=True
    )
    with reader:
        assert reader.read() == TEXT


@pytest.mark.parametrize("form", ["spool", "compressed"])
@pytest.mark.parametrize(
    ("from_byte", "limit"),
    [
        (0, 1),
        (0, 1_000),
        (999, 2),
        (1_000, 1_000),
        (1_001, 5_000),
        (len(TEXT) - 1, 10),
        (len(TEXT), 10),
        (len(TEXT) + 5, 10),
        (7, 0),
        (0, 10**9),
    ],
)
def test_bytes_have_the_same_numbers_in_both_forms(
    spool: Path, form: str, from_byte: int, limit: int
) -> None:
    if form == "compressed":
        transcripts.compress(spool)
    assert transcripts.read(spool, from_byte, limit) == TEXT[from_byte : from_byte + limit]
    assert transcripts.size(spool) == len(TEXT)


@settings(max_examples=50)
@given(text=st.binary(max_size=100), frame=st.integers(1, 20), data=st.data())
def test_any_bytes(
    tmp_path_factory: pytest.TempPathFactory, text: bytes, frame: int, data: st.DataObject
) -> None:
    spool = tmp_path_factory.mktemp("turn") / "spool"
    spool.write_bytes(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limits, "TRANSCRIPT_FRAME_BYTES", frame)
        transcripts.compress(spool)
        for _ in range(5):
            start, length = data.draw(st.integers(0, 110)), data.draw(st.integers(0, 110))
            assert transcripts.read(spool, start, length) == text[start : start + length]
        assert transcripts.size(spool) == len(text)


def test_a_read_is_bounded(spool: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "TRANSCRIPT_READ_BYTES_MAX", 1_500)
    for _ in range(2):
        assert transcripts.read(spool, 10, 9_000) == TEXT[10:1_510]
        transcripts.compress(spool)


@pytest.mark.parametrize(("from_byte", "limit"), [(-1, 5), (0, -1)])
def test_numbers_below_zero_are_refused(spool: Path, from_byte: int, limit: int) -> None:
    for _ in range(2):
        with pytest.raises(CommandRefused):
            transcripts.read(spool, from_byte, limit)
        transcripts.compress(spool)


def test_a_turn_that_printed_nothing(tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    spool.touch()
    transcripts.compress(spool)
    assert transcripts.read(spool, 0, 10) == b""
    assert transcripts.size(spool) == 0


def test_a_transcript_that_is_not_there(tmp_path: Path) -> None:
    for call in (
        lambda: transcripts.read(tmp_path / "spool", 0, 1),
        lambda: transcripts.size(tmp_path / "spool"),
        lambda: transcripts.compress(tmp_path / "spool"),
        lambda: transcripts.read(tmp_path / "no folder" / "spool", 0, 1),
    ):
        with pytest.raises(CommandRefused) as caught:
            call()
        assert caught.value.code == "not_found"


def test_compressing_goes_on_after_a_crash_at_any_point(spool: Path) -> None:
    draft = spool.with_name("spool.tmp")
    draft.write_bytes(b"half a draft")
    transcripts.compress(spool)
    assert not draft.exists()
    # After the rename, before the delete: both are there, and the spool is whole.
    spool.write_bytes(TEXT)
    assert transcripts.read(spool, 5, 50) == TEXT[5:55]
    packed = transcripts.compress(spool)
    assert not spool.exists()
    # After the delete.
    assert transcripts.compress(spool) == packed
    assert transcripts.read(spool, 0, len(TEXT)) == TEXT


def test_a_failed_write_leaves_the_spool(spool: Path) -> None:
    """A child that may write 20 kB only stands for a disk that fills up."""
    code = (
        "import resource, sys; from pathlib import Path; from hived.store import transcripts\n"
        "from hived import limits; limits.TRANSCRIPT_FRAME_BYTES = 1000\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))\n"
        "try:\n    transcripts.compress(Path(sys.argv[1]))\n"
        "except OSError as error:\n    print(error.errno)\n"
    )
    import errno
    import sys

    done = subprocess.run(
        [sys.executable, "-c", code, str(spool)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert int(done.stdout) == errno.EFBIG
    assert [file.name for file in spool.parent.iterdir()] == ["spool"]
    assert spool.read_bytes() == TEXT


@pytest.mark.parametrize("keep", [0, 5, 9, 17, 0.5, -1, -9])
def test_a_compressed_transcript_cut_short(spool: Path, keep: float) -> None:
    packed = transcripts.compress(spool)
    body = packed.read_bytes()
    packed.write_bytes(body[: int(len(body) * keep)] if isinstance(keep, float) else body[:keep])
    for call in (lambda: transcripts.read(spool, 0, 10), lambda: transcripts.size(spool)):
        with pytest.raises(LogCorrupt, match=r"spool\.zst is damaged") as caught:
            call()
        assert caught.value.hint


@settings(max_examples=200, deadline=None)
@given(at=st.integers(0, 10**6), flip=st.integers(1, 255))
def test_a_flipped_byte_is_never_given_as_the_turns_words(
    tmp_path_factory: pytest.TempPathFactory, at: int, flip: int
) -> None:
    spool = tmp_path_factory.mktemp("turn") / "spool"
    spool.write_bytes(TEXT[:5_000])
    packed = transcripts.compress(spool)
    body = bytearray(packed.read_bytes())
    body[at % len(body)] ^= flip
    packed.write_bytes(body)
    try:
        assert transcripts.read(spool, 0, 5_000) == TEXT[:5_000]
    except LogCorrupt:
        pass
