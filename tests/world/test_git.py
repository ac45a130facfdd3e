"""git as hived runs it: alone with hived's own settings, and bounded in every direction."""

import os
import subprocess
import time
from pathlib import Path

import pytest

from hived import limits
from hived.world import git, repos
from hived.world.git import GitFailed


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    repos.make_applied(tmp_path / "applied")
    return tmp_path / "applied"


def test_what_it_prints_is_given_back(bare: Path) -> None:
    done = git.run(bare, "rev-parse", "--is-bare-repository")
    assert (done.status, done.out, done.err) == (0, b"true\n", "")


def test_a_failure_tells_why(bare: Path) -> None:
    with pytest.raises(GitFailed) as caught:
        git.run(bare, "cat-file", "-p", "nothing")
    assert caught.value.code == "git_failed"
    assert "git cat-file failed: fatal: Not a valid object name" in caught.value.message
    assert caught.value.data == {"status": 128}
    assert git.run(bare, "cat-file", "-p", "nothing", ok=(128,)).status == 128


def test_the_users_own_settings_are_not_read(
    bare: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".gitconfig").write_text("[test]\n\tmine = yes\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / ".gitconfig"))
    monkeypatch.setenv("GIT_DIR", str(tmp_path))
    monkeypatch.setenv("GIT_CONFIG_PARAMETERS", "'test.mine'='yes'")
    assert git.run(bare, "config", "--get", "test.mine", ok=(1,)).out == b""
    assert git.run(bare, "config", "--get", "core.hooksPath").out == b"/dev/null\n"


def test_a_program_that_waits_is_ended_in_time(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "GIT_SECONDS", 0.5)
    read, write = os.pipe()
    began = time.monotonic()
    with (
        open(read, "rb") as silent,
        open(write, "wb"),
        pytest.raises(GitFailed, match="did not end within"),
    ):
        git.run(bare, "cat-file", "--batch", stdin=silent)
    assert time.monotonic() - began < 20


def test_what_is_too_much_is_cut_or_refused(bare: Path) -> None:
    lines = b"0123456789\n" * 200_000
    with pytest.raises(GitFailed, match="printed more than 1000 bytes"):
        git.run(bare, "cat-file", "--batch-check", stdin=lines, out_max=1_000)
    cut = git.run(bare, "cat-file", "--batch-check", stdin=lines, out_max=1_000, cut=True)
    assert len(cut.out) == 1_001


def test_a_file_it_writes_is_bounded(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "GIT_FILE_BYTES_MAX", 100_000)
    with pytest.raises(GitFailed) as caught:
        git.run(bare, "hash-object", "-w", "--stdin", stdin=os.urandom(4_000_000))
    assert caught.value.data["status"] != 0


def test_its_memory_is_bounded(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = bytes(64 * 2**20)
    assert git.run(bare, "hash-object", "--stdin", stdin=data).status == 0
    monkeypatch.setattr(limits, "GIT_MEMORY_BYTES_MAX", 48 * 2**20)
    # From a pipe it reads the whole into memory.
    with subprocess.Popen(
        ("head", "-c", str(len(data)), "/dev/zero"), stdout=subprocess.PIPE
    ) as by:
        assert by.stdout is not None
        with pytest.raises(GitFailed):
            git.run(bare, "hash-object", "--stdin", stdin=by.stdout)


def test_no_git_is_said_as_that(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(GitFailed, match="git cannot be run") as caught:
        git.run(bare, "version")
    assert "install git" in caught.value.hint
