"""What the golden log of schema 1 holds, in the words of today's classes.

tests/data/logs/schema-1.jsonl is never edited, and lines are only added at its end. When a
class changes, its value here changes with it, and the old line must still read as this.
"""

from hived.events import Cause, CommandMark, Recorded, kind_of
from hived.events import agents as a
from hived.events import hive as h
from hived.events import messages as m
from hived.events import turn as t
from hived.events.values import AgentConfig, Usage

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
