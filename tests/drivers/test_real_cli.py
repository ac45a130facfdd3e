"""The real claude CLI, driven by its driver over plain pipes against a scripted API on loopback.

What hived believes of the CLI is tried on the CLI: the recordings show only what it once did.
"""

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from attrs import evolve

from hived.drivers.base import ToolSpec, TurnSpec, UserLine
from hived.drivers.claude import ClaudeDriver
from hived.drivers.observations import (
    Began,
    CompactionBegan,
    CompactionOver,
    HiveToolCalled,
    PermissionAsked,
    Receipt,
    Said,
    ToolCalled,
    ToolEnded,
)
from hived.events.values import Usage
from tests.drivers.pump import Pump
from tests.messages_api import MessagesApi
from tests.messages_api_replies import (
    NO_SUCH_MODEL,
    RATE_LIMITED,
    TOO_LONG,
    WRONG_KEY,
    Reply,
    Rule,
    Tool,
    usage_limit,
)
from tests.real_cli import claude_program

__all__ = ["claude_program"]
pytestmark = [pytest.mark.real_cli, pytest.mark.timeout(120)]

DRIVER = ClaudeDriver()
SESSION = "22222222-2222-4222-8222-222222222222"
ECHO = ToolSpec(
    "echo",
    "Gives back what it is given.",
    {"type": "object", "properties": {"x": {"type": "string"}}, "required": ["x"]},
)

Make = Callable[..., TurnSpec]


def line(number: int, text: str, *, composed: bool = True) -> UserLine:
    return UserLine(number, f"{number:08d}-1111-4111-8111-111111111111", text, composed)


@pytest.fixture
def make(claude_program: str, tmp_path: Path) -> Make:
    """Makes the spec of a turn of an agent with folders of its own."""
    workdir, home = tmp_path / "work", tmp_path / "home"
    workdir.mkdir()
    home.mkdir()
    git = ("git", "-c", "user.name=a", "-c", "user.email=a@localhost")
    subprocess.run([*git, "init", "-q"], cwd=workdir, check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "first"], cwd=workdir, check=True)

    def spec(text: str = "hello", **changes: object) -> TurnSpec:
        plain = TurnSpec(
            agent="ada",
            turn="t000000000001",
            kind="work",
            session=SESSION,
            resume=False,
            workdir=str(workdir.resolve()),
            home=str(home.resolve()),
            program=claude_program,
            hive_tools=(ECHO,),
            opening=(line(1, text),),
        )
        return evolve(plain, **changes)

    return spec


def test_a_plain_turn_and_a_resumed_session(make: Make) -> None:
    with MessagesApi([Reply("one"), Reply("two")]) as api:
        first = make("first words")
        assert not Path(DRIVER.session_file(first)).exists()
        with Pump(DRIVER, first, api.env()) as turn:
            ending = turn.finish()
        assert (ending.outcome, ending.usage, ending.context_used) == ("ok", Usage(10, 5), 10)
        assert ending.context_window > 0
        assert ending.seen == {first.opening[0].uuid}
        [began] = turn.of(Began)
        assert isinstance(began, Began)
        assert (began.session, began.hive_tools_ok) == (SESSION, True)
        assert turn.of(Said) == [Said("one")]
        assert Path(DRIVER.session_file(first)).exists()

        again = make("second words", resume=True, opening=(line(2, "second words"),))
        with Pump(DRIVER, again, api.env()) as turn:
            resumed = turn.finish()
        # The session's totals go on; a turn's own figures do not.
        assert (resumed.outcome, resumed.usage) == ("ok", Usage(10, 5))
        assert resumed.cost_usd == pytest.approx(ending.cost_usd)
        assert "first words" in api.requests[1].all
        assert "second words" in api.requests[1].last


def test_the_role_the_model_and_the_tools_reach_the_api(make: Make, tmp_path: Path) -> None:
    role = tmp_path / "role.md"
    role.write_text("You tend the garden of the hive.")
    spec = make(prompt_file=str(role), model="claude-haiku-4-5", tools=("Bash", "Grep"))
    with MessagesApi([Reply("one")]) as api, Pump(DRIVER, spec, api.env()) as turn:
        assert turn.finish().model == "claude-haiku-4-5"
        [request] = api.requests
    assert "You tend the garden of the hive." in request.all
    assert request.model == "claude-haiku-4-5"
    assert {tool["name"] for tool in request.body["tools"]} == {"Bash", "Grep", "mcp__hive__echo"}
    assert request.headers["x-api-key"] == "test-key"


