"""The proposed and the applied repository, with the real git."""

import os
import stat
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from hived import limits
from hived.errors import HivedError
from hived.world import git, git_objects, repos
from tests.world.proposals import FILES, Pair


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    return Pair(tmp_path)


def refusal(code: str, act: Callable[[], object]) -> HivedError:
    with pytest.raises(HivedError) as caught:
        act()
    assert caught.value.code == code
    return caught.value


def test_the_first_commit_is_whole_and_git_is_content_with_it(pair: Pair) -> None:
    assert pair.git("status", "--porcelain") == ""
    assert pair.git("rev-parse", "main") == pair.first
    assert pair.git("fsck", "--strict", "--full") == ""
    assert pair.git("log", "--format=%an %ae %at %s") == "queen queen@hive 1700000000 Begin"
    assert {name: (pair.proposed / name).read_bytes() for name in FILES} == FILES


def test_the_ids_are_those_that_git_gives(pair: Pair, tmp_path: Path) -> None:
    # Names that sort otherwise as folders than as files.
    names = ["a", "a.b", "a-c/x", "a0", "ab/c/d", "ab/c.d", "ab-", "ü/ß", "z"]
    files = {name: name.encode() for name in names}
    commit = repos.make_proposed(tmp_path / "r", files, "ada", 5.0)
    assert pair.git("status", "--porcelain", at=tmp_path / "r") == ""
    assert git.run(tmp_path / "r" / ".git", "write-tree").out.decode().strip() == (
        git_objects.tree(files).id
    )
    assert git.run(tmp_path / "r" / ".git", "fsck", "--strict").err == ""
    assert commit == repos.make_proposed(tmp_path / "other", files, "ada", 5.0)


def test_a_repository_that_is_there_is_left_as_it_is(pair: Pair) -> None:
    later = pair.commit({"agent.toml": b"mine = 1\n"})
    again = repos.make_proposed(pair.proposed, FILES, "queen", 1_700_000_000.0)
    assert again == pair.first
    assert pair.git("rev-parse", "HEAD") == later


def test_something_else_in_its_place_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "mine").touch()
    refusal("exists", lambda: repos.make_proposed(tmp_path / "config", FILES, "queen", 1.0))
    assert list(tmp_path.iterdir()) == [tmp_path / "config"]


def test_the_first_pin_shows_the_change_from_the_default_files(pair: Pair) -> None:
    commit = pair.commit({"agent.toml": b'model = "haiku"\n', "new/x": b"x\n"})
    pinned = pair.pin(commit[:7])
    assert pinned.commit == commit
    assert pinned.paths == ("agent.toml", "new/x")
    assert '-model = "opus"\n+model = "haiku"\n' in pinned.diff
    assert "+++ b/new/x\n@@ -0,0 +1 @@\n+x\n" in pinned.diff
    assert not pinned.truncated
    assert [(file.path, file.bytes) for file in pinned.files] == [
        ("agent.toml", 16),
        ("new/x", 2),
        ("prompt.md", 13),
        ("skills/one/read.md", 4),
    ]
    assert repos.read_file(pair.applied, commit, "new/x", 2) == b"x\n"
    refusal("too_large", lambda: repos.read_file(pair.applied, commit, "new/x", 1))
    refusal("not_found", lambda: repos.read_file(pair.applied, commit, "new", 9))


def test_without_default_files_all_is_new(pair: Pair) -> None:
    pinned = repos.pin(pair.applied, pair.proposed, pair.first, "a1")
    assert set(pinned.paths) == set(FILES)
    assert pinned.base == git_objects.EMPTY_TREE


def test_later_pins_show_the_change_from_what_is_deployed(pair: Pair) -> None:
    one = pair.commit({"agent.toml": b"x = 1\n"})
    pair.pin(one)
    assert repos.deployed(pair.applied) == ""
    repos.deploy(pair.applied, one, "a1")
    assert repos.deployed(pair.applied) == one
    two = pair.commit({"agent.toml": b"x = 2\n"})
    pinned = pair.pin(two, "a2")
    assert pinned.base == one
    assert "-x = 1\n+x = 2\n" in pinned.diff


