"""hivectl ask, questions and answer: what waits for a word, and saying it."""

import argparse
from collections.abc import Mapping
from typing import Any

from hived.ctl.run import Run, UsageError, positive, reads, span, takes_json
from hived.ctl.when import local
from hived.ctl.words import clean


def ask_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("agent", metavar="AGENT", help="whom, by name or a prefix; or manager")
    parser.add_argument("words", metavar="WORDS", nargs="+", help="the question")
    parser.add_argument(
        "--option", action="append", metavar="TEXT", help="an answer to choose; may be repeated"
    )
    parser.add_argument("--multi", action="store_true", help="several options may be chosen")
    parser.add_argument(
        "--ttl", type=span, metavar="TIME", help="expires after it: 90s, 10m, 2h, 1d"
    )
    takes_json(parser)


def ask(run: Run) -> int:
    """Ask an agent; 0."""
    args = run.args
    answer = run.client.call(
        "ask",
        to=args.agent,
        text=" ".join(args.words),
        options=args.option,
        multi=args.multi or None,
        ttl_seconds=args.ttl,
    )
    run.say(answer, f"asked: {answer['question']}; the answer comes to your inbox")
    return 0


def questions_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "words", metavar="cancel ID", nargs="*", help="with none: list; cancel ID: cancel one"
    )
    parser.add_argument("--all", action="store_true", help="also those that are closed")
    parser.add_argument("--agent", metavar="AGENT", help="only what it asked or is asked")
    parser.add_argument("-n", type=positive, metavar="COUNT", default=100, help="at most so many")
    reads(parser)


def questions(run: Run) -> int:
    """Print questions, oldest first, or cancel one; 0."""
    args = run.args
    if args.words:
        return _cancel(run)
    answer = run.read("questions", agent=args.agent, all=args.all or None, limit=args.n)
    if run.json:
        run.console.document(answer)
        return 0
    for row in answer["questions"]:
        _print(run, row)
    if not answer["questions"]:
        run.console.line("no questions" if args.all else "no open questions")
    if answer["left_out"]:
        run.console.line(f"{answer['left_out']} older ones left out (-n)", "dim")
    return 0


def _cancel(run: Run) -> int:
    args = run.args
    if args.words[0] != "cancel" or len(args.words) != 2:
        raise UsageError("which question?", "hivectl questions cancel ID")
    if args.at is not None or args.all or args.agent:
        raise UsageError("cancel takes nothing but the ID")
    answer = run.client.call("cancel_question", question=args.words[1])
    run.say(answer, f"{answer['question']}: cancelled")
    return 0


def _print(run: Run, row: Mapping[str, Any]) -> None:
    console, waits = run.console, row["state"] == "open" and row["to"] == "operator"
    head = f"{row['question']}  {local(row['asked_at'])}  {row['asker']} asks {row['to']}"
    state = row["state"] + (f" ({row['why']})" if row["why"] else "")
    if row["state"] == "open" and row["deadline"]:
        state += f" until {local(row['deadline'])}"
    console.line(clean(f"{head}  {state}"), "bold" if waits else "")
    console.block(row["text"])
    for number, option in enumerate(row["options"], 1):
        mark = "x" if option in row["chosen"] else " "
        console.block(f"[{mark}] {number}. {option}", "      ")
    if row["multi"] and row["state"] == "open":
        console.line("      several may be chosen", "dim")
    if row["state"] == "answered":
        console.block(f"{row['closed_by']}: {row['answer']}", "  > ")
    elif row["closed_by"]:
        console.line(clean(f"  by {row['closed_by']} at {local(row['closed_at'])}"), "dim")


def answer_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("question", metavar="ID", help="the question's id, or how it begins")
    parser.add_argument("words", metavar="WORDS", nargs="*", help="the answer, in any words")
    parser.add_argument(
        "--option",
        action="append",
        metavar="OPTION",
        help="an option, by its text or number; may be repeated where several may be chosen",
    )
    takes_json(parser)


def answer(run: Run) -> int:
    """Answer a question; 0."""
    args = run.args
    if bool(args.words) == bool(args.option):
        wrong = "an answer is words or options, not both" if args.words else "what is the answer?"
        raise UsageError(wrong, "hivectl answer ID WORDS, or ID --option NUMBER")
    said = run.client.call(
        "answer",
        question=args.question,
        answer=" ".join(args.words) or None,
        options=args.option,
    )
    if run.json:
        run.console.document(said)
    else:
        run.console.line(clean(f"{said['question']} answered: {said['answer']}"))
    return 0
