"""Every verb, in text and as JSON, against the canned hive."""

import json
import shlex
from pathlib import Path

import pytest
from attrs import fields

from hived.ctl import run as ctl_run
from hived.ctl.verbs import VERBS
from hived.events.values import AgentConfig
from hived.rpc.specs import METHODS
from tests.ctl.canned import Hive, Hivectl
from tests.ctl.rows import STAMP, WIDE

# verb line -> (method it calls, what its text must show)
CASES = {
    "ps": ("agents", "45k/200k 22%"),
    "status ada": ("agent", "haiku-4-5 → sonnet"),
    "turns ada": ("agent", "failed (overloaded)"),
    "why ada": ("why", "ada is thinking since 2026-11-23 18:04:11, because:"),
    "log": ("log", "turn_end ok 12.3s, 3 tools, $0.0012"),
    "transcript ada 4": ("transcript", "→ Bash ls"),
    "state": ("state", '"status":'),
    "send ada hello there": ("send", "sent m0123456789ab"),
    "inbox": ("inbox", "from ada  queued, urgent"),
    "ack m000000000001": ("ack", "2 messages marked as read"),
    "ask ada which one --option red --ttl 2h": ("ask", "asked: q0000000000000009"),
    "questions --all": ("questions", "> operator:ann: blue"),
    "questions": ("questions", "[ ] 1. red"),
    "questions cancel q09": ("cancel_question", "q0000000000000009: cancelled"),
    "answer q09 --option 2": ("answer", "q0000000000000009 answered:"),
    "remind ada look again --in 10m": ("remind", "ada: is reminded at 2026-11-23 18:04:11"),
    "reminders ada": ("reminders", "r0000000000000002  2026-11-23 18:04:11  ada, set by operator"),
    "reminders cancel r01": ("cancel_reminder", "r0000000000000001: cancelled"),
    "loose-ends": ("loose_ends", "waits for spawn eve (a0000000000000001, pending)"),
    "nap ada 90 --reason lunch": ("nap", "ada: will nap until 2026-11-23 18:04:11, once its turn"),
    "wake ada": ("wake", "ada: woken, 1 message waited"),
    "approvals": ("approvals", "3 older ones left out"),
    "approvals --all": ("approvals", "denied"),
    "approvals show p01": ("approval", "+model = "),
    "approve p01": ("approve", "p0123456789abcdef: spawn_commit web: done"),
    "approve --all --kind spawn_commit --from boss --yes": ("approve", "spawn_commit web: done"),
    "deny p01 --note never": ("deny", "p0123456789abcdef: spawn_commit web: denied"),
    "withdraw p01": ("withdraw", "p0123456789abcdef: spawn_commit web: withdrawn"),
    "drafts": ("drafts", "/srv/hive/agents/web/config"),
    "drafts new web": ("draft_new", "hivectl spawn web --from-commit COMMIT"),
    "drafts discard web --yes": ("draft_discard", "web: discarded, 2 requests withdrawn"),
    "spawn web --from-commit 0123abc": ("spawn", "is approved and being carried out"),
    "apply ada 0123abc": ("apply", "waits: hivectl approvals show p0123456789abcdef"),
    "new ada": ("new", "ada: made and started"),
    "cancel ada": ("cancel", "turn t00000000000c is being ended"),
    "compact ada": ("compact", "compacts after turn t00000000000c"),
    "model ada sonnet": ("model", "haiku → sonnet with the next turn"),
    "new-session ada": ("new_session", "a new conversation begins"),
    "pause ada": ("pause", "ada: paused"),
    "resume ada": ("resume", "ada: takes turns again"),
    "start ada": ("start", "ada: started"),
    "stop ada": ("stop", "ada: stopped, turn t00000000000c is cancelled"),
    "restart ada": ("restart", "ada: started anew"),
    "rm ada --yes": ("rm", "ada: taken out, 3 messages kept; hivectl revive ada"),
    "config ada": ("config", "ada runs with commit 0123456789ab"),
    "config explain ada": ("config", "hive.toml"),
    "tombstones": ("tombstones", "old: is being deleted"),
    "revive zoe": ("revive", "zoe: is back, started"),
    "purge zoe --yes": ("purge", "48MB+  /srv/hive/agents/zoe"),
    "lift ada": ("lift", "claude:default and 1 budget: the wait is over"),
    "costs": ("costs", "opus-5-5"),
    "notes ada": ("notes", "compacted beyond 33k; last ok 2026-11-23"),
    "notes ada --history": ("notes", "1 old version; to read one"),
    "verify": ("verify", "the log is sound: 412 events"),
    "doctor": ("doctor", "mount cgroup2"),
    "daemon status": ("daemon_status", "hived 0.1.0 runs as process 4242"),
    "version": ("daemon_status", "hivectl 0.1.0, hived 0.1.0"),
}
READS_AT = [line for line in CASES if "at" in METHODS[CASES[line][0]].params and line != "version"]


def test_every_verb_has_a_case() -> None:
    tested = {line.split()[0] for line in CASES}
    assert tested | {"completion", "help"} == set(VERBS)


