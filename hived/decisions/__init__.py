"""Decisions: the state and a command give events or a refusal. COMMANDS is the registry.

Nothing here reads a clock or makes an id, so the same log and the same commands give the same
events anywhere. To add a command: its class and its function in its family's file, its row here.
"""

from collections.abc import Callable, Mapping
from typing import Any

from hived.decisions import (
    access,
    approvals,
    budgets,
    compaction,
    conversation,
    delivery,
    drafts,
    endings,
    kept,
    lifecycle,
    mail,
    naps,
    outcomes,
    question_ends,
    questions,
    reminders,
    settings,
    turns,
    verdicts,
)
from hived.decisions.base import Context, Plan, Planned, stream_version
from hived.projections import Hive

__all__ = ["COMMANDS", "Context", "Plan", "Planned", "decide", "stream_version"]

COMMANDS: Mapping[type[Any], Callable[[Hive, Any, Context], Plan]] = {
    lifecycle.NewAgent: lifecycle.new_agent,
    lifecycle.StartAgent: lifecycle.start_agent,
    lifecycle.StopAgent: lifecycle.stop_agent,
    lifecycle.RestartAgent: lifecycle.restart_agent,
    lifecycle.PauseAgent: lifecycle.pause_agent,
    lifecycle.ResumeAgent: lifecycle.resume_agent,
    lifecycle.RemoveAgent: lifecycle.remove_agent,
    lifecycle.SetStatus: lifecycle.set_status,
    conversation.QueueModel: conversation.queue_model,
    conversation.NewSession: conversation.new_session,
    settings.ConfigureHive: settings.configure_hive,
    settings.KeepQuietHours: settings.keep_quiet_hours,
    kept.Revive: kept.revive,
    kept.PurgeAgent: kept.purge_agent,
    kept.FinishPurge: kept.finish_purge,
    naps.Nap: naps.nap,
    naps.Wake: naps.wake,
    naps.NapElapsed: naps.nap_elapsed,
    reminders.SetReminder: reminders.set_reminder,
    reminders.CancelReminder: reminders.cancel_reminder,
    reminders.FireReminder: reminders.fire_reminder,
    mail.SendMessage: mail.send_message,
    mail.AckMessages: mail.ack_messages,
    questions.Ask: questions.ask,
    question_ends.Answer: question_ends.answer,
    question_ends.CancelQuestion: question_ends.cancel_question,
    question_ends.ExpireQuestion: question_ends.expire_question,
    approvals.RequestApproval: approvals.request_approval,
    verdicts.Decide: verdicts.decide_approval,
    verdicts.Withdraw: verdicts.withdraw,
    verdicts.ExpireApproval: verdicts.expire_approval,
    outcomes.FinishApproval: outcomes.finish_approval,
    drafts.CreateDraft: drafts.create_draft,
    drafts.DiscardDraft: drafts.discard_draft,
    turns.BeginTurn: turns.begin_turn,
    delivery.DeliverNow: delivery.deliver_now,
    delivery.Receive: delivery.receive,
    turns.Observe: turns.observe,
    turns.CancelTurn: turns.cancel_turn,
    compaction.QueueCompaction: compaction.queue_compaction,
    budgets.SettleBudget: budgets.settle_budget,
    endings.EndTurn: endings.end_turn,
    access.Lift: access.lift,
    access.WaitElapsed: access.wait_elapsed,
    access.CredentialChanged: access.credential_changed,
    access.StartHive: access.start_hive,
    access.StopHive: access.stop_hive,
}


def decide(hive: Hive, command: Any, context: Context) -> Plan:
    """The events that follow from a command in this state; none where there is nothing to do.

    Raises:
      CommandRefused: It cannot be done as things stand; says why and what to do.
    """
    return COMMANDS[type(command)](hive, command, context)
