"""hivectl state, verify and doctor: the hive as a whole, and whether it is sound."""

import argparse
import json

from hived.ctl.exits import FOUND_WRONG, OK
from hived.ctl.run import Run, reads, takes_json
from hived.ctl.table import Column, lay_out
from hived.ctl.when import as_of
from hived.ctl.words import clean, count


def state_arguments(parser: argparse.ArgumentParser) -> None:
    reads(parser)


def state(run: Run) -> int:
    """Print every view of the hive; 0."""
    answer = run.read("state")
    if run.json:
        run.console.document(answer)
        return OK
    console = run.console
    console.line(as_of(answer), "dim")
    for view, data in answer["state"].items():
        console.line(clean(view), "bold")
        # Escaped to ASCII, so nothing in it can reach the terminal as a control character.
        for line in json.dumps(data, indent=2).split("\n"):
            console.line("  " + line)
    return OK


def verify_arguments(parser: argparse.ArgumentParser) -> None:
    takes_json(parser)


def verify(run: Run) -> int:
    """Have the whole log read back; 0 if it is sound, 5 if not."""
    console = run.console
    shown = console.err.isatty()
    if shown:
        run.client.on_progress = lambda done, total: _progress(run, done, total)
    answer = run.client.call("verify")
    if shown:
        console.err.write("\r\x1b[K")
    if run.json:
        console.document(answer)
    else:
        events = f"{count(answer['events'], 'event')} read in {answer['seconds']:.1f} s"
        if answer["ok"]:
            console.line(f"the log is sound: {events}", "green")
        else:
            console.line(f"the log is damaged: {events}", "red")
        for problem in answer["problems"]:
            console.line("  " + clean(problem))
    return OK if answer["ok"] else FOUND_WRONG


def _progress(run: Run, done: int, total: int) -> None:
    share = f"{100 * done // total} %" if total else str(done)
    run.console.err.write(f"\rreading the log: {share}")
    run.console.err.flush()


_CHECK_COLUMNS = (Column("CHECK", least=10), Column(""), Column("FOUND", least=20))
_STYLES = {"ok": "", "warn": "yellow", "fail": "red"}


def doctor_arguments(parser: argparse.ArgumentParser) -> None:
    takes_json(parser)


def doctor(run: Run) -> int:
    """Print what was found of the machine; 0 if nothing fails, 5 if something does."""
    answer = run.client.call("doctor")
    if run.json:
        run.console.document(answer)
        return OK if answer["ok"] else FOUND_WRONG
    checks, console = answer["checks"], run.console
    cells = [(check["name"], check["state"], check["found"]) for check in checks]
    _, *lines = lay_out(_CHECK_COLUMNS, cells, console.width)
    for check, line in zip(checks, lines, strict=True):
        console.line(line, _STYLES.get(check["state"], ""))
        if check["hint"] and check["state"] != "ok":
            console.line(clean(f"    {check['hint']}"))
    return OK if answer["ok"] else FOUND_WRONG
