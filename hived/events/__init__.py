"""The catalogue: one frozen class per event, one registry of their stored names.

EVENT_TYPES maps a stored name to (class, schema number). A stored topic is `name@schema`, never
an import path. To add an event type: its class in its family's file, its row here.
"""

from typing import Any

from hived.events import (
    agents,
    approvals,
    budgets,
    config,
    hive,
    kept,
    messages,
    naps,
    questions,
    reminders,
    turn,
)
from hived.events.record import Cause, CommandMark, Recorded

__all__ = ["EVENT_TYPES", "KINDS", "Cause", "CommandMark", "Recorded", "kind_of"]

EVENT_TYPES: dict[str, tuple[type[Any], int]] = {
    "turn_start": (turn.TurnStart, 1),
    "turn_cancel": (turn.TurnCancel, 1),
    "turn_end": (turn.TurnEnd, 1),
    "tool_call": (turn.ToolCall, 1),
    "tool_result": (turn.ToolResult, 1),
    "permission_answer": (turn.PermissionAnswer, 1),
    "compaction_queued": (turn.CompactionQueued, 1),
    "compaction_start": (turn.CompactionStart, 1),
    "compaction_end": (turn.CompactionEnd, 1),
    "message_sent": (messages.MessageSent, 1),
    "message_delivered": (messages.MessageDelivered, 1),
    "message_acked": (messages.MessageAcked, 1),
    "message_returned": (messages.MessageReturned, 1),
    "message_dead": (messages.MessageDead, 1),
    "agent_created": (agents.AgentCreated, 1),
    "agent_started": (agents.AgentStarted, 1),
    "agent_stopped": (agents.AgentStopped, 1),
    "agent_paused": (agents.AgentPaused, 1),
    "agent_resumed": (agents.AgentResumed, 1),
    "agent_crashed": (agents.AgentCrashed, 1),
    "agent_destroyed": (agents.AgentDestroyed, 1),
    "status_set": (agents.StatusSet, 1),
    "session_reset": (agents.SessionReset, 1),
    "model_queued": (agents.ModelQueued, 1),
    "model_switched": (agents.ModelSwitched, 1),
    "login_needed": (agents.LoginNeeded, 1),
    "login_done": (agents.LoginDone, 1),
    "rate_limit_hit": (agents.RateLimitHit, 1),
    "rate_limit_over": (agents.RateLimitOver, 1),
    "nap_start": (naps.NapStart, 1),
    "nap_end": (naps.NapEnd, 1),
    "question_asked": (questions.QuestionAsked, 1),
    "question_answered": (questions.QuestionAnswered, 1),
    "question_cancelled": (questions.QuestionCancelled, 1),
    "question_expired": (questions.QuestionExpired, 1),
    "approval_request": (approvals.ApprovalRequest, 1),
    "approval_decision": (approvals.ApprovalDecision, 1),
    "approval_outcome": (approvals.ApprovalOutcome, 1),
    "reminder_set": (reminders.ReminderSet, 1),
    "reminder_fired": (reminders.ReminderFired, 1),
    "reminder_cancelled": (reminders.ReminderCancelled, 1),
    "draft_created": (kept.DraftCreated, 1),
    "draft_discarded": (kept.DraftDiscarded, 1),
    "agent_revived": (kept.AgentRevived, 1),
    "agent_purged": (kept.AgentPurged, 1),
    "purge_done": (kept.PurgeDone, 1),
    "config_proposed": (config.ConfigProposed, 1),
    "config_applied": (config.ConfigApplied, 1),
    "config_failed": (config.ConfigFailed, 1),
    "budget_reached": (budgets.BudgetReached, 1),
    "budget_over": (budgets.BudgetOver, 1),
    "notes_measured": (budgets.NotesMeasured, 1),
    "hive_started": (hive.HiveStarted, 1),
    "hive_stopped": (hive.HiveStopped, 1),
    "hive_configured": (hive.HiveConfigured, 1),
    "quiet_start": (hive.QuietStart, 1),
    "quiet_end": (hive.QuietEnd, 1),
}

KINDS: dict[type[Any], str] = {cls: name for name, (cls, _) in EVENT_TYPES.items()}


def kind_of(event: object) -> str:
    """The stored name of an event, such as turn_end."""
    return KINDS[type(event)]
