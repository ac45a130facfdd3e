"""hivectl nap, remind, reminders and loose-ends: what agents wait for, and what they owe."""

import argparse
import time
from collections.abc import Mapping
from typing import Any

from hived.ctl.run import Run, UsageError, reads, span, takes_agent, takes_json
from hived.ctl.when import local, of_day, parse
from hived.ctl.words import clean, count

Row = Mapping[str, Any]


def nap_arguments(parser: argparse.ArgumentParser) -> None:
    takes_agent(parser)
    parser.add_argument("seconds", type=span, metavar="SECONDS", help="90, 90s, 10m or 2h")
    parser.add_argument("--reason", metavar="TEXT", help="told to the agent when it wakes")
    takes_json(parser)


def nap(run: Run) -> int:
    """Have an agent rest; 0."""
    args = run.args
    answer = run.client.call("nap", agent=args.agent, seconds=args.seconds, reason=args.reason)
    until = local(answer["until"])
    later = f"will nap until {until}, once its turn {answer['turn']} ends"
    run.say(answer, f"{answer['agent']}: {later if answer['turn'] else f'naps until {until}'}")
    return 0


def remind_arguments(parser: argparse.ArgumentParser) -> None:
    takes_agent(parser)
    parser.add_argument("words", metavar="WORDS", nargs="+", help="what it is to be reminded of")
    when = parser.add_mutually_exclusive_group(required=True)
    when.add_argument("--in", dest="delay", type=span, metavar="SPAN", help="90s, 10m, 2h or 1d")
    when.add_argument("--at", type=_moment, metavar="TIME", help="18:04, RFC 3339, unix seconds")
    takes_json(parser)


def _moment(text: str) -> str:
    """A time as the protocol takes it; a bare number is unix seconds.

    A time of day that has passed is tomorrow's.
    """
    from datetime import UTC, datetime, timedelta

    now = time.time()
    try:
        found = parse(text, now)
        if isinstance(found, int):
            return datetime.fromtimestamp(found, UTC).isoformat()
        moment = datetime.fromisoformat(found).astimezone()
        if of_day(text) and moment.timestamp() <= now:
            # By the local calendar: a day may have 23 hours.
            later = moment.replace(tzinfo=None) + timedelta(days=1)
            return later.astimezone(UTC).isoformat(timespec="milliseconds")
    except (ValueError, OverflowError, OSError):
        raise argparse.ArgumentTypeError(
            f"{text!r} is no time; give 18:04, YYYY-MM-DD HH:MM, RFC 3339 or unix seconds"
        ) from None
    return found


def remind(run: Run) -> int:
    """Set a reminder for an agent; 0."""
    args = run.args
    answer = run.client.call(
        "remind",
        agent=args.agent,
        text=" ".join(args.words),
        delay_seconds=args.delay,
        time=args.at,
    )
    at = local(answer["at"])
    run.say(answer, f"{answer['agent']}: is reminded at {at} ({answer['reminder']})")
    return 0


def reminders_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "words",
        metavar="AGENT | cancel ID",
        nargs="*",
        help="of one agent; cancel ID: cancel one; with none: all",
    )
    reads(parser)


def reminders(run: Run) -> int:
    """Print reminders whose time is to come, or cancel one; 0."""
    words = run.args.words
    if words[:1] == ["cancel"]:
        return _cancel(run, words[1:])
    if len(words) > 1:
        raise UsageError("one agent at a time", "hivectl reminders [AGENT], reminders cancel ID")
    answer = run.read("reminders", agent=words[0] if words else None)
    if run.json:
        run.console.document(answer)
        return 0
    for row in answer["reminders"]:
        head = f"{row['reminder']}  {local(row['at'])}  {row['agent']}, set by {row['by']}"
        run.console.line(clean(head), "bold")
        run.console.block(row["text"])
    if not answer["reminders"]:
        run.console.line("no reminders")
    return 0


def _cancel(run: Run, words: list[str]) -> int:
    if len(words) != 1 or run.args.at is not None:
        raise UsageError("which reminder?", "hivectl reminders cancel ID")
    answer = run.client.call("cancel_reminder", reminder=words[0])
    run.say(answer, f"{answer['reminder']}: cancelled")
    return 0


def loose_ends_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("agent", metavar="AGENT", nargs="?", help="one agent; without, all")
    reads(parser)


def loose_ends(run: Run) -> int:
    """Print what agents have not ended, or owe; 0."""
    answer = run.read("loose_ends", agent=run.args.agent)
    if run.json:
        run.console.document(answer)
        return 0
    shown = [(row, ends) for row in answer["agents"] if (ends := _ends(row))]
    for row, ends in shown:
        run.console.line(clean(row["agent"]), "bold")
        for end in ends:
            run.console.block(end)
    if not shown:
        run.console.line("nothing is open")
    return 0


def _ends(row: Row) -> list[str]:
    """One line for each thing that is open."""
    asked = [f"asked {one['to']} ({one['question']}): {one['text']}" for one in row["asked"]]
    owed = [f"owes {one['asker']} ({one['question']}): {one['text']}" for one in row["owed"]]
    later = [
        f"is reminded at {local(one['at'])} ({one['reminder']}): {one['text']}"
        for one in row["reminders"]
    ]
    wished = [
        f"waits for {one['kind']} {one['agent']} ({one['approval']}, {one['state']})"
        for one in row["approvals"]
    ]
    mail = [f"{count(row['unread'], 'message')} not read"] if row["unread"] else []
    return [*asked, *owed, *later, *wished, *mail]