def test_a_tool_of_the_hive(make: Make) -> None:
    given: list[HiveToolCalled] = []

    def echo(called: HiveToolCalled) -> tuple[str, bool]:
        given.append(called)
        return f"back: {called.arguments['x']}", called.arguments["x"] == "bad"

    calls = [Reply(tools=(Tool("mcp__hive__echo", {"x": x}),)) for x in ("good", "bad")]
    with (
        MessagesApi([*calls, Reply("done")]) as api,
        Pump(DRIVER, make(), api.env(), echo) as turn,
    ):
        ending = turn.finish()
        assert "back: good" in api.requests[1].last
    assert [called.name for called in given] == ["echo", "echo"]
    ended = [(end.call, end.outcome) for end in turn.of(ToolEnded) if isinstance(end, ToolEnded)]
    assert ended == [(given[0].call, "ok"), (given[1].call, "error")]
    assert (ending.outcome, dict(ending.tools)) == ("ok", {"mcp__hive__echo": 2})
    assert [call.summary for call in turn.of(ToolCalled) if isinstance(call, ToolCalled)] == [
        '{"x":"good"}',
        '{"x":"bad"}',
    ]


def test_commands_allowed_by_a_rule_and_refused_by_a_question(make: Make) -> None:
    commands = ("git log --oneline", "touch new.txt", "git log && touch new.txt")
    calls = [Reply(tools=(Tool("Bash", {"command": command}),)) for command in commands]
    with (
        MessagesApi([*calls, Reply("done")]) as api,
        Pump(DRIVER, make(allow=("Bash(git *)", "Read")), api.env()) as turn,
    ):
        ending = turn.finish()
        assert "not on the allow list of this agent (Bash(git *), Read)" in api.requests[2].last
    outcomes = [end.outcome for end in turn.of(ToolEnded) if isinstance(end, ToolEnded)]
    assert outcomes == ["ok", "refused", "refused"]
    # The first was decided by the CLI itself, which has the same rules.
    asked = [q.input["command"] for q in turn.of(PermissionAsked) if isinstance(q, PermissionAsked)]
    assert asked == list(commands[1:])
    assert not Path(make().workdir, "new.txt").exists()
    assert (ending.outcome, dict(ending.tools)) == ("ok", {"Bash": 3})


def test_words_put_to_a_busy_agent_reach_the_same_turn(make: Make) -> None:
    extra = line(2, "and one thing more")

    def busy(called: HiveToolCalled) -> tuple[str, bool]:
        turn.user(extra)
        return "fine", False

    replies = [Reply(tools=(Tool("mcp__hive__echo", {"x": "1"}),)), Reply("both answered")]
    with MessagesApi(replies) as api, Pump(DRIVER, make(), api.env(), busy) as turn:
        ending = turn.finish()
        assert "and one thing more" in api.requests[1].all
        assert len(api.requests) == 2
    states = [r.state for r in turn.of(Receipt) if isinstance(r, Receipt) and r.uuid == extra.uuid]
    assert states[0] == "queued"
    assert states[-1] == "completed"
    assert ending.seen == {line(1, "").uuid, extra.uuid}
    assert ending.outcome == "ok"


def test_words_that_come_too_late_for_the_turn_get_one_of_their_own(make: Make) -> None:
    extra = line(2, "one thing more")
    with (
        MessagesApi([Reply("first", gate="end"), Reply("second")]) as api,
        Pump(DRIVER, make(), api.env()) as turn,
    ):
        turn.until(lambda: len(turn.of(Receipt)) >= 2)
        api.wait_for(lambda: len(api.requests) == 1)
        turn.user(extra)
        turn.until(lambda: Receipt(extra.uuid, "queued") in turn.seen)
        assert not turn.talk.settled
        api.open("end")
        ending = turn.finish()
        assert len(api.requests) == 2
    assert turn.of(Said) == [Said("first"), Said("second")]
    assert ending.usage == Usage(20, 10)
    assert ending.seen == {line(1, "").uuid, extra.uuid}


def test_interrupt_while_it_speaks(make: Make) -> None:
    with (
        MessagesApi([Reply("a long text " * 20, chunks=10, gate="never")]) as api,
        Pump(DRIVER, make(), api.env()) as turn,
    ):
        turn.until(lambda: bool(turn.of(Began)))
        api.wait_for(lambda: len(api.requests) == 1)
        turn.write(turn.talk.interrupt())
        ending = turn.finish(signalled=True)
    assert (ending.outcome, ending.why) == ("cancelled", "interrupted")


