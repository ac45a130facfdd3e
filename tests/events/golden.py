"""What the golden log of schema 1 holds, in the words of today's classes.

tests/data/logs/schema-1.jsonl is never edited, and lines are only added at its end. When a
class changes, its value here changes with it, and the old line must still read as this.
"""

from hived.events import Cause, CommandMark, Recorded, kind_of
from hived.events import agents as a
from hived.events import approvals as p
from hived.events import budgets as b
from hived.events import config as c
from hived.events import hive as h
from hived.events import kept as k
from hived.events import messages as m
from hived.events import naps as n
from hived.events import questions as q
from hived.events import reminders as r
from hived.events import turn as t
from hived.events.settings import Policy, QuietHours, Settings
from hived.events.values import AgentConfig, Budget, McpServer, ModelUse, Resources, Usage

CONFIG = AgentConfig(
    driver="claude",
    workdir="/srv/hive/ada",
    model="haiku",
    fallback="sonnet",
    role="manager",
    allow=("Bash(git *)", "Read"),
    tools=("Bash", "Read", "Edit"),
    env_file="/srv/hive/ada.env",
    config_dir="/srv/hive/ada-config",
    prompt_file="/srv/hive/ada.md",
    program="/usr/bin/claude",
    recipients=("bob", "operator"),
    idle_limit_s=120.5,
    tool_limit_s=900.0,
    options={"scenario": "greeting"},
)
ONE, TWO = "3f2b8c1e-7d4a-4e9b-9c55-0a1b2c3d4e5f", "a0b1c2d3-e4f5-4a6b-8c7d-9e0f1a2b3c4d"
ANN, ADA, MAIL = "operator:ann", "agent:ada", "message:m5f0000000000001"
T1, T2, M1 = "t5f00000000000001", "t5f00000000000002", "m5f0000000000001"

QUESTION, APPROVAL = "question:q1", "approval:p1"
FULL = AgentConfig(
    driver="claude",
    workdir="/srv/hive/eve",
    sandbox="none",
    resources=Resources(2**31, 1.5, 200),
    mcp_servers={"docs": McpServer("docs-mcp", ("--fast",), {"LANG": "C"})},
    notes_limit_bytes=16_384,
    compact_at=0.5,
    budgets=(Budget(2.5), Budget(200_000.0, "tokens", "hour")),
    commit="0123456789abcdef0123456789abcdef01234567",
)

