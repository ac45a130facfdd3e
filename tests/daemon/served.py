"""python -m tests.daemon.served FAULTS [ARGUMENTS OF hived]: the real daemon, with faults planted.

FAULTS is a JSON object:
  limits: {NAME: value}, in the place of those in hived.limits.
  containment: what turn hosts are told to use, in the place of "auto".
  die_at: [EVENT, N]: SIGKILL of the daemon once N events of this kind are durable, before
    anything is done about the last of them. ["*", N]: once the log stands at N.
  die_in: "MODULE:CLASS.FUNCTION": SIGKILL of the daemon where this would be called.
  hold_in: the same, but it never returns: what comes after it is not done.
  write_late: [EVENT, F]: before such an event is written F is made, and then it waits until F is
    gone.
  steps: {"file": F, "effects": [MODULE:FUNCTION, ...], "die": N}: every append and every call of
    an effect gives two steps, before and after it. Each is written to F as a line, and with the
    Nth the daemon is killed. "MODULE:FUNCTION?WORD,WORD" are the calls with one of these words.
"""

import functools
import importlib
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from inspect import iscoroutinefunction
from pathlib import Path
from typing import Any

import trio

from hived import limits


def _die(*_: object, **__: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


async def _hold(*_: object, **__: object) -> None:
    await trio.sleep_forever()


def _replace(place: str, function: Any) -> None:
    module, _, path = place.partition(":")
    *owners, name = path.split(".")
    owner = functools.reduce(getattr, owners, importlib.import_module(module))
    assert callable(getattr(owner, name))
    setattr(owner, name, function)


def _die_at(kind: str, number: int) -> None:
    from hived.supervisor.world import World

    seen = 0
    notice = World.notice

    def dying(world: World, records: Any) -> None:
        nonlocal seen
        seen += sum(kind == record.kind for record in records)
        if seen >= number or (kind == "*" and records[-1].position >= number):
            _die()
        notice(world, records)

    World.notice = dying  # type: ignore[method-assign]


def _write_late(kind: str, file: str) -> None:
    from hived.store.log import EventLog

    insert = EventLog.insert

    def waiting(log: EventLog, commands: Any) -> int:
        if any(record.kind == kind for command in commands for record in command.events):
            Path(file).touch()
            while Path(file).exists():
                time.sleep(0.01)
        return insert(log, commands)

    EventLog.insert = waiting  # type: ignore[method-assign]


class Steps:
    """Counts what the daemon does, and ends it at one of the steps."""

    def __init__(self, file: str, effects: list[str], die: int) -> None:
        self._file, self._die_at = file, die
        self._count, self._lock = 0, threading.Lock()
        self._around("hived.store.writer:GroupWriter.put", after=False)
        self._around("hived.supervisor.world:World.notice", before=False)
        for place in effects:
            self._around(place)

    def step(self, name: str) -> None:
        with self._lock:  # an effect runs in a thread
            self._count += 1
            with open(self._file, "a") as file:
                file.write(name + "\n")
            if self._count == self._die_at:
                _die()

    def _around(self, place: str, *, before: bool = True, after: bool = True) -> None:
        place, _, words = place.partition("?")
        module, _, path = place.partition(":")
        *owners, name = path.split(".")
        owner = functools.reduce(getattr, owners, importlib.import_module(module))
        wanted = set(words.split(",")) if words else None

        def told(when: str, args: tuple[Any, ...]) -> None:
            if wanted is None or not wanted.isdisjoint(a for a in args if isinstance(a, str)):
                self.step(f"{when} {path}")

        function = getattr(owner, name)
        setattr(owner, name, self._stepping(function, told, before, after))

    def _stepping(
        self,
        function: Callable[..., Any],
        told: Callable[[str, tuple[Any, ...]], None],
        before: bool,
        after: bool,
    ) -> Callable[..., Any]:
        @functools.wraps(function)
        def stepping(*args: Any, **kwargs: Any) -> Any:
            if before:
                told("before", args)
            given = function(*args, **kwargs)
            if after:
                told("after", args)
            return given

        @functools.wraps(function)
        async def waiting(*args: Any, **kwargs: Any) -> Any:
            if before:
                told("before", args)
            given = await function(*args, **kwargs)
            if after:
                told("after", args)
            return given

        return waiting if iscoroutinefunction(function) else stepping


def main() -> int:
    faults = json.loads(sys.argv[1])
    for name, value in faults.get("limits", {}).items():
        assert hasattr(limits, name), name
        setattr(limits, name, value)
    # Only now, for what is bound to a limit when it is imported.
    import hived.daemon
    import hived.main

    if "containment" in faults:
        made = functools.partial(hived.daemon.World, containment=faults["containment"])
        hived.daemon.World = made  # type: ignore[misc, assignment]
    if "die_at" in faults:
        _die_at(*faults["die_at"])
    if "die_in" in faults:
        _replace(faults["die_in"], _die)
    if "hold_in" in faults:
        _replace(faults["hold_in"], _hold)
    if "write_late" in faults:
        _write_late(*faults["write_late"])
    if "steps" in faults:
        Steps(**faults["steps"])
    return hived.main.main(sys.argv[2:])


if __name__ == "__main__":
    sys.exit(main())
