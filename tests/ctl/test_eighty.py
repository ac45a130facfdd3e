"""What 80 columns must not take away: what an agent waits for, sums, pages of help."""

from hived.ctl.verbs import VERBS
from hived.rpc.specs import METHODS
from tests.ctl.canned import Hive, Hivectl
from tests.ctl.rows import HIVE_ROW, STAMP, agent_row, last_turn


def test_ps_tells_what_an_agent_waits_for_and_all_that_waits_for_a_person(
    hive: Hive, hivectl: Hivectl
) -> None:
    model = {"active": "sonnet-4-5", "queued": "opus", "switched_at": None, "switched_by": None}
    limited = agent_row("ada-the-first", "rate limited", "Idle or napping", until=STAMP)
    crashed = agent_row(
        "bob", "failed", "Failed", status="busy", last_turn=last_turn("failed", "configuration")
    )
    rows = [{**row, "model": model} for row in (limited, crashed)]
    sums = {**HIVE_ROW, "turns": {"ok": 123_456}, "questions": 2, "approvals": 3, "dead_letters": 4}
    hive.answers["agents"] = {**hive.answers["agents"], "agents": rows, "hive": sums}
    shown = hivectl("ps", COLUMNS="80").stdout
    assert "NOTE" not in shown
    assert "\n  until " in shown and "\n  configuration\n" in shown
    assert "3 approvals wait for you" in " ".join(shown.split())
    assert "4 dead letters" in shown and "…" not in shown.splitlines()[-1]
    wide = hivectl("ps").stdout
    assert "NOTE" in wide and "\n  until " not in wide


def test_the_list_of_verbs_is_whole(hivectl: Hivectl) -> None:
    shown = hivectl("help", COLUMNS="80").stdout
    assert "…" not in shown
    assert max(map(len, shown.splitlines())) <= 80


def test_the_shape_of_every_read_is_documented(hivectl: Hivectl) -> None:
    """By its verb's name; reads of the protocol that are no verb are shown by one that is."""
    shown = hivectl("help", "json").stdout
    told = {line.split("{")[0].strip() for line in shown.splitlines() if line.startswith("  ")}
    told = {name for names in told for name in names.split(", ")}
    shown_by = {
        "agents": "ps",
        "agent": "status",
        "approval": "approvals show",
        "config_check": "config check",
        "daemon_status": "daemon status",
        "loose_ends": "loose-ends",
        "purge_plan": "",
        "question": "",
    }
    reads = {name for name, row in METHODS.items() if row.kind == "read"}
    verbs = {shown_by.get(name, name) for name in reads} - {""}
    assert verbs <= told
    assert {verb.split()[0] for verb in verbs} <= set(VERBS)


def test_the_beginning_of_the_log_is_called_so(hive: Hive, hivectl: Hivectl) -> None:
    hive.answers["agents"] = {**hive.answers["agents"], "position": 0, "at": None}
    assert hivectl("ps", "--at", "0").stdout.startswith("As of the beginning, position 0\n")


def test_a_slip_in_a_span_of_time_is_told_as_one(hivectl: Hivectl) -> None:
    done = hivectl("log", "--since", "-5x")
    assert done.returncode == 2
    assert "'-5x' is no moment" in done.stderr
