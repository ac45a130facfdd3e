"""Turns of the real program: order of lines, receipts, tools, permissions, mail in mid-turn."""

import json
from pathlib import Path

from tests.rehearsal.program import SESSION, Rehearsal, uuid

TWO_CALLS = """
[[turn]]
steps = [
  { say = "let me look" },
  { bash = "git --version", description = "Show the version" },
  { say = "done: {result}" },
]
"""


def kinds(run: Rehearsal) -> list[str]:
    return [
        ":".join(str(line[key]) for key in ("type", "subtype", "state") if key in line)
        for line in run.lines
    ]


def test_the_lines_of_a_turn_come_in_the_order_of_the_real_one(tmp_path: Path) -> None:
    with Rehearsal(tmp_path, TWO_CALLS, "--allowedTools", "Bash(git *)") as run:
        run.say("hi", 1)
        assert run.finish() == 0
        assert kinds(run) == [
            "command_lifecycle:queued",
            "command_lifecycle:started",
            "system:init",
            "assistant",
            "assistant",
            "user",
            "assistant",
            "result:success",
            "command_lifecycle:completed",
        ]
        init, first, second = run.lines[2], run.lines[3], run.lines[4]
        assert init["user_message_uuids"] == [uuid(1)]
        assert first["user_message_uuid"] == uuid(1)
        assert "user_message_uuid" not in second
        assert first["message"]["id"] == second["message"]["id"] != run.lines[6]["message"]["id"]
        result = run.lines[7]
        assert result["user_message_uuids"] == [uuid(1)]
        assert result["num_turns"] == 2
        assert result["result"].startswith("done: git version")
        (called,) = run.tool_results()
        meta = called["tool_result_meta"][0]
        assert meta["permission_decision"]["decision"] == "accept"
        assert called["tool_use_result"]["stdout"].startswith("git version")


def test_usage_adds_up_and_the_context_grows_over_turns(tmp_path: Path) -> None:
    scenario = """
    [models.opus]
    window = 50000
    input = 10.0
    output = 100.0
    cache_read = 1.0
    cache_write = 0.0
    """
    with Rehearsal(tmp_path, scenario, "--model=opus") as run:
        run.say("one")
        first = run.result()
        run.say("two")
        second = run.result()
        assert run.finish() == 0
    used = [line["message"]["usage"] for line in run.of("assistant")]
    in_use = [u["input_tokens"] + u["cache_read_input_tokens"] for u in used]
    assert in_use[1] > in_use[0]
    assert used[1]["cache_read_input_tokens"] == in_use[0]
    total, own = second["modelUsage"], second["model_usage_since_last_result"]
    name = "claude-opus-5-5"
    assert total[name]["contextWindow"] == 50_000
    before = first["modelUsage"][name]["outputTokens"]
    assert total[name]["outputTokens"] == before + own[name]["outputTokens"]
    assert second["total_cost_usd"] > first["total_cost_usd"] > 0
    expected = (
        own[name]["inputTokens"] * 10
        + own[name]["outputTokens"] * 100
        + own[name]["cacheReadInputTokens"]
    ) / 1e6
    assert abs(own[name]["costUSD"] - expected) < 1e-12
    assert [first["result_index"], second["result_index"]] == [0, 1]


def test_a_tool_of_the_hive_is_called_through_the_pipe(tmp_path: Path) -> None:
    scenario = """
    [[turn]]
    steps = [
      { hive = "send", args = { to = "{from}", body = "re: {body}" } },
      { say = "ok {result}" },
    ]
    """
    config = json.dumps({"mcpServers": {"hive": {"type": "sdk", "name": "hive"}}})
    flags = ("--mcp-config", config, "--strict-mcp-config", "--allowedTools", "mcp__hive")
    with Rehearsal(tmp_path, scenario, *flags) as run:
        run.greet("send", "who")
        mail = '<mail id="m1" from="bob" attempt="1" sent="x">\nhello\n</mail>'
        run.say(f"You have 1 message.\n\n{mail}", 1, composed=True)
        run.result()
        assert run.finish() == 0
    (init,) = run.of("system", "init")
    assert init["mcp_servers"][0]["status"] == "connected"
    assert {"mcp__hive__send", "mcp__hive__who"} <= set(init["tools"])
    requests = [line["request"]["message"] for line in run.of("control_request")]
    methods = [request["method"] for request in requests]
    assert methods == ["initialize", "notifications/initialized", "tools/list", "tools/call"]
    call = requests[-1]["params"]
    assert call["arguments"] == {"to": "bob", "body": "re: hello"}
    block = run.of("assistant")[0]["message"]["content"][0]
    assert call["_meta"]["claudecode/toolUseId"] == block["id"]
    assert "is_error" not in run.tool_results()[0]["message"]["content"][0]
    assert run.texts() == ["ok send done"]


