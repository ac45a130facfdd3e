"""Sessions on disk: resumed, refused, killed, compacted."""

import json
import signal
from pathlib import Path

import pytest

from hived.rehearsal.session import find
from tests.rehearsal.program import SESSION, Rehearsal, uuid

NEW = f"--session-id={SESSION}"
RESUME = f"--resume={SESSION}"
LISTED = """
[[turn]]
steps = [{ say = "one {n}" }]
[[turn]]
steps = [{ say = "two {n}" }]
[default]
steps = [{ say = "after {n}" }]
"""


def run_once(folder: Path, scenario: str, flag: str, text: str, number: int = 0) -> Rehearsal:
    with Rehearsal(folder, scenario, flag) as run:
        run.say(text, number)
        run.finish()
    return run


def session_file(run: Rehearsal) -> Path:
    (path,) = run.config.glob(f"projects/*/{SESSION}.jsonl")
    return path


def test_the_session_goes_on_where_it_stopped(tmp_path: Path) -> None:
    runs = [run_once(tmp_path, LISTED, NEW, "a", 1)]
    runs += [run_once(tmp_path, LISTED, RESUME, "b", n) for n in (2, 3)]
    assert [run.texts() for run in runs] == [["one 1"], ["two 2"], ["after 3"]]
    costs = [run.of("result")[0]["total_cost_usd"] for run in runs]
    assert 0 < costs[0] < costs[1] < costs[2]
    own = runs[2].of("result")[0]["model_usage_since_last_result"]["claude-opus-5-5"]["costUSD"]
    assert abs(own - (costs[2] - costs[1])) < 1e-9
    mangled = "".join(c if c.isalnum() and c.isascii() else "-" for c in str(runs[0].cwd))
    assert session_file(runs[0]).parent.name == mangled
    ids = [line["message"]["id"] for run in runs for line in run.of("assistant")]
    assert len(set(ids)) == 3


def test_a_list_may_begin_again(tmp_path: Path) -> None:
    scenario = 'repeat = true\n[[turn]]\nsteps = [{say="x"}]\n[[turn]]\nsteps = [{say="y"}]'
    with Rehearsal(tmp_path, scenario) as run:
        for _ in range(3):
            run.say("go")
        run.finish()
    assert run.texts() == ["x", "y", "x"]


def test_a_session_id_in_use_is_refused(tmp_path: Path) -> None:
    run_once(tmp_path, "", NEW, "a")
    with Rehearsal(tmp_path, "", NEW) as run:
        assert run.ended() == 1
        assert run.stderr() == f"Error: Session ID {SESSION} is already in use.\n"
    assert run.raw == b""


def test_resume_of_nothing_is_an_error_result(tmp_path: Path) -> None:
    with Rehearsal(tmp_path, "", RESUME) as run:
        assert run.ended() == 1
    (line,) = run.lines
    assert line["subtype"] == "error_during_execution"
    assert line["errors"] == [f"No conversation found with session ID: {SESSION}"]


def test_a_process_that_was_given_no_words_leaves_no_session(tmp_path: Path) -> None:
    with Rehearsal(tmp_path, "", NEW) as run:
        assert run.finish() == 0
    assert not run.config.exists()


def test_a_line_that_the_session_has_seen_begins_no_turn(tmp_path: Path) -> None:
    scenario = '[[turn]]\nsteps = [{ error = "529", retries = 0 }]'
    failed = run_once(tmp_path, scenario, NEW, "task", 1)
    assert failed.of("result")[0]["api_error_status"] == 529
    with Rehearsal(tmp_path, scenario, RESUME, "--replay-user-messages") as run:
        run.say("task", 1)
        assert run.finish() == 0
    assert [line["type"] for line in run.lines] == ["user", "command_lifecycle"]
    assert run.lines[0]["isReplay"] is True
    assert run.states(1) == ["completed"]


def test_a_killed_turn_is_not_begun_again_and_a_torn_line_spoils_only_itself(
    tmp_path: Path,
) -> None:
    scenario = '[[turn]]\nsteps = [{ say = "x" }, { hang = "quiet" }]\n' + LISTED
    with Rehearsal(tmp_path, scenario, NEW) as run:
        run.say("a", 1)
        run.until(lambda line: line["type"] == "assistant")
        run.signal(signal.SIGKILL)
        assert run.ended() == -signal.SIGKILL
    with session_file(run).open("a") as file:
        file.write('{"type":"user","uuid":"torn')
    again = run_once(tmp_path, scenario, RESUME, "b", 1)
    assert again.states(1) == ["completed"]
    later = run_once(tmp_path, scenario, RESUME, "b", 2)
    assert later.texts() == ["one 2"]
    assert run_once(tmp_path, scenario, RESUME, "b", 2).states(2) == ["completed"]
    whole = [line for line in session_file(run).read_bytes().splitlines() if b"torn" not in line]
    assert all(isinstance(json.loads(line), dict) for line in whole)