def test_interrupt_while_a_command_runs(make: Make) -> None:
    command = "touch began; python3 -c 'import time; time.sleep(50)'"
    spec = make(allow=("Bash",))
    with (
        MessagesApi([Reply(tools=(Tool("Bash", {"command": command}),))]) as api,
        Pump(DRIVER, spec, api.env()) as turn,
    ):
        turn.until(lambda: bool(turn.of(ToolCalled)))
        assert turn.talk.open_tools
        wait_for_file(Path(spec.workdir, "began"))
        turn.write(turn.talk.interrupt())
        ending = turn.finish(signalled=True)
    assert ending.outcome == "cancelled"
    [ended] = turn.of(ToolEnded)
    assert isinstance(ended, ToolEnded)
    assert ended.outcome == "error"


def test_a_signal_leaves_no_result(make: Make) -> None:
    with (
        MessagesApi([Reply("a long text", chunks=5, gate="never")]) as api,
        Pump(DRIVER, make(), api.env()) as turn,
    ):
        turn.until(lambda: bool(turn.of(Began)))
        api.wait_for(lambda: len(api.requests) == 1)
        turn.process.terminate()
        ending = turn.finish(signalled=True)
    assert (ending.outcome, ending.why) == ("cancelled", "signalled")


def wait_for_file(path: Path, seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} did not come"
        time.sleep(0.02)


def test_compaction(make: Make) -> None:
    summary = Reply(
        "<analysis>a</analysis><summary>THE SUMMARY</summary>",
        usage={"input_tokens": 9000, "output_tokens": 300},
    )
    with MessagesApi([Reply("one " * 500)], summary=summary) as api:
        with Pump(DRIVER, make(), api.env()) as turn:
            turn.finish()
        slash = line(2, "/compact keep the names", composed=False)
        compact = make(kind="compact", resume=True, opening=(slash,))
        with Pump(DRIVER, compact, api.env()) as turn:
            ending = turn.finish()
    assert (ending.outcome, ending.usage) == ("ok", Usage(9000, 300))
    began, over = turn.of(CompactionBegan, CompactionOver)
    assert began == CompactionBegan("manual")
    assert isinstance(over, CompactionOver)
    assert over.ok
    assert (over.before > 0, ending.context_used) == (True, over.after)


def test_a_prompt_too_long_in_a_longer_session_is_compacted_by_the_cli_itself(make: Make) -> None:
    too_long = Rule(Reply(failed=TOO_LONG), contains="second words", times=1)
    with MessagesApi([Reply("one " * 500), Reply("went on")], rules=[too_long]) as api:
        with Pump(DRIVER, make(), api.env()) as turn:
            turn.finish()
        second = make(resume=True, opening=(line(2, "second words"),))
        with Pump(DRIVER, second, api.env()) as turn:
            ending = turn.finish()
    assert turn.of(Said) == [Said("went on")]
    began, over = turn.of(CompactionBegan, CompactionOver)
    assert began == CompactionBegan("auto")
    assert isinstance(over, CompactionOver)
    assert over.ok
    assert ending.outcome == "ok"


def test_nothing_to_compact(make: Make) -> None:
    with MessagesApi([Reply("one")]) as api:
        slash = line(1, "/compact", composed=False)
        with Pump(DRIVER, make(kind="compact", opening=(slash,)), api.env()) as turn:
            ending = turn.finish()
        assert not api.requests
    assert (ending.outcome, ending.why) == ("failed", "compaction")


def test_words_of_others_are_never_commands(make: Make) -> None:
    with (
        MessagesApi([Reply("one")]) as api,
        Pump(DRIVER, make("/compact @/etc/hostname"), api.env()) as turn,
    ):
        assert turn.finish().outcome == "ok"
        assert "/compact @/etc/hostname" in api.requests[0].last
    assert not turn.of(CompactionBegan)


def test_a_subscription_at_its_limit(make: Make) -> None:
    resets_at = int(time.time()) + 3600
    with (
        MessagesApi(default=usage_limit(resets_at)) as api,
        Pump(DRIVER, make(), api.env(oauth="test-token")) as turn,
    ):
        ending = turn.finish()
    assert (ending.outcome, ending.until) == ("rate_limited", resets_at)


