"""Every tool of the hive, called by the real CLI: seen by the model, done, and answered."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from hived.drivers.base import TurnSpec, UserLine
from hived.drivers.claude import ClaudeDriver
from hived.events.values import McpServer
from hived.rpc.tools.specs import ALL, TOOL_SPECS, tool_specs
from tests.daemon.harness import REPOSITORY
from tests.drivers.pump import Pump
from tests.messages_api import MessagesApi
from tests.messages_api_replies import Reply, Tool
from tests.real.hive import Hive, Row

pytestmark = [pytest.mark.real_cli, pytest.mark.timeout(300)]

SECONDS = 100.0
PREFIX = "mcp__hive__"


def asked(hive: Hive) -> str:
    """The question that the operator asked queen."""
    return str(hive.wait("question_asked", to="queen")["question"])


def reminder(hive: Hive) -> str:
    return str(hive.wait("reminder_set", agent="queen")["reminder"])


def first_approval(hive: Hive) -> str:
    return str(hive.wait("approval_request", agent="newbie")["approval"])


def commit(hive: Hive) -> str:
    """A new commit in the draft's repository, as a manager makes one."""
    folder = hive.home / "agents" / "draft1" / "config"
    with (folder / "agent.toml").open("a") as file:
        file.write("# more of it\n")
    git = ("git", "-C", str(folder), "-c", "user.name=queen", "-c", "user.email=queen@localhost")
    subprocess.run((*git, "commit", "-q", "-a", "-m", "more"), check=True)
    done = subprocess.run((*git, "rev-parse", "HEAD"), check=True, capture_output=True, text=True)
    return done.stdout.strip()


# The arguments of each tool, in the order of the calls. What one needs, those before it made.
FIRST: dict[str, Callable[[Hive], Row]] = {
    "who": lambda _: {},
    "set_status": lambda _: {"text": "at work"},
    "send": lambda _: {"to": "operator", "body": "/clear is a word"},
    "recv": lambda _: {"wait_seconds": 0, "max": 3},
    "ask": lambda _: {"question": "Which?", "options": ["a", "b"], "ttl_seconds": 3_600},
    "remind": lambda _: {"message": "look again", "delay_seconds": 3_600},
    "loose_ends": lambda _: {},
    "logs": lambda _: {"agent": "bee"},
    "stop": lambda _: {"agent": "bee"},
    "start": lambda _: {"agent": "bee"},
    "restart": lambda _: {"agent": "bee"},
    "request_spawn": lambda _: {"name": "newbie", "description": "one more"},
    "request_spawn_draft": lambda _: {"name": "draft1", "description": "to be edited"},
}
SECOND: dict[str, Callable[[Hive], Row]] = {
    "answer": lambda hive: {"id": asked(hive), "answer": "yes"},
    "cancel_question": lambda hive: {"id": hive.wait("question_asked", asker="queen")["question"]},
    "cancel_reminder": lambda hive: {"reminder": reminder(hive)},
    "withdraw": lambda hive: {"approval": first_approval(hive)},
    "request_spawn_commit": lambda hive: {"name": "draft1", "commit_ref": commit(hive)},
}
THIRD: dict[str, Callable[[Hive], Row]] = {
    "request_apply_commit": lambda hive: {"agent": "draft1", "commit_ref": commit(hive)[:12]},
    "nap": lambda _: {"seconds": 3_600, "reason": "all is done"},
}


def test_every_tool_has_its_call() -> None:
    assert {*FIRST, *SECOND, *THIRD} == set(TOOL_SPECS)


def script(hive: Hive, api: MessagesApi, rows: dict[str, Callable[[Hive], Row]]) -> None:
    calls = [Tool(PREFIX + name, arguments(hive)) for name, arguments in rows.items()]
    api.script(*(Reply(tools=(call,)) for call in calls))


def results(hive: Hive, rows: dict[str, Callable[[Hive], Row]]) -> None:
    """Wait until each was called, and went well."""
    for name in rows:
        found = hive.wait("tool_result", seconds=SECONDS, tool=PREFIX + name, agent="queen")
        assert found["outcome"] == "ok", (name, hive.told())


