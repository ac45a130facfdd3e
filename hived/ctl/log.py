"""hivectl log: what happened, event by event, and what happens now."""

import argparse
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hived import limits
from hived.client import Events
from hived.ctl.render import event_line
from hived.ctl.run import Run, UsageError, moment, positive, reads
from hived.ctl.when import day
from hived.errors import HivedError

_GONE = ("disconnected", "shutting_down", "no_daemon")
_STYLES = {"turn_start": "cyan", "message_dead": "red", "agent_crashed": "red"}


def log_arguments(parser: argparse.ArgumentParser) -> None:
    reads(parser)
    parser.add_argument("-f", "--follow", action="store_true", help="go on with what comes")
    parser.add_argument("--since", type=moment, metavar="WHEN", help="after this moment")
    parser.add_argument("--until", type=moment, metavar="WHEN", help="up to this moment")
    parser.add_argument("--agent", metavar="AGENT", help="only what concerns this agent")
    parser.add_argument(
        "--kind", action="append", default=[], metavar="KIND", help="only this kind (repeatable)"
    )
    parser.add_argument(
        "-n", type=positive, metavar="COUNT", help="at most so many; with --since the first ones"
    )
    parser.add_argument(
        "--reconnect", action="store_true", help="with -f: wait for hived when it is gone"
    )


def log(run: Run) -> int:
    """Print events, oldest first; 0."""
    args = run.args
    if args.follow and (args.until is not None or args.at is not None):
        raise UsageError("-f goes on with what comes: it takes neither --until nor --at")
    if args.reconnect and not args.follow:
        raise UsageError("--reconnect is for -f")
    if args.n is not None and args.n > limits.LOG_PAGE_EVENTS_MAX and args.since is None:
        raise UsageError(f"-n takes {limits.LOG_PAGE_EVENTS_MAX} at most", "or give --since")
    printer = _Printer(run)
    if args.follow:
        _follow(run, printer)
    elif run.json:
        limit = min(args.n or 100, limits.LOG_PAGE_EVENTS_MAX)
        run.console.document(_page(run, args.since, limit))
    else:
        for page in _pages(run):
            printer.print(page["events"])
    return 0


def _page(run: Run, since: Any, limit: int) -> dict[str, Any]:
    args = run.args
    return run.read(
        "log", since=since, until=args.until, agent=args.agent, kinds=args.kind, limit=limit
    )


def _pages(run: Run) -> Iterator[dict[str, Any]]:
    """The last page; with --since all pages from there, or as many as -n wants."""
    args = run.args
    left = args.n if args.n is not None else 20 if args.follow else 100
    if args.since is None:
        yield _page(run, None, left)
        return
    since = args.since
    while True:
        limit = limits.LOG_PAGE_EVENTS_MAX
        if args.n is not None:
            limit = min(left, limit)
        page = _page(run, since, limit)
        yield page
        left -= len(page["events"])
        since = page["next"]
        if since is None or (args.n is not None and left <= 0):
            return


def _follow(run: Run, printer: "_Printer") -> None:
    position = 0
    for page in _pages(run):
        printer.print(page["events"])
        # What stands in the log up to here has been read; the live part begins after it.
        position = page["position"] if page["next"] is None else page["next"]
    while True:
        try:
            events = _subscribe(run, position)
            while True:
                printer.print([next(events)])
                position = events.position
        except HivedError as error:
            if error.code not in _GONE or not run.args.reconnect:
                raise
            run.console.note(f"hivectl: {error.message}; waiting for it at position {position}")
            _reconnect(run)


def _subscribe(run: Run, position: int) -> Events:
    return run.client.subscribe(since=position, kinds=run.args.kind, agent=run.args.agent)


def _reconnect(run: Run) -> None:
    """Connect again, however long it takes; a person ends it with Ctrl-C."""
    wait = limits.RECONNECT_SECONDS
    while True:
        try:
            run.connect()
            return
        except HivedError as error:
            if error.code not in (*_GONE, "busy"):
                raise
        time.sleep(wait)
        wait = min(2 * wait, limits.RECONNECT_SECONDS_MAX)


class _Printer:
    """Prints events; a line says so where the day changes."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._day = time.strftime("%Y-%m-%d")

    def print(self, rows: Sequence[Mapping[str, Any]]) -> None:
        console = self._run.console
        for row in rows:
            if self._run.json:
                console.record(row)
                continue
            today = day(row["at"])
            if today != self._day:
                self._day = today
                console.line(f"{today}:", "bold")
            console.line(event_line(row), _style(row))
        console.flush()


def _style(row: Mapping[str, Any]) -> str:
    if row["kind"] == "turn_end":
        return "green" if row["data"].get("outcome") == "ok" else "red"
    return _STYLES.get(row["kind"], "")