def test_a_tool_of_the_hive_that_is_not_there_fails_softly(tmp_path: Path) -> None:
    config = json.dumps({"mcpServers": {"hive": {"type": "sdk", "name": "hive"}}})
    scenario = '[[turn]]\nsteps = [{ hive = "send" }]'
    with Rehearsal(tmp_path, scenario, "--mcp-config", config) as run:
        run.say("go")
        assert run.finish() == 0
    assert run.of("system", "init")[0]["mcp_servers"][0]["status"] == "failed"
    assert "No such tool" in str(run.tool_results()[0]["tool_use_result"])


def test_what_no_rule_allows_is_refused_without_a_host_to_ask(tmp_path: Path) -> None:
    scenario = """
    [[turn]]
    steps = [{ bash = "touch new.txt" }, { bash = "git push x" }]
    """
    flags = ("--allowedTools", "Bash(git *)", "--disallowedTools", "Bash(git push *)")
    with Rehearsal(tmp_path, scenario, *flags) as run:
        run.say("go")
        assert run.finish() == 0
        assert not (run.cwd / "new.txt").exists()
    asked, denied = run.of("system", "permission_denied")
    assert "decision_reason_type" not in asked
    assert denied["decision_reason_type"] == "subcommandResults"
    assert "has been denied" in denied["message"]
    kinds = [line["tool_result_meta"][0]["non_execution_kind"] for line in run.tool_results()]
    assert kinds == ["user-rejected", "permission-rule"]
    (result,) = run.of("result")
    assert [d["tool_input"]["command"] for d in result["permission_denials"]] == [
        "touch new.txt",
        "git push x",
    ]
    assert result["is_error"] is False


def test_the_host_is_asked_and_its_answer_holds(tmp_path: Path) -> None:
    scenario = """
    [[turn]]
    steps = [
      { bash = "touch one.txt" },
      { tool = "Write", input = { file_path = "two.txt", content = "2" } },
      { tool = "Write", input = { file_path = "three.txt", content = "3" } },
      { tool = "Read", input = { file_path = "three.txt" } },
    ]
    """

    def answers(request: dict[str, object]) -> dict[str, object] | None:
        if request["subtype"] != "can_use_tool":
            return None
        if request["tool_name"] == "Bash":
            return {"behavior": "allow", "updatedInput": {"command": "touch other.txt"}}
        given = request["input"]
        assert isinstance(given, dict)
        if given["file_path"] == "two.txt":
            return {"behavior": "deny", "message": "no writing here"}
        return {"behavior": "allow", "updatedInput": given}

    with Rehearsal(tmp_path, scenario, "--permission-prompt-tool", "stdio") as run:
        run.answers = answers
        run.say("go")
        run.result()
        assert run.finish() == 0
        assert sorted(path.name for path in run.cwd.iterdir()) == ["other.txt", "three.txt"]
    assert run.of("system", "permission_denied") == []
    refused = run.tool_results()[1]
    assert refused["tool_result_meta"][0]["non_execution_kind"] == "permission-rule"
    assert refused["message"]["content"][0]["content"] == "no writing here"
    assert run.tool_results()[3]["tool_use_result"]["file"]["content"] == "3"
    assert [d["tool_name"] for d in run.of("result")[0]["permission_denials"]] == ["Write"]


def test_a_no_that_interrupts_aborts_the_turn(tmp_path: Path) -> None:
    scenario = '[[turn]]\nsteps = [{ bash = "touch x" }, { say = "never" }]'
    with Rehearsal(tmp_path, scenario, "--permission-prompt-tool=stdio") as run:
        run.answers = lambda request: {"behavior": "deny", "message": "stop", "interrupt": True}
        run.say("go", 1)
        assert run.result()["terminal_reason"] == "aborted_tools"
        assert run.finish() == 1
    assert run.texts() == []
    assert run.states(1) == ["queued", "started", "cancelled"]


def test_an_open_question_fails_when_stdin_ends(tmp_path: Path) -> None:
    scenario = '[[turn]]\nsteps = [{ bash = "touch x" }, { say = "went on" }]'
    with Rehearsal(tmp_path, scenario, "--permission-prompt-tool=stdio") as run:
        run.say("go")
        run.until(lambda line: line["type"] == "control_request")
        assert run.finish() == 0
    assert "stream closed" in str(run.tool_results()[0]["tool_use_result"])
    assert run.texts() == ["went on"]


