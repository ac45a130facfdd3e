"""The texts of hivectl help: what programs may rely on."""

from collections.abc import Mapping

_EXIT_CODES = """\
Exit codes of hivectl

  0    done
  1    refused by hived; its reason and [code] are on stderr
  2    the words make no sense; or a question was not answered with yes
  3    no hived: it does not run, or it went away
  4    no such agent, turn, message or other id; or a prefix that several have
  5    verify, doctor or config check found something wrong
  130  ended by Ctrl-C (SIGINT), as a shell tells it

A reader that closes the pipe early (hivectl log | head) is no error: 0.
"""

_JSON = """\
JSON of hivectl

With --json a verb prints one document on stdout: hived's answer as
rpc/PROTOCOL.md describes it, always with "v": 1. A change that could break a
reader raises v; new fields may come without. Following (-f), it prints one
document a line, flushed (NDJSON), each with "v": 1. Errors are text on stderr
and an exit code, as ever.

Every read also has "position" and "at": where in the log, and when, the
answer is true.

  ps          {v, position, at, agents: [AgentRow], hive: HiveRow}
  status      {v, position, at, agent: AgentRow and {config, usage,
              turns: [TurnRow], containment}}
  turns       {v, position, at, agent, turns: [TurnRow]}
  why         {v, position, at, agent, word, since, until,
              chain: [EventRow], next_step, because}
  log         {v, position, at, events: [EventRow], next}: one page of -n, 100
              by default; the next page is --since NEXT, none where it is null
  log -f      EventRow a line
  transcript  {v, position, at, agent, turn, from, lines: [{byte, line}],
              next, running}
  transcript -f
              {v, agent, turn, byte, line} a line
  state       {v, position, at, state: {view: data}}
  inbox       {v, position, at, inbox, messages: [MessageRow], left_out}
  questions   {v, position, at, questions: [QuestionRow], left_out}
  approvals   {v, position, at, approvals: [ApprovalRow], left_out}
  approvals show
              {v, position, at, approval: ApprovalRow and {config, diff,
              truncated, base, paths, staged, staged_now}}
  reminders   {v, position, at, reminders: [ReminderRow]}
  loose-ends  {v, position, at, agents: [LooseEndsRow]}
  notes       {v, position, at, agent, path, text, bytes, cut, limit_bytes,
              last: {at, outcome} or null, history: [OldNotesRow]}
  costs       {v, position, at, by, since, told_apart_since,
              rows: [SpendRow], total: SpendRow, budgets: [BudgetRow]; by day
              also before: SpendRow}
  drafts      {v, position, at, drafts: [DraftRow]}
  config, config explain
              {v, position, at, agent, commit, config, text,
              keys: [{key, value, source}], history: [{mark, id, commit,
              note, at}], pending: [ApprovalRow], proposed}
  config check
              {v, position, at, ok, file, problems: [text]}
  config schema
              {v, file, schema}
  tombstones  {v, position, at, tombstones: [TombstoneRow],
              purging: [{agent, since}]}
  verify      {v, position, at, ok, events, problems: [text], seconds}
  doctor      {v, position, at, ok,
              checks: [{name, state: ok|warn|fail, found, hint}]}
  daemon status
              {v, running: true, pid, version, node, home, socket, started_at,
              position, ...}, or {v, running: false, problem} where it does not
              run (exit code 3)
  version     {v, hivectl, hived: version or null}
  approve, deny, withdraw
              {v, approvals: [ApprovalRow]}; of one, also as below
  send, new, ...
              the command's answer: {v, position, streams, version, ...}

Times are RFC 3339 UTC, durations milliseconds (fields ending in _ms), costs
US dollars.

@ROWS@"""

_TIMES = """\
Moments, for --at, --since and --until

  412                   a position in the log
  2026-11-23T18:04:11Z  RFC 3339
  '2026-11-23 18:04'    local time; seconds may follow
  18:04                 today
  -5m, '5m ago'         before now; s, m, h, d or w
"""


def _rows() -> str:
    from textwrap import fill

    from hived.rpc.specs import ROWS

    return "".join(
        fill(f"{name}: {', '.join(fields)}", 79, subsequent_indent="  ") + "\n"
        for name, fields in ROWS.items()
    )


TOPICS: Mapping[str, str] = {
    "json": _JSON.replace("@ROWS@", _rows()),
    "exit-codes": _EXIT_CODES,
    "times": _TIMES,
}
