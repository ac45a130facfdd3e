"""hivectl ps: every agent, grouped by what the person must do."""

import argparse
from collections.abc import Mapping, Sequence
from typing import Any

from hived.ctl.run import Run, reads
from hived.ctl.table import Column, lay_out
from hived.ctl.when import as_of, clock, unix
from hived.ctl.words import age, amount, clean, count, fold, model_name, money, took

# The order people read them in: what waits for them first.
GROUPS = {
    "Needs you": "yellow",
    "Working": "green",
    "Idle or napping": "cyan",
    "Stopped": "dim",
    "Failed": "red",
}

# The least widths add up to 80 without the note: nobody's state or model is cut for a long name.
_COLUMNS = (
    Column("AGENT", least=8),
    Column("STATE", least=11),
    Column("AGE", ">"),
    Column("MODEL", least=12, drop=2),
    Column("TURN", least=11),
    Column("CONTEXT", ">", 12, drop=1),
    Column("MAIL", ">"),
    Column("COST", ">", 5, drop=3),
    Column("NOTE", least=16, drop=4),
)


def ps_arguments(parser: argparse.ArgumentParser) -> None:
    reads(parser)


def ps(run: Run) -> int:
    """Print the agents; 0."""
    answer = run.read("agents")
    if run.json:
        run.console.document(answer)
        return 0
    console, now = run.console, run.now(answer)
    if run.args.at is not None:
        console.line(as_of(answer), "dim")
    agents = sorted(answer["agents"], key=_order)
    if not agents:
        console.line("No agents yet. Make one: hivectl new ada --workdir DIR")
        return 0
    header, *lines = lay_out(_COLUMNS, [cells(row, now) for row in agents], console.width)
    console.line(header, "bold")
    # Where there is no room for the notes: what an agent waits for is told all the same.
    beneath = not header.endswith(_COLUMNS[-1].title)
    group = None
    for row, line in zip(agents, lines, strict=True):
        if row["group"] != group:
            group = row["group"]
            console.line(clean(group), GROUPS.get(group, ""))
        console.line(line)
        if beneath and (wait := _wait(row)):
            console.line(f"  {clean('; '.join(wait))}", "dim")
    for line in fold(_footer(agents, answer["hive"]), console.width):
        console.line(line, "dim")
    return 0


def _order(row: Mapping[str, Any]) -> tuple[int, str]:
    names = list(GROUPS)
    return (names.index(row["group"]) if row["group"] in GROUPS else len(names), row["agent"])


def _footer(agents: Sequence[Mapping[str, Any]], hive: Mapping[str, Any]) -> str:
    turns = sum(hive["turns"].values())
    parts = [count(len(agents), "agent"), count(turns, "turn"), money(hive["cost_usd"])]
    for what in ("question", "approval"):
        number = hive[f"{what}s"]
        if number:
            parts.append(f"{count(number, what)} {'waits' if number == 1 else 'wait'} for you")
    if hive["dead_letters"]:
        parts.append(count(hive["dead_letters"], "dead letter"))
    return ", ".join(parts)


def cells(row: Mapping[str, Any], now: float) -> list[str]:
    """The cells of one agent, in the order of the columns."""
    inbox = row["inbox"]["queued"] + row["inbox"]["in_turn"]
    return [
        row["agent"],
        row["word"],
        _age(row["since"], now),
        model(row["model"]),
        turn(row, now),
        context(row),
        str(inbox) if inbox else "",
        money(row["cost_usd"]) if row["cost_usd"] else "",
        note(row),
    ]


def _age(since: str | None, now: float) -> str:
    began = unix(since)
    return "" if began is None else age(now - began)


def model(row: Mapping[str, Any]) -> str:
    """The model in force, and the one that waits: haiku → sonnet."""
    active = model_name(row["active"] or "default")
    queued = row["queued"]
    return active if queued is None else f"{active} → {model_name(queued or 'default')}"


def turn(row: Mapping[str, Any], now: float) -> str:
    """The running turn and how long it runs, or how the last one ended: 12.3s ok."""
    running, last = row["turn"], row["last_turn"]
    if running is not None:
        return f"#{running['number']} {_age(running['started_at'], now)}"
    return "" if last is None else f"{took(last['duration_ms'])} {last['outcome']}"


def context(row: Mapping[str, Any]) -> str:
    """Tokens in use, the window, and the share: 45k/200k 22%."""
    used, window = row["context_used"], row["context_window"]
    if not window:
        return amount(used) if used else ""
    return f"{amount(used)}/{amount(window)} {100 * used // window}%"


def note(row: Mapping[str, Any]) -> str:
    """Until when it waits, why it failed, or what it says that it does."""
    parts = _wait(row)
    if row["nap"] is not None and row["turn"] is not None:
        parts.append(f"will nap until {clock(row['nap']['until'])}")
    elif row["nap"] is not None and row["nap"]["reason"]:
        parts.append(row["nap"]["reason"])
    if row["status"]:
        parts.append(row["status"])
    return "; ".join(parts)


def _wait(row: Mapping[str, Any]) -> list[str]:
    """Until when it waits, and why its last turn failed."""
    parts = [f"until {clock(row['until'])}"] if row["until"] else []
    last = row["last_turn"]
    if row["turn"] is None and last is not None and last["outcome"] != "ok" and last["why"]:
        parts.append(last["why"])
    return parts
