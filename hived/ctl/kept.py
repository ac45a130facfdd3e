"""hivectl tombstones, revive and purge: agents that were taken out of the hive."""

import argparse
from collections.abc import Callable, Mapping
from typing import Any

from hived.ctl.run import Run, UsageError, reads, takes_json
from hived.ctl.table import Column, lay_out
from hived.ctl.when import short, unix
from hived.ctl.words import age, amount, clean, count, money

Row = Mapping[str, Any]

_COLUMNS = (
    Column("NAME", least=8),
    Column("SIZE", ">", 5),
    Column("AGE", ">"),
    Column("TAKEN OUT", least=11, drop=1),
    Column("BY", least=8, drop=2),
    Column("MAIL", ">"),
    Column("TURNS", ">", drop=4),
    Column("COST", ">", 6, drop=3),
)


def tombstones_arguments(parser: argparse.ArgumentParser) -> None:
    reads(parser)


def tombstones(run: Run) -> int:
    """Print the agents whose state is kept; 0."""
    answer = run.read("tombstones")
    if run.json:
        run.console.document(answer)
        return 0
    console, found = run.console, answer["tombstones"]
    if not found and not answer["purging"]:
        console.line("no agent was taken out")
        return 0
    now = run.now(answer)
    if found:
        header, *lines = lay_out(_COLUMNS, [_cells(row, now) for row in found], console.width)
        console.line(header, "bold")
        for row, line in zip(found, lines, strict=True):
            console.line(line)
            if row["problem"]:
                console.line("  " + clean(row["problem"]), "yellow")
    for row in answer["purging"]:
        console.line(clean(f"{row['agent']}: is being deleted"), "dim")
    return 0


def _cells(row: Row, now: float) -> list[str]:
    created = unix(row["created_at"]) or now
    return [
        row["agent"],
        _size(row["bytes"], row["more"]),
        age(now - created),
        short(row["destroyed_at"]),
        row["destroyed_by"],
        str(row["inbox"]["queued"] or ""),
        str(row["turns"]),
        money(row["cost_usd"]) if row["cost_usd"] else "",
    ]


def _size(size: int | None, more: bool) -> str:
    """Bytes in a few characters; + where there is more than was counted."""
    if size is None:
        return "?"
    return f"{amount(size)}B{'+' if more else ''}"


def revive_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("agent", metavar="NAME", help="its whole name: no prefix is taken here")
    parser.add_argument("--stopped", action="store_true", help="do not start it yet")
    parser.add_argument("--request", action="store_true", help="only ask for it: an approval waits")
    takes_json(parser)


def revive(run: Run) -> int:
    """Bring an agent back, or ask for it; 0."""
    args = run.args
    if args.stopped and args.request:
        raise UsageError("what is asked for is started when it is approved", "leave out --stopped")
    answer = run.client.call(
        "revive",
        agent=args.agent,
        start=False if args.stopped else None,
        request=args.request or None,
    )
    told = f"is back, {'not started' if args.stopped else 'started'}"
    if not answer["revived"]:
        told = f"asked for; hivectl approve {answer['approval']}"
    run.say(answer, f"{answer['agent']}: {told}")
    return 0


def purge_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("agent", metavar="NAME", help="its whole name: no prefix is taken here")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    takes_json(parser)


def purge(run: Run) -> int:
    """Name each path with its size, ask, and delete them for good; 0."""
    name = run.args.agent
    plan = run.client.call("purge_plan", agent=name)
    if not run.args.yes:
        _tell(plan, run.console.note)
        question = f"Delete all of it for good? {name} cannot come back"
        run.confirm(question, otherwise=f"{name} stays", to="delete it")
    elif not run.json:
        _tell(plan, run.console.line)
    done = run.client.call("purge", agent=name)
    told = "deleted, the name is free"
    if not done["deleted"]:
        told = "is being deleted; hivectl tombstones shows it"
    run.say(done, f"{name}: {told}")
    return 0


def _tell(plan: Row, tell: Callable[[str], None]) -> None:
    for row in plan["paths"]:
        tell(clean(f"{_size(row['bytes'], row['more'])}  {row['path']}"))
    size = _size(plan["bytes"], any(row["more"] for row in plan["paths"]))
    tell(clean(f"{size} in all, and {count(plan['messages'], 'message')} not done yet"))
