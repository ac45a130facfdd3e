"""The host of one turn: made ready, started, reaped, written to, killed where it hears nothing."""

import os
import signal
from functools import partial
from pathlib import Path

import trio

from hived import limits
from hived.drivers.base import Launch
from hived.drivers.observations import Write
from hived.host.client import HostClient, HostGone, HostRefused, prepare, reaped, start_host
from hived.host.folder import FolderStatus, TurnFolder

HELD = 75  # the exit code of a host that finds a lock held


class Hosting:
    """What is known of a turn's host beside its folder.

    Attributes:
      starting: A host was started by this hived and lives.
      reached: It has answered.
      held: It found the conversation, or the turn, in another process's hands.
    """

    def __init__(self, folder: TurnFolder) -> None:
        self.folder = folder
        self.starting = self.reached = self.held = False
        self._pid = 0

    async def start(
        self,
        launch: Launch,
        session_lock: Path,
        containment: str,
        nursery: trio.Nursery,
        *,
        status: FolderStatus,
    ) -> None:
        """Make the folder where it is not whole, and start the host.

        nursery: for the task that reaps it. Raises OSError where the folder cannot be made.
        """
        if status is not FolderStatus.NOT_STARTED:
            ready = partial(
                prepare,
                self.folder.path,
                launch,
                session_lock=session_lock,
                containment=containment,
            )
            await trio.to_thread.run_sync(ready)
        self._pid = await trio.to_thread.run_sync(start_host, self.folder.path)
        self.starting = True
        nursery.start_soon(self._reap)

    async def _reap(self) -> None:
        self.held = await reaped(self._pid) == HELD
        self.starting = False

    async def kill(self) -> None:
        """SIGKILL. What it leaves is ended by who finds that it has vanished."""
        if self.starting:  # our child, not reaped yet: the pid is its own
            os.kill(self._pid, signal.SIGKILL)
        else:
            await trio.to_thread.run_sync(self.folder.kill_host)


async def write_once(client: HostClient, write: Write) -> None:
    """Write to the CLI. One that does not read for a while is waited for; one that is gone, not."""
    while True:
        try:
            await client.write(write.id, write.data)
            return
        except HostRefused as refused:
            if refused.code != "busy":
                return  # its stdin is closed: the turn is coming to its end
            await trio.sleep(limits.HOST_RETRY_SECONDS)
        except HostGone:
            return  # the reader of lines finds out how it ended