def test_compact_shrinks_the_context_for_good(tmp_path: Path) -> None:
    scenario = "base_tokens = 100\nsummary_tokens = 50"
    first = run_once(tmp_path, scenario, NEW, "word " * 1000)
    with Rehearsal(tmp_path, scenario, RESUME) as run:
        run.say("/compact keep the ids", 7)
        assert run.finish() == 0
    assert [line.get("subtype") or line["type"] for line in run.lines] == [
        "command_lifecycle",
        "command_lifecycle",
        "status",
        "status",
        "init",
        "compact_boundary",
        "user",
        "user",
        "success",
        "command_lifecycle",
    ]
    assert run.states(7) == ["queued", "started", "completed"]
    (boundary,) = run.of("system", "compact_boundary")
    meta = boundary["compact_metadata"]
    assert meta["trigger"] == "manual"
    assert meta["pre_tokens"] > 1000 > meta["post_tokens"] == 150
    (result,) = run.of("result")
    assert result["local_command"] == "compact"
    assert result["num_turns"] == 0
    assert result["total_cost_usd"] > first.of("result")[0]["total_cost_usd"]
    after = run_once(tmp_path, scenario, RESUME, "more")
    usage = after.of("assistant")[0]["message"]["usage"]
    assert usage["input_tokens"] + usage["cache_read_input_tokens"] < 200


@pytest.mark.parametrize("before", ["nothing", "compacted", "failing"])
def test_compact_that_does_not_work(tmp_path: Path, before: str) -> None:
    scenario = ""
    if before == "failing":
        scenario = (
            '[[rule]]\nwhen = { command = "compact" }\nsteps = '
            '[{ sleep = 0.01 }, { compact = "fail", message = "too much" }]'
        )
    with Rehearsal(tmp_path, scenario) as run:
        if before != "nothing":
            run.say("a")
        if before == "compacted":
            run.say("/compact")
        run.say("/compact")
        assert run.finish() == 0
    last = run.of("result")[-1]
    assert last["local_command"] == "compact"
    assert last["is_error"] is False
    words = {
        "nothing": "No messages to compact",
        "compacted": "Not enough messages to compact.",
        "failing": "too much",
    }
    assert last["result"] == words[before]
    spoken = run.of("assistant")[-1]
    assert spoken["local_command_run"] == {"command": "compact", "args": ""}
    assert ("local_command_outcome" in spoken) == (before == "failing")


def test_the_window_is_compacted_by_itself_when_full(tmp_path: Path) -> None:
    scenario = """
    model = "tiny"
    base_tokens = 100
    summary_tokens = 50
    [models.tiny]
    window = 1000
    """
    with Rehearsal(tmp_path, scenario) as run:
        run.say("word " * 900, 1)
        assert run.finish() == 0
    (boundary,) = run.of("system", "compact_boundary")
    assert boundary["compact_metadata"]["trigger"] == "auto"
    assert [line["status"] for line in run.of("system", "status")] == ["compacting", None]
    assert len(run.of("system", "init")) == 1
    assert run.of("result")[0]["result"].startswith("You said: word")


def test_a_model_set_in_mid_session_answers_the_next_turn(tmp_path: Path) -> None:
    with Rehearsal(tmp_path, "", "--model=opus") as run:
        run.say("a")
        run.result()
        assert run.control("c1", "set_model", model="haiku")["response"] == {
            "model": "claude-haiku-5-5"
        }
        assert run.control("c2", "set_permission_mode", mode="plan")["response"] == {"mode": "plan"}
        error = run.control("c3", "no_such_request")
        assert error["error_code"] == "unsupported_request"
        run.say("b")
        assert run.finish() == 0
    inits = run.of("system", "init")
    assert [line["model"] for line in inits] == ["claude-opus-5-5", "claude-haiku-5-5"]
    assert inits[1]["permissionMode"] == "plan"
    assert set(run.of("result")[1]["modelUsage"]) == {"claude-opus-5-5", "claude-haiku-5-5"}


def test_a_session_of_another_folder_is_found(tmp_path: Path) -> None:
    run_once(tmp_path, LISTED, NEW, "a")
    other = tmp_path / "other"
    other.mkdir()
    (other / "work").mkdir()
    with Rehearsal(other, LISTED, RESUME, env={"CLAUDE_CONFIG_DIR": str(tmp_path / "config")}) as r:
        r.say("b", 2)
        assert r.finish() == 0
    assert r.texts() == ["two 2"]
    (kept,) = (tmp_path / "config").glob(f"projects/*/{SESSION}.jsonl")
    assert find(SESSION, str(tmp_path / "work"), kept.parents[1]) == kept
    for folder in ("-a", "-zz"):
        twin = kept.parents[1] / folder / kept.name
        twin.parent.mkdir()
        twin.touch()
        assert find(SESSION, folder.replace("-", "/"), kept.parents[1]) == twin
    assert uuid(2) in kept.read_text()
