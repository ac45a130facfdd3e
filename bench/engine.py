"""Commands to durable answers, decided and folded twice: python -m bench.engine

Baseline: the same number of callers and events at the store alone, in the same run.
"""

import argparse
import gc
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import trio

from bench.append import appends
from bench.lib import Figure, quantile, show
from hived.decisions.lifecycle import NewAgent, SetStatus
from hived.decisions.mail import SendMessage
from hived.engine import Engine
from hived.events import Recorded
from hived.events.values import AgentConfig
from hived.projections import Hive
from hived.store.log import EventLog
from hived.store.snapshots import Snapshots
from hived.world.random_ids import RandomIds

AGENTS = 100


async def rate(
    folder: Path, commands: int, callers: int, send: Callable[[Engine, int], Awaitable[object]]
) -> tuple[float, list[float], list[Recorded]]:
    """Commands a second, the seconds that each took, and the events they gave."""
    log = EventLog.open(str(folder / "log"))
    snapshots = Snapshots(folder / "snapshots", log.anchor)
    engine = Engine(log, snapshots, Hive(), node="bench", clock=time.time, new_id=RandomIds())
    events: list[Recorded] = []
    waits: list[float] = []
    numbers = iter(range(commands))

    async def caller() -> None:
        for number in numbers:
            began = time.perf_counter()
            await send(engine, number)
            waits.append(time.perf_counter() - began)

    async with trio.open_nursery() as nursery:
        await nursery.start(engine.run)
        for number in range(AGENTS):
            new = NewAgent(f"a{number}", AgentConfig("rehearsal", "/"), "bench", "c")
            await engine.submit(new, by="operator:bench")
        engine.on_durable.append(events.extend)
        gc.collect()
        gc.freeze()
        began = time.perf_counter()
        async with trio.open_nursery() as callers_nursery:
            for _ in range(callers):
                callers_nursery.start_soon(caller)
        took = time.perf_counter() - began
        nursery.cancel_scope.cancel()
    log.close()
    return commands / took, waits, events


async def status(engine: Engine, number: int) -> None:
    name = f"a{number % AGENTS}"
    await engine.submit(SetStatus(name, f"step {number}"), by=f"agent:{name}")


async def letter(engine: Engine, number: int) -> None:
    name = f"a{number % AGENTS}"
    command = SendMessage(name, f"Please look at number {number} before you go on.")
    await engine.submit(command, by="operator:bench", command_id=f"operator:bench:{number}")


def measure(*, quick: bool = False) -> list[Figure]:
    """The figures. Letters carry a command id, which is looked for and remembered."""
    figures = []
    count = 5_000 if quick else 20_000
    works: list[tuple[str, int, int, Callable[[Engine, int], Awaitable[object]]]] = [
        ("set a status, 100 callers", count, 100, status),
        ("send a letter with a command id, 100 callers", count, 100, letter),
        ("set a status, 1 caller", count // 10, 1, status),
    ]
    with tempfile.TemporaryDirectory() as name:
        for number, (what, commands, callers, send) in enumerate(works):
            folder = Path(name, str(number))
            folder.mkdir()
            ours, waits, events = trio.run(rate, folder, commands, callers, send)
            first = events[0].position - 1
            again = [rec._replace(position=rec.position - first) for rec in _own_versions(events)]
            store, _ = trio.run(appends, folder / "store", again, callers)
            aim = "> 15,000" if callers > 1 else ""
            figures += [
                Figure(f"engine: {what}", ours, "/s", aim, "the same events at the store", store),
                Figure(
                    f"engine: {what}, p99",
                    1e3 * quantile(waits, 0.99),
                    "ms",
                    "< 10" if callers > 1 else "",
                    "",
                    None,
                ),
            ]
    return figures


def _own_versions(events: list[Recorded]) -> list[Recorded]:
    """The events as if nothing stood before them in their streams."""
    last: dict[str, int] = {}
    made = []
    for rec in events:
        last[rec.stream] = last.get(rec.stream, 0) + 1
        made.append(rec._replace(version=last[rec.stream]))
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    show("engine", measure(quick=parser.parse_args().quick))


if __name__ == "__main__":
    main()
