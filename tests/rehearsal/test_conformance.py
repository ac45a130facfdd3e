"""The rehearsal against recordings of the real CLI: the same keys, and for the driver the same end.

Each case plays a scenario that makes what a recording shows. Both go through the claude
driver's conversation; the class of the end must be the same. Then every kind of line that both
printed must have the same keys in the rehearsal, as far as they are those a driver may read.
"""

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen

from hived.drivers.base import Exit, ToolSpec, TurnSpec, UserLine
from hived.drivers.observations import ToolEnded
from hived.drivers.rehearsal import RehearsalDriver
from tests.drivers import recordings
from tests.drivers.pump import Pump
from tests.rehearsal.program import ROOT, SESSION, Rehearsal, uuid

ASSIGN = ToolSpec("assign", "Assign an issue", {"type": "object"})


@frozen
class Case:
    recording: str
    steps: str
    allow: tuple[str, ...] = ("Bash(git *)",)
    exit: int = 0
    fallback: str = ""
    before: str = ""  # a user text of an earlier run in the same session
    text: str = "hi"
    composed: bool = True


FEW = {"CLAUDE_CODE_MAX_RETRIES": "2"}
CASES = [
    Case("plain", '{ say = "hello" }'),
    Case("bash-allowed", '{ say = "look" }, { bash = "git --version" }, { say = "done" }'),
    Case("bash-denied", '{ bash = "touch new.txt" }, { say = "refused" }'),
    Case(
        "live-sdk-mcp",
        '{ hive = "assign", args = { issue = 7 } }, { bash = "git --version" }, { say = "end" }',
    ),
    Case("err-400", '{ error = "400" }', exit=1),
    Case("err-401", '{ error = "401", retry_delay = 0.01 }', exit=1),
    Case("err-403", '{ error = "403" }', exit=1),
    Case("err-404-model", '{ error = "404" }', exit=1),
    Case("err-429", '{ error = "429", retry_delay = 0.01 }', exit=1),
    Case("err-500", '{ error = "500", retry_delay = 0.01 }', exit=1),
    Case("err-529", '{ error = "529", retry_delay = 0.01 }', exit=1),
    Case(
        "err-529-fallback",
        '{ error = "529", retry_delay = 0.01 }, { say = "from the fallback" }',
        fallback="sonnet",
    ),
    Case("err-connection", '{ error = "connection", retry_delay = 0.01 }', exit=1),
    Case("err-not-logged-in", '{ error = "not_logged_in" }', exit=1),
    Case("err-prompt-too-long", '{ error = "prompt_too_long" }', exit=1),
    Case("prompt-too-long-lost", '{ error = "prompt_too_long" }', exit=1, before="x"),
    Case(
        "max-turns",
        '{ bash = "git --version" }, { bash = "git --version" }, { error = "max_turns" }',
        exit=1,
    ),
    Case("refusal", '{ error = "refusal" }', exit=1),
    Case(
        "rate-limit-warning",
        '{ say = "fine" }, { rate_limit = "allowed_warning", utilization = 0.93 }',
    ),
    Case("compact-manual", '{ say = "x" }', before="x", text="/compact", composed=False),
]


def scenario(folder: Path, case: Case) -> Path:
    path = folder / "scenario.toml"
    first = '[[turn]]\nsteps = [{ say = "before" }]\n' if case.before else ""
    path.write_text(f"{first}[[turn]]\nsteps = [{case.steps}]\n")
    return path


def turn_spec(folder: Path, case: Case, *, resume: bool) -> TurnSpec:
    work = folder / "work"
    work.mkdir(exist_ok=True)
    line = UserLine(1, uuid(2), case.text, case.composed)
    if case.before and not resume:
        line = UserLine(1, uuid(1), case.before)
    return TurnSpec(
        agent="ada",
        turn="t000000000001",
        kind="compact" if case.text == "/compact" else "work",
        session=SESSION,
        resume=resume,
        workdir=str(work),
        home=str(folder),
        allow=case.allow,
        fallback=case.fallback,
        hive_tools=(ASSIGN,),
        opening=(line,),
        options={"scenario": str(scenario(folder, case)), "python": sys.executable},
    )


def in_passing(lines: Iterable[bytes]) -> list[str]:
    """What the CLI told of its own retries, fallbacks and limits, for people who watch."""
    found = [json.loads(line) for line in lines]
    kinds = [line.get("subtype") or line["type"] for line in found]
    return [kind for kind in kinds if kind in ("api_retry", "model_fallback", "rate_limit_event")]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.recording)
def test_the_end_is_classed_as_that_of_the_recording(case: Case, tmp_path: Path) -> None:
    env = {"PYTHONPATH": str(ROOT), **FEW}
    if case.before:
        with Pump(RehearsalDriver(), turn_spec(tmp_path, case, resume=False), env) as earlier:
            assert earlier.finish().outcome == "ok"
    spec = turn_spec(tmp_path, case, resume=bool(case.before))
    with Pump(RehearsalDriver(), spec, env) as pump:
        ending = pump.finish()
        assert pump.process.returncode == case.exit
        assert Path(RehearsalDriver().session_file(spec)).is_file()
    talk = recordings.conversation(case.recording)
    seen = recordings.play(talk, [recordings.output(case.recording)])
    expected = talk.ending(Exit(case.exit), signalled=False)
    assert (ending.outcome, ending.why) == (expected.outcome, expected.why)
    assert ending.transient == expected.transient
    assert ending.seen == {uuid(2)}
    mine = [end.outcome for end in pump.seen if isinstance(end, ToolEnded)]
    theirs = [end.outcome for end in seen if isinstance(end, ToolEnded)]
    assert mine == theirs
    assert in_passing(pump.lines) == in_passing(recordings.output(case.recording).splitlines())
    sorts = [{type(observed).__name__ for observed in found} for found in (pump.seen, seen)]
    assert sorts[1] - {"Receipt"} <= sorts[0]