# stream, by, the command's mark, the cause, the event
_LINES: list[tuple[str, str, CommandMark | None, Cause | None, object]] = [
    ("hive", "hive", None, None, h.HiveStarted("0.1.0", "main", "b5f00000000000001")),
    (
        ADA,
        ANN,
        CommandMark("operator:ann:new-1", "9c1185a5c5e9fc54", 2),
        None,
        a.AgentCreated("ada", CONFIG, ONE, "main", "bob"),
    ),
    (ADA, ANN, None, Cause(ADA, 1), a.AgentStarted("ada", "created")),
    (
        MAIL,
        ANN,
        CommandMark("operator:ann:send-1", "1f0e2d3c4b5a6978", 1),
        None,
        m.MessageSent(M1, "operator", "ada", 'Grüße, "ada" 🐝\nline two\t\\', "m4", True),
    ),
    (
        ADA,
        "policy:mail",
        None,
        Cause(MAIL, 1),
        t.TurnStart("ada", T1, 1, "work", "mail", ONE, True, "haiku", 2, T2, "crashed", (M1,)),
    ),
    (MAIL, "policy:mail", None, Cause(ADA, 3), m.MessageDelivered(M1, "ada", T1, 1, 1, TWO)),
    (ADA, ADA, None, Cause(ADA, 3), t.ToolCall("ada", T1, "toolu_1", "Bash", "git log", 4096)),
    (
        ADA,
        "hive",
        None,
        Cause(ADA, 4),
        t.PermissionAnswer("ada", T1, "toolu_1", "Bash", True, "Bash(git *)", "allowed", 4200),
    ),
    (ADA, ADA, None, Cause(ADA, 3), t.ToolResult("ada", T1, "toolu_1", "Bash", "ok", 5000)),
    (ADA, ADA, None, None, a.StatusSet("ada", "reading the log")),
    (ADA, ANN, None, None, t.CompactionQueued("ada", "operator")),
    (ADA, ADA, None, Cause(ADA, 8), t.CompactionStart("ada", T1, "session", "operator", 6000)),
    (
        ADA,
        ADA,
        None,
        Cause(ADA, 9),
        t.CompactionEnd("ada", T1, "session", "ok", 150_000, 20_000, "done", 7000),
    ),
    (ADA, ANN, None, None, a.ModelQueued("ada", "opus", "haiku")),
    (ADA, "hive", None, Cause(ADA, 11), a.ModelSwitched("ada", "opus", "haiku", T1)),
    (ADA, ANN, None, None, t.TurnCancel("ada", T1, "operator")),
    (
        ADA,
        "hive",
        None,
        Cause(ADA, 3),
        t.TurnEnd(
            agent="ada",
            turn=T1,
            outcome="cancelled",
            why="operator",
            detail="interrupted",
            exit_code=-15,
            duration_ms=61_234,
            tools={"Bash": 1},
            sent={"peer": 1, "operator": 2},
            received=1,
            usage=Usage(10, 20, 30, 40),
            cost_usd=0.125,
            model="claude-haiku-4-5",
            context_used=21_000,
            context_window=200_000,
            byte=7_500,
            leftovers=1,
        ),
    ),
    (
        MAIL,
        "hive",
        None,
        Cause(ADA, 14),
        m.MessageReturned(M1, "ada", T1, "cancelled", 1, True, True, 1_780_000_060.5),
    ),
    (MAIL, "hive", None, Cause(ADA, 14), m.MessageAcked(M1, "ada", T1)),
    (MAIL, "policy:mail", None, None, m.MessageDead(M1, "ada", "gave up", 5)),
    (ADA, "hive", None, Cause(ADA, 14), a.SessionReset("ada", TWO, ONE, "prompt_too_long")),
    (ADA, "hive", None, None, a.LoginNeeded("ada", "claude:/home/ada", T1, "401")),
    ("hive", ANN, None, None, a.LoginDone("claude:/home/ada", "changed")),
    (ADA, "hive", None, None, a.RateLimitHit("ada", "claude:/home/ada", T1, 1_780_003_600.0, True)),
    ("hive", "hive", None, None, a.RateLimitOver("claude:/home/ada", "elapsed")),
    (ADA, ANN, None, None, a.AgentPaused("ada")),
    (ADA, ANN, None, None, a.AgentResumed("ada")),
    (ADA, "hive", None, None, a.AgentCrashed("ada", T1, "configuration", "no such program")),
    (ADA, ANN, None, None, a.AgentStopped("ada")),
    (ADA, ANN, None, None, a.AgentDestroyed("ada")),
    ("hive", "hive", None, None, h.HiveStopped("left")),
    # All that may be left out is left out.
    (
        "agent:bob",
        "agent:ada",
        None,
        None,
        a.AgentCreated("bob", AgentConfig("claude", "/"), ONE, "n"),
    ),
    ("agent:bob", "hive", None, None, t.TurnEnd("bob", T2, "lost")),
    # Naps, questions, reminders.
    ("agent:bob", "agent:bob", None, None, n.NapStart("bob", 1_780_000_600.5, "nothing to do", T2)),
    ("agent:bob", "policy:nap", None, Cause("agent:bob", 3), n.NapEnd("bob", "elapsed", 2)),
    (
        QUESTION,
        "agent:bob",
        None,
        None,
        q.QuestionAsked("q1", "bob", "operator", "Red?", ("yes", "no"), True, 1_780_000_900.0),
    ),
    (QUESTION, ANN, None, None, q.QuestionAnswered("q1", "bob", "yes, no", ("yes", "no"))),
    (QUESTION, ANN, None, None, q.QuestionCancelled("q1", "bob", "operator")),
    (QUESTION, "policy:deadline", None, None, q.QuestionExpired("q1", "bob")),
    ("agent:bob", "agent:bob", None, None, r.ReminderSet("r1", "bob", "Look.", 1_780_000_700.0)),
    ("agent:bob", "policy:reminder", None, None, r.ReminderFired("r1", "bob", M1)),
    ("agent:bob", ANN, None, None, r.ReminderCancelled("r1", "bob", "operator")),
    # Approvals, drafts, configurations, tombstones.
    ("agent:eve", ADA, None, None, k.DraftCreated("eve", "ada", "reads mail")),
    (
        APPROVAL,
        ADA,
        None,
        None,
        p.ApprovalRequest(
            approval="p1",
            kind="spawn_commit",
            requester="ada",
            agent="eve",
            description="reads mail",
            commit="0123456789abcdef0123456789abcdef01234567",
            base="89abcdef0123456789abcdef0123456789abcdef",
            config=FULL,
            diff="--- a/agent.toml\n+++ b/agent.toml\n",
            truncated=True,
            paths=("agent.toml",),
            staged=("notes.md (12)",),
            expires_at=1_780_086_400.0,
        ),
    ),
    ("agent:eve", ADA, None, None, c.ConfigProposed("eve", "p1", "0123456789abcdef")),
    (
        APPROVAL,
        "policy:small",
        None,
        None,
        p.ApprovalDecision("p1", "eve", "approved", "looks fine", "small"),
    ),
    (APPROVAL, "hive", None, None, p.ApprovalOutcome("p1", "eve", "failed", "no such branch")),
    ("agent:eve", "hive", None, None, c.ConfigApplied("eve", "p1", FULL, "claude:/home/eve")),
    ("agent:eve", "hive", None, None, c.ConfigFailed("eve", "p1", "0123456789abcdef", "diverged")),
    ("agent:eve", ANN, None, None, k.DraftDiscarded("eve", "not wanted")),
    ("agent:ada", ANN, None, None, k.AgentRevived("ada", "p1")),
    ("agent:ada", ANN, None, None, k.AgentPurged("ada", ("/srv/hive/ada (12)",), 12)),
    # Budgets, notes, the hive's settings.
    (
        "hive",
        "policy:budget",
        None,
        None,
        b.BudgetReached("bob", "usd", "day", 5.0, 5.25, 1_780_012_800.0),
    ),
    ("hive", "policy:budget", None, None, b.BudgetOver("bob", "usd", "day", "elapsed")),
    ("agent:bob", "hive", None, None, b.NotesMeasured("bob", T2, 4096)),
    (
        "hive",
        "hive",
        None,
        None,
        h.HiveConfigured(
            Settings(
                defaults={"model": '"haiku"'},
                budgets=(Budget(1_000_000.0, "tokens", "month"),),
                policies=(
                    Policy("small", "approve", ("apply_commit",), ("ada",), ("*.md",), "ok"),
                ),
                expiry_s={"spawn": 86_400.0},
                quiet_hours=(QuietHours("night", 1_320, 360, 120, ("bob",)),),
                resume_after_limits=False,
                digest="0a1b",
            )
        ),
    ),
    ("agent:ada", "hive", None, None, k.PurgeDone("ada", 12)),
    ("hive", "policy:night", None, None, h.QuietStart("night", 1_780_030_800.0, ("bob",))),
    ("hive", "policy:night", None, None, h.QuietEnd("night", "elapsed")),
    # Fields that came later.
    ("agent:bob", "operator:ann", None, None, t.CompactionQueued("bob", "operator", "notes")),
    (
        "agent:bob",
        "hive",
        None,
        None,
        t.TurnEnd(
            "bob",
            T2,
            "ok",
            usage=Usage(3, 4, 5, 6),
            cost_usd=0.75,
            models={
                "haiku": ModelUse(Usage(1, 2, 3, 4), 0.25),
                "opus": ModelUse(Usage(2, 2, 2, 2), 0.5),
            },
        ),
    ),
]


def expected() -> list[Recorded]:
    """The golden log, as it must read."""
    versions: dict[str, int] = {}
    found = []
    for position, (stream, by, command, cause, event) in enumerate(_LINES, 1):
        versions[stream] = versions.get(stream, 0) + 1
        at = 1_780_000_000.0 + position / 8
        found.append(
            Recorded(
                position,
                stream,
                versions[stream],
                at,
                "main",
                by,
                command,
                cause,
                kind_of(event),
                event,
            )
        )
    return found
