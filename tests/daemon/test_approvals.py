"""Approvals through the daemon: real git, a rehearsal manager, hivectl; kills between the steps."""

import json
import subprocess
import time
from pathlib import Path

import pytest

from hived.errors import HivedError
from tests.daemon.harness import Hive, Row, wait

# What a manager is had to call, and with which arguments.
_CALLS = {
    "spawn": ("request_spawn", 'name = "web", description = "for pages"'),
    "draft": ("request_spawn_draft", 'name = "web"'),
    "commit ": ("request_spawn_commit", 'name = "web", commit_ref = "{last}"'),
    "apply ": ("request_apply_commit", 'agent = "web", commit_ref = "{last}"'),
    "withdraw ": ("withdraw", 'approval = "{last}"'),
}


def manager(hive: Hive, call: str, word: str, name: str = "boss") -> str:
    """Have a manager call a tool once; what the tool answered."""
    tool, args = _CALLS[call]
    args = args.replace("{last}", word)
    scenario = (
        f'[[rule]]\nwhen = {{ from = "operator" }}\n'
        f'steps = [{{ hive = "{tool}", args = {{ {args} }} }}, {{ say = "told: {{result}}" }}]\n'
        '[default]\nsteps = [{ say = "ok" }]'
    )
    file = hive.home.parent / f"{name}.toml"
    if file.exists():
        file.write_text(scenario)
    else:
        hive.new(name, scenario, role="manager")
    return ask(hive, name)


def ask(hive: Hive, name: str) -> str:
    """Send a mail that has the agent act, and give what it said that it was told."""
    wait(lambda: at_rest(hive, name))  # a notice beside it would make the turn hive's
    before = len(hive.events("turn_end", agent=name))
    message = hive.send(name, "do")
    hive.wait_for("message_acked", message=message)
    hive.end(name, before + 1)
    [delivered] = hive.events("message_delivered", message=message)
    words = [w for w in hive.said(name, delivered["data"]["turn"]) if w.startswith("told: ")]
    return words[-1].removeprefix("told: ")


def at_rest(hive: Hive, name: str) -> bool:
    row = hive.agent(name)
    return row["turn"] is None and not row["inbox"]["queued"] and not row["inbox"]["in_turn"]


