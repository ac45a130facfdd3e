"""Canned answers: a hive of four agents, some of whose words are wide, long or hostile."""

from typing import Any

HOSTILE = "\x1b[31mred\x1b]0;title\x07\x9b2J\u202e\u2066 tab\there\nsecond line"
WIDE = "日本語" * 30 + " " + "x" * 200
STAMP = "2026-11-23T18:04:11.250Z"


def stamped(**body: Any) -> dict[str, Any]:
    return {"v": 1, "position": 412, "at": STAMP, **body}


def agent_row(name: str, word: str, group: str, **more: Any) -> dict[str, Any]:
    row = {
        "agent": name,
        "word": word,
        "group": group,
        "since": "2026-11-23T18:01:11.000Z",
        "until": None,
        "cause": {"stream": f"agent:{name}", "version": 3},
        "role": "worker",
        "parent": None,
        "driver": "claude",
        "process": "running",
        "turn_state": "idle",
        "turn_state_since": 1.0,
        "model": {"active": "haiku", "queued": None, "switched_at": None, "switched_by": None},
        "nap": None,
        "turn": None,
        "last_turn": last_turn("ok"),
        "turns": 4,
        "inbox": {"queued": 0, "in_turn": 0},
        "context_used": 45_000,
        "context_window": 200_000,
        "compaction": None,
        "notes_bytes": 812,
        "cost_usd": 0.1234,
        "credential": "claude:default",
        "status": None,
        "session": "2c6dd641-924a-4e0c-a527-1e10554021ed",
        "created_at": "2026-11-23T10:00:00.000Z",
    }
    return {**row, **more}


def last_turn(outcome: str, why: str | None = None) -> dict[str, Any]:
    return {
        "turn": "t0123456789ab",
        "number": 4,
        "kind": "work",
        "outcome": outcome,
        "why": why,
        "detail": "as the CLI said",
        "duration_ms": 12_345,
        "ended_at": "2026-11-23T18:00:00.000Z",
        "cost_usd": 0.0012,
    }


RUNNING = {
    "turn": "t00000000000c",
    "number": 5,
    "kind": "work",
    "started_at": "2026-11-23T18:04:01.000Z",
    "attempt": 1,
    "model": "haiku",
    "cancel": None,
    "tool_calls": 3,
    "running_tools": ["Bash"],
}

AGENTS = [
    agent_row("bob", "idle", "Idle or napping", inbox={"queued": 2, "in_turn": 0}),
    agent_row(
        "ada",
        "thinking",
        "Working",
        turn=RUNNING,
        nap={"until": STAMP, "since": None, "asked_at": STAMP, "reason": None},
        status=HOSTILE,
        model={
            "active": "claude-haiku-4-5-20251001",
            "queued": "sonnet",
            "switched_at": STAMP,
            "switched_by": "operator:ann",
        },
    ),
    agent_row(
        "a-worker-with-a-very-long-name-of-forty-",
        "failed",
        "Failed",
        status=WIDE,
        last_turn=last_turn("failed", "configuration"),
    ),
    agent_row("eve", "needs login", "Needs you", until=STAMP, context_window=0, context_used=0),
    agent_row(
        "nell",
        "napping",
        "Idle or napping",
        until=STAMP,
        nap={"until": STAMP, "since": STAMP, "asked_at": STAMP, "reason": HOSTILE},
    ),
    agent_row("zoe", "stopped", "Stopped", last_turn=None, cost_usd=0.0),
]

USAGE = {"input": 1200, "output": 80, "cache_read": 45_000, "cache_write": 0}


def spent(key: str, cost: float, tokens: int) -> dict[str, Any]:
    return {"key": key, "turns": 3, "usage": {**USAGE, "output": tokens}, "cost_usd": cost}


