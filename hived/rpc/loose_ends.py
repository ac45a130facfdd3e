"""What an agent has begun and not ended, or owes: as rows, and in words for the agent. Pure."""

from collections.abc import Iterable
from typing import Any

from hived.decisions.frames import on_a_line
from hived.decisions.times import utc
from hived.projections import Hive
from hived.projections.questions import Question
from hived.projections.reminders import Reminder
from hived.rpc.rows import question_row, when

_SHOWN_MAX = 20  # of a kind, in words
_CHARS_MAX = 200  # of one, in words


def loose_ends_row(hive: Hive, agent: str) -> dict[str, Any]:
    """LooseEndsRow: open questions, reminders, approvals that wait, mail that waits."""
    questions = hive.questions.of(agent)
    return {
        "agent": agent,
        "asked": [question_row(one) for one in questions if one.asker == agent],
        "owed": [question_row(one) for one in questions if one.to == agent],
        "reminders": [reminder_row(one) for one in reminders_of(hive, agent)],
        "approvals": [
            {
                "approval": one.id,
                "kind": one.kind,
                "agent": one.agent,
                "description": one.description or None,
                "state": one.state,
                "asked_at": when(one.asked_at),
            }
            for one in hive.approvals.open.values()
            if one.requester == agent
        ],
        "unread": len(hive.inboxes.box(agent).queued()),
    }


def reminders_of(hive: Hive, agent: str | None = None) -> list[Reminder]:
    """Pending reminders of an agent, of all without one; the next first."""
    every = hive.reminders.of
    owners = every.values() if agent is None else [every.get(agent, {})]
    return sorted((one for own in owners for one in own.values()), key=lambda one: one.at)


def reminder_row(one: Reminder) -> dict[str, Any]:
    """ReminderRow."""
    return {
        "reminder": one.id,
        "agent": one.agent,
        "text": one.text,
        "at": when(one.at),
        "set_at": when(one.set_at),
        "by": one.by,
    }


def loose_ends_text(hive: Hive, agent: str) -> str:
    """The same in words for the agent, bounded."""
    questions = hive.questions.of(agent)
    asked = (f"{q.id} to {q.to}{_by(q)}: {q.text}" for q in questions if q.asker == agent)
    owed = (f"{q.id} from {q.asker}{_by(q)}: {q.text}" for q in questions if q.to == agent)
    reminders = (f"{r.id} at {utc(r.at)}: {r.text}" for r in reminders_of(hive, agent))
    approvals = (
        f"{a.id} {a.kind} {a.agent}, {a.state}: {a.description}"
        for a in hive.approvals.open.values()
        if a.requester == agent
    )
    parts = [
        *_part("Questions you asked that have no answer yet", asked),
        *_part("Questions that wait for your answer", owed),
        *_part("Your reminders", reminders),
        *_part("Approvals you asked for that are not done", approvals),
    ]
    waiting = len(hive.inboxes.box(agent).queued())
    if waiting:
        parts.append(f"Mail that waits: {waiting}")
    return "\n".join(parts) or "Nothing is open."


def _by(question: Question) -> str:
    return f", until {utc(question.deadline)}" if question.deadline else ""


def _part(title: str, lines: Iterable[str]) -> list[str]:
    every = [on_a_line(line) for line in lines]
    if not every:
        return []
    shown = [
        "- " + (line if len(line) <= _CHARS_MAX else line[: _CHARS_MAX - 1] + "…")
        for line in every[:_SHOWN_MAX]
    ]
    more = len(every) - len(shown)
    return [f"{title}:", *shown, *([f"- and {more} more"] if more else [])]
