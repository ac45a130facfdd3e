"""How the CLIs are started, and what names their sessions and credentials."""

import json
import shutil
import subprocess
from pathlib import Path

from attrs import evolve

from hived.decisions import notes_words
from hived.drivers import DRIVERS
from hived.drivers.base import TurnSpec
from hived.drivers.specs import agent_spec, turn_spec
from hived.events.values import AgentConfig, McpServer
from hived.projections.agent import OpenTurn
from tests.drivers.recordings import ASSIGN

SPEC = TurnSpec(
    agent="ada",
    turn="t000000000001",
    kind="work",
    session="11111111-1111-4111-8111-111111111111",
    resume=False,
    workdir="/home/user/work.d/x_y",
    home="/home/user/agents/ada",
)
CLAUDE, REHEARSAL = DRIVERS["claude"], DRIVERS["rehearsal"]


def test_the_registry() -> None:
    assert {name: driver.name for name, driver in DRIVERS.items()} == {
        "claude": "claude",
        "rehearsal": "rehearsal",
    }


def test_the_command_line() -> None:
    argv = CLAUDE.launch(SPEC).argv
    assert argv[:2] == ("claude", "-p")
    assert f"--session-id={SPEC.session}" in argv
    assert "--tools=Bash,Read,Edit,Write" in argv
    assert {"--setting-sources=", "--strict-mcp-config", "--permission-mode=default"} <= set(argv)
    assert not any(flag.startswith(("--mcp-config", "--model", "--allowed")) for flag in argv)

    full = evolve(
        SPEC,
        resume=True,
        model="haiku",
        fallback="sonnet",
        allow=("Bash(git *)", "Read"),
        tools=("Bash", "Grep"),
        prompt_file="/p/role.md",
        program="/opt/claude",
        hive_tools=(ASSIGN,),
    )
    argv = CLAUDE.launch(full).argv
    assert argv[0] == "/opt/claude"
    assert f"--resume={SPEC.session}" in argv
    assert [flag for flag in argv if flag.startswith("--allowedTools")] == [
        "--allowedTools=mcp__hive",
        "--allowedTools=Bash(git *)",
        "--allowedTools=Read",
    ]
    assert {
        "--tools=Bash,Grep",
        "--model=haiku",
        "--fallback-model=sonnet",
        "--append-system-prompt-file=/p/role.md",
        '--mcp-config={"mcpServers":{"hive":{"type":"sdk","name":"hive","alwaysLoad":true}}}',
    } <= set(argv)


def test_further_mcp_servers_stand_beside_the_hives_own() -> None:
    own = McpServer("/opt/docs", ("--fast",), {"LEVEL": "2"})
    named = evolve(SPEC, mcp_servers={"docs": own, "hive": own}, hive_tools=(ASSIGN,))
    [flag] = [f for f in CLAUDE.launch(named).argv if f.startswith("--mcp-config=")]
    assert json.loads(flag.partition("=")[2])["mcpServers"] == {
        "hive": {"type": "sdk", "name": "hive", "alwaysLoad": True},
        "docs": {
            "type": "stdio",
            "command": "/opt/docs",
            "args": ["--fast"],
            "env": {"LEVEL": "2"},
            "alwaysLoad": True,
        },
    }
    # A turn without the hive's tools, such as a compaction, starts none.
    bare = CLAUDE.launch(evolve(SPEC, mcp_servers={"docs": own})).argv
    assert not any(f.startswith("--mcp-config") for f in bare)


def test_no_value_can_be_a_flag() -> None:
    bad = "--dangerously-skip-permissions"
    argv = CLAUDE.launch(
        evolve(SPEC, session=bad, model=bad, fallback=bad, prompt_file=bad, tools=(bad,))
    ).argv
    assert bad not in argv


def test_the_environment() -> None:
    launch = CLAUDE.launch(evolve(SPEC, env_file="/secret/ada.env", socket="/agents/ada/s"))
    assert launch.env["HIVE_SOCKET"] == "/agents/ada/s"
    assert launch.env["CLAUDE_CONFIG_DIR"] == "/home/user/agents/ada/claude"
    assert launch.env["TMPDIR"] == "/home/user/agents/ada/tmp"
    assert launch.env["CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC"] == "1"
    assert launch.env_file == "/secret/ada.env"
    assert launch.cwd == SPEC.workdir
    # What hived inherited is not what the agent's config names.
    assert {"CLAUDECODE", "CLAUDE_*", "ANTHROPIC_*"} <= set(launch.env_drop)
    assert not any("KEY" in name or "TOKEN" in name for name in launch.env)
    own = CLAUDE.launch(evolve(SPEC, config_dir="/shared/claude"))
    assert own.env["CLAUDE_CONFIG_DIR"] == "/shared/claude"


