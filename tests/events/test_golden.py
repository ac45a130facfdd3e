"""The golden log of schema 1: bytes that an earlier hived stored, read by this one."""

import hashlib
import json
from pathlib import Path

from hived.events import EVENT_TYPES, Recorded
from hived.events.codec import Codec
from hived.store.compressor import EventCompressor
from tests.events.golden import expected

FILE = Path(__file__).parents[1] / "data" / "logs" / "schema-1.jsonl"
LINES = FILE.read_bytes().splitlines(keepends=True)
COUNT_AND_DIGEST = (
    61,
    "5eeba475b9b85c84d1785d675be7bf9a5679160db2a096c1f0b6ac56b2c0d09a",
)
FRAME = (
    "28b52ffd2501bedd01007381046bf19bfa90e38d3a7844c1d4165456e089590dfc68b5c02044dcce5b1a40ce"
    "190f4c49c8cd6f2b170472e188250d957f8621490c5887fa3c67aeee11"
)


def stored() -> list[dict[str, object]]:
    return [json.loads(line) for line in LINES]


def read(line: dict[str, object], position: int) -> Recorded:
    data = str(line["state"]).encode()
    return Codec().decode(
        str(line["topic"]), data, position, str(line["stream"]), int(str(line["version"]))
    )


def test_the_golden_log_reads_as_it_was_written() -> None:
    assert [read(line, i) for i, line in enumerate(stored(), 1)] == expected()


def test_every_kind_of_schema_1_is_in_it() -> None:
    topics = {line["topic"] for line in stored()}
    assert topics >= {f"{kind}@1" for kind in EVENT_TYPES}


def test_its_lines_are_never_edited() -> None:
    """Lines may be added at the end; then raise the count and the digest."""
    count, digest = COUNT_AND_DIGEST
    assert len(LINES) == count
    assert hashlib.sha256(b"".join(LINES)).hexdigest() == digest


def test_what_dictionary_1_compressed_then_decompresses_today() -> None:
    """The frames of one event, kept as they were made: no dictionary may change under its id."""
    assert EventCompressor().decompress(bytes.fromhex(FRAME)) == str(stored()[6]["state"]).encode()
