"""hivectl costs: what was spent, by agent, model or day, and how the budgets stand."""

import argparse
from collections.abc import Mapping
from typing import Any

from hived.ctl.run import Run, reads
from hived.ctl.table import Column, lay_out, show
from hived.ctl.when import as_of, short
from hived.ctl.words import amount, model_name, money

_COLUMNS = (
    Column("", least=12),
    Column("TURNS", ">"),
    Column("INPUT", ">"),
    Column("OUTPUT", ">"),
    Column("CACHED", ">", drop=2),
    Column("WRITTEN", ">", drop=1),
    Column("COST", ">", 7),
)
_BUDGETS = (
    Column("BUDGET", least=12),
    Column("PER"),
    Column("USED", ">"),
    Column("OF", ">"),
    Column("STATE", least=7),
    Column("UNTIL", least=11, drop=1),
)


def costs_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--by", choices=("agent", "model", "day"), default="agent", help="agent if not given"
    )
    parser.add_argument("--since", metavar="DAY", help="from this day on (UTC), as 2026-11-23")
    reads(parser)


def costs(run: Run) -> int:
    """Print the sums, the total and the budgets; 0."""
    answer = run.read("costs", by=run.args.by, since=run.args.since)
    if run.json:
        run.console.document(answer)
        return 0
    console = run.console
    if run.args.at is not None:
        console.line(as_of(answer), "dim")
    if not answer["total"]["turns"]:
        console.line("Nothing was spent yet" + (" since then" if answer["since"] else ""))
    else:
        rows = [_cells(row, answer["by"]) for row in answer["rows"]]
        total = _cells(answer["total"], "")
        header, *lines = lay_out(_COLUMNS, [*rows, total], console.width)
        console.line(answer["by"].upper() + header[len(answer["by"]) :], "bold")
        for line in lines[:-1]:
            console.line(line)
        console.line(lines[-1], "bold")
    if answer["budgets"]:
        console.line()
        show(console, _BUDGETS, answer["budgets"], _budget, _colour)
    return 0


def _cells(row: Mapping[str, Any], by: str) -> list[str]:
    usage = row["usage"]
    name = model_name(row["key"]) if by == "model" else row["key"]
    tokens = [amount(usage[key]) for key in ("input", "output", "cache_read", "cache_write")]
    return [name or "not named", str(row["turns"]), *tokens, money(row["cost_usd"])]


def _colour(row: Mapping[str, Any]) -> str:
    return "red" if row["state"] == "reached" else ""


def _budget(row: Mapping[str, Any]) -> list[str]:
    shown = money if row["unit"] == "usd" else amount
    unit = "" if row["unit"] == "usd" else " tokens"
    scope = "the hive" if row["scope"] == "*" else row["scope"]
    limit = shown(row["amount"]) + unit
    return [scope, row["per"], shown(row["used"]), limit, row["state"], short(row["until"])]
