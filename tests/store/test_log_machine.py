"""The log beside a plain list: whatever is done to both, they hold the same."""

import shutil
import tempfile
from pathlib import Path
from unittest.mock import patch

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from hived import limits
from hived.errors import VersionConflict
from hived.events import Recorded
from hived.store.log import EventLog
from tests.store.history import History

streams = st.sampled_from(["agent:ada", "agent:bob", "message:m1", "message:m2", "hive"])


class LogMachine(RuleBasedStateMachine):
    @initialize()
    def start(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.short = patch.object(limits, "SEGMENT_EVENTS", 4)
        self.short.start()
        self.path = str(self.folder / "log.db")
        self.log = EventLog.open(self.path)
        self.history = History()
        self.list: list[Recorded] = []
        self.commands = 0

    def teardown(self) -> None:
        if hasattr(self, "log"):
            assert self.log.verify().problems == ()
            self.log.close()
            self.short.stop()
            shutil.rmtree(self.folder)

    def model(self, events: list[Recorded]) -> None:
        first = len(self.list) + 1
        self.list += [rec._replace(position=i) for i, rec in enumerate(events, first)]

    @rule(names=st.lists(st.lists(streams, min_size=1, max_size=3), min_size=1, max_size=3))
    def append(self, names: list[list[str]]) -> None:
        commands = []
        for group in names:
            self.commands += 1
            first = self.history.one(group[0], command=f"c{self.commands}")
            commands.append([first, *map(self.history.one, group[1:])])
        position = self.log.insert([self.log.prepare(command) for command in commands])
        assert position == len(self.list) + 1
        for command in commands:
            self.model(command)

    @precondition(lambda self: self.list)
    @rule(data=st.data(), same_command=st.booleans())
    def conflict(self, data: st.DataObject, same_command: bool) -> None:
        old = data.draw(st.sampled_from(self.list))
        new = History().one("agent:new")
        if same_command:
            new = new._replace(command=next(r.command for r in self.list if r.command))
            events = [new]
        else:
            events = [new, old]
        try:
            self.log.insert([self.log.prepare(events)])
        except VersionConflict:
            return
        raise AssertionError("it was taken twice")

    @rule()
    def reopen(self) -> None:
        self.log.close()
        self.log = EventLog.open(self.path)

    @rule()
    def build(self) -> None:
        self.log.build_segments(self.log.head())

    @precondition(lambda self: self.log.segments.there())
    @rule(data=st.data(), how=st.sampled_from(["lost", "torn", "other"]))
    def spoil_a_segment(self, data: st.DataObject, how: str) -> None:
        files = sorted(self.log.segments.folder.glob("*.seg"))  # type: ignore[union-attr]
        file = data.draw(st.sampled_from(files))
        if how == "lost":
            file.unlink()
        elif how == "torn":
            file.write_bytes(file.read_bytes()[:-3])
        else:
            file.write_bytes(data.draw(st.sampled_from(files)).read_bytes())

    @rule(after=st.integers(0, 60), length=st.integers(0, 60))
    def replay(self, after: int, length: int) -> None:
        found = [r for chunk in self.log.replay(after, after + length) for r in chunk]
        assert found == self.list[after : after + length]

    @rule(after=st.integers(0, 30), limit=st.integers(0, 30), name=streams)
    def read(self, after: int, limit: int, name: str) -> None:
        assert self.log.read(after, limit) == self.list[after : after + limit]
        own = [r for r in self.list if r.stream == name]
        assert (
            self.log.read(after, limit, streams=name)
            == [r for r in own if r.position > after][:limit]
        )
        assert self.log.stream_events(name, 1, limit) == own[1:][:limit]
        assert self.log.last_version(name) == len(own)
        sent = [r for r in self.list if r.kind == "message_sent" and r.position > after]
        assert self.log.read(after, limit, kinds={"message_sent"}) == sent[:limit]

    @precondition(lambda self: self.list)
    @rule(data=st.data())
    def look_up(self, data: st.DataObject) -> None:
        rec = data.draw(st.sampled_from(self.list))
        assert self.log.get(rec.stream, rec.version) == rec
        assert self.log.position_at(rec.recorded_at) == rec.position
        assert self.log.position_at(rec.recorded_at - 0.5) == rec.position - 1
        if rec.command is not None:
            assert self.log.find_command(rec.command.id) == rec

    @invariant()
    def same_length(self) -> None:
        if hasattr(self, "log"):
            assert self.log.head() == len(self.list)


TestLogMachine = LogMachine.TestCase
TestLogMachine.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)
