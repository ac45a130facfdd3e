"""hivectl transcript: what a turn of an agent printed, as it came."""

import argparse
from collections.abc import Iterator
from typing import Any

from hived import limits
from hived.ctl.dialogue import said
from hived.ctl.run import Run, UsageError, reads, takes_agent
from hived.ctl.words import clean, fold


def transcript_arguments(parser: argparse.ArgumentParser) -> None:
    takes_agent(parser)
    parser.add_argument("turn", metavar="TURN", nargs="?", help="its id or number; else the last")
    reads(parser)
    parser.add_argument(
        "-f", "--follow", action="store_true", help="go on with what comes; a TURN until its end"
    )
    parser.add_argument("--raw", action="store_true", help="the lines as the CLI printed them")


def transcript(run: Run) -> int:
    """Print what was said and done in a turn; 0."""
    args = run.args
    if args.follow and args.at is not None:
        raise UsageError("-f goes on with what comes: it takes no --at")
    turn = args.turn.removeprefix("#") if args.turn else None
    if args.follow:
        for row in run.client.follow(args.agent, turn=turn):
            _print(run, row)
            run.console.flush()
    elif run.json:
        run.console.document(_whole(run, turn))
    else:
        for page in _pages(run, turn):
            for row in page["lines"]:
                _print(run, row)
    return 0


def _pages(run: Run, turn: str | None) -> Iterator[dict[str, Any]]:
    from_byte = 0
    while True:
        page = run.read(
            "transcript",
            agent=run.args.agent,
            turn=turn,
            from_byte=from_byte,
            limit=limits.LOG_PAGE_EVENTS_MAX,
        )
        yield page
        if page["next"] is None or page["next"] <= from_byte:
            return
        turn, from_byte = page["turn"], page["next"]


def _whole(run: Run, turn: str | None) -> dict[str, Any]:
    """All pages as one answer."""
    first, *others = _pages(run, turn)
    last = others[-1] if others else first
    lines = [line for page in (first, *others) for line in page["lines"]]
    return {**first, "lines": lines, "next": last["next"], "running": last["running"]}


def _print(run: Run, row: dict[str, Any]) -> None:
    console = run.console
    if run.json:
        console.record(row)
    elif run.args.raw:
        # A file or a pipe gets the line as it is; a terminal must not obey what it says.
        console.out.write((clean(row["line"]) if console.terminal else row["line"]) + "\n")
    else:
        for text, style in said(row["line"]):
            for line in fold(text, console.width):
                console.line(line, style)
