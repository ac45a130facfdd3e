"""hivectl status, turns and why: one agent, looked at closely."""

import argparse
from collections.abc import Mapping
from typing import Any

from hived.ctl.ps import GROUPS, context, model, note, turn
from hived.ctl.render import event_line
from hived.ctl.run import Run, positive, reads, takes_agent
from hived.ctl.table import Column, show
from hived.ctl.when import as_of, local, short, unix
from hived.ctl.words import age, amount, clean, count, fold, model_name, money, pad, took

Row = Mapping[str, Any]

_SHORT = 5  # turns that `status` shows
_INDENT = 16  # columns of the names in `status`

_TURN_COLUMNS = (
    Column("TURN", ">"),
    Column("STARTED", least=11, drop=2),
    Column("TOOK", ">", 5),
    Column("OUTCOME", least=16),
    Column("WOKEN BY", least=8, drop=4),
    Column("MODEL", least=8, drop=3),
    Column("TOKENS", ">", drop=5),
    Column("COST", ">", 7, drop=1),
    Column("TOOLS", least=10),
)


def status_arguments(parser: argparse.ArgumentParser) -> None:
    takes_agent(parser)
    reads(parser)


def status(run: Run) -> int:
    """Print all that is known of an agent; 0."""
    answer = run.read("agent", agent=run.args.agent)
    if run.json:
        run.console.document(answer)
        return 0
    console, row = run.console, answer["agent"]
    now = run.now(answer)
    if run.args.at is not None:
        console.line(as_of(answer), "dim")
    state = f"{row['agent']}: {row['word']}"
    began = unix(row["since"])
    if began is not None:
        state += f" for {age(now - began)}"
    console.line(clean(state), GROUPS.get(row["group"], ""))
    width = None if console.width is None else max(20, console.width - _INDENT)
    for name, text in (*_facts(row, now), *_settings(row["config"])):
        # Folded and not cut: a path is of no use without its end.
        for index, line in enumerate(fold(clean(text), width) if text else ()):
            console.line(pad("" if index else f"  {name}", _INDENT) + line)
    if row["turns"]:
        console.line()
        show(console, _TURN_COLUMNS, row["turns"][-_SHORT:], _cells, _colour)
    return 0


def _facts(row: Row, now: float) -> list[tuple[str, str]]:
    switched = row["model"]["switched_at"]
    by = row["model"]["switched_by"]
    changed = f", since {local(switched)} by {by}" if switched else ""
    waiting = " (with the next turn)" if row["model"]["queued"] is not None else ""
    running, last = row["turn"], row["last_turn"]
    doing = ""
    if running is not None:
        tools = ", ".join(running["running_tools"])
        doing = ", " + count(running["tool_calls"], "tool call")
        doing += f", now {tools}" if tools else ""
    inbox, usage = row["inbox"], row["usage"]
    return [
        ("note", note(row)),
        ("nap", _nap(row["nap"])),
        ("model", model(row["model"]) + waiting + changed),
        ("turn", turn(row, now) + doing if running is not None else ""),
        ("last turn", _last(last)),
        ("turns", str(row["turns"][-1]["number"]) if row["turns"] else "none yet"),
        ("context", context(row)),
        ("compaction", row["compaction"] or ""),
        ("notes", f"{amount(row['notes_bytes'])} bytes" if row["notes_bytes"] else ""),
        ("inbox", f"{inbox['queued']} queued, {inbox['in_turn']} with the turn"),
        ("tokens", _tokens(usage)),
        ("cost", money(row["cost_usd"])),
        ("session", row["session"]),
        ("credential", row["credential"]),
        ("parent", row["parent"] or ""),
        ("created", local(row["created_at"])),
        ("containment", _held(row.get("containment") or {})),
    ]


def _nap(nap: Row | None) -> str:
    if nap is None:
        return ""
    until = f"until {local(nap['until'])}" + (f": {nap['reason']}" if nap["reason"] else "")
    return f"naps {until}" if nap["since"] else f"will nap {until}"


