"""The shapes that reads answer with: plain JSON rows made of the state and of events. Pure."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from hived.events import Cause, Recorded
from hived.events.values import Usage
from hived.names import OPERATOR
from hived.projections import Hive
from hived.projections.agent import NAPPING, Agent
from hived.projections.agent_compactions import thrashing
from hived.projections.inboxes import QUEUED, Message
from hived.projections.questions import Question
from hived.projections.shapes import dump_as
from hived.projections.status import status
from hived.projections.turns import TurnRow


def when(seconds: float) -> str | None:
    """Unix seconds as RFC 3339 UTC with milliseconds; None for 0, which means never."""
    if not seconds:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def cause_row(cause: Cause | None) -> dict[str, Any] | None:
    return None if cause is None else {"stream": cause.stream, "version": cause.version}


def event_row(rec: Recorded) -> dict[str, Any]:
    """EventRow: the envelope and, under `data`, the event's own fields."""
    return {
        "position": rec.position,
        "kind": rec.kind,
        "stream": rec.stream,
        "version": rec.version,
        "at": when(rec.recorded_at),
        "node": rec.node,
        "by": rec.by,
        "command": rec.command.id if rec.command else None,
        "cause": cause_row(rec.cause),
        "data": dump_as(type(rec.event), rec.event),
    }


def message_row(message: Message) -> dict[str, Any]:
    return {
        "message": message.id,
        "from": message.sender,
        "to": message.to,
        "body": message.body,
        "sent_at": when(message.sent_at),
        "in_reply_to": message.in_reply_to or None,
        "urgent": message.urgent,
        "state": message.state,
        "attempts": message.attempts,
        "turn": message.turn or None,
        "why": message.why or None,
        "position": message.position,
    }


def question_row(question: Question) -> dict[str, Any]:
    return {
        "question": question.id,
        "asker": question.asker,
        "to": question.to,
        "text": question.text,
        "options": list(question.options),
        "multi": question.multi,
        "asked_at": when(question.asked_at),
        "deadline": when(question.deadline),
        "state": question.state,
        "answer": question.answer or None,
        "chosen": list(question.chosen),
        "why": question.why or None,
        "closed_at": when(question.closed_at),
        "closed_by": question.closed_by or None,
        "position": question.position,
        "closed_position": question.closed_position or None,
    }


def turn_row(row: TurnRow) -> dict[str, Any]:
    data: dict[str, Any] = dump_as(TurnRow, row)
    data["turn"] = data.pop("id")
    data["started_at"], data["ended_at"] = when(row.started_at), when(row.ended_at)
    data["end_position"] = row.end_position or None
    data["outcome"] = row.outcome or None
    return data


def _turn(agent: Agent) -> dict[str, Any] | None:
    turn = agent.turn
    if turn is None:
        return None
    return {
        "turn": turn.id,
        "number": turn.number,
        "kind": turn.kind,
        "started_at": when(turn.started_at),
        "attempt": turn.attempt,
        "model": turn.model,
        "cancel": turn.cancel or None,
        "tool_calls": turn.tool_calls,
        "running_tools": sorted(turn.open_tools.values()),
    }


def _compaction(agent: Agent) -> str | None:
    """What waits to be compacted; thrashing where compactions of the session free too little."""
    if agent.compaction_wanted:
        return "queued"
    if agent.notes_wanted:
        return "notes queued"
    return "thrashing" if thrashing(agent) else None


def _last_turn(agent: Agent) -> dict[str, Any] | None:
    last = agent.last_turn
    if last is None:
        return None
    return {
        "turn": last.id,
        "number": last.number,
        "kind": last.kind,
        "outcome": last.outcome,
        "why": last.why or None,
        "detail": last.detail or None,
        "duration_ms": last.duration_ms,
        "ended_at": when(last.ended_at),
        "cost_usd": round(last.cost_usd, 6),
    }


def _nap(agent: Agent) -> dict[str, Any] | None:
    """A nap, or one that begins with the end of the running turn: then it has no `since`."""
    nap = agent.nap
    if nap is None:
        return None
    return {
        "until": when(nap.until),
        "since": when(agent.since) if agent.state == NAPPING else None,
        "asked_at": when(nap.asked_at),
        "reason": nap.reason or None,
    }


def agent_row(agent: Agent, hive: Hive) -> dict[str, Any]:
    """AgentRow: one agent as `ps` shows it."""
    shown = status(agent, hive)
    open_messages = hive.inboxes.box(agent.name).open.values()
    queued = sum(m.state == QUEUED for m in open_messages)
    return {
        "agent": agent.name,
        "word": shown.word,
        "group": shown.group,
        "since": when(shown.since),
        "until": when(shown.until),
        "cause": cause_row(shown.by),
        "role": agent.config.role,
        "parent": agent.parent or None,
        "driver": agent.config.driver,
        "process": agent.process,
        "turn_state": agent.state,
        "turn_state_since": agent.since,
        "model": {
            "active": agent.model or None,
            "queued": agent.model_queued,
            "switched_at": when(agent.model_switched_at),
            "switched_by": agent.model_switched_by or None,
        },
        "nap": _nap(agent),
        "turn": _turn(agent),
        "last_turn": _last_turn(agent),
        "turns": agent.turns,
        "inbox": {"queued": queued, "in_turn": len(open_messages) - queued},
        "context_used": agent.context_used,
        "context_window": agent.context_window,
        "compaction": _compaction(agent),
        "notes_bytes": agent.notes_bytes,
        "cost_usd": round(agent.spent.cost_usd, 6),
        "credential": agent.credential,
        "status": agent.status or None,
        "session": agent.session,
        "created_at": when(agent.created_at),
    }


def hive_row(hive: Hive) -> dict[str, Any]:
    ledger = hive.ledger
    return {
        "started_at": when(ledger.started_at),
        "running": ledger.running,
        "turns": dict(ledger.outcomes),
        "messages": ledger.messages,
        "dead_letters": ledger.dead,
        "questions": hive.questions.counts.of.get(OPERATOR, 0),
        "approvals": len(hive.approvals.pending()),
        "cost_usd": round(ledger.spent.cost_usd, 6),
        "usage": dump_as(Usage, ledger.spent.usage),
    }


def stamped(hive: Hive, body: Mapping[str, Any], *, version: int) -> dict[str, Any]:
    """A read's answer: its shape's version, the position and time it is true at, the rest."""
    return {"v": version, "position": hive.position, "at": when(hive.recorded_at), **body}
