"""From commits to requests and to what runs, with the real git and no daemon."""

import os
import subprocess
from pathlib import Path

import pytest
from attrs import evolve

from hived import limits
from hived.decisions.approvals import RequestApproval, request_approval
from hived.decisions.base import Context
from hived.decisions.drafts import CreateDraft
from hived.errors import HivedError
from hived.events import Recorded, kind_of
from hived.events.codec import Codec
from hived.events.settings import Settings
from hived.events.values import AgentConfig
from hived.paths import Home
from hived.projections.approvals import Approval
from hived.world import agent_config, deploying, proposing, repos
from hived.world.agent_places import check_room, have_places, make_draft, make_places, staged
from tests.decisions.bench import Bench

SETTINGS = Settings()


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home.at(str(tmp_path / "home"))
    make_draft(made, "web", "boss", 1_700_000_000.0)
    return made


def commit(home: Home, files: dict[str, str], name: str = "web") -> str:
    repo = Path(home.proposed(name))
    for path, text in files.items():
        (repo / path).parent.mkdir(parents=True, exist_ok=True)
        (repo / path).write_text(text)
    for words in (["add", "-A"], ["commit", "-q", "-m", "x"]):
        subprocess.run(["git", *words], cwd=repo, check=True)
    done = subprocess.run(["git", "rev-parse", "HEAD"], cwd=repo, check=True, capture_output=True)
    return done.stdout.decode().strip()


def request(approval: str = "p1", kind: str = "spawn_commit") -> RequestApproval:
    return RequestApproval(approval, kind, "web")


def as_approval(asked: RequestApproval) -> Approval:
    return Approval(
        asked.approval, asked.kind, "boss", asked.agent, 1.0, 1, 2, "", asked.commit, asked.base,
        asked.config,
    )  # fmt: skip


def test_the_places_are_made_once_and_for_hived_alone(home: Home) -> None:
    first = repos.make_proposed(Path(home.proposed("web")), {}, "boss", 1.0)
    make_draft(home, "web", "boss", 1_700_000_000.0)
    assert have_places(home, "web") and first
    for path in (home.agent("web"), home.proposed("web"), home.agent_state("web")):
        assert Path(path).stat().st_mode & 0o777 == 0o700
    with pytest.raises(HivedError) as error:
        check_room(home, "web")
    assert error.value.code == "exists"
    check_room(home, "other")


def test_a_half_made_place_is_completed(tmp_path: Path) -> None:
    home = Home.at(str(tmp_path / "home"))
    Path(home.agent_state("web")).mkdir(parents=True)
    assert not have_places(home, "web")
    commit = make_places(home, "web", {"a": b"1"}, "boss", 5.0)
    Path(home.applied_repo("web"), "HEAD").unlink()
    assert not have_places(home, "web")
    subprocess.run(["rm", "-rf", home.applied_repo("web")], check=True)
    assert make_places(home, "web", {"a": b"1"}, "boss", 5.0) == commit
    assert have_places(home, "web")


def test_the_same_request_again_is_the_same_though_the_repository_is_gone(home: Home) -> None:
    ref = commit(home, {"agent.toml": 'model = "opus"\n'})
    asked = proposing.ask_spawn_commit(home, SETTINGS, request(), ref[:8])
    assert (asked.commit, asked.paths) == (ref, ("agent.toml",))
    assert asked.config is not None and asked.config.model == "opus"
    subprocess.run(["rm", "-rf", home.proposed("web")], check=True)
    assert proposing.ask_spawn_commit(home, SETTINGS, request(), ref[:8]) == asked


def test_deploying_twice_is_deploying_once_and_old_files_are_forgotten(home: Home) -> None:
    for number in range(limits.APPLIED_TREES_KEPT + 4):
        ref = commit(home, {"agent.toml": f'model = "m{number}"\n'})
        asked = proposing.ask_spawn_commit(home, SETTINGS, request(f"p{number}"), ref)
        for _ in range(2):
            config = deploying.deploy(home, SETTINGS, as_approval(asked))
            assert config == asked.config
            assert Path(config.prompt_file).is_file()
    trees = [path.name for path in Path(home.applied, "web").iterdir()]
    assert ref in trees and len(trees) == limits.APPLIED_TREES_KEPT + 1
    assert repos.deployed(Path(home.applied_repo("web"))) == ref


