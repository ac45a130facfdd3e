"""Nothing leaves loopback, and no secret is where it should not be."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.messages_api import MessagesApi
from tests.messages_api_replies import WRONG_KEY, Reply, Rule
from tests.real.hive import SECRET, Hive
from tests.real.test_busy import SLOW, bash, begun

pytestmark = [pytest.mark.real_cli, pytest.mark.timeout(100)]

ROOT = Path(__file__).parent.parent.parent


def test_nothing_leaves_loopback(claude_program: str, tmp_path: Path) -> None:
    unshare = ("unshare", "--net") if os.geteuid() == 0 else ("unshare", "--net", "--map-root-user")
    if subprocess.run((*unshare, "true"), capture_output=True, check=False).returncode:
        pytest.skip("no network namespace can be made here")
    done = subprocess.run(
        (*unshare, sys.executable, "-m", "tests.real.alone", str(tmp_path), claude_program),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=80,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found == {
        "outcome": "ok",
        "tools": {"Bash": 1},
        "interfaces": found["interfaces"],
        "attempts": 0,
        "after_one": 1,
    }


def hived_files_with(hive: Hive, words: str) -> list[Path]:
    """Files of hived's own with these words; the CLI's own folder is its own business."""
    return [path for path in hive.files_with(words) if "/claude/" not in str(path)]


def test_no_secret_in_the_log_in_a_file_or_in_an_argv(hive: Hive) -> None:
    wrong_key = "test-wrong-5813-key"
    wrong = Reply(failed=WRONG_KEY, headers={"x-should-retry": "false"})
    with MessagesApi([bash(SLOW), Reply("done")], rules=[Rule(wrong, key=wrong_key)]) as api:
        workdir = hive.new("ada", api, "--allow", "Bash", env={"OTHER_SECRET": "test-other-9"})
        hive.new("ben", api, env={"ANTHROPIC_API_KEY": wrong_key})
        hive.ctl("send", "*", "begin")
        begun(hive, workdir / "began")
        hive.wait("login_needed")
        secrets = (SECRET, wrong_key, "test-other-9")
        for name in ("cmdline", "environ"):
            holders = hive.with_words(name, SECRET)
            # It reaches the CLI and what that starts, by the environment and nothing else.
            assert holders == [] if name == "cmdline" else set(hive.clis()) <= set(holders)
        assert hive.process is not None
        assert hive.process.pid not in hive.with_words("environ", SECRET)
        assert not any(hived_files_with(hive, secret) for secret in secrets)
        (workdir / "go").touch()
        hive.wait("turn_end", outcome="ok")
        hive.wait_alone()
        assert api.requests[0].headers["x-api-key"] in (SECRET, wrong_key)
    assert not any(hived_files_with(hive, secret) for secret in secrets)
    # The log and the transcripts are compressed on disk: look at what they say, too.
    told = json.dumps([hive.events(), hive.call("state"), hive.call("agents")])
    turns = [(row["agent"], row["turn"]) for row in hive.events("turn_start")]
    told += json.dumps([hive.transcript(agent, turn) for agent, turn in turns])
    told += (hive.folder / "hived.log").read_text()
    assert "begin" in told
    assert not [secret for secret in secrets if secret in told]


def test_the_cli_gets_folders_of_the_agents_own(hive: Hive) -> None:
    with MessagesApi([bash("echo $TMPDIR > seen; env >> seen"), Reply("done")]) as api:
        workdir = hive.new("ada", api, "--allow", "Bash")
        hive.ctl("send", "ada", "begin")
        assert hive.wait("turn_end")["outcome"] == "ok"
    own = hive.home / "agents" / "ada"
    seen = (workdir / "seen").read_text().splitlines()
    assert seen[0].startswith(str(own / "tmp"))
    # Nothing that hived's user has set for the CLI gets through.
    assert not [line for line in seen if "inherited-and-wrong" in line]
    # Nor is anything written to that user's own folders.
    assert not (hive.folder / ".claude").exists()
    assert not (hive.folder / ".claude.json").exists()
    assert (own / "claude" / "projects").is_dir()
    for folder in (hive.home, own):
        assert folder.stat().st_mode & 0o077 == 0, folder
