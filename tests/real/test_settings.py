"""What an agent is made with reaches the real CLI; what stands in its work tree does not."""

import json
import shutil
from pathlib import Path

import pytest

from hived.rpc.tools import tool_specs
from tests.messages_api import MessagesApi
from tests.messages_api_replies import NO_SUCH_MODEL, Reply, Rule, Tool
from tests.real.hive import Hive

pytestmark = [pytest.mark.real_cli, pytest.mark.timeout(100)]


def test_role_tools_model_and_fallback(hive: Hive) -> None:
    role = hive.folder / "role.md"
    role.write_text("You tend the garden of the hive.")
    gone = Rule(Reply(failed=NO_SUCH_MODEL), model="claude-gone")
    with MessagesApi([Reply("one")], rules=[gone]) as api:
        options = ("--prompt-file", str(role), "--tool=Bash", "--tool=Grep", "--fallback=haiku")
        hive.new("ada", api, *options, model="claude-gone")
        hive.ctl("send", "ada", "begin")
        end = hive.wait("turn_end")
        request = api.requests[-1]
    assert end["outcome"] == "ok"
    assert "haiku" in end["model"]
    assert "You tend the garden of the hive." in request.all
    hives = {f"mcp__hive__{tool.name}" for tool in tool_specs("worker")}
    # The CLI adds one of its own where it falls back.
    names = {tool["name"] for tool in request.body["tools"]} - {"DeferredToolPlaceholder"}
    assert names == {"Bash", "Grep"} | hives


def test_a_work_tree_cannot_bring_programs_or_rules_of_its_own(hive: Hive) -> None:
    touch = {"type": "command", "command": "touch $CLAUDE_PROJECT_DIR/hooked"}
    hooks = {event: [{"hooks": [touch]}] for event in ("SessionStart", "UserPromptSubmit", "Stop")}
    server = {"command": "sh", "args": ["-c", "touch served; sleep 5"]}
    call = Reply(tools=(Tool("Bash", {"command": "touch made"}),))
    with MessagesApi([call, Reply("done")]) as api:
        workdir = hive.new("ada", api)
        (workdir / ".claude").mkdir()
        settings = {"hooks": hooks, "permissions": {"allow": ["Bash"]}}
        (workdir / ".claude" / "settings.json").write_text(json.dumps(settings))
        (workdir / ".claude" / "settings.local.json").write_text(json.dumps(settings))
        (workdir / ".mcp.json").write_text(json.dumps({"mcpServers": {"own": server}}))
        hive.ctl("send", "ada", "begin")
        end = hive.wait("turn_end")
    assert (end["outcome"], end["tools"]) == ("ok", {"Bash": 1})
    assert [row["outcome"] for row in hive.events("tool_result")] == ["refused"]
    names = {path.name for path in workdir.iterdir()}
    assert names == {".claude", ".mcp.json"}


def test_a_work_tree_reached_by_a_link_and_a_shared_config_folder(hive: Hive) -> None:
    real, link, config = (hive.folder / name for name in ("real é", "link", "config"))
    real.mkdir()
    config.mkdir()
    link.symlink_to(real)
    with MessagesApi(default=Reply("well")) as api:
        for name in ("ada", "ben"):
            hive.new(name, api, "--workdir", str(link), "--config-dir", str(config))
        for turn in (1, 2):
            hive.ctl("send", "*", f"words of turn {turn}")
            for name in ("ada", "ben"):
                hive.wait("turn_end", turn, agent=name, outcome="ok")
        # Each remembers its own first turn.
        last = [r for r in api.requests if "words of turn 2" in r.last]
        assert len(last) == 2
        assert all(r.all.count("words of turn 1") == 1 for r in last)
    sessions = {hive.agent(name)["session"] for name in ("ada", "ben")}
    assert {path.stem for path in config.glob("projects/*/*.jsonl")} == sessions


def test_a_letter_as_long_as_one_may_be(hive: Hive) -> None:
    body = "zeile é\n" * 7_000  # just below the bound, in bytes
    letter = hive.folder / "letter"
    letter.write_text(body)
    with MessagesApi([Reply("read")]) as api:
        hive.new("ada", api)
        hive.call("send", to="ada", body=body)
        end = hive.wait("turn_end")
        assert body.strip() in api.requests[0].last
    assert end["outcome"] == "ok"


@pytest.mark.parametrize("gone", ["work-ada", "env/ada"])
def test_what_is_gone_when_a_turn_begins_fails_the_agent_until_it_is_back(
    hive: Hive, gone: str
) -> None:
    with MessagesApi([Reply("well")]) as api:
        hive.new("ada", api)
        away: Path = hive.folder / gone
        shutil.move(away, hive.folder / "away")
        hive.ctl("send", "ada", "begin")
        end = hive.wait("turn_end")
        row = hive.wait_word("ada", "failed")
        assert not api.requests
        shutil.move(hive.folder / "away", away)
        hive.ctl("start", "ada")
        again = hive.wait("turn_end", 2)
        assert "begin" in api.requests[0].last
    assert (end["outcome"], end["why"]) == ("failed", "configuration")
    assert gone in end["detail"]
    assert row["group"] == "Failed"
    assert (again["outcome"], hive.agent("ada")["word"]) == ("ok", "idle")


def test_a_session_whose_file_is_gone_begins_anew(hive: Hive) -> None:
    with MessagesApi([Reply("one"), Reply("two")]) as api:
        hive.new("ada", api)
        hive.ctl("send", "ada", "first words")
        hive.wait("turn_end")
        [file] = hive.home.glob("agents/ada/claude/projects/*/*.jsonl")
        file.unlink()
        hive.ctl("send", "ada", "second words")
        end = hive.wait("turn_end", 2)
        assert "first words" not in api.requests[1].all
    assert end["outcome"] == "ok"
