"""Compactions of the session and of the notes: when there is one, and what its end means."""

from attrs import evolve, frozen

from hived import limits
from hived.decisions.base import Context, Plan, need_agent, on_agent
from hived.decisions.cancels import BLAMELESS, BY_LIMIT
from hived.decisions.mail import SendMessage, send_message
from hived.errors import CommandRefused
from hived.events import turn as e
from hived.events.budgets import NotesMeasured
from hived.names import HIVE, OPERATOR
from hived.projections import Hive
from hived.projections.agent import COMPACTING, Agent, OpenTurn
from hived.projections.agent_compactions import NOTES, thrashing, watermark

_QUEUED = "it comes before the next turn; nothing else is to be done"


@frozen
class Rewrite:
    """What came of a rewrite of the notes, as hived found it. before, after: bytes.

    detail: why it was refused; empty where it took the notes' place.
    """

    before: int
    after: int
    detail: str = ""


@frozen
class QueueCompaction:
    """Compact the conversation, or the notes (`of`), before the next turn."""

    agent: str
    why: str = "operator"
    of: str = "session"


def queue_compaction(hive: Hive, command: QueueCompaction, context: Context) -> Plan:
    agent = need_agent(hive, command.agent)
    if command.of == NOTES:
        if agent.notes_wanted:
            raise CommandRefused(
                f"a compaction of the notes of {agent.name} is queued already", hint=_QUEUED
            )
    elif agent.session_fresh:
        raise CommandRefused(f"{agent.name} has no conversation yet", hint="nothing to compact")
    elif agent.compaction_wanted:
        raise CommandRefused(f"a compaction of {agent.name} is queued already", hint=_QUEUED)
    return [on_agent(agent.name, e.CompactionQueued(agent.name, command.why, command.of))]


def compaction(agent: Agent) -> str:
    """Why the agent's session is to be compacted before other work; empty where it is not."""
    if agent.recovery == "compact":
        return "prompt_too_long"
    return "" if agent.session_fresh else agent.compaction_wanted


def begin_compaction(agent: Agent, turn: str, model: str, context: Context) -> Plan:
    """The turn that compacts the session or the notes, or saves the notes before; else nothing."""
    start = e.TurnStart(
        agent=agent.name,
        turn=turn,
        number=agent.turns + 1,
        kind="compact",
        reason="compaction",
        session=agent.session,
        fresh=False,
        model=model,
        why=compaction(agent),
    )
    if start.why == "watermark" and not agent.checkpointed:
        return [on_agent(agent.name, evolve(start, kind="work", reason="checkpoint"))]
    of = "session"
    if not start.why:
        if not agent.notes_wanted:
            return []
        of, session = NOTES, context.make_uuid()
        start = evolve(start, kind=NOTES, session=session, fresh=True, why=agent.notes_wanted)
    begin = e.CompactionStart(agent.name, turn, of, start.why)
    return [on_agent(agent.name, start), on_agent(agent.name, begin)]


def cut_short(turn: OpenTurn) -> str:
    """The outcome of a compaction that was ended from outside, by what ended its turn."""
    if turn.cancel in BY_LIMIT:
        return "failed"
    return "deferred" if turn.cancel in BLAMELESS else "cancelled"


def ended_with(
    agent: Agent, turn: OpenTurn, end: e.TurnEnd, rewrite: Rewrite | None
) -> e.CompactionEnd | None:
    """The end of a compaction that ends with its turn; None where none is open."""
    if agent.state != COMPACTING:
        return None
    outcome = {
        "ok": "failed",  # the CLI went on without telling how its compaction ended
        "rate_limited": "deferred",
        "auth_failed": "deferred",
        "lost": "deferred",
        "cancelled": cut_short(turn),
    }.get(end.outcome, "failed")
    if turn.kind != NOTES:
        return e.CompactionEnd(end.agent, end.turn, "session", outcome, detail=end.detail)
    rewrite = rewrite or Rewrite(agent.notes_bytes, 0, "nobody saw what came of it")
    detail = end.detail or end.why
    if end.outcome == "ok":
        outcome, detail = "failed" if rewrite.detail else "ok", rewrite.detail
    after = rewrite.after if outcome == "ok" else 0
    return e.CompactionEnd(end.agent, end.turn, NOTES, outcome, rewrite.before, after, detail)


def after_turn(
    hive: Hive,
    agent: Agent,
    turn: OpenTurn,
    end: e.TurnEnd,
    over: e.CompactionEnd | None,
    notes_bytes: int | None,
    context: Context,
) -> Plan:
    """What follows a turn's end: the measure of the notes, compactions to come, what is told.

    over: the compaction that ends with the turn. notes_bytes: as measured, None where not.
    """
    plan: Plan = []
    if notes_bytes is not None:
        plan.append(on_agent(agent.name, NotesMeasured(agent.name, turn.id, notes_bytes)))
    if end.outcome == "ok" and turn.kind == "work":
        plan += [on_agent(agent.name, queued) for queued in _wanted(agent, turn, end, notes_bytes)]
    words = _told(agent, turn, over)
    if words:
        plan += send_message(hive, SendMessage(OPERATOR, words), evolve(context, by=HIVE))
    return plan


def _wanted(
    agent: Agent, turn: OpenTurn, end: e.TurnEnd, notes_bytes: int | None
) -> list[e.CompactionQueued]:
    found = []
    share, window = watermark(agent.config), end.context_window or agent.context_window
    full = share < 1.0 and window > 0 and 0 < end.context_used >= share * window
    # What the checkpoint before a compaction adds to the session is about to be compacted.
    if full and not (agent.compaction_wanted or thrashing(agent) or turn.reason == "checkpoint"):
        found.append(e.CompactionQueued(agent.name, "watermark"))
    limit = agent.config.notes_limit_bytes or limits.NOTES_LIMIT_BYTES
    tried = agent.notes_tried_bytes * (1 + limits.NOTES_GROWTH_SHARE)
    if notes_bytes is not None and notes_bytes > max(limit, tried) and not agent.notes_wanted:
        found.append(e.CompactionQueued(agent.name, "bloat", NOTES))
    return found


def _told(agent: Agent, turn: OpenTurn, over: e.CompactionEnd | None) -> str:
    """What the operator is told of a compaction that did not help, once."""
    if over is not None and over.of == NOTES and over.outcome == "failed":
        return (
            f"The notes of {agent.name} could not be compacted: {over.detail}. "
            f"They stay as they are ({over.before} bytes). It is tried again when they have grown; "
            f"hivectl notes {agent.name} shows them."
        )
    if turn.kind == "compact" and turn.why == "watermark" and _thrashes(agent, over):
        return (
            f"Compactions of {agent.name} free too little: {limits.THRASH_COMPACTIONS} in a row "
            "left its context about as full as it was. No more are made by themselves until "
            f"hivectl new-session {agent.name}; hivectl compact {agent.name} still makes one."
        )
    return ""


def _thrashes(agent: Agent, over: e.CompactionEnd | None) -> bool:
    """Counts the end of the compaction that is planned with the turn's end, and not yet folded."""
    planned = int(over is not None and over.outcome == "failed")
    return agent.lean + planned >= limits.THRASH_COMPACTIONS
