"""What `make run` adds to the daemon: the sample hive, and the log printed as it grows."""

import logging
import os
import sys
from functools import partial
from io import TextIOWrapper
from pathlib import Path

import trio

from hived.ctl.console import Console
from hived.ctl.render import event_line
from hived.ctl.words import cut
from hived.daemon import Daemon
from hived.decisions.lifecycle import NewAgent
from hived.decisions.mail import SendMessage
from hived.drivers import DRIVERS
from hived.drivers.specs import agent_spec
from hived.errors import HivedError
from hived.events.values import AgentConfig
from hived.paths import Home
from hived.publish import SubscriberTooSlow
from hived.rpc.rows import event_row
from hived.sample import (
    FIRST_MAIL,
    SAMPLE_AGENTS,
    SampleAgent,
    scenario_path,
    settings_path,
)

BY = "operator:sample"

logger = logging.getLogger("hived")


def lay_out_sample(home: Home) -> None:
    """Give a home that is new the sample's settings. Blocks.

    Raises:
      HivedError: They cannot be written.
    """
    place = Path(home.settings)
    try:
        if not place.exists() and not Path(home.log).exists():
            place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            place.write_bytes(Path(settings_path()).read_bytes())
    except OSError as error:
        raise HivedError(
            f"{place} cannot be written: {error.strerror}",
            code="store_unavailable",
            hint="set HIVED_HOME to a folder that is yours",
        ) from None


async def bring_up_sample(daemon: Daemon) -> None:
    """Create the sample's agents that the hive does not have, and set it going if it stands."""
    _say(daemon)
    agents = daemon.engine.durable.agents
    new = [a for a in SAMPLE_AGENTS if not agents.known(a.name)]
    for sample in new:
        work = daemon.world.agent_home(sample.name) / "work"
        await trio.to_thread.run_sync(_make, work)
        await daemon.engine.submit(_new_agent(daemon, sample, work), by=BY)
    if FIRST_MAIL[0] in daemon.engine.durable.agents.live and not _is_going(daemon):
        await daemon.engine.submit(SendMessage(*FIRST_MAIL), by=BY)


def _is_going(daemon: Daemon) -> bool:
    """Whether any agent of the sample has a turn or mail. It has none when it is new, when hived
    was killed before the first mail, or when a person has cancelled what was under way."""
    hive = daemon.engine.durable
    live = [hive.agents.live[a.name] for a in SAMPLE_AGENTS if a.name in hive.agents.live]
    return any(agent.turn or hive.inboxes.box(agent.name).open for agent in live)


def _make(work: Path) -> None:
    work.mkdir(mode=0o700, parents=True, exist_ok=True)


def _new_agent(daemon: Daemon, sample: SampleAgent, work: Path) -> NewAgent:
    home = str(daemon.world.agent_home(sample.name))
    config = AgentConfig(
        driver="rehearsal",
        workdir=str(work.resolve()),
        model=sample.model,
        role=sample.role,
        allow=sample.allow,
        notes_limit_bytes=sample.notes,
        compact_at=sample.compact_at,
        options={"scenario": scenario_path(sample.scenario)},
    )
    credential = DRIVERS["rehearsal"].credential(agent_spec(sample.name, home, config))
    return NewAgent(sample.name, config, daemon.engine.node, credential, sample.parent)


def _say(daemon: Daemon) -> None:
    home = daemon.parts.home
    beside = Path(sys.executable).with_name("hivectl")
    hivectl = str(beside) if beside.exists() else f"{sys.executable} -m hived.ctl"
    if Home.find(os.environ, os.getcwd) != home:
        hivectl += f" --socket {home.socket}"
    print(
        f"hived runs the sample hive in {home.state}\n"
        f"control socket: {home.socket}\n"
        "try, in another terminal:\n"
        f"  {hivectl} ps\n"
        f"  {hivectl} approve --all --kind spawn_commit  # dora waits for it\n"
        f"  {hivectl} transcript ada -f\n"
        "Ctrl-C ends the turns and stops; run it again and the hive goes on.\n",
        flush=True,
    )


async def print_log(daemon: Daemon) -> None:
    """Print every event from now on, a line each, on a terminal as far as it is wide.

    A reader that falls behind skips some. Where the terminal or pipe is closed, printing ends,
    and the sample hive, which runs to be looked at, ends as with Ctrl-C.
    """
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # agents write in any script
    try:
        await _print_events(daemon)
    except OSError as error:
        logger.warning("the log is printed no longer: %s", error.strerror)
        # At the end of the process stdout is flushed once more: that must not fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if daemon.end_turns_on_signal:
            daemon.shutdown(True)


async def _print_events(daemon: Daemon) -> None:
    while True:
        subscription = daemon.engine.subscribe()
        try:
            async for batch in subscription:
                width = Console(sys.stdout, sys.stderr, os.environ).width  # of now
                lines = "\n".join(cut(event_line(event_row(rec)), width) for rec in batch)
                say = partial(print, lines, flush=True)
                await trio.to_thread.run_sync(say, abandon_on_cancel=True)
            return
        except SubscriberTooSlow:
            print("... (some events are not shown; hivectl log has them)", flush=True)
