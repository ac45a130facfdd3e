"""python -m tests.daemon.served FAULTS [ARGUMENTS OF hived]: the real daemon, with faults planted.

FAULTS is a JSON object:
  limits: {NAME: value}, in the place of those in hived.limits.
  containment: what turn hosts are told to use, in the place of "auto".
  die_at: [EVENT, N]: SIGKILL of the daemon once N events of this kind are durable, before
    anything is done about the last of them. ["*", N]: once the log stands at N.
  die_in: "MODULE:CLASS.FUNCTION": SIGKILL of the daemon where this would be called.
  hold_in: the same, but it never returns: what comes after it is not done.
"""

import functools
import importlib
import json
import os
import signal
import sys
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


def main() -> int:
    faults = json.loads(sys.argv[1])
    for name, value in faults.get("limits", {}).items():
        assert hasattr(limits, name), name
        setattr(limits, name, value)
    # Only now, for what is bound to a limit when it is imported.
    import hived.daemon

    if "containment" in faults:
        made = functools.partial(hived.daemon.World, containment=faults["containment"])
        hived.daemon.World = made  # type: ignore[misc, assignment]
    if "die_at" in faults:
        _die_at(*faults["die_at"])
    if "die_in" in faults:
        _replace(faults["die_in"], _die)
    if "hold_in" in faults:
        _replace(faults["hold_in"], _hold)
    return hived.daemon.main(sys.argv[2:])


if __name__ == "__main__":
    sys.exit(main())