def test_the_real_cli_calls_every_tool(hive: Hive) -> None:
    with MessagesApi(default=Reply("done")) as api:
        hive.new("queen", api, "--role=manager")
        hive.new("bee", api, "--parent=queen")
        script(hive, api, FIRST)
        hive.ctl("send", "queen", "begin")
        results(hive, FIRST)
        hive.wait("draft_created", agent="draft1")
        # The question wakes her; what is decided or ends comes to her as mail as well.
        hive.ctl("ask", "queen", "Are you ready?")
        script(hive, api, SECOND)
        hive.ctl("send", "queen", "go on")
        results(hive, SECOND)
        approval = hive.wait("approval_request", agent="draft1")["approval"]
        hive.ctl("approve", str(approval))
        hive.wait("approval_outcome", approval=approval, outcome="done")
        script(hive, api, THIRD)
        hive.ctl("send", "queen", "end it")
        results(hive, THIRD)
        hive.wait_word("queen", "napping")
        requests = list(api.requests)
    assert hive.wait("message_sent", sender="queen", to="operator")["body"] == "/clear is a word"
    assert hive.wait("question_answered")["by"] == "agent:queen"
    # Each tool's words came back to the model.
    told = "\n".join(request.all for request in requests)
    for words in ("queen manager", "status set", "sent: ", "bee is stopped", "the draft draft1"):
        assert words in told, words
    assert hive.json("verify")["ok"]


def test_the_model_sees_the_tools_of_its_role_and_their_schemas(hive: Hive) -> None:
    with MessagesApi(default=Reply("hello")) as api:
        for name, role in (("bee", "worker"), ("queen", "manager")):
            hive.new(name, api, f"--role={role}")
            hive.ctl("send", name, f"say hello, {name}")
            hive.wait("turn_end", agent=name)
        bee, queen = api.requests
    for request, role in ((bee, "worker"), (queen, "manager")):
        listed = {tool["name"]: tool for tool in request.body["tools"]}
        mine = {n for n, row in TOOL_SPECS.items() if row.access == ALL or role == "manager"}
        assert {name for name in listed if name.startswith(PREFIX)} == {PREFIX + n for n in mine}
        for name in mine:
            # Listed whole, not as a name behind a search: with its description and arguments.
            assert listed[PREFIX + name]["description"] == TOOL_SPECS[name].description
            schema = listed[PREFIX + name]["input_schema"]
            assert schema["properties"].keys() == TOOL_SPECS[name].args.keys()


def test_calls_that_are_wrong_come_back_as_errors(hive: Hive) -> None:
    calls = [
        Tool("mcp__hive__nap", {"seconds": -1}),
        Tool("mcp__hive__nap", {"seconds": "soon"}),
        Tool("mcp__hive__send", {"to": "nobody", "body": "x"}),
        Tool("mcp__hive__send", {"body": "x", "to": "operator", "from": "queen"}),
        Tool("mcp__hive__request_spawn", {"name": "newbie"}),
    ]
    with MessagesApi([*(Reply(tools=(call,)) for call in calls), Reply("done")]) as api:
        hive.new("bee", api)
        hive.ctl("send", "bee", "try")
        end = hive.wait("turn_end", agent="bee")
        told = [request.last for request in api.requests[1:]]
    assert end["outcome"] == "ok"
    outcomes = [row["outcome"] for row in hive.events("tool_result", agent="bee")]
    assert outcomes == ["error"] * len(calls)
    why = ("86400", "must be a number", "not_found", "no argument", "request_spawn")
    for words, code in zip(told, why, strict=True):
        assert code in words, words
    kinds = {row["kind"] for row in hive.events()}
    assert not kinds & {"nap_start", "approval_request", "draft_created"}
    assert len(hive.events("message_sent")) == 1


def test_a_further_server_and_the_agents_own_socket(hive: Hive, claude_program: str) -> None:
    """The CLI starts hived-mcp as any MCP server, which finds the agent by HIVE_SOCKET."""
    hive.new("bee", None)
    home, workdir = hive.folder / "cli-home", hive.folder / "cli-work"
    home.mkdir()
    workdir.mkdir()
    bridge = McpServer(sys.executable, ("-m", "hived.mcp_bridge"), {"PYTHONPATH": str(REPOSITORY)})
    spec = TurnSpec(
        agent="bee",
        turn="t1",
        kind="work",
        session="33333333-3333-4333-8333-333333333333",
        resume=False,
        workdir=str(workdir),
        home=str(home),
        program=claude_program,
        model="haiku",
        allow=("mcp__own__who",),
        hive_tools=tool_specs("worker"),
        socket=str(Path(hive.home, "agents", "bee", "hive.sock")),
        mcp_servers={"own": bridge},
        opening=(UserLine(1, "44444444-4444-4444-8444-444444444444", "look"),),
    )
    calls = [Reply(tools=(Tool(f"mcp__own__{name}"),)) for name in ("who", "loose_ends")]
    with MessagesApi([*calls, Reply("done")]) as api, Pump(ClaudeDriver(), spec, api.env()) as turn:
        ending = turn.finish()
        first, after_who, after_other = api.requests
    assert ending.outcome == "ok"
    assert "mcp__own__send" in {tool["name"] for tool in first.body["tools"]}
    assert "bee worker idle (you)" in after_who.last
    # Listed to the model, yet only what the allow list names may be called.
    assert "allow list" in after_other.last
