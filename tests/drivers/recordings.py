"""The recordings of the real CLI (tests/data/transcripts) and a turn that fits each.

NAME.jsonl is what claude 2.1.330 wrote to stdout, byte for byte but for the folder names;
NAME.in.jsonl what was written to its stdin, each line with the number of stdout lines seen
before it.
"""

import json
from collections.abc import Iterable
from pathlib import Path

from hived.drivers.base import Conversation, ToolSpec, TurnSpec, UserLine
from hived.drivers.claude import ClaudeDriver
from hived.drivers.observations import Observation

FOLDER = Path(__file__).parent.parent / "data" / "transcripts"
NAMES = sorted(path.stem for path in FOLDER.glob("*.jsonl") if not path.name.endswith(".in.jsonl"))
ASSIGN = ToolSpec("assign", "Assign an issue", {"type": "object"})


def output(name: str) -> bytes:
    return (FOLDER / f"{name}.jsonl").read_bytes()


def user_lines(name: str) -> tuple[UserLine, ...]:
    """The user lines of a recording that had a uuid."""
    path = FOLDER / f"{name}.in.jsonl"
    if not path.exists():
        return ()
    written = [json.loads(line)["line"] for line in path.read_text().splitlines()]
    users = [line for line in written if line["type"] == "user" and "uuid" in line]
    return tuple(
        UserLine(number, line["uuid"], line["message"]["content"])
        for number, line in enumerate(users, 1)
    )


def spec(name: str) -> TurnSpec:
    return TurnSpec(
        agent="ada",
        turn="t000000000001",
        kind="compact" if name.startswith("compact") else "work",
        session="11111111-1111-4111-8111-111111111111",
        resume=name.startswith(("resume", "compact", "prompt-too-long", "live-same-uuid")),
        workdir="/home/user/work/proj",
        home="/home/user/agent",
        hive_tools=(ASSIGN,),
        opening=user_lines(name),
    )


def conversation(name: str) -> Conversation:
    return ClaudeDriver().converse(spec(name))


class Splitter:
    """Chunks of bytes → whole lines without their newline."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, chunk: bytes) -> list[bytes]:
        *whole, self._rest = (self._rest + chunk).split(b"\n")
        return whole


def play(talk: Conversation, chunks: Iterable[bytes]) -> list[Observation]:
    splitter = Splitter()
    return [seen for chunk in chunks for line in splitter.feed(chunk) for seen in talk.feed(line)]