def test_a_usage_limit_says_until_when(tmp_path: Path) -> None:
    case = Case("", '{ error = "usage_limit", resets_at = 1795433258 }')
    env = {"PYTHONPATH": str(ROOT)}
    with Pump(RehearsalDriver(), turn_spec(tmp_path, case, resume=False), env) as pump:
        ending = pump.finish()
    assert (ending.outcome, ending.until) == ("rate_limited", 1795433258.0)


@pytest.mark.parametrize(
    ("failure", "outcome"),
    [("billing", "auth_failed"), ("413", "prompt_too_long"), ("max_budget", "failed")],
)
def test_failures_that_no_recording_has(tmp_path: Path, failure: str, outcome: str) -> None:
    case = Case("", f'{{ error = "{failure}" }}')
    env = {"PYTHONPATH": str(ROOT)}
    with Pump(RehearsalDriver(), turn_spec(tmp_path, case, resume=False), env) as pump:
        assert pump.finish().outcome == outcome


def test_a_compaction_may_save_a_prompt_that_is_too_long(tmp_path: Path) -> None:
    steps = '{ error = "prompt_too_long", compactable = true }, { say = "saved" }'
    case = Case("", steps, before="x")
    env = {"PYTHONPATH": str(ROOT)}
    for resume in (False, True):
        with Pump(RehearsalDriver(), turn_spec(tmp_path, case, resume=resume), env) as pump:
            assert pump.finish().outcome == "ok"
    names = [type(observed).__name__ for observed in pump.seen]
    assert names.index("CompactionBegan") < names.index("CompactionOver") < names.index("Finished")


# Keys that the real CLI prints and this one leaves out, as nothing that drives it reads them.
UNREAD = {
    "init": {
        "apiKeySource",
        "memory_paths",
        "messaging_socket_path",
        "per_turn_effort_active",
        "ultrathink_available",
        "ultrathink_typed_raises",
    },
    "result": {
        "first_content_frame_ms",
        "first_request_cache_read_input_tokens",
        "first_request_input_tokens",
        "request_sent_wall_ms",
        "time_to_request_ms",
        "ttft_ms",
        "ttft_stream_ms",
    },
    "compact_boundary": {"logical_parent_uuid"},
    "status": {"compact_output_chars"},
    "model_refusal_no_fallback": {
        "api_refusal_category",
        "api_refusal_explanation",
        "refused_user_message_uuid",
        "request_id",
    },
    "rate_limit_event": {"rate_limit_info.surpassedThreshold"},
    "assistant": {"refused_message_id", "request_id"},
}
SHAPES = [case for case in CASES if case.recording not in ("max-turns", "live-sdk-mcp")]


def kind(line: dict[str, Any]) -> str:
    name = str(line.get("subtype") if line["type"] == "system" else line["type"])
    if line["type"] == "assistant" and line["message"]["model"] == "<synthetic>":
        return "synthetic"
    if line["type"] == "user":
        content = line["message"]["content"]
        block = content[0].get("type") if isinstance(content, list) else "text"
        return f"user {block} {sorted(set(line) & {'isSynthetic', 'isReplay'})}"
    return name


def keys(line: dict[str, Any]) -> set[str]:
    """Keys of a line and of the tables in it that are not tables of somebody's names."""
    found = set(line)
    for inner in ("message", "rate_limit_info", "compact_metadata", "usage"):
        if isinstance(line.get(inner), dict):
            found |= {f"{inner}.{key}" for key in line[inner]}
    for row in line.get("modelUsage", {}).values():
        found |= {f"modelUsage.{key}" for key in row}
    for meta in line.get("tool_result_meta", []):
        found |= {f"tool_result_meta.{key}" for key in meta}
    return found


@pytest.mark.parametrize("case", SHAPES, ids=lambda case: case.recording)
def test_lines_have_the_keys_of_the_recorded_ones(case: Case, tmp_path: Path) -> None:
    path = scenario(tmp_path, case)
    flags = [f"--scenario={path}", "--allowedTools", *case.allow]
    if case.fallback:
        flags.append(f"--fallback-model={case.fallback}")
    with Rehearsal(tmp_path, "", *flags, env=FEW) as run:
        if case.before:
            run.say(case.before)
            run.result()
        place = len(run.lines)
        run.say(case.text, composed=case.composed)
        run.finish()
    real = [json.loads(line) for line in recordings.output(case.recording).splitlines()]
    mine: dict[str, set[str]] = {}
    for line in run.lines[place:]:
        mine[kind(line)] = mine.get(kind(line), set()) | keys(line)
    for line in real:
        name = kind(line)
        assert name in mine, f"no line of the kind {name}"
        if name == "init":
            continue
        unread = UNREAD.get("assistant" if name == "synthetic" else name.split()[0], set())
        missing = keys(line) - mine[name] - unread
        assert not missing, f"{name} lacks {sorted(missing)}"
    order = [kind(line) for line in real]
    assert list(dict.fromkeys(order)) == list(dict.fromkeys(map(kind, run.lines[place:])))


def test_the_init_line_has_the_keys_that_are_read(tmp_path: Path) -> None:
    with Rehearsal(tmp_path) as run:
        run.say("hi")
        run.finish()
    (mine,) = run.of("system", "init")
    real = json.loads(recordings.output("plain").splitlines()[0])
    assert set(real) - set(mine) <= UNREAD["init"]