TURNS = [
    {
        "turn": f"t{number:012x}",
        "number": number,
        "kind": "work",
        "reason": "mail",
        "model": "haiku",
        "attempt": 1 + number // 4,
        "started_at": "2026-11-23T17:00:00.000Z",
        "ended_at": "2026-11-23T17:00:12.000Z" if outcome else None,
        "outcome": outcome,
        "why": "overloaded" if outcome == "failed" else None,
        "detail": "",
        "exit_code": 0,
        "duration_ms": 12_345,
        "tools": {"Bash": 2, "Read": 1},
        "usage": USAGE,
        "cost_usd": 0.0012,
        "bytes": 4096,
        "start_position": 10,
        "end_position": 20,
    }
    for number, outcome in enumerate(["ok", "failed", "cancelled", None], 1)
]

CONFIG = {
    "driver": "claude",
    "workdir": "/srv/app",
    "model": "haiku",
    "fallback": "",
    "allow": ["Bash(git *)", "Read"],
    "options": {"scenario": "/srv/scenario.json"},
}

MESSAGES = [
    {
        "message": f"m{number:012x}",
        "from": sender,
        "to": "operator",
        "body": body,
        "sent_at": STAMP,
        "in_reply_to": "m00000000000f" if number == 2 else None,
        "urgent": number == 1,
        "state": "queued",
        "attempts": 0,
        "turn": None,
        "why": None,
        "position": 400 + number,
    }
    for number, (sender, body) in enumerate([("ada", HOSTILE), ("bob", WIDE)], 1)
]


def event(position: int, kind: str = "status_set", **data: Any) -> dict[str, Any]:
    return {
        "position": position,
        "kind": kind,
        "stream": "agent:ada",
        "version": position,
        "at": STAMP,
        "node": "n1",
        "by": "agent:ada",
        "command": None,
        "cause": None,
        "data": {"agent": "ada", "text": f"at {position}", **data},
    }


EVENTS = [
    event(410, "status_set", text=HOSTILE),
    event(411, "from_the_future", weight=WIDE),
    event(
        412,
        "turn_end",
        turn="t1",
        outcome="ok",
        why="",
        detail="",
        duration_ms=12_300,
        tools={"Bash": 3},
        cost_usd=0.0012,
        leftovers=0,
        retry_at=0.0,
    ),
]

LINES = [
    {"byte": 90, "line": '{"type":"system","subtype":"init","session_id":"s","model":"haiku"}'},
    {
        "byte": 200,
        "line": '{"type":"assistant","message":{"content":[{"type":"text","text":'
        '"\\u001b[31mred words"},{"type":"tool_use","name":"Bash","input":{"command":"ls"}}]}}',
    },
    {"byte": 300, "line": "not json \x1b[2J at all"},
    {
        "byte": 400,
        "line": '{"type":"result","subtype":"success","duration_ms":1500,"total_cost_usd":0.002}',
    },
]

WRITTEN = {"position": 413, "streams": ["agent:ada"], "version": 7}

HIVE_ROW = {
    "started_at": STAMP,
    "running": True,
    "turns": {"ok": 100, "failed": 3},
    "messages": 7,
    "dead_letters": 1,
    "questions": 1,
    "approvals": 2,
    "cost_usd": 1.5,
    "usage": USAGE,
}

TOMBSTONE: dict[str, Any] = {
    "agent": "zoe",
    "role": "worker",
    "driver": "claude",
    "parent": None,
    "created_at": STAMP,
    "destroyed_at": STAMP,
    "destroyed_by": "operator:ann",
    "turns": 12,
    "cost_usd": 0.25,
    "session": "s0",
    "inbox": {"queued": 2},
    "bytes": 48_000_012,
    "more": True,
    "problem": None,
}

