"""How a run ends early: interrupts, signals, crashes, hangs, odd output, processes left behind."""

import contextlib
import os
import signal
from pathlib import Path

import pytest

from tests.rehearsal.program import Rehearsal, gone, uuid, wait_for

SLOW = """
[[turn]]
steps = [{ stream = "a long text that streams slowly", chunks = 31, delay = 0.05 }]
"""
BASH = """
[[turn]]
steps = [{ bash = "echo $$ > pid; sleep 300" }]
"""


def shell_pid(run: Rehearsal) -> int:
    path = run.cwd / "pid"
    wait_for(lambda: path.exists() and path.read_text().endswith("\n"), "the shell to start")
    return int(path.read_text())


def ignored(pid: int | str) -> set[int]:
    """The signals that a process ignores."""
    text = Path(f"/proc/{pid}/status").read_text()
    (bits,) = (int(line.split()[1], 16) for line in text.splitlines() if line[:6] == "SigIgn")
    return {number for number in range(1, 32) if bits & (1 << number - 1)}


def test_an_interrupt_cuts_the_stream_and_the_process_lives_on(tmp_path: Path) -> None:
    with Rehearsal(tmp_path, SLOW, "--include-partial-messages") as run:
        run.say("slow", 1)
        run.until(lambda line: line["type"] == "stream_event" and "delta" in line["event"])
        assert run.control("i1", "interrupt")["response"] == {"still_queued": []}
        result = run.result()
        run.say("next", 2)
        assert run.result()["result"] == "You said: next"
        assert run.finish() == 0
    assert result["terminal_reason"] == "aborted_streaming"
    assert result["subtype"] == "error_during_execution"
    assert result["is_error"] is True
    assert run.of("assistant")[0]["aborted"] is True
    asked = [line for line in run.of("user") if "tool_result_meta" not in line]
    assert asked[0]["message"]["content"][0]["text"] == "[Request interrupted by user]"
    assert run.states(1) == ["queued", "started", "cancelled"]


def test_an_interrupt_kills_the_running_shell(tmp_path: Path) -> None:
    with Rehearsal(tmp_path, BASH, "--allowedTools=Bash") as run:
        run.say("go", 1)
        pid = shell_pid(run)
        run.say("waits", 2)
        run.until(lambda line: line.get("command_uuid") == uuid(2))
        assert run.control("i1", "interrupt")["response"] == {"still_queued": [uuid(2)]}
        assert run.result()["terminal_reason"] == "aborted_tools"
        assert run.result()["user_message_uuids"] == [uuid(2)]
        assert gone(pid)
        assert run.finish() == 0
    (stopped,) = run.tool_results()
    assert stopped["tool_result_meta"][0]["non_execution_kind"] == "user-rejected"
    assert run.states(1) == ["queued", "started", "cancelled"]


def test_an_interrupt_can_drop_what_is_queued_and_is_harmless_when_idle(tmp_path: Path) -> None:
    with Rehearsal(tmp_path, BASH, "--allowedTools=Bash") as run:
        assert run.control("i0", "interrupt")["response"] == {"still_queued": []}
        run.say("go", 1)
        shell_pid(run)
        run.say("waits", 2)
        run.control("i1", "interrupt", cancel_queued=True)
        run.result()
        assert run.finish() == 1
    assert run.states(2) == ["queued", "cancelled"]
    assert len(run.of("result")) == 1


def test_an_interrupt_withdraws_an_open_question(tmp_path: Path) -> None:
    scenario = '[[turn]]\nsteps = [{ bash = "touch x" }]'
    with Rehearsal(tmp_path, scenario, "--permission-prompt-tool=stdio") as run:
        run.say("go")
        asked = run.until(lambda line: line["type"] == "control_request")
        run.control("i1", "interrupt")
        gone_line = run.of("control_cancel_request") or [
            run.until(lambda line: line["type"] == "control_cancel_request")
        ]
        assert gone_line[0]["request_id"] == asked["request_id"]
        run.finish()
    assert run.of("result")[0]["terminal_reason"] == "aborted_tools"


def test_sigint_tells_the_result_and_exits_0(tmp_path: Path) -> None:
    with Rehearsal(tmp_path, SLOW, "--include-partial-messages") as run:
        run.say("go")
        run.until(lambda line: line["type"] == "stream_event" and "delta" in line["event"])
        run.signal(signal.SIGINT)
        assert run.ended() == 0
    assert run.of("result")[0]["terminal_reason"] == "aborted_streaming"