def test_what_does_not_stand_on_what_runs_is_not_deployed(home: Home) -> None:
    first = commit(home, {"agent.toml": 'model = "one"\n'})
    one = proposing.ask_spawn_commit(home, SETTINGS, request("p1"), first)
    subprocess.run(["git", "checkout", "-q", "-b", "b", "HEAD^"], cwd=home.proposed("web"))
    other = commit(home, {"agent.toml": 'model = "two"\n'})
    two = proposing.ask_spawn_commit(home, SETTINGS, request("p2"), other)
    deploying.deploy(home, SETTINGS, as_approval(one))
    with pytest.raises(HivedError) as error:
        deploying.deploy(home, SETTINGS, as_approval(two))
    assert error.value.code == "wrong_state" and "rebase" in error.value.hint
    assert repos.deployed(Path(home.applied_repo("web"))) == first


def test_what_can_never_be_deployed_is_not_even_asked_for(home: Home) -> None:
    first = commit(home, {"agent.toml": 'model = "one"\n'})
    second = commit(home, {"agent.toml": 'model = "two"\n'})
    asked = proposing.ask_spawn_commit(home, SETTINGS, request("p1"), second)
    running = deploying.deploy(home, SETTINGS, as_approval(asked))
    apply = request("p2", "apply_commit")
    with pytest.raises(HivedError) as error:
        proposing.ask_apply(home, SETTINGS, apply, first, running)
    assert error.value.code == "wrong_state" and "git revert" in error.value.hint
    marks = repos.history(Path(home.applied_repo("web")))
    assert [mark.commit for mark in marks if mark.kind == "failed"] == [first]
    again = proposing.ask_apply(home, SETTINGS, request("p3", "apply_commit"), second, running)
    assert again.paths == ()


def test_a_commit_is_asked_for_before_the_applied_repository_is_made(home: Home) -> None:
    ref = commit(home, {"agent.toml": 'model = "opus"\n'})
    subprocess.run(["rm", "-rf", home.applied_repo("web")], check=True)
    asked = proposing.ask_spawn_commit(home, SETTINGS, request(), ref)
    assert asked.commit == ref and have_places(home, "web")


def test_what_lies_in_the_state_folder_is_listed_and_no_link_followed(
    home: Home, tmp_path: Path
) -> None:
    state = Path(home.agent_state("web"))
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "key").write_text("x")
    (state / "sub").mkdir()
    (state / "sub" / "a.txt").write_text("12345")
    (state / "link").symlink_to("/etc/shadow")
    (state / "away").symlink_to(tmp_path / "secret")
    (state / "\x1b[31mred").write_text("")
    os.mkfifo(state / "pipe")
    found = staged(home, "web")
    assert "sub/a.txt (5)" in found and "link (a link)" in found and "pipe (no file)" in found
    assert not any("key" in line for line in found)
    assert all(line.isprintable() for line in found)
    assert staged(home, "nobody") == ()
    subprocess.run(["rm", "-rf", str(state)], check=True)
    state.symlink_to(tmp_path / "secret")
    [line] = staged(home, "web")
    assert "cannot be read" in line


def test_a_full_state_folder_is_listed_in_part(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "STAGED_WALK_MAX", 3)
    for number in range(10):
        (Path(home.agent_state("web")) / str(number)).write_text("")
    found = staged(home, "web")
    assert len(found) == 4 and found[-1] == "... and more"


