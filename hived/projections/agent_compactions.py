"""How compactions, of the session and of the notes, move an agent's state."""

from hived import limits
from hived.events.turn import CompactionEnd, CompactionQueued, TurnStart
from hived.events.values import AgentConfig
from hived.projections.agent import Agent, OpenTurn

NOTES = "notes"


def watermark(config: AgentConfig) -> float:
    """The share of the window beyond which the session is compacted; 1 for never."""
    return config.compact_at or limits.COMPACT_AT_SHARE


def thrashing(agent: Agent) -> bool:
    """Whether compactions free so little that none is made by watermark any more."""
    return agent.lean >= limits.THRASH_COMPACTIONS


def queued(agent: Agent, event: CompactionQueued) -> None:
    if event.of == NOTES:
        agent.notes_wanted = event.why
    else:
        agent.compaction_wanted = event.why


def begun(agent: Agent, start: TurnStart) -> None:
    """A turn begins: what it does is no longer to be done."""
    if start.kind == "compact":
        agent.compaction_wanted = ""
    elif start.kind == NOTES:
        agent.notes_wanted = ""
    elif start.reason == "checkpoint":
        agent.checkpointed = True


def ended(agent: Agent, turn: OpenTurn | None, event: CompactionEnd, at: float) -> None:
    """A compaction is over. turn: the one it ran in. at: unix seconds."""
    if event.of == NOTES:
        _notes_ended(agent, turn, event, at)
        return
    if event.outcome == "ok" and event.after:
        agent.context_used = event.after
    if turn is not None and turn.kind == "compact":
        _session_ended(agent, turn, event)


def _notes_ended(agent: Agent, turn: OpenTurn | None, event: CompactionEnd, at: float) -> None:
    if event.outcome == "deferred":
        agent.notes_wanted = turn.why if turn is not None else ""
        return
    # Whatever came of it, the same notes are not put to the CLI again.
    agent.notes_tried_bytes = event.after if event.outcome == "ok" else event.before
    agent.notes_compacted, agent.notes_compacted_at = event.outcome, at


def _session_ended(agent: Agent, turn: OpenTurn, event: CompactionEnd) -> None:
    """A drive that only compacts: deferred ones (rate limit, login, stop) come again."""
    if event.outcome == "deferred":
        if agent.recovery != "compact":
            agent.compaction_wanted = turn.why
        return
    agent.checkpointed = False
    if agent.recovery == "compact":
        agent.recovery = "compacted" if event.outcome == "ok" else "fresh"
    if turn.why == "watermark" and event.outcome in ("ok", "failed"):
        agent.lean = agent.lean + 1 if _freed_little(agent, event) else 0


def _freed_little(agent: Agent, event: CompactionEnd) -> bool:
    if event.outcome != "ok":
        return True
    little = event.before * limits.COMPACTION_LITTLE_SHARE
    if event.before and event.after > little:
        return True
    return bool(agent.context_window) and event.after >= watermark(agent.config) * (
        agent.context_window
    )


def reset(agent: Agent) -> None:
    """A new conversation: what was to be done to the one before it is not done."""
    agent.compaction_wanted = ""
    agent.checkpointed = False
    agent.lean = 0