def test_sigterm_in_a_stream_exits_143_without_a_result(tmp_path: Path) -> None:
    with Rehearsal(tmp_path, SLOW, "--include-partial-messages") as run:
        run.say("go")
        run.until(lambda line: line["type"] == "stream_event" and "delta" in line["event"])
        run.signal(signal.SIGTERM)
        assert run.ended() == 143
    assert run.of("result") == []


def test_sigterm_in_bash_kills_its_tree_and_tells_so(tmp_path: Path) -> None:
    with Rehearsal(tmp_path, BASH, "--allowedTools=Bash") as run:
        run.say("go")
        pid = shell_pid(run)
        run.signal(signal.SIGTERM)
        assert run.ended() == 143
        wait_for(lambda: gone(pid), "the shell's end")
    assert run.of("result") == []
    assert "Exit code 137" in run.tool_results()[0]["tool_use_result"]


def test_sigkill_leaves_the_shell_alive_in_a_session_of_its_own(tmp_path: Path) -> None:
    with Rehearsal(tmp_path, BASH, "--allowedTools=Bash") as run:
        run.say("go")
        pid = shell_pid(run)
        try:
            assert os.getsid(pid) == pid
            run.signal(signal.SIGKILL)
            assert run.ended() == -signal.SIGKILL
            assert not gone(pid)
        finally:
            os.killpg(pid, signal.SIGKILL)
    assert run.of("result") == []


def test_a_line_that_is_not_json_ends_the_program(tmp_path: Path) -> None:
    with Rehearsal(tmp_path) as run:
        run.say("go")
        run.result()
        run.write(b'{"type":"control_request"\n')
        assert run.ended() == 1
        assert run.stderr().startswith("Error parsing streaming input line")


def test_lines_of_unknown_types_are_passed_over(tmp_path: Path) -> None:
    with Rehearsal(tmp_path) as run:
        run.write(b'\n[1]\n{"type":"news"}\n{"type":"user"}\n{"type":"control_response"}\n')
        run.say("go")
        assert run.finish() == 0
    assert run.texts() == ["You said: go"]


@pytest.mark.parametrize(
    ("step", "code"),
    [("exit = 3", 3), ('die = "SEGV"', -signal.SIGSEGV), ('die = "KILL"', -signal.SIGKILL)],
)
def test_a_crash_leaves_no_result(tmp_path: Path, step: str, code: int) -> None:
    scenario = f'[[turn]]\nsteps = [{{ say = "x" }}, {{ warn = "it breaks" }}, {{ {step} }}]'
    with Rehearsal(tmp_path, scenario) as run:
        run.say("go")
        assert run.ended() == code
        assert run.stderr() == "it breaks\n"
    assert run.texts() == ["x"]
    assert run.of("result") == []


def test_a_quiet_hang_can_be_interrupted_and_a_deaf_one_only_killed(tmp_path: Path) -> None:
    scenario = """
    [[turn]]
    steps = [{ say = "a" }, { hang = "quiet" }]
    [[turn]]
    steps = [{ say = "b" }, { hang = "deaf" }]
    """
    with Rehearsal(tmp_path, scenario) as run:
        run.say("go")
        run.until(lambda line: line["type"] == "assistant")
        run.control("i1", "interrupt")
        assert run.result()["terminal_reason"] == "aborted_streaming"
        run.say("go")
        run.until(lambda line: line["type"] == "assistant")
        both = {signal.SIGTERM, signal.SIGINT}
        wait_for(lambda: both <= ignored(run.process.pid), "both signals to be ignored")
        run.signal(signal.SIGTERM)
        assert run.process.poll() is None
        run.signal(signal.SIGKILL)
        assert run.ended() == -signal.SIGKILL


def test_odd_output_comes_out_as_written(tmp_path: Path) -> None:
    scenario = """
    [[turn]]
    steps = [
      { raw = "Warning: not JSON {last}" },
      { raw = '{"type":"surprise","x":1}' },
      { raw = '{"type":"system","subtype":"surprise"}' },
      { long = 3000000 },
      { long = 100000, json = false },
      { raw = '{"type":"assist', newline = false },
      { exit = 0 },
    ]
    """
    with Rehearsal(tmp_path, scenario) as run:
        run.say("go")
        assert run.ended() == 0
    assert b"\nWarning: not JSON {last}\n" in run.raw
    assert run.of("surprise") == [{"type": "surprise", "x": 1}]
    assert len(run.of("assistant")[0]["message"]["content"][0]["text"]) == 3_000_000
    assert b"\n" + b"x" * 100_000 + b"\n" in run.raw
    assert run.raw.endswith(b'\n{"type":"assist')


