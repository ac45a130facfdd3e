"""A hive's events as they might be: the mix that the benchmarks store and fold.

Of a hundred events about sixty are tool calls and results, ten starts and ends of turns, twenty
five mail, the rest the life of agents. The same arguments give the same events.
"""

import random
from collections.abc import Iterator
from functools import partial
from itertools import islice

from hived.events import Cause, CommandMark, Recorded, kind_of
from hived.events import agents as a
from hived.events import hive as h
from hived.events import messages as m
from hived.events import turn as t
from hived.events.values import AgentConfig, Usage

START = 1_780_000_000.0  # unix seconds
NODE = "main"

_TOOLS = ("Bash", "Read", "Edit", "Grep", "Glob", "Write", "WebFetch", "mcp__hive__send")
_TEXT = """the test fails on main because parser drops last line when file has no newline at end
please look at src tests module and say what you think before changing anything else we need this
done today I fixed branch pushed review comments answered build is green again next step would be
release notes for version with migration guide ask manager if schema may change query slow index
missing agent reads config from wrong folder error message unclear added
regression coverage"""
_WORDS = _TEXT.split()


class Hive:
    """Makes one hive's history, event by event.

    Args:
      agents: How many there are.
      seed: Of the random choices.
      start: recorded_at of the first event, unix seconds.
    """

    def __init__(self, agents: int = 100, seed: int = 1, start: float = START) -> None:
        self._random = random.Random(seed)
        self._agents = [f"worker-{i}" for i in range(agents)]
        self._versions: dict[str, int] = {}
        self._position = 0
        self._time = start
        self._commands = 0

    def events(self, count: int) -> Iterator[Recorded]:
        """Give that many events, as a log would give them back."""
        return islice(self._endless(), count)

    def _endless(self) -> Iterator[Recorded]:
        yield self._record("hive", "hive", h.HiveStarted("0.1.0", NODE, self._id("b")))
        for name in self._agents:
            config = AgentConfig("claude", f"/srv/hive/{name}", "haiku", allow=("Bash(git *)",))
            created = a.AgentCreated(name, config, self._uuid(), NODE)
            yield self._record(f"agent:{name}", "operator:ann", created, marked=True)
            yield self._record(f"agent:{name}", "operator:ann", a.AgentStarted(name, "created"))
        while True:
            # As many turns run at once as a hive has cores for, so that streams interleave.
            running = [
                self._turn(name)
                for name in self._random.sample(self._agents, k=min(8, len(self._agents)))
            ]
            while running:
                one = self._random.choice(running)
                rec = next(one, None)
                if rec is None:
                    running.remove(one)
                else:
                    yield rec

    def _turn(self, name: str) -> Iterator[Recorded]:
        rnd, stream = self._random, f"agent:{name}"
        record = partial(self._record, stream)
        turn, session, by = self._id("t"), self._uuid(), f"agent:{name}"
        mail = [self._id("m") for _ in range(rnd.choice((1, 1, 2)))]
        for message in mail:
            sender = rnd.choice(self._agents)
            sent = m.MessageSent(message, sender, name, self._text(5, 80))
            yield self._record(f"message:{message}", f"agent:{sender}", sent, marked=True)
        start = t.TurnStart(
            name,
            turn,
            self._versions.get(stream, 0),
            "work",
            "mail",
            session,
            False,
            "haiku",
            messages=tuple(mail),
        )
        yield record("policy:mail", start)
        cause = Cause(stream, self._versions[stream])
        for message in mail:
            delivered = m.MessageDelivered(message, name, turn, 1, 1, self._uuid())
            yield self._record(f"message:{message}", "policy:mail", delivered, cause)
        byte, tools = 4_000, dict[str, int]()
        for _ in range(rnd.randint(2, 10)):
            tool, call = rnd.choice(_TOOLS), f"toolu_{rnd.getrandbits(96):024x}"
            tools[tool] = tools.get(tool, 0) + 1
            byte += rnd.randint(300, 9_000)
            yield record(
                by, t.ToolCall(name, turn, call, tool, self._text(2, 14)[:160], byte), cause
            )
            byte += rnd.randint(300, 9_000)
            ending = rnd.choice(("ok", "ok", "ok", "error"))
            yield record(by, t.ToolResult(name, turn, call, tool, ending, byte), cause)
        if rnd.random() < 0.3:
            yield record(by, a.StatusSet(name, self._text(3, 10)))
        usage = Usage(*(rnd.randrange(60_000) for _ in range(4)))
        yield record(
            "hive",
            t.TurnEnd(
                name,
                turn,
                "ok",
                exit_code=0,
                duration_ms=rnd.randrange(400_000),
                tools=tools,
                received=len(mail),
                usage=usage,
                cost_usd=round(rnd.random(), 6),
                model="claude-haiku-4-5",
                context_used=rnd.randrange(200_000),
                context_window=200_000,
                byte=byte,
            ),
            cause,
        )
        for message in mail:
            acked = m.MessageAcked(message, name, turn)
            yield self._record(f"message:{message}", "hive", acked, cause)

    def _record(
        self,
        stream: str,
        by: str,
        event: object,
        cause: Cause | None = None,
        *,
        marked: bool = False,
    ) -> Recorded:
        self._position += 1
        self._time += self._random.random() * 0.2
        version = self._versions[stream] = self._versions.get(stream, 0) + 1
        mark = None
        if marked:
            self._commands += 1
            digest = f"{self._random.getrandbits(64):016x}"
            mark = CommandMark(f"{by}:{self._commands:08x}", digest, 1)
        return Recorded(
            self._position,
            stream,
            version,
            round(self._time, 6),
            NODE,
            by,
            mark,
            cause,
            kind_of(event),
            event,
        )

    def _id(self, prefix: str) -> str:
        return f"{prefix}{self._random.getrandbits(64):016x}"

    def _uuid(self) -> str:
        text = f"{self._random.getrandbits(128):032x}"
        return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:]}"

    def _text(self, least: int, most: int) -> str:
        return " ".join(self._random.choices(_WORDS, k=self._random.randint(least, most)))