def test_the_session_file() -> None:
    file = CLAUDE.session_file(SPEC)
    assert file == f"{SPEC.home}/claude/projects/-home-user-work-d-x-y/{SPEC.session}.jsonl"
    shared = evolve(SPEC, config_dir="/shared/claude")
    assert CLAUDE.session_file(shared).startswith("/shared/claude/projects/")


def test_credentials_are_shared_by_what_holds_them() -> None:
    bob = evolve(SPEC, agent="bob", home="/home/user/agents/bob")
    assert CLAUDE.credential(SPEC) != CLAUDE.credential(bob)
    assert REHEARSAL.credential(SPEC) != CLAUDE.credential(SPEC)
    for both in ({"env_file": "/e"}, {"config_dir": "/c"}, {"env_file": "/e", "config_dir": "/c"}):
        ours, theirs = evolve(SPEC, **both), evolve(bob, **both)
        assert CLAUDE.credential(ours) == CLAUDE.credential(theirs)
    assert CLAUDE.credential_files(evolve(SPEC, env_file="/e", config_dir="/c")) == (
        "/e",
        "/c/.credentials.json",
    )
    assert CLAUDE.credential_files(SPEC) == ("/home/user/agents/ada/claude/.credentials.json",)


def test_the_rehearsal_is_the_same_conversation_by_another_program() -> None:
    plain = REHEARSAL.launch(SPEC)
    assert plain.argv == ("hived-rehearsal", *CLAUDE.launch(SPEC).argv[1:])
    assert plain.env == CLAUDE.launch(SPEC).env
    options = {"python": "/venv/bin/python", "scenario": "/s.json"}
    argv = REHEARSAL.launch(evolve(SPEC, options=options)).argv
    assert argv[:4] == ("/venv/bin/python", "-m", "hived.rehearsal", "--scenario=/s.json")
    assert REHEARSAL.launch(evolve(SPEC, options=options, program="/r")).argv[0] == "/r"
    assert REHEARSAL.converse(SPEC).opening() == CLAUDE.converse(SPEC).opening()


INSTALL = Path(__file__).parent.parent.parent / ".ci" / "install-claude"


def test_the_install_script_names_npm_when_it_is_missing(tmp_path: Path) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("uname", "ls"):
        found = shutil.which(name)
        assert found
        (tools / name).symlink_to(found)
    done = subprocess.run(
        ["/bin/sh", INSTALL],
        env={"PATH": str(tools), "HIVED_CACHE": str(tmp_path / "cache")},
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert done.returncode == 1
    assert "npm is missing" in done.stderr


def test_an_installed_program_is_found_without_npm(tmp_path: Path) -> None:
    program = tmp_path / "cache" / "claude" / "2.1.330" / "claude"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    done = subprocess.run(
        ["/bin/sh", INSTALL],
        env={"PATH": "/usr/bin:/bin", "HIVED_CACHE": str(tmp_path / "cache")},
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, f"{program}\n")


def test_a_rewrite_of_the_notes_may_do_nothing_but_read_and_leaves_nothing() -> None:
    config = AgentConfig(
        driver="claude",
        workdir="/w",
        model="haiku",
        allow=("Bash",),
        tools=("Bash",),
        prompt_file="/p/role.md",
        mcp_servers={"docs": McpServer("docs-mcp")},
    )
    turn = OpenTurn("t1", 1, "notes", 0.0, "compaction", "haiku", SPEC.session, True, 1)
    spec = turn_spec(
        agent_spec("ada", "/h/ada", config), turn, hive_tools=(), opening=(), options={}
    )
    argv = CLAUDE.launch(spec).argv
    assert {"--tools=Read", "--no-session-persistence", "--model=haiku"} <= set(argv)
    assert f"--system-prompt={notes_words.REWRITER}" in argv
    forbidden = ("--allowed", "--mcp-config", "--append", "--add-dir", "--resume")
    assert not any(flag.startswith(forbidden) for flag in argv)


def test_an_agent_may_keep_its_notes_whatever_else_it_may_do() -> None:
    config = AgentConfig(driver="claude", workdir="/w", allow=("Read",))
    assert agent_spec("ada", "/h/ada", config).allow == (
        "Read",
        "Read(//h/ada/state/**)",
        "Edit(//h/ada/state/notes.md)",
    )
    assert agent_spec("ada", "/h (1)/ada", config).allow == ("Read",)
    assert CLAUDE.launch(SPEC).env["HIVE_NOTES"] == f"{SPEC.home}/state/notes.md"