@pytest.mark.parametrize("how", ["child", "setsid", "double-fork", "ignore-term", "all"])
def test_a_process_is_left_behind(tmp_path: Path, how: str) -> None:
    pid_file = tmp_path / "left"
    scenario = f"""
    [[turn]]
    steps = [{{ spawn = "{how}", pid_file = "{pid_file}" }}, {{ hang = "quiet" }}]
    """
    with Rehearsal(tmp_path, scenario) as run:
        run.say("go")
        wait_for(pid_file.exists, "the process that is left behind")
        pid = int(pid_file.read_text())
        try:
            own_session = how in ("setsid", "double-fork", "all")
            assert (os.getsid(pid) != os.getsid(run.process.pid)) == own_session
            parent = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
            assert (parent != run.process.pid) == (how in ("double-fork", "all"))
            run.signal(signal.SIGTERM)
            assert run.ended() == 143
            stubborn = how in ("ignore-term", "all")
            assert (signal.SIGTERM in ignored(pid)) == stubborn
            if not stubborn:
                os.kill(pid, signal.SIGTERM)
                wait_for(lambda: gone(pid), "its end by SIGTERM")
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def test_a_background_child_does_not_keep_a_call_of_bash_open(tmp_path: Path) -> None:
    scenario = '[[turn]]\nsteps = [{ bash = "sleep 300 & echo $!" }, { say = "{result}" }]'
    with Rehearsal(tmp_path, scenario, "--allowedTools=Bash") as run:
        run.say("go")
        pid = int(run.result()["result"])
        os.kill(pid, signal.SIGKILL)
        assert run.finish() == 0


def test_the_shell_ignores_no_signal_that_this_program_does(tmp_path: Path) -> None:
    scenario = '[[turn]]\nsteps = [{ bash = "touch ready; exec sleep 300" }]'
    with Rehearsal(tmp_path, scenario, "--allowedTools=Bash") as run:
        run.say("go")
        wait_for((run.cwd / "ready").exists, "the shell to start")
        children = Path(f"/proc/{run.process.pid}/task/{run.process.pid}/children")
        (shell,) = children.read_text().split()
        # But for what was ignored before: who is run by nohup hands that on.
        assert ignored(shell) == ignored("self") & {signal.SIGHUP}
        run.control("i1", "interrupt")
        run.result()
        assert run.finish() == 1


def test_a_call_of_bash_has_a_time_limit(tmp_path: Path) -> None:
    scenario = '[[turn]]\nsteps = [{ bash = "echo $$ > pid; sleep 300", timeout = 0.3 }]'
    with Rehearsal(tmp_path, scenario, "--allowedTools=Bash") as run:
        run.say("go")
        assert run.finish() == 0
        assert gone(int((run.cwd / "pid").read_text()))
    assert "timed out" in run.tool_results()[0]["tool_use_result"]


def test_a_reader_that_went_away_does_not_stop_the_turn(tmp_path: Path) -> None:
    scenario = '[[turn]]\nsteps = [{ say = "x" }, { bash = "touch done" }]'
    with Rehearsal(tmp_path, scenario, "--allowedTools=Bash") as run:
        assert run.process.stdout is not None
        run.process.stdout.close()
        run.say("go")
        run.close()
        assert run.process.wait(30) == 0
        assert (run.cwd / "done").exists()


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--nonsense",), "unknown option '--nonsense'"),
        (("--model",), "argument missing"),
        (("--session-id=no-uuid",), "Must be a valid UUID"),
        (("--mcp-config", "missing.json"), "MCP config file not found"),
        (("--mcp-config", '{"servers":1}'), "Invalid MCP configuration"),
        (("--settings", "missing.json"), "Settings file not found"),
        (("--append-system-prompt-file", "missing.md"), "file not found"),
        (("--permission-mode=loud",), "Allowed choices"),
        (("--scenario", "missing.toml"), "cannot be read"),
        (("--scenario", "/dev/zero"), "longer than"),
    ],
)
def test_a_command_line_that_is_wrong_is_refused(
    tmp_path: Path, flags: tuple[str, ...], said: str
) -> None:
    with Rehearsal(tmp_path, "", *flags) as run:
        assert run.ended() == 1
        assert said in run.stderr()
    assert run.raw == b""


def test_a_prompt_may_stand_on_the_command_line(tmp_path: Path) -> None:
    base = ("-p", "--output-format", "stream-json", "--verbose")
    with Rehearsal(tmp_path, "", "--allowedTools", "Bash(git *)", "--", "hi", base=base) as run:
        assert run.ended() == 0
    assert run.texts() == ["You said: hi"]
