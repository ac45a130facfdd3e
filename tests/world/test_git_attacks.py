"""Repositories that mean harm: nothing of them runs or leads outside; each is refused soon."""

import itertools
import os
import subprocess
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hived import limits
from hived.errors import HivedError
from hived.world import repos
from tests.world.proposals import FILES, Pair, pack, zeros

BLOB = "ab" * 20  # a name; what lies under it is no such thing
HUGE = 2**31
SECONDS = 30.0  # by far more than any refusal takes


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    made = Pair(tmp_path)
    yield made
    assert not made.marker.exists(), "something of the repository was run"
    assert not list(made.applied.glob("quarantine-*")), "what was copied is taken away"


def refused(pair: Pair, ref: str, code: str = "invalid_commit") -> HivedError:
    """The pin is refused, and nothing came of it."""
    began = time.monotonic()
    with pytest.raises(HivedError) as caught:
        pair.pin(ref)
    assert time.monotonic() - began < SECONDS
    assert caught.value.code == code
    assert repos.history(pair.applied) == ()
    return caught.value


def everything(pair: Pair, commit: str) -> repos.Pinned:
    """All that hived ever does with a commit."""
    pinned = pair.pin(commit)
    repos.read_file(pair.applied, commit, "agent.toml", 10_000)
    repos.export(pair.applied, commit, pair.folder / "out" / commit)
    repos.mark_failed(pair.applied, commit, "a2", "why", 5.0)
    repos.deploy(pair.applied, commit, "a1")
    repos.history(pair.applied)
    pair.pin(commit)
    return pinned


def settings(script: Path) -> str:
    """Everything in a repository's configuration by which git starts a program."""
    return f"""
[core]
    fsmonitor = {script}
    sshCommand = {script}
    pager = {script}
    editor = {script}
    hooksPath = {script.parent}/hooks
    alternateRefsCommand = {script}
    gitProxy = {script}
    askPass = {script}
    attributesFile = {script.parent}/attributes
[uploadpack]
    packObjectsHook = {script}
[credential]
    helper = {script}
[diff]
    external = {script}
[diff "evil"]
    textconv = {script}
    command = {script}
[filter "evil"]
    clean = {script}
    smudge = {script}
    process = {script}
    required = true
[gpg]
    program = {script}
[tag]
    gpgSign = true
[include]
    path = {script.parent}/more
[pager]
    diff = {script}
    log = {script}
"""


def arm(pair: Pair, git_dir: Path) -> None:
    script = pair.script()
    hooks = ("post-checkout", "reference-transaction", "post-index-change", "pre-commit")
    for folder in (git_dir / "hooks", pair.folder / "hooks"):
        folder.mkdir(exist_ok=True)
        for name in hooks:
            (folder / name).write_text(script.read_text())
            (folder / name).chmod(0o755)
    (pair.folder / "attributes").write_text("* filter=evil diff=evil\n")
    (git_dir / "info").mkdir(exist_ok=True)
    (git_dir / "info" / "attributes").write_text("* filter=evil diff=evil\n")
    (pair.folder / "more").write_text(f"[core]\n\tfsmonitor = {script}\n")
    with open(git_dir / "config", "a") as file:
        file.write(settings(script))


@pytest.mark.parametrize("where", ["proposed", "applied", "both"])
def test_no_hook_filter_converter_or_setting_runs(pair: Pair, where: str) -> None:
    commit = pair.commit({".gitattributes": b"* filter=evil diff=evil\n", "agent.toml": b"x = 1\n"})
    if where != "applied":
        arm(pair, pair.proposed / ".git")
    if where != "proposed":
        arm(pair, pair.applied)
    pinned = everything(pair, commit)
    assert "+x = 1" in pinned.diff
    exported = pair.folder / "out" / commit / "agent.toml"
    assert exported.read_bytes() == b"x = 1\n"


def test_the_planted_settings_do_run_where_git_is_left_to_itself(tmp_path: Path) -> None:
    # So that the test above sees what it says it sees.
    pair = Pair(tmp_path)
    arm(pair, pair.proposed / ".git")
    (pair.proposed / "agent.toml").write_text("y = 1\n")
    with pytest.raises(subprocess.CalledProcessError, match=r"git.*status"):
        pair.git("status")  # the planted filter does not even speak git's protocol
    assert pair.marker.exists()


