"""Has a refused credential tried again when one of its files changes."""

from pathlib import Path

import trio

from hived import limits
from hived.decisions.access import CredentialChanged
from hived.supervisor.world import EVERY, World

Stamp = tuple[tuple[str, int, int], ...]


async def watch_logins(world: World) -> None:
    """Try a refused credential again once one of its files changes.

    Looks at files every CREDENTIAL_LOOK_SECONDS, and only while a credential is refused. A change
    since the refusal counts too, though hived did not run or had not looked when it was made.
    """
    stamps: dict[str, Stamp] = {}
    while True:
        wake = world.wakes.take(EVERY)
        refused = {
            name: credential.since
            for name, credential in world.engine.durable.credentials.known.items()
            if credential.needs_login
        }
        stamps = {name: stamp for name, stamp in stamps.items() if name in refused}
        if not refused:
            await wake.wait()
            continue
        for name, since in refused.items():
            files = _files(world, name)
            stamp = await trio.to_thread.run_sync(_stamp, files)
            newer = any(changed > since * 1e9 for _, changed, _ in stamp)
            if newer or stamps.setdefault(name, stamp) != stamp:
                await world.engine.submit(CredentialChanged(name), by="policy:login_changed")
        with trio.move_on_after(limits.CREDENTIAL_LOOK_SECONDS):
            await wake.wait()


def _files(world: World, credential: str) -> tuple[str, ...]:
    """The files of a credential, by the first agent that uses it."""
    for agent in world.engine.durable.agents.live.values():
        if agent.credential == credential:
            return world.drivers[agent.config.driver].credential_files(
                world.spec(agent.name, agent.config)
            )
    return ()


def _stamp(files: tuple[str, ...]) -> Stamp:
    found = []
    for name in files:
        try:
            status = Path(name).stat()
        except OSError:
            found.append((name, 0, 0))
        else:
            # ctime and not mtime: a file that is moved into place may be old.
            found.append((name, status.st_ctime_ns, status.st_size))
    return tuple(found)
