"""python -m tests.ctl.served FOLDER: the real engine, store and control socket, without hosts.

Says "serving" when it serves. What a turn host would bring in is told on stdin, a line each and
answered with "done": `begin AGENT` (which must have mail), `print AGENT COUNT` (lines of output,
into the spool and live), `end AGENT`. Ends with daemon_stop, or when its stdin is closed.
"""

import os
import sys
import time
import uuid
from pathlib import Path

import trio

from hived.decisions.endings import EndTurn
from hived.decisions.turns import BeginTurn
from hived.engine import Engine
from hived.events.turn import TurnEnd
from hived.paths import Home
from hived.projections import Hive
from hived.rpc.listener import listen
from hived.rpc.server import serve
from hived.rpc.services import Services
from hived.store.log import EventLog
from hived.store.snapshots import Snapshots
from hived.supervisor.outputs import Outputs
from hived.world.containment import ContainmentReport, probe


class Stage:
    """Plays the turn host: turns begin, print and end when they are told to."""

    def __init__(self, home: Home, engine: Engine, outputs: Outputs) -> None:
        self._home, self._engine, self._outputs = home, engine, outputs
        self._printed: dict[str, int] = {}

    async def play(self, act: str, agent: str, count: str = "0") -> None:
        if act == "begin":
            await self._engine.submit(BeginTurn(agent), by="hive")
        open_turn = self._engine.durable.agents.live[agent].turn
        assert open_turn is not None
        if act == "print":
            self._print(agent, open_turn.id, int(count))
        elif act == "end":
            ended = TurnEnd(agent, open_turn.id, "ok")
            await self._engine.submit(EndTurn(agent, open_turn.id, ended), by="hive")

    def _print(self, agent: str, turn: str, count: int) -> None:
        spool = Path(self._home.turns, turn, "spool")
        spool.parent.mkdir(parents=True, exist_ok=True)
        for _ in range(count):
            number = self._printed[turn] = self._printed.get(turn, 0) + 1
            line = b'{"n":%d}' % number  # as in a host: on disk before anyone hears of it
            with spool.open("ab") as file:
                file.write(line + b"\n")
                byte = file.tell()
            self._outputs.publish(agent, turn, byte, line)


async def main(home: Home) -> None:
    log = EventLog.open(home.log)
    snapshots = Snapshots(Path(home.snapshots), log.anchor)
    engine = Engine(
        log, snapshots, Hive(), node="here", clock=time.time, new_id=lambda: uuid.uuid4().hex
    )
    end = trio.Event()
    outputs = Outputs()
    services = Services(
        engine=engine,
        home=home,
        outputs=outputs,
        spools=lambda agent, turn: [Path(home.turns, turn, "spool")],
        shutdown=lambda turns: end.set(),
        probe=probe,
        clock=time.time,
        containment=ContainmentReport("subreaper", ""),
    )

    async def obey() -> None:
        stage = Stage(home, engine, outputs)
        heard = b""
        stdin = trio.lowlevel.FdStream(os.dup(0))
        while data := await stdin.receive_some(4096):
            *lines, heard = (heard + data).split(b"\n")
            for line in lines:
                await stage.play(*line.decode().split())
                print("done", flush=True)
        end.set()

    try:
        async with trio.open_nursery() as engines, trio.open_nursery() as nursery:
            await engines.start(engine.run)
            await nursery.start(serve, services, listen(home.socket))
            nursery.start_soon(obey)
            print("serving", flush=True)
            await end.wait()
            nursery.cancel_scope.cancel()
            engines.cancel_scope.cancel()
    finally:
        log.close()


if __name__ == "__main__":
    trio.run(main, Home.at(sys.argv[1]))
