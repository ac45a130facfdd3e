"""python -m tests.ctl.served FOLDER: the real engine, store and control socket, without turns.

Prints one line when it serves; ends with daemon_stop, or when its stdin is closed.
"""

import sys
import time
import uuid
from pathlib import Path

import trio

from hived.engine import Engine
from hived.paths import Home
from hived.projections import Hive
from hived.rpc.listener import listen
from hived.rpc.server import serve
from hived.rpc.services import Services
from hived.store.log import EventLog
from hived.store.snapshots import Snapshots
from hived.supervisor.outputs import Outputs
from hived.world.containment import probe


async def main(home: Home) -> None:
    log = EventLog.open(home.log)
    snapshots = Snapshots(Path(home.snapshots), log.anchor)
    engine = Engine(
        log, snapshots, Hive(), node="here", clock=time.time, new_id=lambda: uuid.uuid4().hex
    )
    end = trio.Event()
    services = Services(
        engine=engine,
        home=home,
        outputs=Outputs(),
        spools=lambda agent, turn: [Path(home.turns, turn, "spool")],
        shutdown=lambda turns: end.set(),
        probe=probe,
        clock=time.time,
    )

    async def parent_is_gone() -> None:
        stream = trio.lowlevel.FdStream(0)
        while await stream.receive_some(64):
            pass
        end.set()

    try:
        async with trio.open_nursery() as engines, trio.open_nursery() as nursery:
            await engines.start(engine.run)
            await nursery.start(serve, services, listen(home.socket))
            nursery.start_soon(parent_is_gone)
            print("serving", flush=True)
            await end.wait()
            nursery.cancel_scope.cancel()
            engines.cancel_scope.cancel()
    finally:
        log.close()


if __name__ == "__main__":
    trio.run(main, Home.at(sys.argv[1]))