def git(repo: Path, *words: str) -> str:
    command = ["git", "-C", str(repo), *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def commit(hive: Hive, name: str, text: str, file: str = "agent.toml") -> str:
    """Commit a text in a proposed repository, as its manager does; the commit."""
    repo = hive.home / "agents" / name / "config"
    wait(lambda: (repo / ".git").is_dir())
    (repo / file).write_text(text)
    git(repo, "add", "-A")
    git(repo, "commit", "-q", "-m", "change")
    return git(repo, "rev-parse", "HEAD")


def pending(hive: Hive) -> Row:
    [row] = hive.call("approvals")["approvals"]
    assert isinstance(row, dict)
    return row


def tags(hive: Hive, name: str) -> dict[str, str]:
    """The tags of an applied repository, each with the commit it stands for."""
    commit = "%(if)%(*objectname)%(then)%(*objectname)%(else)%(objectname)%(end)"
    form = f"--format=%(refname:lstrip=2) {commit}"
    told = git(hive.home / "applied" / f"{name}.git", "for-each-ref", form, "refs/tags")
    return dict(line.split() for line in told.splitlines())


def note_of(hive: Hive, name: str, tag: str) -> str:
    repo = hive.home / "applied" / f"{name}.git"
    return git(repo, "tag", "-l", "--format=%(contents)", tag)


REHEARSAL = 'driver = "rehearsal"\n[options]\nscenario = "{file}"\n'


def rehearsal(hive: Hive, word: str) -> str:
    """An agent.toml whose agent says this word in each turn."""
    file = hive.home.parent / f"{word}.toml"
    file.write_text(f'[default]\nsteps = [{{ say = "{word}" }}]')
    return REHEARSAL.format(file=file)


def test_a_draft_becomes_an_agent_and_takes_a_change(hive: Hive) -> None:
    told = manager(hive, "draft", "")
    places = hive.home / "agents" / "web"
    assert str(places / "config") in told and str(places / "state") in told
    assert (places / "config").stat().st_mode & 0o777 == 0o700
    assert (places / "state").stat().st_mode & 0o777 == 0o700
    assert (hive.home / "applied").stat().st_mode & 0o777 == 0o700
    assert (places / "config" / "agent.toml").read_text().startswith("# The configuration of the")
    assert hive.call("drafts")["drafts"][0]["creator"] == "boss"
    assert hive.call("agents")["agents"][0]["agent"] == "boss"
    (places / "state" / "notes.md").write_text("know this")
    first = commit(hive, "web", rehearsal(hive, "one"))
    assert "waits for the operator's word" in manager(hive, "commit ", first[:9])
    row = pending(hive)
    shown = hive.call("approval", approval=row["approval"][:9])["approval"]
    assert shown["commit"] == first and "+driver = " in shown["diff"]
    assert shown["staged"] == ["notes.md (9)"] == shown["staged_now"]
    (places / "state" / "late").write_text("x")
    text = hive.ctl("approvals", "show", row["approval"])
    assert "late (1)" in text and "lay there when it was asked for" in text
    # However the proposed repository is rewritten now, what was shown is what runs.
    commit(hive, "web", rehearsal(hive, "other"))
    git(places / "config", "checkout", "-q", "--orphan", "new")
    git(places / "config", "branch", "-q", "-D", "main")
    assert "web: done" in hive.ctl("approve", row["approval"])
    agent = hive.agent("web")
    assert agent["config"]["commit"] == first and agent["parent"] == "boss"
    assert hive.call("drafts")["drafts"] == []
    hive.send("web")
    hive.end("web")
    assert hive.said("web") == ["one"]
    assert (places / "state" / "notes.md").read_text() == "know this"
    assert tags(hive, "web")[f"deployed/{row['approval']}"] == first
    hive.check()


def test_a_change_is_shown_from_what_runs_and_runs_from_the_next_turn_on(hive: Hive) -> None:
    hive.new("web", '[default]\nsteps = [{ say = "made" }]')
    second = commit(hive, "web", rehearsal(hive, "two") + "# more\n")
    manager(hive, "apply ", second[:12])
    shown = hive.call("approval", approval=pending(hive)["approval"])["approval"]
    assert "-[options]" not in shown["diff"] and "+# more" in shown["diff"]
    assert "approved by" not in hive.ctl("approvals")
    hive.ctl("approve", "--all", "--kind", "apply_commit", "--from", "boss", "--yes")
    hive.send("web")
    hive.end("web")
    assert hive.said("web") == ["two"]
    third = commit(hive, "web", rehearsal(hive, "three") + "# more\n")
    manager(hive, "apply ", third)
    row = hive.call("approval", approval=pending(hive)["approval"])["approval"]
    assert row["base"] == second
    hive.check()


def test_a_running_turn_is_not_changed_under_it(hive: Hive) -> None:
    file = hive.home.parent / "go"
    wait_for = f'{{ bash = "while [ ! -e {file} ]; do sleep 0.1; done", description = "wait" }}'
    hive.new("web", f'[default]\nsteps = [{wait_for}, {{ say = "old" }}]', allow=["Bash"])
    hive.send("web")
    hive.wait_for("tool_call", agent="web")
    new = commit(hive, "web", rehearsal(hive, "new"))
    hive.ctl("apply", "web", new)
    hive.ctl("approve", pending(hive)["approval"])
    assert hive.agent("web")["config"]["commit"] == new
    hive.kill()
    hive.start()
    file.write_text("")
    assert hive.end("web")["outcome"] == "ok"
    assert hive.said("web")[-1] == "old"
    hive.send("web")
    hive.end("web", 2)
    assert hive.said("web") == ["new"]


def test_a_change_of_the_model_is_queued_and_switched(hive: Hive) -> None:
    hive.new("web", '[default]\nsteps = [{ say = "made" }]')
    new = commit(hive, "web", 'model = "sonnet"\n' + rehearsal(hive, "new"))
    hive.ctl("apply", "web", new)
    hive.ctl("approve", pending(hive)["approval"])
    assert hive.agent("web")["model"]["queued"] == "sonnet"
    hive.kill()
    hive.start()
    hive.send("web")
    hive.end("web")
    model = hive.agent("web")["model"]
    assert (model["active"], model["queued"]) == ("sonnet", None)


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ('modle = "x"', "did you mean model"),
        ("role = 5\nsandbox = 7", "2 problems"),
        ("x = [[[", "TOML"),
        ('workdir = "/no/such/folder"', "workdir"),
        ('env_file = "/no/such/file"', "env_file"),
        ('allow = ["Bash(("]', "allow"),
        ('driver = "nothing"', "driver"),
    ],
)
def test_what_does_not_validate_never_reaches_the_operator(
    hive: Hive, text: str, wrong: str
) -> None:
    hive.new("web", '[default]\nsteps = [{ say = "made" }]')
    bad = commit(hive, "web", text)
    told = manager(hive, "apply ", bad)
    assert told.startswith(("invalid_config: ", "invalid_params: ")) and wrong in told
    assert hive.call("approvals", all=True)["approvals"] == []
    assert hive.events("approval_request") == []
    assert [tag for tag in tags(hive, "web") if tag.startswith("failed/")]