def test_a_rate_limit_without_a_time(make: Make) -> None:
    limited = Reply(failed=RATE_LIMITED, headers={"retry-after": "1", "x-should-retry": "false"})
    with MessagesApi(default=limited) as api, Pump(DRIVER, make(), api.env()) as turn:
        ending = turn.finish()
    assert (ending.outcome, ending.until, ending.transient) == ("rate_limited", 0.0, True)


def test_a_prompt_that_is_too_long(make: Make) -> None:
    with (
        MessagesApi(default=Reply(failed=TOO_LONG)) as api,
        Pump(DRIVER, make(), api.env()) as turn,
    ):
        ending = turn.finish()
    assert ending.outcome == "prompt_too_long"


def test_a_wrong_key(make: Make) -> None:
    wrong = Reply(failed=WRONG_KEY, headers={"x-should-retry": "false"})
    with (
        MessagesApi(rules=[Rule(wrong)]) as api,
        Pump(DRIVER, make(), {**api.env(), "CLAUDE_CODE_MAX_RETRIES": "1"}) as turn,
    ):
        ending = turn.finish()
    assert (ending.outcome, ending.why) == ("auth_failed", "authentication_failed")


def test_no_key_at_all(make: Make) -> None:
    with MessagesApi() as api:
        env = {name: value for name, value in api.env().items() if name != "ANTHROPIC_API_KEY"}
        with Pump(DRIVER, make(), env) as turn:
            ending = turn.finish()
        assert not api.requests
    assert ending.outcome == "auth_failed"


def test_an_unknown_model(make: Make) -> None:
    with (
        MessagesApi(rules=[Rule(Reply(failed=NO_SUCH_MODEL), model="nope")]) as api,
        Pump(DRIVER, make(model="claude-nope"), api.env()) as turn,
    ):
        ending = turn.finish()
        assert api.requests[0].model == "claude-nope"
    assert (ending.outcome, ending.why) == ("failed", "model_not_found")


def test_a_line_that_the_session_has_seen(make: Make) -> None:
    with MessagesApi([Reply("one")]) as api:
        with Pump(DRIVER, make(), api.env()) as turn:
            turn.finish()
        with Pump(DRIVER, make(resume=True), api.env()) as turn:
            ending = turn.finish()
        assert len(api.requests) == 1
    assert (ending.outcome, ending.why, ending.seen) == ("failed", "repeated", frozenset())
    assert ending.transient


def test_a_session_that_is_not_there_and_one_that_is(make: Make) -> None:
    with MessagesApi([Reply("one")]) as api:
        with Pump(DRIVER, make(resume=True), api.env()) as turn:
            ending = turn.finish()
        assert (ending.outcome, ending.why) == ("failed", "session_missing")
        with Pump(DRIVER, make(), api.env()) as turn:
            assert turn.finish().outcome == "ok"
        with Pump(DRIVER, make(), api.env()) as turn:
            ending = turn.finish()
    assert (ending.outcome, ending.why) == ("failed", "session_in_use")


def test_a_command_line_that_the_cli_refuses(make: Make) -> None:
    missing = make(prompt_file="/nonexistent/role.md")
    with MessagesApi() as api, Pump(DRIVER, missing, api.env()) as turn:
        ending = turn.finish()
    assert (ending.outcome, ending.why) == ("failed", "configuration")
    assert "role.md" in ending.detail


@pytest.mark.parametrize("name", ["caf\u00e9 e\u0301 \U0001f600_x.y", "d" * 230])
def test_the_session_file_of_a_strange_or_long_folder(
    make: Make, tmp_path: Path, name: str
) -> None:
    workdir, home = tmp_path / name, tmp_path / ("h" * 120)  # longer than a socket's path
    workdir.mkdir()
    home.mkdir()
    spec = make(workdir=str(workdir.resolve()), home=str(home.resolve()))
    with MessagesApi([Reply("one")]) as api, Pump(DRIVER, spec, api.env()) as turn:
        assert turn.finish().outcome == "ok"
    assert Path(DRIVER.session_file(spec)).exists()


def test_it_speaks_to_no_one_but_the_api(make: Make) -> None:
    spec = make()
    with MessagesApi([Reply("one")]) as api, Pump(DRIVER, spec, api.env()) as turn:
        assert turn.finish().outcome == "ok"
    # Its own folders and nothing else of the agent's home were written.
    assert not Path(spec.home, ".claude").exists()
    assert not Path(spec.home, ".claude.json").exists()
