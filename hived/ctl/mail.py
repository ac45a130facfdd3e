"""hivectl send, inbox and ack: letters to agents, and to the operator."""

import argparse
import sys
from collections.abc import Mapping
from typing import Any

from hived import limits
from hived.ctl.run import Run, UsageError, positive, reads, takes_json
from hived.ctl.when import local
from hived.ctl.words import clean, count


def send_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "words", metavar="AGENT [WORDS]", nargs="*", help="whom, and what; - or no words: stdin"
    )
    parser.add_argument("--all", action="store_true", help="to every agent; then no AGENT is given")
    parser.add_argument(
        "--urgent", action="store_true", help="before other mail, and it ends a nap"
    )
    parser.add_argument("--reply-to", metavar="MESSAGE", help="the message this answers")
    takes_json(parser)


def send(run: Run) -> int:
    """Send a message; 0."""
    args, words = run.args, list(run.args.words)
    if not args.all and not words:
        raise UsageError("whom shall it go to?", "hivectl send AGENT WORDS, or send --all WORDS")
    to = "*" if args.all else words.pop(0)
    body = _stdin(run) if words in ([], ["-"]) else " ".join(words)
    try:
        size = len(body.encode())
    except UnicodeEncodeError:
        raise UsageError("the message is not UTF-8") from None
    if not body.strip():
        raise UsageError("the message is empty")
    if size > limits.BODY_BYTES_MAX:
        raise UsageError(
            f"the message is longer than {limits.BODY_BYTES_MAX} bytes",
            "put it into a file the agent can read, and send its path",
        )
    answer = run.client.call(
        "send",
        to=to,
        body=body,
        in_reply_to=args.reply_to,
        urgent=args.urgent or None,
    )
    run.say(answer, f"sent {', '.join(answer['messages'])}")
    return 0


def _stdin(run: Run) -> str:
    if sys.stdin.isatty():
        run.console.note("the message, then Ctrl-D:")
    # One byte more than allowed is enough to know that it is too long.
    return (
        sys.stdin.buffer.read(limits.BODY_BYTES_MAX + 2)
        .decode("utf-8", "surrogateescape")
        .removesuffix("\n")
    )


def inbox_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("agent", metavar="AGENT", nargs="?", help="an agent; without one, you")
    reads(parser)
    parser.add_argument("--all", action="store_true", help="also what is read, done or dead")
    parser.add_argument("--ack", action="store_true", help="mark what is shown as read (yours)")
    parser.add_argument("-n", type=positive, metavar="COUNT", default=100, help="at most so many")


def inbox(run: Run) -> int:
    """Print messages, oldest first; 0."""
    args = run.args
    if args.ack and (args.agent or args.at is not None):
        raise UsageError("--ack marks your own mail of now: it takes no AGENT and no --at")
    answer = run.read("inbox", agent=args.agent, all=args.all or None, limit=args.n)
    if run.json:
        run.console.document(answer)
    else:
        for row in answer["messages"]:
            _print(run, row)
        if not answer["messages"]:
            run.console.line(f"no {'' if args.all else 'unread '}mail for {answer['inbox']}")
        if answer.get("left_out"):
            run.console.line(f"{answer['left_out']} older ones left out (-n)", "dim")
    unread = [row["message"] for row in answer["messages"] if row["state"] == "queued"]
    if args.ack and unread:
        run.console.flush()  # not read before it is shown
        run.client.call("ack", messages=unread)
    return 0


def _print(run: Run, row: Mapping[str, Any]) -> None:
    console = run.console
    state = row["state"] + (f" ({row['why']})" if row["why"] else "")
    marks = [state, "urgent"] if row["urgent"] else [state]
    if row["in_reply_to"]:
        marks.append(f"answers {row['in_reply_to']}")
    head = f"{row['message']}  {local(row['sent_at'])}  from {row['from']}  {', '.join(marks)}"
    console.line(clean(head), "bold" if row["state"] == "queued" else "dim")
    console.block(row["body"])


def ack_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("messages", metavar="MESSAGE", nargs="*", help="ids, as inbox shows them")
    parser.add_argument("--all", action="store_true", help="all of your unread mail")
    takes_json(parser)


def ack(run: Run) -> int:
    """Mark messages to the operator as read; 0."""
    messages = list(run.args.messages)
    if bool(messages) == bool(run.args.all):
        raise UsageError("which messages?", "hivectl ack MESSAGE..., or hivectl ack --all")
    if run.args.all:
        rows = run.client.call("inbox", limit=limits.INBOX_OPEN_MAX)["messages"]
        messages = [row["message"] for row in rows if row["state"] == "queued"]
    answer = run.client.call("ack", messages=messages) if messages else {"messages": []}
    run.say(answer, f"{count(len(answer['messages']), 'message')} marked as read")
    return 0
