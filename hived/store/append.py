"""Durable appends for trio tasks that want nothing of an engine: benchmarks, tools, tests."""

from typing import cast

import outcome
import trio

from hived.events import Recorded
from hived.store.log import EventLog
from hived.store.writer import Done, Failed, GroupWriter


class Appender:
    """A group writer for the tasks of the trio run it is made in."""

    def __init__(self, log: EventLog) -> None:
        self._token = trio.lowlevel.current_trio_token()
        self._writer = GroupWriter(log, self._wake)

    async def append(self, *events: Recorded) -> tuple[int, int]:
        """Append a command's events, all or none.

        Returns:
          The positions of the first and the last, once they are on disk.
        Raises:
          VersionConflict, StoreError, HivedError: As GroupWriter tells.
        Cancellation: A checkpoint before the hand-over; what is handed over is written, and this
          returns only then.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        self._writer.put(events, trio.lowlevel.current_task())
        # It cannot be taken back from the writer's queue, so there is nothing to abort.
        done = await trio.lowlevel.wait_task_rescheduled(lambda _: trio.lowlevel.Abort.FAILED)
        return cast(Done, done)[1:]

    async def aclose(self) -> None:
        """Write what waits and end the thread. The log stays open."""
        with trio.CancelScope(shield=True):
            await trio.to_thread.run_sync(self._writer.close)

    def _wake(self, ends: list[Done | Failed]) -> None:
        try:
            self._token.run_sync_soon(_resume, ends)
        except trio.RunFinishedError:
            pass  # nobody is left to be told; what is on disk stays there


def _resume(ends: list[Done | Failed]) -> None:
    for end in ends:
        result: outcome.Outcome[Done] = (
            outcome.Value(end) if isinstance(end, Done) else outcome.Error(end.error)
        )
        trio.lowlevel.reschedule(cast(trio.lowlevel.Task, end.token), result)
