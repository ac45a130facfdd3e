"""A session on disk: the real CLI's path, appended as things happen, folded on resume.

Its lines are like the real ones (user, assistant), with lines of type `rehearsal` between them
that hold what a real conversation has no place for: how far the scenario has come.
"""

import json
import os
import re
from pathlib import Path
from typing import Any, NamedTuple

from hived.rehearsal.scenario import Model
from hived.rehearsal.wire import Line, stamp

_COUNTS = (
    ("inputTokens", 0),
    ("outputTokens", 1),
    ("cacheReadInputTokens", 2),
    ("cacheCreationInputTokens", 3),
)


class LastMail(NamedTuple):
    """The last mail that the session has seen; a retry may not bring its text again."""

    id: str = ""
    sender: str = "operator"
    attempt: int = 1
    body: str = ""


class Session:
    """What a conversation remembers over turns and restarts of the CLI."""

    def __init__(self, identity: str, path: Path, *, saved: bool = True) -> None:
        self.id = identity
        self.path = path
        self.seen: set[str] = set()  # uuids of user lines
        self.turns = 0  # begun
        self.place = 0  # in the scenario's list of turns
        self.rules: dict[int, int] = {}  # matches of each rule
        self.context = 0  # tokens; 0 before the first message
        self.cached = 0  # of them, told to the API before
        self.messages = 0  # of the API, for ids
        self.calls = 0  # of tools, for ids
        self.exchanges = 0  # since the beginning or the last compaction
        self.compacted = False
        self.cost = 0.0
        self.models: dict[str, dict[str, Any]] = {}  # modelUsage, in the CLI's own keys
        self.since: dict[str, dict[str, Any]] = {}  # the same since the last result; not kept
        self.mail = LastMail()
        self._fd: int | None = None
        self._saved = saved

    def spend(self, model: Model, counts: tuple[int, int, int, int]) -> None:
        """Add tokens (input, output, read from cache, written to cache) and their cost."""
        cost = sum(n * price for n, price in zip(counts, model.price, strict=True)) / 1_000_000
        self.cost += cost
        add_usage(self.models, model, counts, cost)
        add_usage(self.since, model, counts, cost)

    def note_user(self, uuid: str, content: object) -> None:
        """A user line was taken up."""
        self.seen.add(uuid)
        self._append(
            {"type": "user", "uuid": uuid, "message": {"role": "user", "content": content}}
        )

    def note(self, line: Line) -> None:
        """A line of the CLI's own belongs to the conversation."""
        self._append({key: line[key] for key in ("type", "uuid", "message") if key in line})

    def save(self) -> None:
        """Write down how far the session is. Called when a turn begins and when it ends."""
        kept = {
            "turns": self.turns,
            "place": self.place,
            "rules": {str(key): value for key, value in self.rules.items()},
            "context": self.context,
            "cached": self.cached,
            "messages": self.messages,
            "calls": self.calls,
            "exchanges": self.exchanges,
            "compacted": self.compacted,
            "cost": self.cost,
            "models": self.models,
            "mail": list(self.mail),
        }
        self._append({"type": "rehearsal", "state": kept})

    def load(self) -> None:
        """Fold the file. A line that does not parse (a torn last one) is passed over."""
        with self.path.open("rb") as file:
            for raw in file:
                try:
                    line = json.loads(raw)
                except ValueError:
                    continue
                if line.get("type") == "user" and "uuid" in line:
                    self.seen.add(line["uuid"])
                elif line.get("type") == "rehearsal":
                    self._restore(line["state"])

    def _restore(self, kept: dict[str, Any]) -> None:
        for key, value in kept.items():
            if key == "rules":
                self.rules = {int(number): count for number, count in value.items()}
            elif key == "mail":
                self.mail = LastMail(*value)
            else:
                setattr(self, key, value)

    def _append(self, line: Line) -> None:
        if not self._saved:
            return
        if self._fd is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._fd = os.open(
                self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600
            )
            size = os.fstat(self._fd).st_size
            if size and os.pread(self._fd, 1, size - 1) != b"\n":
                os.write(self._fd, b"\n")  # so that a torn line spoils only itself
        line = {**line, "sessionId": self.id, "timestamp": stamp()}
        os.write(self._fd, json.dumps(line, separators=(",", ":")).encode() + b"\n")


def add_usage(
    models: dict[str, dict[str, Any]],
    model: Model,
    counts: tuple[int, int, int, int],
    cost: float,
) -> None:
    """Add to a modelUsage table, in the CLI's own keys."""
    row = models.setdefault(
        model.name,
        {
            "inputTokens": 0,
            "outputTokens": 0,
            "cacheReadInputTokens": 0,
            "cacheCreationInputTokens": 0,
            "webSearchRequests": 0,
            "costUSD": 0.0,
            "contextWindow": model.window,
            "maxOutputTokens": model.max_output,
            "thinkingTokens": 0,
            "cacheCreationEphemeral5mInputTokens": 0,
            "cacheCreationEphemeral1hInputTokens": 0,
            "canonicalModel": model.name,
            "provider": "firstParty",
            "costBasis": "list",
        },
    )
    row["contextWindow"] = model.window
    row["costUSD"] += cost
    for key, place in _COUNTS:
        row[key] += counts[place]


def projects() -> Path:
    """Where sessions are: $CLAUDE_CONFIG_DIR/projects, or ~/.claude/projects."""
    base = os.environ.get("CLAUDE_CONFIG_DIR")
    return (Path(base) if base else Path.home() / ".claude") / "projects"


def path_of(identity: str, cwd: str, base: Path | None = None) -> Path:
    """The file of a session in a folder: every character of it that is no letter or digit is -."""
    return (base or projects()) / re.sub(r"[^A-Za-z0-9]", "-", cwd) / f"{identity}.jsonl"


def find(identity: str, cwd: str, base: Path | None = None) -> Path | None:
    """The file of a session, of this folder if it has one, else of any.

    Args:
      base: Where sessions are; None for `projects()`.
    """
    base = base or projects()
    here = path_of(identity, cwd, base)
    if here.is_file():
        return here
    return next(base.glob(f"*/{identity}.jsonl"), None)
