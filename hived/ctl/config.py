"""hivectl config: what an agent runs with, where each value is from, and texts checked."""

import argparse
import sys
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import hived
from hived import limits
from hived.ctl.exits import FOUND_WRONG, OK
from hived.ctl.run import Run, UsageError, reads
from hived.ctl.table import Column, show
from hived.ctl.when import short
from hived.ctl.words import clean, fold

Row = Mapping[str, Any]

_MARKS = (Column("WHEN", least=11), Column("WHAT"), Column("COMMIT", least=12), Column("NOTE"))
_KEYS = (Column("KEY", least=12), Column("VALUE", least=10), Column("FROM", least=8))
_FILES = ("agent.toml", "hive.toml")


def config_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "words",
        nargs="+",
        metavar="WORD",
        help="AGENT: its configuration and history; explain AGENT: where each value is from; "
        "schema [agent|hive]: the JSON Schema; check FILE: whether it validates",
    )
    reads(parser)


def config(run: Run) -> int:
    """Do what the first word says; 0, or 5 where a checked file does not validate."""
    head, *rest = run.args.words
    if head == "schema" and len(rest) < 2:
        return _schema(run, rest[0] if rest else "agent")
    if head == "check" and len(rest) == 1:
        return _check(run, rest[0])
    if head in ("show", "explain") and len(rest) == 1:
        return _explain(run, rest[0]) if head == "explain" else _show(run, rest[0])
    if rest or head in ("show", "explain", "check"):
        raise UsageError(
            "config takes an agent, or one word and what it is for", "hivectl config --help"
        )
    return _show(run, head)


def _show(run: Run, agent: str) -> int:
    answer = run.read("config", agent=agent)
    if run.json:
        run.console.document(answer)
        return OK
    console = run.console
    commit = answer["commit"]
    runs = f"runs with commit {commit[:12]}" if commit else "comes from no commit"
    console.line(clean(f"{answer['agent']} {runs}"), "bold")
    console.block(answer["text"].rstrip("\n"), indent="  ")  # whole: nothing of it is cut off
    for row in answer["pending"]:
        told = f"{row['approval']} waits for approval: commit {row['commit'][:12]}"
        console.line(clean(told), "yellow")
    if answer["history"]:
        console.line()
        show(console, _MARKS, answer["history"], _mark)
    console.line(clean(f"to be edited in {answer['proposed']}"), "dim")
    return OK


def _mark(row: Row) -> list[str]:
    mark = f"{row['mark']}/{row['id']}"
    return [short(row["at"]), mark, row["commit"][:12], row["note"] or ""]


def _explain(run: Run, agent: str) -> int:
    answer = run.read("config", agent=agent)
    if run.json:
        run.console.document(answer)
        return OK
    show(
        run.console,
        _KEYS,
        answer["keys"],
        lambda row: (row["key"], row["value"], row["source"]),
        lambda row: "dim" if row["source"] == "built-in" else "",
    )
    return OK


def _schema(run: Run, of: str) -> int:
    """Print the schema that ships, as it is: editors and validators take it so."""
    name = of.removesuffix(".toml")
    if f"{name}.toml" not in _FILES:
        raise UsageError(f"there is no schema of {of!r}", "config schema agent, config schema hive")
    file = Path(hived.__file__).with_name("config") / f"{name}.schema.json"
    if run.json:
        import json

        run.console.document({"file": f"{name}.toml", "schema": json.loads(file.read_text())})
    else:
        run.console.out.write(file.read_text())
    return OK


def _check(run: Run, file: str) -> int:
    """Have a file validated by the daemon; one that is named hive.toml is taken for the hive's."""
    path = Path(file).expanduser()
    try:
        with sys.stdin.buffer if file == "-" else path.open("rb") as opened:
            data = opened.read(limits.CONFIG_BYTES_MAX + 1)
        beside = [] if file == "-" else _beside(path)
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from None
    if len(data) > limits.CONFIG_BYTES_MAX:
        raise UsageError(f"{file} has more than {limits.CONFIG_BYTES_MAX} bytes, the most")
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise UsageError(f"{file} is not UTF-8 at byte {error.start}") from None
    kind = "hive.toml" if path.name == "hive.toml" else "agent.toml"
    answer = run.client.call("config_check", toml=text, file=kind, beside=beside)
    if run.json:
        run.console.document(answer)
    elif answer["ok"]:
        run.console.line(clean(f"{file} validates as {kind}"), "green")
    else:
        run.console.line(clean(f"{file} does not validate as {kind}:"), "red")
        for problem in answer["problems"]:
            for line in fold(problem, run.console.width and run.console.width - 2):
                run.console.line(f"  {line}")
    return OK if answer["ok"] else FOUND_WRONG


def _beside(path: Path) -> list[str]:
    """The files in its folder and below: its prompt may be one of them. Of many, some."""
    folder = path.absolute().parent
    inner = (one.relative_to(folder) for one in folder.rglob("*") if one.is_file())
    names = (one.as_posix() for one in inner if one.parts[0] != ".git")
    fit = (n for n in names if n.isprintable() and len(n) <= limits.CONFIG_PATH_CHARS_MAX)
    return list(islice(fit, limits.RECIPIENTS_MAX))