QUESTIONS = [
    {
        "question": "q0000000000000001",
        "asker": "ada",
        "to": "operator",
        "text": HOSTILE + " " + WIDE,
        "options": ["red", WIDE],
        "multi": True,
        "asked_at": STAMP,
        "deadline": STAMP,
        "state": "open",
        "answer": None,
        "chosen": [],
        "why": None,
        "closed_at": None,
        "closed_by": None,
        "position": 9,
        "closed_position": None,
    },
    {
        "question": "q0000000000000002",
        "asker": "ada",
        "to": "bob",
        "text": "Which one?",
        "options": ["red", "blue"],
        "multi": False,
        "asked_at": STAMP,
        "deadline": None,
        "state": "answered",
        "answer": "blue",
        "chosen": ["blue"],
        "why": None,
        "closed_at": STAMP,
        "closed_by": "operator:ann",
        "position": 10,
        "closed_position": 12,
    },
    {
        "question": "q0000000000000003",
        "asker": "operator",
        "to": "bob",
        "text": "Done?",
        "options": [],
        "multi": False,
        "asked_at": STAMP,
        "deadline": None,
        "state": "cancelled",
        "answer": None,
        "chosen": [],
        "why": "gone",
        "closed_at": STAMP,
        "closed_by": "operator:ann",
        "position": 11,
        "closed_position": 13,
    },
]

REMINDERS = [
    {
        "reminder": f"r{number:016x}",
        "agent": "ada",
        "text": text,
        "at": STAMP,
        "set_at": STAMP,
        "by": by,
    }
    for number, (text, by) in enumerate([(HOSTILE, "agent:ada"), (WIDE, "operator:ann")], 1)
]

LOOSE_ENDS = {
    "agent": "ada",
    "asked": QUESTIONS[:1],
    "owed": QUESTIONS[:1],
    "reminders": REMINDERS,
    "approvals": [
        {
            "approval": "a0000000000000001",
            "kind": "spawn",
            "agent": "eve",
            "description": WIDE,
            "state": "pending",
            "asked_at": STAMP,
        }
    ],
    "unread": 2,
}
NO_ENDS: dict[str, Any] = {
    "asked": [],
    "owed": [],
    "reminders": [],
    "approvals": [],
    "unread": 0,
}

APPROVAL: dict[str, Any] = {
    "approval": "p0123456789abcdef",
    "kind": "spawn_commit",
    "agent": "web",
    "requester": "boss",
    "state": "pending",
    "description": HOSTILE + " " + WIDE,
    "commit": "c" * 40,
    "files": 2,
    "asked_at": STAMP,
    "expires_at": STAMP,
    "decided_at": None,
    "decided_by": None,
    "decided_position": None,
    "rule": None,
    "note": None,
    "closed_at": None,
    "why": None,
    "position": 77,
}
DENIED = {
    **APPROVAL,
    "state": "denied",
    "decided_at": STAMP,
    "decided_by": "policy:no env",
    "decided_position": 80,
    "rule": "no env",
    "note": "never",
}
DIFF = f"""diff --git a/agent.toml b/agent.toml
--- a/agent.toml
+++ b/agent.toml
@@ -1,2 +1,2 @@
-model = "haiku"
+model = "opus"  # {WIDE}
"""
DRAFT: dict[str, Any] = {
    "agent": "web",
    "creator": "boss",
    "description": HOSTILE,
    "created_at": STAMP,
    "config_path": "/srv/hive/agents/web/config",
    "state_path": "/srv/hive/agents/web/state",
}

