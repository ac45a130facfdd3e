"""hivectl daemon: how hived itself does, and its polite end."""

import argparse
from typing import Any

from hived import limits
from hived.ctl.exits import NO_DAEMON, OK
from hived.ctl.run import Run, UsageError, takes_json
from hived.ctl.when import local
from hived.ctl.words import amount, clean, count, pad
from hived.errors import HivedError


def daemon_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", choices=("status", "stop"))
    parser.add_argument("--turns", action="store_true", help="stop: end the running turns too")
    takes_json(parser)


def daemon(run: Run) -> int:
    """Show how hived does, or stop it; 0, or 3 where it does not run."""
    if run.args.what == "stop":
        return _stop(run)
    if run.args.turns:
        raise UsageError("--turns is for daemon stop")
    return _status(run)


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
    answer = run.client.call("daemon_stop", turns=run.args.turns or None)
    running = answer["running"]
    if run.json:
        run.console.document(answer)
    elif not running:
        run.console.line("hived stops; no turn runs")
    elif answer["turns"] == "ended":
        run.console.line(f"hived stops and ends {count(len(running), 'turn')}")
    else:
        run.console.line(f"hived stops; {count(len(running), 'turn')} go on without it")
    run.console.flush()
    run.client.wait_for_end(limits.DAEMON_STOP_SECONDS)
    return OK