def test_attributes_and_zero_bytes_hide_nothing_from_the_diff(pair: Pair) -> None:
    commit = pair.commit(
        {
            ".gitattributes": b"* -diff binary\n",
            "agent.toml": b"evil = 1\n",
            "prompt.md": b"\0bad\n",
        }
    )
    diff = pair.pin(commit).diff
    assert "+evil = 1" in diff
    assert "+␀bad" in diff


def test_a_large_file_does_not_push_the_configuration_out_of_the_diff(pair: Pair) -> None:
    commit = pair.commit({"aaa": b"a\n" * 400_000, "agent.toml": b"evil = 1\n"})
    pinned = pair.pin(commit)
    assert pinned.truncated
    assert len(pinned.diff) <= limits.APPROVAL_DIFF_BYTES_MAX
    assert "+evil = 1" in pinned.diff
    assert pinned.paths == ("aaa", "agent.toml")


def foreign(pair: Pair) -> tuple[Path, str]:
    """A repository that is none of the manager's, and its commit."""
    path = pair.folder / "foreign"
    return path, repos.make_proposed(path, {"secret": b"secret\n"}, "root", 1.0)


def by_alternates(pair: Pair, path: Path) -> str:
    (pair.objects / "info" / "alternates").write_text(f"{path}/.git/objects\n")
    return "not_found"


def by_commondir(pair: Pair, path: Path) -> str:
    (pair.proposed / ".git" / "commondir").write_text(f"{path}/.git\n")
    return "not_found"


def by_link_of_git(pair: Pair, path: Path) -> str:
    (pair.proposed / ".git").rename(pair.folder / "was")
    (pair.proposed / ".git").symlink_to(path / ".git")
    return "invalid_commit"


def by_git_file(pair: Pair, path: Path) -> str:
    (pair.proposed / ".git").rename(pair.folder / "was")
    (pair.proposed / ".git").write_text(f"gitdir: {path}/.git\n")
    return "invalid_commit"


def by_link_of_objects(pair: Pair, path: Path) -> str:
    pair.objects.rename(pair.folder / "was")
    pair.objects.symlink_to(path / ".git" / "objects")
    return "invalid_commit"


def by_link_of_folder(pair: Pair, path: Path) -> str:
    for folder in (path / ".git" / "objects").glob("??"):
        if not (pair.objects / folder.name).exists():
            (pair.objects / folder.name).symlink_to(folder)
    return "invalid_commit"


def by_links_of_files(pair: Pair, path: Path) -> str:
    for file in (path / ".git" / "objects").glob("??/*"):
        (pair.objects / file.parent.name).mkdir(exist_ok=True)
        (pair.objects / file.parent.name / file.name).symlink_to(file)
    return "not_found"


def by_link_of_the_repository(pair: Pair, path: Path) -> str:
    pair.proposed.rename(pair.folder / "was")
    pair.proposed.symlink_to(path)
    return "invalid_commit"


WAYS_OUT = [
    by_alternates,
    by_commondir,
    by_link_of_git,
    by_git_file,
    by_link_of_objects,
    by_link_of_folder,
    by_links_of_files,
    by_link_of_the_repository,
]


@pytest.mark.parametrize("way", WAYS_OUT, ids=lambda way: way.__name__)
def test_no_way_leads_to_another_repository(pair: Pair, way: Callable[[Pair, Path], str]) -> None:
    path, secret = foreign(pair)
    refused(pair, secret, way(pair, path))


def test_links_and_submodules_are_named_and_refused(pair: Pair) -> None:
    (pair.proposed / "skills" / "shadow").symlink_to("/etc/shadow")
    error = refused(pair, pair.commit({}))
    assert "skills/shadow is a symbolic link" in error.message
    linked = pair.commit_tree(pair.tree(("160000", b"sub", pair.first)))
    assert "sub is a submodule" in refused(pair, linked).message


NAMES = {
    "..": (b"..", "leads elsewhere"),
    "dot": (b".", "leads elsewhere"),
    ".git": (b".git", "leads elsewhere"),
    ".GIT": (b".GIT", "leads elsewhere"),
    "empty": (b"", "empty filename"),
    "slash": (b"../x", "leads elsewhere"),
    "absolute": (b"/etc/x", "leads elsewhere"),
    "escape": (b"a\x1b[2Jb", "control character"),
    "newline": (b"a\nb", "control character"),
    "turning": ("a\u202eb".encode(), "control character"),
    "not UTF-8": (b"a\xff", "is not UTF-8"),
    "long": (b"a" * 4_000, "longer than"),
}