def test_what_is_pinned_stays_however_the_proposed_one_is_rewritten(pair: Pair) -> None:
    commit = pair.commit({"agent.toml": b"x = 1\n"})
    pinned = pair.pin(commit[:9])
    pair.git("commit", "-q", "--amend", "-m", "other")
    pair.git("reflog", "expire", "--expire=now", "--all")
    pair.git("gc", "-q", "--prune=now")
    other = "1" if commit[9] == "0" else "0"
    refusal("not_found", lambda: pair.pin(commit[:9] + other, "a2"))
    pair.destroy_proposed()
    assert pair.pin(commit[:9]) == pinned
    repos.export(pair.applied, commit, pair.folder / "out")
    assert (pair.folder / "out" / "agent.toml").read_bytes() == b"x = 1\n"
    refusal("exists", lambda: pair.pin("0" * 40))


def test_a_commit_that_no_branch_holds_can_be_pinned(pair: Pair) -> None:
    commit = pair.commit({"agent.toml": b"x = 1\n"})
    pair.git("reset", "-q", "--hard", pair.first)
    assert pair.pin(commit).commit == commit


def test_a_commit_in_a_pack_can_be_pinned(pair: Pair) -> None:
    for n in range(5):
        commit = pair.commit({"agent.toml": b"x = %d\n" % n})
    pair.git("gc", "-q")
    assert pair.pin(commit).paths == ("agent.toml",)
    repos.deploy(pair.applied, commit, "a1")
    assert git.run(pair.applied, "fsck", "--full", "--strict").err == ""


def test_as_much_as_is_allowed_is_taken(pair: Pair) -> None:
    files = {f"many/{n:03d}": b"%d\n" % n for n in range(limits.CONFIG_FILES_MAX - 10)}
    large = {f"large/{n}": os.urandom(limits.CONFIG_FILE_BYTES_MAX) for n in range(7)}
    commit = pair.commit({**files, **large})
    pinned = pair.pin(commit)
    assert len(pinned.files) == limits.CONFIG_FILES_MAX
    target = pair.folder / "trees" / commit
    repos.export(pair.applied, commit, target)
    exported = {name: (target / name).read_bytes() for name in {**files, **large}}
    assert exported == {**files, **large}


def test_no_repository_is_said_as_that(pair: Pair) -> None:
    pair.destroy_proposed()
    assert "no git repository" in refusal("not_found", lambda: pair.pin("0" * 7)).message


def test_a_beginning_of_two_commits_is_ambiguous(pair: Pair) -> None:
    seen: dict[str, git_objects.Made] = {}
    for n in count():
        made = git_objects.commit({"agent.toml": b""}, "ada", n, "x")
        other = seen.setdefault(made.id[:7], made)
        if other is not made:
            break
    git_objects.store(made, pair.objects)
    git_objects.store(other, pair.objects)
    error = refusal("ambiguous_name", lambda: pair.pin(made.id[:7]))
    assert error.data["candidates"] == sorted([made.id, other.id])
    assert pair.pin(made.id).commit == made.id


def test_a_commit_beside_what_is_deployed_is_to_be_rebased(pair: Pair) -> None:
    one = pair.commit({"agent.toml": b"x = 1\n"})
    pair.pin(one)
    repos.deploy(pair.applied, one, "a1")
    pair.git("reset", "-q", "--hard", pair.first)
    side = pair.commit({"agent.toml": b"x = 3\n"})
    pair.pin(side, "a2")
    error = refusal("wrong_state", lambda: repos.deploy(pair.applied, side, "a2"))
    assert f"rebase it on {one[:12]}" in error.hint
    assert repos.deployed(pair.applied) == one
    assert [mark.kind for mark in repos.history(pair.applied)].count("deployed") == 1


def test_deploying_again_later_moves_nothing_back(pair: Pair) -> None:
    one = pair.commit({"agent.toml": b"x = 1\n"})
    two = pair.commit({"agent.toml": b"x = 2\n"})
    for commit, id in ((one, "a1"), (two, "a2")):
        pair.pin(commit, id)
        repos.deploy(pair.applied, commit, id)
    repos.deploy(pair.applied, one, "a1")
    assert repos.deployed(pair.applied) == two