def _held(containment: Row) -> str:
    """What holds a turn's processes together, and what that does not cover."""
    kind, note = containment.get("kind"), containment.get("note")
    return f"{kind}: {note}" if kind and note else str(kind or "")


def _last(last: Row | None) -> str:
    if last is None:
        return ""
    why = f" ({last['why']})" if last["why"] else ""
    detail = f": {last['detail']}" if last["detail"] else ""
    ended = local(last["ended_at"])
    return f"#{last['number']} {last['outcome']}{why}, {took(last['duration_ms'])}, {ended}{detail}"


def _tokens(usage: Row) -> str:
    names = {"input": "in", "output": "out", "cache_read": "cached", "cache_write": "cache written"}
    return ", ".join(f"{amount(usage[key])} {name}" for key, name in names.items())


def _settings(config: Row) -> list[tuple[str, str]]:
    # The model in force stands above; this is the one it was made with.
    named = {**config, "first model": config.get("model")}
    named.pop("model", None)
    named["notes limit"] = named.pop("notes_limit_bytes", None)  # the column is narrow
    return [(key.replace("_", " "), _flat(value)) for key, value in named.items() if value]


def _flat(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key}={_flat(part)}" for key, part in value.items() if part)
    if isinstance(value, list | tuple):
        return ", ".join(_flat(part) for part in value)
    return "" if value is None else str(value)


def turns_arguments(parser: argparse.ArgumentParser) -> None:
    takes_agent(parser)
    reads(parser)
    parser.add_argument("-n", type=positive, metavar="COUNT", default=20, help="the last so many")


def turns(run: Run) -> int:
    """Print an agent's last turns, oldest first; 0."""
    answer = run.read("agent", agent=run.args.agent)
    rows = answer["agent"]["turns"][-run.args.n :]
    if run.json:
        head = {key: answer[key] for key in ("v", "position", "at")}
        run.console.document({**head, "agent": answer["agent"]["agent"], "turns": rows})
    elif rows:
        show(run.console, _TURN_COLUMNS, rows, _cells, _colour)
    else:
        run.console.line(f"{answer['agent']['agent']} has had no turn yet")
    return 0


def _colour(row: Row) -> str:
    return "" if row["outcome"] in (None, "ok") else "red"


def _cells(row: Row) -> list[str]:
    running = row["outcome"] is None
    why = f" ({row['why']})" if row["why"] else ""
    usage = row["usage"]
    used = sum(tokens for tokens in usage.values())
    tools = ", ".join(f"{tool} {calls}" for tool, calls in row["tools"].items())
    again = f", attempt {row['attempt']}" if row["attempt"] > 1 else ""
    return [
        f"#{row['number']}",
        short(row["started_at"]),
        "" if running else took(row["duration_ms"]),
        "running" if running else f"{row['outcome']}{why}",
        row["reason"] + again,
        model_name(row["model"]),
        amount(used) if used else "",
        money(row["cost_usd"]) if row["cost_usd"] else "",
        tools,
    ]


def why_arguments(parser: argparse.ArgumentParser) -> None:
    takes_agent(parser)
    reads(parser)


def why(run: Run) -> int:
    """Print the chain of causes, newest first, each below what it led to; 0."""
    answer = run.read("why", agent=run.args.agent)
    if run.json:
        run.console.document(answer)
        return 0
    console = run.console
    since = f" since {local(answer['since'])}" if answer["since"] else ""
    console.line(clean(f"{answer['agent']} is {answer['word']}{since}, because:"), "bold")
    for depth, row in enumerate(answer["chain"]):
        console.line("  " * min(depth + 1, 10) + event_line(row))
    until = f" until {local(answer['until'])}" if answer.get("until") else ""
    console.line(clean(f"Next: {answer['next_step']}{until}: {answer['because']}"), "cyan")
    return 0
