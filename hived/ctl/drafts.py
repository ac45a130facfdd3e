"""hivectl drafts, spawn and apply: agents from drafts and commits."""

import argparse
from collections.abc import Mapping
from typing import Any

from hived.ctl.approvals import tell
from hived.ctl.run import Run, UsageError, reads, takes_json
from hived.ctl.when import local
from hived.ctl.words import clean, count


def drafts_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "words",
        metavar="new|discard NAME",
        nargs="*",
        help="with none: list; new NAME: make one; discard NAME: give one up",
    )
    parser.add_argument("--description", metavar="TEXT", help="with new: what it is for")
    parser.add_argument("--yes", action="store_true", help="with discard: do not ask")
    reads(parser)


def drafts(run: Run) -> int:
    """Print the drafts, make one or give one up; 0."""
    words = run.args.words
    if words:
        if len(words) != 2 or words[0] not in ("new", "discard"):
            raise UsageError(
                "drafts takes nothing, new NAME or discard NAME", "hivectl drafts discard web"
            )
        if run.args.at is not None:
            raise UsageError("--at is for the list: the past cannot be changed")
        return _new(run, words[1]) if words[0] == "new" else _discard(run, words[1])
    answer = run.read("drafts")
    if run.json:
        run.console.document(answer)
        return 0
    for row in answer["drafts"]:
        _print(run, row)
    if not answer["drafts"]:
        run.console.line("no drafts")
    return 0


def _print(run: Run, row: Mapping[str, Any]) -> None:
    head = f"{row['agent']}  made {local(row['created_at'])} by {row['creator']}"
    run.console.line(clean(head), "bold")
    for name in ("description", "config_path", "state_path"):
        if row[name]:
            run.console.line(clean(f"    {row[name]}"))


def _new(run: Run, name: str) -> int:
    answer = run.client.call("draft_new", agent=name, description=run.args.description)
    if run.json:
        run.console.document(answer)
    elif answer["draft"] is None:
        run.console.line(clean(f"{name} was made, and is no draft any more"))
    else:
        _print(run, answer["draft"])
        run.console.line(clean(f"commit there, then: hivectl spawn {name} --from-commit COMMIT"))
    return 0


def _discard(run: Run, name: str) -> int:
    if not run.args.yes:
        row = next((r for r in run.read("drafts")["drafts"] if r["agent"] == name), None)
        if row is not None:
            run.console.note(clean(f"goes: {row['config_path']}, {row['state_path']}"))
        question = f"Discard the draft {name}?"
        run.confirm(question, otherwise=f"{name} stays", to="discard it")
    answer = run.client.call("draft_discard", agent=name)
    gone = answer["withdrawn"]
    more = f", {count(len(gone), 'request')} withdrawn" if gone else ""
    run.say(answer, f"{answer['agent']}: discarded{more}")
    return 0


def spawn_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("agent", metavar="NAME", help="a new agent's name, or a draft's")
    parser.add_argument(
        "--from-commit", metavar="COMMIT", dest="commit", help="of the draft of that name"
    )
    parser.add_argument("--description", metavar="TEXT", help="what it is for")
    takes_json(parser)


def spawn(run: Run) -> int:
    """Make an agent with the default configuration or from a draft; 0, or 1 where it failed."""
    args = run.args
    answer = run.client.call(
        "spawn", agent=args.agent, commit=args.commit, description=args.description
    )
    return _tell(run, answer)


def apply_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("agent", metavar="AGENT", help="its whole name")
    parser.add_argument("commit", metavar="COMMIT", help="7 to 40 digits of its id")
    parser.add_argument("--description", metavar="TEXT", help="what it changes")
    takes_json(parser)


def apply(run: Run) -> int:
    """Ask for a commit of an agent's configuration to be applied; 0, or 1 where it failed."""
    args = run.args
    answer = run.client.call(
        "apply", agent=args.agent, commit=args.commit, description=args.description
    )
    return _tell(run, answer)


def _tell(run: Run, answer: Mapping[str, Any]) -> int:
    if run.json:
        run.console.document(answer)
    else:
        tell(run, answer["approval"])
    return int(answer["approval"]["state"] == "failed")