ANSWERS: dict[str, Any] = {
    "approvals": stamped(approvals=[APPROVAL, DENIED], left_out=3),
    "approval": stamped(
        approval={
            **DENIED,
            "config": CONFIG,
            "diff": DIFF,
            "truncated": True,
            "base": "b" * 40,
            "paths": ["agent.toml", "\x1b[31mred.md"],
            "staged": ["notes.md (12)"],
            "staged_now": ["notes.md (13)", WIDE],
        }
    ),
    "approve": {**WRITTEN, "approval": {**APPROVAL, "state": "done"}},
    "deny": {**WRITTEN, "approval": {**DENIED, "rule": None}},
    "withdraw": {**WRITTEN, "approval": {**APPROVAL, "state": "withdrawn"}},
    "spawn": {**WRITTEN, "approval": {**APPROVAL, "state": "approved"}},
    "apply": {**WRITTEN, "approval": {**APPROVAL, "kind": "apply_commit", "agent": "ada"}},
    "drafts": stamped(drafts=[DRAFT]),
    "draft_new": {**WRITTEN, "draft": DRAFT},
    "draft_discard": {**WRITTEN, "agent": "web", "withdrawn": ["p1", "p2"]},
    "hello": {
        "protocol": 1,
        "version": "0.1.0",
        "node": "n1",
        "you": {"name": "ann", "uid": 0, "access": "operator"},
        "position": 412,
    },
    "agents": stamped(agents=AGENTS, hive=HIVE_ROW),
    "questions": stamped(questions=QUESTIONS, left_out=3),
    "ask": {**WRITTEN, "question": "q0000000000000009"},
    "answer": {**WRITTEN, "question": "q0000000000000009", "answer": HOSTILE, "chosen": []},
    "cancel_question": {**WRITTEN, "question": "q0000000000000009"},
    "agent": stamped(
        agent={
            **AGENTS[1],
            "config": CONFIG,
            "usage": USAGE,
            "turns": TURNS,
            "inbox": {"queued": 2, "in_turn": 1, "received": 9},
            "containment": {"kind": "cgroup", "note": ""},
        }
    ),
    "inbox": stamped(inbox="operator", messages=MESSAGES, left_out=0),
    "log": stamped(events=EVENTS, next=None),
    "transcript": {
        **stamped(agent="ada", turn="t1", lines=LINES, next=None, running=False),
        "from": 0,
    },
    "why": stamped(
        agent="ada",
        word="thinking",
        since=STAMP,
        chain=[EVENTS[2], EVENTS[0]],
        next_step="turn",
        because="turn t1 runs",
        until=None,
    ),
    "state": stamped(state={"agents": {"live": {"ada": {"status": HOSTILE}}}, "ledger": {}}),
    "reminders": stamped(reminders=REMINDERS),
    "loose_ends": stamped(agents=[LOOSE_ENDS, {**LOOSE_ENDS, "agent": "idle", **NO_ENDS}]),
    "nap": {**WRITTEN, "agent": "ada", "until": STAMP, "turn": "t00000000000c"},
    "wake": {**WRITTEN, "agent": "ada", "waiting": 1},
    "remind": {**WRITTEN, "agent": "ada", "reminder": "r0000000000000001", "at": STAMP},
    "cancel_reminder": {**WRITTEN, "agent": "ada", "reminder": "r0000000000000001"},
    "verify": {"v": 1, "ok": True, "events": 412, "problems": [], "seconds": 0.25},
    "doctor": {
        "v": 1,
        "ok": True,
        "checks": [
            {"name": "containment", "state": "warn", "found": WIDE, "hint": "mount cgroup2"},
            {"name": "disk", "state": "ok", "found": "12 GB free", "hint": ""},
        ],
    },
    "daemon_status": {
        "v": 1,
        "pid": 4242,
        "version": "0.1.0",
        "node": "n1",
        "home": "/srv/hive",
        "socket": "/srv/hive/hived.sock",
        "started_at": STAMP,
        "position": 412,
        "clients": 2,
        "rss_bytes": 52_000_000,
    },
    "new": {**WRITTEN, "agent": "ada"},
    "send": {**WRITTEN, "messages": ["m0123456789ab"]},
    "ack": {**WRITTEN, "messages": ["m000000000001", "m000000000002"]},
    "cancel": {**WRITTEN, "agent": "ada", "turn": "t00000000000c"},
    "compact": {
        **WRITTEN,
        "agent": "ada",
        "of": "session",
        "queued_behind": "t00000000000c",
    },
    "model": {**WRITTEN, "agent": "ada", "model": "sonnet", "was": "haiku"},
    "new_session": {**WRITTEN, "agent": "ada", "session": "s2", "was": "s1"},
    "pause": {**WRITTEN, "agent": "ada"},
    "resume": {**WRITTEN, "agent": "ada"},
    "start": {**WRITTEN, "agent": "ada"},
    "stop": {**WRITTEN, "agent": "ada", "cancelled": "t00000000000c"},
    "restart": {**WRITTEN, "agent": "ada", "cancelled": None},
    "config": {
        "v": 1,
        "position": 412,
        "at": STAMP,
        "agent": "ada",
        "commit": "0123456789abcdef0123456789abcdef01234567",
        "config": {"driver": "claude", "model": "haiku"},
        "text": 'model = "haiku"\n# \x1b[2J ' + WIDE + "\n",
        "keys": [
            {"key": "driver", "value": '"claude"', "source": "built-in"},
            {"key": "model", "value": '"haiku"', "source": "agent.toml"},
            {"key": "allow", "value": '["' + WIDE + '"]', "source": "hive.toml"},
        ],
        "history": [
            {
                "mark": "denied",
                "id": "p0123456789abcdef",
                "commit": "0123456789abcdef0123456789abcdef01234567",
                "note": "no\x1b[2J " + WIDE,
                "at": STAMP,
            }
        ],
        "pending": [],
        "proposed": "/srv/hive/agents/ada/config",
    },
    "config_check": {
        "v": 1,
        "position": 412,
        "at": STAMP,
        "ok": False,
        "file": "agent.toml",
        "problems": ["modle: unknown key; did you mean model?"],
    },
    "daemon_reload": {**WRITTEN, "changed": True, "digest": "0a1b"},
    "rm": {**WRITTEN, "agent": "ada", "kept_messages": 3},
    "tombstones": {
        "v": 1,
        "position": 412,
        "at": STAMP,
        "tombstones": [
            TOMBSTONE,
            {**TOMBSTONE, "agent": WIDE, "bytes": None, "problem": "\x1b[2J is a link"},
        ],
        "purging": [{"agent": "old", "since": STAMP}],
    },
    "purge_plan": {
        "v": 1,
        "position": 412,
        "at": STAMP,
        "agent": "zoe",
        "paths": [
            {"path": "/srv/hive/agents/zoe", "bytes": 48_000_000, "more": True},
            {"path": "/srv/hive/transcripts/zoe", "bytes": 12, "more": False},
        ],
        "bytes": 48_000_012,
        "messages": 2,
    },
    "revive": {**WRITTEN, "agent": "zoe", "approval": "p0123456789ab", "revived": True},
    "purge": {
        **WRITTEN,
        "agent": "zoe",
        "paths": ["/srv/hive/agents/zoe (48000000)", "/srv/hive/transcripts/zoe (12)"],
        "bytes": 48_000_012,
        "dropped_messages": 2,
        "deleted": True,
    },
    "lift": {**WRITTEN, "credential": "claude:default", "budgets": 1},
    "costs": stamped(
        by="model",
        since=None,
        told_apart_since="2026-11-01",
        rows=[
            spent("claude-opus-5-5", 2.5, 1_000_000),
            spent(HOSTILE, 0.004, 0),
            spent("", 0.0, 10),
        ],
        total=spent("total", 2.504, 1_000_010),
        budgets=[
            {
                "scope": scope,
                "unit": unit,
                "per": "month",
                "amount": 1_000_000.0,
                "used": 1_250_000.0,
                "until": STAMP,
                "state": state,
            }
            for scope, unit, state in (("*", "tokens", "reached"), ("ada", "usd", "ok"))
        ],
    ),
    "notes": stamped(
        agent="ada",
        path=f"/srv/hive/{HOSTILE}/notes.md",
        text=f"# Notes\n{HOSTILE}\n{WIDE}\n",
        bytes=4_096,
        cut=True,
        limit_bytes=32_768,
        last={"at": STAMP, "outcome": "ok"},
        history=[{"number": 7, "turn": "t7", "bytes": 9_000, "replaced_at": STAMP}],
    ),
    "daemon_stop": {"stopping": True, "turns": "left", "running": ["t00000000000c"]},
    "subscribe": {"subscription": 1, "position": 412},
    "follow": {"subscription": 2},
}