def test_the_history_tells_what_became_of_each(pair: Pair) -> None:
    before = time.time() - 1
    pair.pin(pair.first[:9], "a1")
    repos.deploy(pair.applied, pair.first, "a1")
    repos.mark_failed(pair.applied, pair.first, "a2", "it did not\nstart\0 ", 4_000_000_000.0)
    repos.mark_denied(pair.applied, pair.first, "a3", "", 4_000_000_001.0)
    history = repos.history(pair.applied)
    assert [(mark.kind, mark.id, mark.note) for mark in history] == [
        ("proposal", "a1", f"requested as {pair.first[:9]}"),
        ("deployed", "a1", "it runs from now on"),
        ("failed", "a2", "it did not\nstart"),
        ("denied", "a3", "no reason given"),
    ]
    assert {mark.commit for mark in history} == {pair.first}
    # Not the commit's own time, which is what its author says.
    assert before < history[0].at <= history[1].at < before + 600
    assert history[2].at == 4_000_000_000.0


def test_the_exported_files_are_plain_and_for_one_user(pair: Pair) -> None:
    (pair.proposed / "run.sh").write_text("#!/bin/sh\n")
    (pair.proposed / "run.sh").chmod(0o755)
    commit = pair.commit({"empty": b""})
    pair.pin(commit)
    target = pair.folder / "trees" / commit
    before = os.umask(0)
    try:
        repos.export(pair.applied, commit, target)
    finally:
        os.umask(before)
    modes = {
        path.relative_to(target).as_posix(): stat.filemode(path.lstat().st_mode)
        for path in target.rglob("*")
    }
    assert modes == {
        "agent.toml": "-rw-------",
        "empty": "-rw-------",
        "prompt.md": "-rw-------",
        "run.sh": "-rwx------",
        "skills": "drwx------",
        "skills/one": "drwx------",
        "skills/one/read.md": "-rw-------",
    }


@pytest.mark.parametrize("id", ["", "../x", "a b", "-x", "a" * 65, "a\n"])
def test_an_id_that_could_lead_elsewhere_is_refused(pair: Pair, id: str) -> None:
    refusal("invalid_name", lambda: pair.pin(pair.first, id))
    refusal("invalid_name", lambda: repos.deploy(pair.applied, pair.first, id))


class Broke(Exception):
    """Stands for the death of hived."""


def everything(folder: Path) -> tuple[object, ...]:
    """An approval from the first folder to the last tag, with what can be seen of it."""
    proposed, applied = folder / "config", folder / "applied"
    commit = repos.make_proposed(proposed, FILES, "queen", 1_700_000_000.0)
    repos.make_applied(applied)
    pinned = repos.pin(applied, proposed, commit[:10], "a1", base_files={"agent.toml": b""})
    repos.export(applied, commit, folder / "trees" / commit)
    repos.deploy(applied, commit, "a1")
    repos.mark_failed(applied, commit, "a2", "why", 5.0)
    repos.mark_denied(applied, commit, "a3", "no", 6.0)
    files = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for root in ("config", "trees")
        for path in sorted((folder / root).rglob("*"))
        if path.is_file() and path.name != "index"
    }
    left = [path.name for path in (*folder.iterdir(), *applied.iterdir())]
    # What is deployed is the base, so a pin done again after that has another.
    marks = [(mark.kind, mark.id, mark.commit, mark.note) for mark in repos.history(applied)]
    return pinned.commit, sorted(marks), repos.deployed(applied), files, sorted(left)


def breaking(patch: pytest.MonkeyPatch, at: int) -> None:
    """Every effect counts: a run of git, a file made, a folder, a rename. One of them is never
    come to. What dies after it dies before the next."""
    counted = count()

    def wrapped(inner: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            if next(counted) == at:
                raise Broke
            return inner(*args, **kwargs)

        return call

    patch.setattr(git, "run", wrapped(git.run))
    patch.setattr(repos, "_write", wrapped(repos._write))
    patch.setattr(Path, "rename", wrapped(Path.rename))
    patch.setattr(Path, "mkdir", wrapped(Path.mkdir))


PARTS = 4


@pytest.mark.parametrize("part", range(PARTS))
def test_done_again_after_a_death_at_any_step_it_comes_to_the_same(
    part: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "whole").mkdir()
    wanted = everything(tmp_path / "whole")
    for at in count(part, PARTS):
        folder = tmp_path / str(at)
        folder.mkdir()
        with monkeypatch.context() as patch:
            breaking(patch, at)
            try:
                everything(folder)
            except Broke:
                pass
            else:
                assert at > 50, "the steps were counted"
                return
        assert everything(folder) == wanted, at