@pytest.mark.parametrize("line", CASES)
def test_text(hive: Hive, hivectl: Hivectl, line: str) -> None:
    method, shown = CASES[line]
    done = hivectl(*shlex.split(line))
    assert (done.returncode, done.stderr) == (0, "")
    assert shown in done.stdout
    assert method in [name for name, _ in hive.calls]


@pytest.mark.parametrize("line", CASES)
def test_json_is_one_document(hive: Hive, hivectl: Hivectl, line: str) -> None:
    done = hivectl(*shlex.split(line), "--json")
    assert (done.returncode, done.stderr) == (0, "")
    document = json.loads(done.stdout)
    assert document["v"] == 1
    method = CASES[line][0]
    if line not in ("turns ada", "version") and not line.startswith("approve --all"):
        assert hive.answers[method].items() <= document.items()


@pytest.mark.parametrize("line", CASES)
def test_no_line_is_wider_than_the_terminal(hive: Hive, hivectl: Hivectl, line: str) -> None:
    from hived.ctl.words import columns

    for width in (40, 80, 132):
        done = hivectl(*shlex.split(line), COLUMNS=str(width))
        assert max(columns(text) for text in done.stdout.splitlines()) <= width


@pytest.mark.parametrize("line", CASES)
def test_nothing_a_terminal_obeys_is_shown(hive: Hive, hivectl: Hivectl, line: str) -> None:
    done = hivectl(*shlex.split(line), COLUMNS="80")
    assert done.stdout.replace("\n", "").isprintable()


@pytest.mark.parametrize("line", READS_AT)
def test_reads_take_a_moment(hive: Hive, hivectl: Hivectl, line: str) -> None:
    for given, asked in (("77", 77), ("2026-11-23T18:00:00Z", "2026-11-23T18:00:00.000Z")):
        done = hivectl(*shlex.split(line), "--at", given)
        assert done.returncode == 0, done.stderr
        assert hive.params(CASES[line][0])["at"] == asked
    done = hivectl(*shlex.split(line), "--at", "-5m")
    assert done.returncode == 0, done.stderr
    assert hivectl(*shlex.split(line), "--at", "soon").returncode == 2


@pytest.mark.parametrize("line", CASES)
def test_only_parameters_of_the_protocol_are_sent(hive: Hive, hivectl: Hivectl, line: str) -> None:
    hivectl(*shlex.split(line))
    for method, params in hive.calls:
        spec = METHODS[method].params
        assert params.keys() <= spec.keys()
        assert {name for name, param in spec.items() if param.required} <= params.keys()


@pytest.mark.parametrize("name", VERBS)
def test_help_has_an_example_that_parses(hivectl: Hivectl, name: str) -> None:
    verb = VERBS[name]
    done = hivectl(name, "--help", COLUMNS="80")
    assert done.returncode == 0
    assert f"hivectl {verb.example}" in done.stdout
    words = shlex.split(verb.example)
    assert words[0] == name
    ctl_run.parse(name, verb, words[1:])
    assert hivectl("help", name, COLUMNS="80").stdout == done.stdout


def test_ps_is_grouped_by_what_to_do(hive: Hive, hivectl: Hivectl) -> None:
    lines = hivectl("ps").stdout.splitlines()
    heads = [line for line in lines if line and line[0].isupper()][1:]
    assert heads == ["Needs you", "Working", "Idle or napping", "Stopped", "Failed"]
    assert lines[-1].startswith("6 agents, 103 turns, $1.50, ")
    assert lines[-1].endswith(", 1 dead letter")


def test_ages_with_at_count_to_that_moment(hive: Hive, hivectl: Hivectl) -> None:
    lines = hivectl("ps", "--at", "412").stdout.splitlines()
    assert lines[0] == "As of 2026-11-23 18:04:11, position 412"
    row = next(line for line in lines if line.startswith("ada")).split()
    assert row[:3] == ["ada", "thinking", "3m"]
    assert "#5 10s" in " ".join(row)


def test_an_empty_hive_says_what_to_do(hive: Hive, hivectl: Hivectl) -> None:
    hive.answers["agents"] = {**hive.answers["agents"], "agents": []}
    assert "hivectl new" in hivectl("ps").stdout


@pytest.mark.parametrize("words", [("send", "ada"), ("send", "ada", "-"), ("send", "--all", "-")])
def test_a_letter_comes_from_stdin(hive: Hive, hivectl: Hivectl, words: tuple[str, ...]) -> None:
    assert hivectl(*words, stdin="first\nsecond ü\n").returncode == 0
    assert hive.params("send") == {"to": words[1].replace("--all", "*"), "body": "first\nsecond ü"}


def test_send_to_all_urgently_in_reply(hive: Hive, hivectl: Hivectl) -> None:
    hivectl("send", "--all", "--urgent", "stop", "now", "--reply-to", "m0123456789ab")
    assert hive.params("send") == {
        "to": "*",
        "body": "stop now",
        "urgent": True,
        "in_reply_to": "m0123456789ab",
    }