@pytest.mark.parametrize("name", NAMES)
def test_names_that_lead_elsewhere_are_refused(pair: Pair, name: str) -> None:
    raw, told = NAMES[name]
    blob = pair.put("blob", b"x")
    assert told in refused(pair, pair.commit_tree(pair.tree(("100644", raw, blob)))).message


def test_one_name_for_two_is_refused(pair: Pair) -> None:
    blob = pair.put("blob", b"x")
    inner = pair.tree(("100644", b"x", blob))
    twice = pair.tree(("100644", b"a", blob), ("100644", b"a", blob))
    assert "twice" in refused(pair, pair.commit_tree(twice)).message
    both = pair.tree(("100644", b"a", blob), ("40000", b"a", inner))
    assert "file and a folder" in refused(pair, pair.commit_tree(both)).message


def holding(pair: Pair, id: str = BLOB) -> str:
    return pair.commit_tree(pair.tree(("100644", b"big", id)))


def test_two_gigabytes_in_one_object(pair: Pair) -> None:
    pair.put_raw(BLOB, zeros(b"blob %d\0" % HUGE, HUGE >> 20))
    assert f"big has {HUGE} bytes" in refused(pair, holding(pair)).message


def test_two_gigabytes_in_an_object_that_says_it_is_small(pair: Pair) -> None:
    pair.put_raw(BLOB, zeros(b"blob 10\0", HUGE >> 20))
    refused(pair, holding(pair))


def test_two_gigabytes_in_a_pack(pair: Pair) -> None:
    pack(pair.objects, [(BLOB, 3, HUGE, zeros(b"", HUGE >> 20))])
    assert f"big has {HUGE} bytes" in refused(pair, holding(pair)).message


def test_a_difference_to_two_gigabytes(pair: Pair) -> None:
    """A delta of few bytes whose base, in the pack, is huge: the result is small."""
    base = "cd" * 20
    delta = b"\x80\x80\x80\x80\x08" + b"\x01" + b"\x90\x01"
    stored = bytes.fromhex(base) + zlib.compress(delta)
    pack(pair.objects, [(base, 3, HUGE, zeros(b"", HUGE >> 20)), (BLOB, 7, len(delta), stored)])
    told = refused(pair, holding(pair)).message
    assert f"a difference to an object of {HUGE} bytes" in told


def test_a_difference_to_what_is_not_there(pair: Pair) -> None:
    delta = zlib.compress(b"\x01\x01\x90\x01")
    pack(pair.objects, [(BLOB, 7, 4, bytes.fromhex("cd" * 20) + delta)])
    refused(pair, holding(pair))


def test_differences_upon_differences(pair: Pair) -> None:
    names = [f"{n:02x}" * 20 for n in range(1, 100)]
    delta = zlib.compress(b"\x01\x01\x90\x01")  # from one byte to one byte: the same
    entries = [(names[0], 3, 1, zlib.compress(b"x"))]
    for base, name in itertools.pairwise(names):
        entries.append((name, 7, 4, bytes.fromhex(base) + delta))
    pack(pair.objects, entries)
    assert "upon differences" in refused(pair, holding(pair, names[-1])).message


def test_a_huge_file_in_an_earlier_commit(pair: Pair) -> None:
    pair.commit({"big": bytes(limits.CONFIG_FILE_BYTES_MAX + 1)})
    pair.git("rm", "-q", "big")
    later = pair.commit({"agent.toml": b"x = 2\n"})
    assert "an earlier commit holds a file" in refused(pair, later).message


def test_a_hundred_thousand_files(pair: Pair) -> None:
    blob = pair.put("blob", b"x")
    tree = pair.tree(*(("100644", b"%06d" % n, blob) for n in range(100_000)))
    assert "more than 1000 files" in refused(pair, pair.commit_tree(tree)).message


def test_a_tree_that_holds_itself_many_times(pair: Pair) -> None:
    tree = pair.tree(("100644", b"x", pair.put("blob", b"x")))
    for _ in range(12):
        tree = pair.tree(*(("40000", b"%02d" % n, tree) for n in range(20)))
    assert "more than 1000 files" in refused(pair, pair.commit_tree(tree)).message


