"""kill -9 of hived at every event of one turn: the log becomes the same each time."""

import pytest

from tests.daemon.harness import Hive
from tests.daemon.test_kill import check_turn

RICH = """
[default]
steps = [
  { say = "line 1" },
  { hive = "set_status", args = { text = "at work" } },
  { bash = "touch allowed" },
  { bash = "mkdir refused" },
  { compact = "ok" },
  { hive = "send", args = { to = "operator", body = "report" } },
  { say = "line 2" },
]
"""
RICH_LOG = [
    "hive_started",
    "agent_created",
    "agent_started",
    "message_sent",
    "turn_start",
    "message_delivered",
    "tool_call",
    "status_set",
    "tool_result",
    "tool_call",
    "tool_result",
    "tool_call",
    "permission_answer",
    "tool_result",
    "compaction_start",
    "compaction_end",
    "tool_call",
    "message_sent",
    "tool_result",
    "turn_end",
    "message_acked",
    "notes_measured",
]


@pytest.mark.parametrize("number", range(5, len(RICH_LOG) + 1))
def test_killed_at_any_event_the_log_becomes_the_same(stopped: Hive, number: int) -> None:
    stopped.start(die_at=["*", number])
    stopped.new("ada", RICH, allow=["Bash(touch *)"])
    stopped.send("ada")
    stopped.died()
    stopped.start()
    check_turn(stopped, "ada", 2)
    kinds = [row["kind"] for row in stopped.events()]
    assert kinds.count("hive_started") == 2
    kinds.reverse()
    kinds.remove("hive_started")  # the second one
    kinds.reverse()
    assert kinds == RICH_LOG