def test_no_depth_and_no_link_of_a_state_folder_is_out_of_reach(home: Home) -> None:
    make_draft(home, "web", "boss", 1.0)
    state = Path(home.agent_state("web"))
    (state / "etc").symlink_to("/etc")
    folder = os.open(state, os.O_RDONLY)
    for _ in range(1_200):  # more than Python's own stack holds
        os.mkdir("d", dir_fd=folder)
        inner = os.open("d", os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = inner
    os.close(folder)
    open_files = Path("/proc/self/fd")
    before = len(list(open_files.iterdir()))
    try:
        deep, link = staged(home, "web")
        assert len(list(open_files.iterdir())) == before
    finally:  # pytest cannot delete it
        subprocess.run(["rm", "-rf", str(state)], check=True)
    assert deep == "d/" * limits.KEPT_DEPTH_MAX + " (deeper than is looked)"
    assert link == "etc (a link)"


def test_empty_folders_of_a_state_folder_are_counted(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "STAGED_WALK_MAX", 3)
    make_draft(home, "web", "boss", 1.0)
    for number in range(4):
        (Path(home.agent_state("web")) / f"f{number}").mkdir()
    assert staged(home, "web") == ("... and more",)


def test_the_largest_request_fits_an_event(home: Home) -> None:
    deep = "/".join(["x" * 70] * 5)
    files = {f"{deep}/{number}.md": '"\\\t' * 100 + "\n" for number in range(900)}
    rules = [f"Bash({'z' * 450} {number})" for number in range(150)]
    files["agent.toml"] = "allow = [" + ", ".join(f'"{rule}"' for rule in rules) + "]\n"
    files["big.txt"] = "\x01" * 300_000 + "\n"
    ref = commit(home, files)
    state = Path(home.agent_state("web"))
    for number in range(600):
        (state / f"{'s' * 200}{number}").write_text("")
    asked = proposing.ask_spawn_commit(home, SETTINGS, request(), ref)
    asked = evolve(asked, description="\x01" * limits.APPROVAL_NOTE_CHARS_MAX)
    assert asked.truncated and len(asked.paths) == 902
    bench = Bench()
    bench.do(CreateDraft("web"))
    context = Context("operator:x", 1.0, bench.new_id)
    event = request_approval(bench.hive, asked, context)[0].event
    assert "more" in event.paths[-1] and "more" in event.staged[-1]
    rec = Recorded(1, "approval:p1", 1, 1.0, "n", "operator:x", None, None, kind_of(event), event)
    Codec().encode(rec)


def test_an_agent_without_a_commit_is_shown_as_the_files_that_mean_it(
    home: Home, tmp_path: Path
) -> None:
    prompt = tmp_path / "prompt.txt"
    prompt.write_text("Be good.")
    workdir = os.path.realpath(tmp_path)
    config = AgentConfig("claude", workdir, "opus", prompt_file=str(prompt), allow=("Read",))
    files = agent_config.as_files(home, SETTINGS, "old", config)
    assert files["prompt.md"] == b"Be good."
    first = make_places(home, "old", files, "hived", 1.0)
    again = RequestApproval("p9", "apply_commit", "old")
    asked = proposing.ask_apply(home, SETTINGS, again, first, config)
    assert (asked.diff, asked.paths) == ("", ())
    assert asked.config is not None
    place = home.applied_tree("old", first)
    assert asked.config == evolve(config, prompt_file=f"{place}/prompt.md", commit=first)


@pytest.mark.parametrize(
    ("prompt", "wrong"),
    [
        (b"one\ntwo \x1b[2J", "control character U+001B in line 2"),
        (b"\0", "U+0000 in line 1"),
        ("\x9b".encode(), "U+009B"),
        (b"ok\xff", "not UTF-8 at byte 2"),
    ],
)
def test_a_prompt_that_is_no_plain_text_is_refused(home: Home, prompt: bytes, wrong: str) -> None:
    (Path(home.proposed("web")) / "prompt.md").write_bytes(prompt)
    ref = commit(home, {"agent.toml": ""})
    with pytest.raises(HivedError) as error:
        proposing.ask_spawn_commit(home, SETTINGS, request(), ref)
    assert error.value.code == "invalid_config"
    assert "prompt.md" in error.value.message and wrong in error.value.message
    # One that is not the agent's prompt may be anything, and plain words are plain words.
    other = commit(home, {"agent.toml": 'prompt_file = "words.md"\n', "words.md": "Grüß\tdich\r\n"})
    assert proposing.ask_spawn_commit(home, SETTINGS, request("p2"), other).config is not None


def test_a_commit_without_an_agent_toml_is_refused(home: Home) -> None:
    subprocess.run(["git", "rm", "-q", "agent.toml"], cwd=home.proposed("web"), check=True)
    ref = commit(home, {"other": "x"})
    with pytest.raises(HivedError) as error:
        proposing.ask_spawn_commit(home, SETTINGS, request(), ref)
    assert error.value.code == "invalid_config"


def test_what_the_machine_refuses_is_an_error_for_who_asked(home: Home) -> None:
    ref = commit(home, {"agent.toml": ""})
    subprocess.run(["rm", "-rf", home.applied], check=True)
    Path(home.applied).write_text("no folder")
    with pytest.raises(HivedError) as error:
        proposing.ask_spawn_commit(home, SETTINGS, request(), ref)
    assert error.value.code == "git_failed"