def test_a_tree_of_very_many_floors(pair: Pair) -> None:
    tree = pair.tree(("100644", b"x", pair.put("blob", b"x")))
    for _ in range(2_000):
        tree = pair.tree(("40000", b"d", tree))
    refused(pair, pair.commit_tree(tree))


def test_very_many_objects(pair: Pair) -> None:
    folder = pair.objects / "aa"
    folder.mkdir(exist_ok=True)
    for n in range(limits.GIT_LOOSE_OBJECTS_MAX + 1):
        (folder / f"{n:038x}").touch()
    assert "git gc" in refused(pair, pair.first).hint


def test_more_bytes_than_are_copied(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "GIT_COPY_BYTES_MAX", 100_000)
    pair.commit({"big": os.urandom(200_000)})
    assert "100000 bytes" in refused(pair, pair.first).message


@pytest.mark.parametrize("bound", ["GIT_NEW_OBJECTS_MAX", "GIT_NEW_BYTES_MAX"])
def test_a_history_beyond_the_bounds(
    pair: Pair, bound: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = pair.commit({"one": b"1" * 500})
    monkeypatch.setattr(limits, bound, 3 if "OBJECTS" in bound else 400)
    assert "and its history" in refused(pair, commit).message


def test_all_files_together_beyond_the_bound(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "CONFIG_TREE_BYTES_MAX", 100)
    commit = pair.commit({"one": b"1" * 60, "two": b"2" * 60})
    assert "100 is the most" in refused(pair, commit).message


def test_an_object_under_another_ones_name(pair: Pair) -> None:
    pair.put_raw(BLOB, zeros(b"blob 1048576\0", 1))
    refused(pair, holding(pair))
    assert not list(pair.applied.glob(f"objects/{BLOB[:2]}/*"))


def test_an_object_that_is_not_there(pair: Pair) -> None:
    assert "does not hold big" in refused(pair, holding(pair)).message


def test_noise_for_an_object_and_for_a_pack(pair: Pair) -> None:
    pair.put_raw(BLOB, b"noise")
    refused(pair, holding(pair))
    pack(pair.objects, [(BLOB, 3, 10, b"noise")])
    refused(pair, holding(pair))


def test_a_pipe_for_an_object_holds_nobody_up(pair: Pair) -> None:
    (pair.objects / BLOB[:2]).mkdir(exist_ok=True)
    os.mkfifo(pair.objects / BLOB[:2] / BLOB[2:])
    refused(pair, holding(pair))
    assert pair.pin(pair.first).commit == pair.first


@pytest.mark.parametrize(
    "ref",
    [
        "main",
        "HEAD",
        "v1",
        "--upload-pack=touch x",
        "-h",
        "",
        "abc",
        "ABCDEF0",
        "a" * 41,
        "abcdef0\n",
        "abcdef0^{tree}",
        "abcdef0:agent.toml",
    ],
)
def test_what_is_no_id_is_refused(pair: Pair, ref: str) -> None:
    assert "no branch and no tag" in refused(pair, ref, "invalid_params").hint


def test_references_are_not_looked_at(pair: Pair) -> None:
    pair.git("tag", "deadbeef")
    pair.git("branch", "cafecafe")
    lines = [f"{pair.first} refs/heads/--exec=touch-{n}" for n in range(50_000)]
    (pair.proposed / ".git" / "packed-refs").write_text("\n".join(lines) + "\n")
    refused(pair, "deadbeef", "not_found")
    refused(pair, "cafecafe", "not_found")
    assert pair.pin(pair.first).files[0].path == "agent.toml"


def test_a_replacement_of_a_commit_is_not_followed(pair: Pair) -> None:
    evil = pair.commit({"agent.toml": b"evil = 1\n"})
    pair.git("replace", pair.first, evil)
    assert pair.pin(pair.first).paths == ()


def test_what_is_no_commit_is_refused(pair: Pair) -> None:
    blob = pair.put("blob", FILES["prompt.md"])
    assert "is a blob" in refused(pair, blob, "not_found").message
    pair.git("tag", "-m", "x", "v1")
    assert "is a tag" in refused(pair, pair.git("rev-parse", "v1"), "not_found").message