@pytest.mark.parametrize("ref", ["main", "HEAD", "v1", "--all", "0" * 40, "zz", "a/../b"])
def test_a_commit_is_named_by_its_id_alone(hive: Hive, ref: str) -> None:
    hive.new("web", '[default]\nsteps = [{ say = "made" }]')
    commit(hive, "web", rehearsal(hive, "new"))
    git(hive.home / "agents" / "web" / "config", "tag", "v1")
    told = manager(hive, "apply ", ref)
    assert told.startswith(("invalid_params: ", "not_found: ")), told
    assert hive.events("approval_request") == []


def test_a_denied_change_is_told_and_tagged_with_the_note(stopped: Hive) -> None:
    stopped.start(die_at=["approval_decision", 1])
    stopped.new("web", '[default]\nsteps = [{ say = "made" }]')
    new = commit(stopped, "web", rehearsal(stopped, "new"))
    manager(stopped, "apply ", new)
    id = pending(stopped)["approval"]
    stopped.ctl("deny", id, "--note", "not on a Monday", code=3)
    stopped.died()
    stopped.start()
    wait(lambda: tags(stopped, "web").get(f"denied/{id}") == new)
    assert note_of(stopped, "web", f"denied/{id}") == "not on a Monday"
    assert stopped.agent("web")["config"]["commit"] == ""
    [told] = [
        row for row in stopped.events("message_sent", to="boss") if "Monday" in row["data"]["body"]
    ]
    assert json.loads(told["data"]["body"].split("\n")[1])["decision"] == "denied"
    error = stopped.ctl("approve", id, code=1)
    assert "denied by operator:" in error and "position" in error


def test_a_failure_is_tagged_with_its_reason_and_what_ran_goes_on(hive: Hive) -> None:
    hive.new("web", '[default]\nsteps = [{ say = "made" }]')
    folder = hive.home.parent / "there"
    folder.mkdir()
    new = commit(hive, "web", f'workdir = "{folder}"\n' + rehearsal(hive, "new"))
    hive.ctl("apply", "web", new)
    id = pending(hive)["approval"]
    folder.rmdir()
    hive.ctl("approve", id, code=1)
    why = hive.call("approval", approval=id)["approval"]["why"]
    assert "workdir" in why and "make it first" in why
    assert "workdir" in note_of(hive, "web", f"failed/{id}")
    assert f"deployed/{id}" not in tags(hive, "web")
    assert len(hive.events("config_failed", approval=id)) == 1
    hive.send("web")
    hive.end("web")
    assert hive.said("web") == ["made"]


def test_what_lies_where_a_new_agent_will_be_is_shown_before_the_word(hive: Hive) -> None:
    manager(hive, "spawn", "")
    state = hive.home / "agents" / "web" / "state"
    state.mkdir(parents=True)
    (state / "notes.md").write_text("obey")
    (state / "etc").symlink_to("/etc")
    id = pending(hive)["approval"]
    shown = hive.ctl("approvals", "show", id)
    assert "notes.md (4)" in shown and "etc (a link)" in shown
    hive.ctl("deny", id, "--note", "what is that?")
    assert "notes.md" not in hive.ctl("approvals", "show", id)


# Where hived dies: between the word and the outcome, before and after each effect.
_DEATHS: dict[str, Row] = {
    "the word": {"die_at": ["approval_decision", 1]},
    "places": {"die_in": "hived.world.deploying:make_places"},
    "pin": {"die_in": "hived.world.repos:pin"},
    "export": {"die_in": "hived.world.repos:export"},
    "deploy": {"die_in": "hived.world.repos:deploy"},
    "all effects": {"die_in": "hived.supervisor.approvals:credential_of"},
    "the outcome": {"die_at": ["approval_outcome", 1]},
}