def test_mail_in_the_middle_of_a_turn_is_folded_in_after_the_tool_call(tmp_path: Path) -> None:
    scenario = """
    [[turn]]
    steps = [
      { say = "working" },
      { bash = "until [ -e go ]; do :; done" },
      { say = "now I know of: {last}" },
    ]
    """
    with Rehearsal(tmp_path, scenario, "--allowedTools", "Bash") as run:
        run.say("first", 1)
        run.until(lambda line: line["type"] == "assistant" and "tool_use" in str(line))
        run.say("second", 2)
        run.until(lambda line: line.get("command_uuid") == uuid(2))
        assert run.states(2) == ["queued"]
        (run.cwd / "go").touch()
        result = run.result()
        assert run.finish() == 0
    assert result["user_message_uuids"] == [uuid(1), uuid(2)]
    assert result["queued_turn_count"] == 0
    assert run.texts()[-1] == "now I know of: second"
    assert run.states(2) == ["queued", "started", "completed"]
    assert len(run.of("result")) == 1


def test_mail_that_no_tool_call_takes_up_gets_a_turn_of_its_own(tmp_path: Path) -> None:
    with Rehearsal(tmp_path) as run:
        run.write(
            b"".join(
                json.dumps(
                    {"type": "user", "message": {"content": text}, "uuid": uuid(number)}
                ).encode()
                + b"\n"
                for number, text in enumerate(("one", "two"), 1)
            )
        )
        assert run.finish() == 0
    assert [line["queued_turn_count"] for line in run.of("result")] == [1, 0]
    assert run.texts() == ["You said: one", "You said: two"]


def test_each_sender_is_answered_when_the_scenario_says_so(tmp_path: Path) -> None:
    scenario = """
    each_sender = true
    [[rule]]
    when = { from = "ada" }
    steps = [{ say = "ada wrote {body}" }]
    [[rule]]
    when = { from = "bob" }
    steps = [{ say = "bob wrote {body}" }]
    """
    mail = "\n".join(
        f'<mail id="m{n}" from="{who}" attempt="1" sent="x">\n{body}\n</mail>'
        for n, (who, body) in enumerate((("ada", "a1"), ("bob", "b1"), ("ada", "a2")))
    )
    with Rehearsal(tmp_path, scenario) as run:
        run.say(mail, composed=True)
        assert run.finish() == 0
    assert run.texts() == ["ada wrote a2", "bob wrote b1"]


def test_mail_cannot_run_a_command_of_the_shell(tmp_path: Path) -> None:
    scenario = '[[turn]]\nsteps = [{ bash = "printf %s {body}" }]'
    with Rehearsal(tmp_path, scenario, "--allowedTools", "Bash") as run:
        run.say("a'; touch pwned; echo '$(touch pwned2)")
        assert run.finish() == 0
        assert list(run.cwd.iterdir()) == []
    assert run.tool_results()[0]["tool_use_result"]["stdout"].startswith("a'; touch pwned")


def test_composed_text_is_no_command_and_other_text_is(tmp_path: Path) -> None:
    with Rehearsal(tmp_path, "", f"--session-id={SESSION}") as run:
        run.say("/clear", composed=True)
        assert run.result()["result"] == "You said: /clear"
        run.say("/clear")
        cleared = run.result()
        assert cleared["local_command"] == "clear"
        assert cleared["session_id"] != SESSION
        run.say("/nonsense")
        assert run.result()["result"] == "Unknown command: /nonsense"
        assert run.finish() == 0
    (reset,) = run.of("conversation_reset")
    assert reset["new_conversation_id"] == cleared["session_id"]


def test_partial_messages_are_told_only_when_asked_for(tmp_path: Path) -> None:
    scenario = '[[turn]]\nsteps = [{ stream = "abcdef", chunks = 3, delay = 0.01 }]'
    with Rehearsal(tmp_path, scenario, "--include-partial-messages") as run:
        run.say("go")
        assert run.finish() == 0
    deltas = [line["event"].get("delta", {}).get("text") for line in run.of("stream_event")]
    assert [text for text in deltas if text] == ["ab", "cd", "ef"]
    assert run.texts() == ["abcdef"]


def test_states_are_told_when_the_environment_asks(tmp_path: Path) -> None:
    with Rehearsal(tmp_path, env={"CLAUDE_CODE_EMIT_SESSION_STATE_EVENTS": "1"}) as run:
        run.say("go")
        assert run.finish() == 0
    states = [line["state"] for line in run.of("system", "session_state_changed")]
    assert states == ["running", "idle"]
    assert run.lines[-1]["state"] == "idle"
