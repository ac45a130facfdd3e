"""hivectl daemon: how hived itself does, and its polite end."""

import argparse
import os
import select
from typing import Any

from hived import limits
from hived.ctl.exits import NO_DAEMON, OK
from hived.ctl.run import Run, UsageError, takes_json
from hived.ctl.when import local
from hived.ctl.words import amount, clean, count, pad
from hived.errors import HivedError


def daemon_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", choices=("status", "stop", "reload"))
    parser.add_argument("--turns", action="store_true", help="stop: end the running turns too")
    takes_json(parser)


def daemon(run: Run) -> int:
    """Show how hived does, have it read hive.toml, or stop it; 0, or 3 where it does not run."""
    if run.args.what == "stop":
        return _stop(run)
    if run.args.turns:
        raise UsageError("--turns is for daemon stop")
    return _reload(run) if run.args.what == "reload" else _status(run)


def _reload(run: Run) -> int:
    answer = run.client.call("daemon_reload")
    if run.json:
        run.console.document(answer)
    elif answer["changed"]:
        run.console.line("hive.toml is taken in")
    else:
        run.console.line("hive.toml says nothing new")
    return OK


def _status(run: Run) -> int:
    try:
        answer = run.client.call("daemon_status")
    except HivedError as error:
        if error.code == "no_daemon" and run.json:
            run.console.document({"running": False, "problem": error.message})
            return NO_DAEMON
        raise
    if run.json:
        run.console.document({"running": True, **answer})
        return OK
    run.console.line(f"hived {answer['version']} runs as process {answer['pid']}", "green")
    for key, value in answer.items():
        if key not in ("v", "version", "pid") and value is not None:
            run.console.line(
                f"  {pad(clean(key.replace('_', ' ')), 14)}{clean(_shown(key, value))}"
            )
    return OK


def _shown(key: str, value: Any) -> str:
    if key.endswith("_at") and isinstance(value, str):
        return local(value)
    if key.endswith("_bytes") and isinstance(value, int | float):
        return f"{amount(value)}B"
    if isinstance(value, dict):
        return ", ".join(f"{name}={_shown(name, part)}" for name, part in value.items())
    if isinstance(value, list):
        return ", ".join(str(part) for part in value)
    return str(value)


def _stop(run: Run) -> int:
    process = _process(run)
    answer = run.client.call("daemon_stop", turns=run.args.turns or None)
    running = answer["running"]
    if run.json:
        run.console.document(answer)
    elif not running:
        run.console.line("hived stops; no turn runs")
    elif answer["turns"] == "ended":
        run.console.line(f"hived stops and ends {count(len(running), 'turn')}")
    else:
        go = "goes" if len(running) == 1 else "go"
        run.console.line(f"hived stops; {count(len(running), 'turn')} {go} on without it")
    run.console.flush()
    run.client.wait_for_end(limits.DAEMON_STOP_SECONDS)
    if process is not None:
        # The connection ends before the store is closed; who starts hived next needs both.
        select.select([process], [], [], limits.DAEMON_STOP_SECONDS)
        os.close(process)
    return OK


def _process(run: Run) -> int | None:
    """A descriptor that is readable once the daemon's process has ended; None if none is had."""
    try:
        return os.pidfd_open(run.client.call("daemon_status")["pid"])
    except OSError:
        return None  # it lives in another namespace: the end of the connection must do