@pytest.mark.parametrize("death", _DEATHS)
def test_a_spawn_is_carried_on_wherever_hived_died(stopped: Hive, death: str) -> None:
    stopped.start()
    manager(stopped, "spawn", "")
    id = pending(stopped)["approval"]
    stopped.kill()
    stopped.start(**_DEATHS[death])
    stopped.ctl("approve", id, code=3)
    stopped.died()
    stopped.start()
    stopped.wait_for("approval_outcome", outcome="done")
    assert len(stopped.events("agent_created", agent="web")) == 1
    assert len(stopped.events("approval_outcome")) == 1
    web = stopped.agent("web")
    first = git(stopped.home / "agents" / "web" / "config", "rev-parse", "HEAD")
    assert web["config"]["commit"] == first == tags(stopped, "web")[f"deployed/{id}"]
    assert Path(web["config"]["prompt_file"]).read_text().startswith("You are web")
    told = [r for r in stopped.events("message_sent", to="boss") if "spawned" in r["data"]["body"]]
    assert len(told) == 1
    stopped.check()


@pytest.mark.parametrize("death", ["the word", "export", "deploy", "all effects", "the outcome"])
def test_a_change_is_carried_on_wherever_hived_died(stopped: Hive, death: str) -> None:
    stopped.start()
    stopped.new("web", '[default]\nsteps = [{ say = "made" }]')
    new = commit(stopped, "web", rehearsal(stopped, "new"))
    stopped.ctl("apply", "web", new)
    id = pending(stopped)["approval"]
    stopped.kill()
    stopped.start(**_DEATHS[death])
    stopped.ctl("approve", id, code=3)
    stopped.died()
    stopped.start()
    stopped.wait_for("approval_outcome", outcome="done")
    assert len(stopped.events("config_applied")) == 1
    assert tags(stopped, "web")[f"deployed/{id}"] == new
    stopped.send("web")
    stopped.end("web")
    assert stopped.said("web") == ["new"]


def test_a_draft_is_made_though_hived_died_first(stopped: Hive) -> None:
    stopped.start(die_in="hived.world.repos:make_proposed")
    stopped.ctl("drafts", "new", "web", code=3)
    stopped.died()
    stopped.start()
    wait(lambda: (stopped.home / "agents" / "web" / "config" / ".git").is_dir())
    assert [row["agent"] for row in stopped.call("drafts")["drafts"]] == ["web"]
    new = commit(stopped, "web", rehearsal(stopped, "new"))
    assert "web: done" in stopped.ctl("spawn", "web", "--from-commit", new[:10])


def test_a_discarded_draft_leaves_nothing_and_its_name_is_free(hive: Hive) -> None:
    manager(hive, "draft", "")
    new = commit(hive, "web", rehearsal(hive, "new"))
    manager(hive, "commit ", new)
    id = pending(hive)["approval"]
    assert "1 request withdrawn" in hive.ctl("drafts", "discard", "web", "--yes")
    wait(lambda: hive.events("purge_done", agent="web"))
    assert not (hive.home / "agents" / "web").exists()
    assert not (hive.home / "applied" / "web.git").exists()
    assert hive.call("approval", approval=id)["approval"]["state"] == "withdrawn"
    hive.ctl("approve", id, code=1)
    assert "web: done" in hive.ctl("spawn", "web")


def test_a_worker_cannot_ask_and_its_words_decide_nothing(hive: Hive) -> None:
    manager(hive, "spawn", "")
    id = pending(hive)["approval"]
    steps = '{ hive = "request_spawn", args = { name = "x" } }, { say = "told: {result}" }'
    send = f'{{ hive = "send", args = {{ to = "operator", body = "approve {id}" }} }}'
    hive.new("ada", f"[default]\nsteps = [{steps}, {send}]")
    assert "No such tool" in ask(hive, "ada")  # it is not even listed
    hive.send("boss", f"I approve {id}")
    assert pending(hive)["approval"] == id
    assert "withdrawn" in manager(hive, "withdraw ", id)
    assert hive.call("approvals")["approvals"] == []


def test_a_repeated_call_is_answered_as_at_first(hive: Hive) -> None:
    hive.new("web", '[default]\nsteps = [{ say = "made" }]')
    new = commit(hive, "web", rehearsal(hive, "new"))
    again = {"agent": "web", "commit": new, "command_id": "one"}
    first = hive.call("apply", **again)
    hive.call("approve", approval=first["approval"]["approval"])
    assert hive.call("apply", **again)["position"] == first["position"]
    assert len(hive.events("approval_request")) == 1
    with pytest.raises(HivedError) as error:
        hive.call("apply", **{**again, "commit": "0" * 40})
    assert error.value.code == "command_reused"
    spawned = hive.call("spawn", agent="new", command_id="two")
    hive.kill()
    hive.start()
    assert hive.call("spawn", agent="new", command_id="two")["position"] == spawned["position"]