def test_new_sends_what_was_given(hive: Hive, hivectl: Hivectl, home: Path) -> None:
    line = (
        "new web-1 --workdir src --model haiku --fallback sonnet --role manager --parent ada "
        "--allow 'Bash(git *)' --allow Read --tool Bash --recipient ada --recipient operator "
        "--env-file ../keys.env --config-dir /etc/claude --prompt-file p.md --program ./claude "
        "--idle-limit 30 --tool-limit 1.5 --option a=b=c --scenario s.json --stopped"
    )
    done = hivectl(*shlex.split(line))
    assert done.stdout == "ada: made, not started\n"
    assert hive.params("new") == {
        "agent": "web-1",
        "driver": "rehearsal",
        "workdir": f"{home}/src",
        "model": "haiku",
        "fallback": "sonnet",
        "role": "manager",
        "parent": "ada",
        "allow": ["Bash(git *)", "Read"],
        "tools": ["Bash"],
        "recipients": ["ada", "operator"],
        "env_file": f"{home.parent}/keys.env",
        "config_dir": "/etc/claude",
        "prompt_file": f"{home}/p.md",
        "program": f"{home}/claude",
        "idle_limit_s": 30.0,
        "tool_limit_s": 1.5,
        "options": {"a": "b=c", "scenario": f"{home}/s.json"},
        "start": False,
    }


def test_a_program_without_a_slash_is_a_name(hive: Hive, hivectl: Hivectl) -> None:
    hivectl("new", "ada", "--program", "claude")
    assert hive.params("new") == {"agent": "ada", "program": "claude"}


def test_inbox_marks_as_read_what_it_has_shown(hive: Hive, hivectl: Hivectl) -> None:
    done = hivectl("inbox", "--ack")
    assert "second line" in done.stdout
    assert hive.params("ack") == {"messages": ["m000000000001", "m000000000002"]}


def test_ack_all(hive: Hive, hivectl: Hivectl) -> None:
    hivectl("ack", "--all")
    assert hive.params("ack") == {"messages": ["m000000000001", "m000000000002"]}


def test_log_reads_page_after_page_from_since(hive: Hive, hivectl: Hivectl) -> None:
    row = hive.answers["log"]["events"][0]

    def page(params: dict[str, object]) -> object:
        since = params["since"]
        assert isinstance(since, int)
        events = [{**row, "position": since + 1}]
        return {"v": 1, "position": 9, "at": STAMP, "events": events, "next": since + 1 or None}

    def three(params: dict[str, object]) -> object:
        answer = page(params)
        assert isinstance(answer, dict)
        return {**answer, "next": answer["next"] if answer["next"] < 3 else None}

    hive.answers["log"] = three
    done = hivectl("log", "--since", "0", "--kind", "status_set", "--kind", "turn_end")
    positions = [line.split()[1] for line in done.stdout.splitlines() if "status_set" in line]
    assert positions == ["1", "2", "3"]
    assert hive.params("log")["kinds"] == ["status_set", "turn_end"]


def test_transcript_raw_is_byte_for_byte_on_a_pipe(hive: Hive, hivectl: Hivectl) -> None:
    lines = [row["line"] for row in hive.answers["transcript"]["lines"]]
    assert hivectl("transcript", "ada", "--raw").stdout == "".join(f"{x}\n" for x in lines)


def test_help_topics_fit_and_are_complete(hivectl: Hivectl) -> None:
    overview = hivectl("help").stdout
    for name in VERBS:
        assert f"\n  {name} " in overview
    for topic in ("json", "exit-codes", "times"):
        done = hivectl("help", topic)
        assert done.returncode == 0
        assert max(map(len, done.stdout.splitlines())) <= 80
    for code in (0, 1, 2, 3, 4, 5, 130):
        assert f"\n  {code} " in hivectl("help", "exit-codes").stdout
    assert WIDE not in overview


def test_why_an_approved_request_failed_is_told_whole(hive: Hive, hivectl: Hivectl) -> None:
    why = "the commit 4ac28bfc9d55 does not stand on bf7bea1cfcfa, which is deployed: rebase it"
    row = {**hive.answers["approve"]["approval"], "state": "failed", "why": why}
    for method in ("approve", "spawn", "apply"):
        hive.answers[method] = {**hive.answers[method], "approval": row}
    for words in (("approve", "p01"), ("spawn", "web"), ("apply", "web", "0123abc")):
        done = hivectl(*words, COLUMNS="80")
        assert done.returncode == 1
        assert why in " ".join(done.stdout.split("\n"))
        assert all(len(line) <= 80 for line in done.stdout.split("\n"))


def test_status_tells_each_setting_apart_from_its_name(hive: Hive, hivectl: Hivectl) -> None:
    answer = hive.answers["agent"]
    config = {one.name: f"is:{one.name}" for one in fields(AgentConfig)}
    hive.answers["agent"] = {**answer, "agent": {**answer["agent"], "config": config}}
    lines = hivectl("status", "ada").stdout.splitlines()
    told = {line.split("is:")[1]: line.split("is:")[0] for line in lines if "is:" in line}
    assert told.keys() == config.keys()
    assert all(name.endswith(" ") for name in told.values())
