"""hivectl notes and compact: an agent's notes, and shortening them or its conversation."""

import argparse
from collections.abc import Mapping
from typing import Any

from hived.ctl.run import Run, takes_agent, takes_json
from hived.ctl.when import local
from hived.ctl.words import amount, clean, count, fold


def notes_arguments(parser: argparse.ArgumentParser) -> None:
    takes_agent(parser)
    parser.add_argument("--history", action="store_true", help="the old versions that are kept")
    parser.add_argument(
        "--replaced-by",
        metavar="TURN",
        help="the version that this turn replaced: its number or id",
    )
    takes_json(parser)


def notes(run: Run) -> int:
    """Print an agent's notes, or a list of their old versions; 0."""
    answer = run.client.call("notes", agent=run.args.agent, replaced_by=run.args.replaced_by)
    if run.json:
        run.console.document(answer)
    elif run.args.history:
        _print_history(run, answer)
    else:
        run.console.line(clean(_head(answer)), "dim")
        for line in fold(answer["text"].rstrip("\n"), run.console.width) if answer["text"] else ():
            run.console.line(line)
        if answer["cut"]:
            run.console.line("... only their beginning is shown", "dim")
    return 0


def _head(answer: Mapping[str, Any]) -> str:
    size, limit = amount(answer["bytes"]), amount(answer["limit_bytes"])
    head = f"{answer['path']}: {size} bytes, compacted beyond {limit}"
    if answer["last"] is not None:
        head += f"; last {answer['last']['outcome']} {local(answer['last']['at'])}"
    return head


def _print_history(run: Run, answer: Mapping[str, Any]) -> None:
    if not answer["history"]:
        run.console.line(clean(f"{answer['agent']}: no old version of its notes is kept"))
    for row in answer["history"]:
        told = f"#{row['number']}  {local(row['replaced_at'])}  {amount(row['bytes'])} bytes"
        run.console.line(clean(told))
    if answer["history"]:
        number = answer["history"][-1]["number"]
        example = f"hivectl notes {answer['agent']} --replaced-by {number}"
        shown = count(len(answer["history"]), "old version")
        run.console.line(clean(f"{shown}; to read one: {example}"), "dim")


def compact_arguments(parser: argparse.ArgumentParser) -> None:
    takes_agent(parser)
    parser.add_argument("--notes", action="store_true", help="its notes, not its conversation")
    takes_json(parser)


def compact(run: Run) -> int:
    """Have an agent's conversation or notes compacted; 0."""
    answer = run.client.call("compact", agent=run.args.agent, notes=run.args.notes)
    behind = answer.get("queued_behind")
    what = " its notes" if answer["of"] == "notes" else ""
    when = f"after turn {behind}" if behind else "now"
    run.say(answer, f"{answer['agent']}: compacts{what} {when}")
    return 0