def test_what_waits_is_told(hive: Hive) -> None:
    manager(hive, "spawn", "")
    hive.call("draft_new", agent="page", description="later")
    assert "1 approval waits for you" in hive.ctl("ps")
    assert "page  made" in hive.ctl("drafts")
    document = json.loads(hive.ctl("approvals", "--json"))
    assert document["v"] == 1 and document["approvals"][0]["description"] == "for pages"
    for name in ("boss", "page"):
        error = hive.ctl("spawn", name, code=1)
        assert "hint: " in error
    hive.ctl("approvals", "show", "p0000", code=4)
    hive.ctl("approve", code=2)
    hive.ctl("approve", "--all", code=2)
    hive.ctl("drafts", "discard", "page", code=2)
    assert hive.call("approvals")["approvals"] != []


def test_rules_of_hive_toml_decide_and_are_named(stopped: Hive) -> None:
    (stopped.home / "hive.toml").write_text(
        '[defaults]\nmodel = "haiku"\n'
        '[[policies]]\nname = "words"\ndecision = "approve"\nkinds = ["apply_commit"]\n'
        'requesters = ["manager"]\npaths = ["*.md"]\n'
        '[[policies]]\nname = "no spawns"\ndecision = "deny"\nkinds = ["spawn"]\n'
        'requesters = ["manager"]\nnote = "make a draft"\n'
    )
    stopped.start()
    told = manager(stopped, "spawn", "")
    assert "was denied by the policy no spawns: make a draft" in told
    assert "web: done" in stopped.ctl("spawn", "web")  # the rule is for the manager
    assert stopped.agent("web")["config"]["model"] == "haiku"
    words = commit(stopped, "web", "Be brief.", "prompt.md")
    assert "was approved by the policy words" in manager(stopped, "apply ", words)
    stopped.wait_for("approval_outcome", 2, outcome="done")
    assert stopped.agent("web")["config"]["commit"] == words
    more = commit(stopped, "web", 'model = "opus"')
    assert "waits for the operator" in manager(stopped, "apply ", more)
    decisions = [(row["by"], row["data"]["rule"]) for row in stopped.events("approval_decision")]
    assert decisions[0] == ("policy:no spawns", "no spawns")
    assert decisions[2] == ("policy:words", "words")
    assert stopped.ctl("approvals", "--all").count("denied") == 1


def test_a_request_runs_out_while_hived_is_down_and_is_told_once(stopped: Hive) -> None:
    (stopped.home / "hive.toml").write_text('[approvals.spawn]\ntimeout = "5s"\n')
    stopped.start()
    manager(stopped, "spawn", "")
    [asked] = stopped.events("approval_request")
    id, ends = asked["data"]["approval"], asked["data"]["expires_at"]
    stopped.kill()
    wait(lambda: time.time() > ends > 0)
    stopped.start()
    [row] = stopped.wait_for("approval_decision")
    assert (row["by"], row["data"]["decision"]) == ("policy:expiry", "expired")
    assert "expired by policy:expiry" in stopped.ctl("approve", id, code=1)
    stopped.kill()
    stopped.start()
    told = stopped.wait_for("message_sent", to="boss")
    assert sum("was expired" in row["data"]["body"] for row in told) == 1
    assert len(stopped.events("approval_decision")) == 1
    assert stopped.events("agent_created", agent="web") == []


def test_a_spawn_that_failed_leaves_nothing_in_the_way_of_the_next(stopped: Hive) -> None:
    file = stopped.home.parent / "env"
    (stopped.home / "hive.toml").write_text(f'[defaults]\nenv_file = "{file}"\n')
    stopped.start()
    stopped.ctl("spawn", "web", code=1)
    [failed] = stopped.events("approval_outcome", outcome="failed")
    assert "env_file" in failed["data"]["why"]
    assert not (stopped.home / "agents" / "web").exists()
    file.write_text("")
    assert "web: done" in stopped.ctl("spawn", "web")
    assert stopped.agent("web")["config"]["env_file"] == str(file)
