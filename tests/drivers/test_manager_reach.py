"""What a manager's CLI may reach beside its own folder, and what a worker's may not."""

import pytest
from attrs import evolve

from hived.drivers import DRIVERS
from hived.drivers.allow import check_rule, decide
from hived.drivers.base import TurnSpec
from hived.drivers.specs import agent_spec, turn_spec
from hived.events.values import AgentConfig
from hived.projections.agent import OpenTurn

AGENTS = "/srv/hive/agents"


def spec(role: str, kind: str = "work") -> TurnSpec:
    config = AgentConfig("claude", "/srv/app", role=role)
    turn = OpenTurn("t1", 1, kind, 0.0, "mail", "", "s", True, 1)
    made = agent_spec("boss", f"{AGENTS}/boss", config)
    return turn_spec(made, turn, hive_tools=(), opening=(), options={})


@pytest.mark.parametrize("driver", ["claude", "rehearsal"])
def test_the_folder_of_all_agents_is_a_managers_and_no_workers(driver: str) -> None:
    options = {"scenario": "/s.toml", "python": "/usr/bin/python3"}
    argv = DRIVERS[driver].launch(evolve(spec("manager"), options=options)).argv
    assert f"--add-dir={AGENTS}" in argv
    for other in (spec("worker"), spec("manager", "notes")):
        argv = DRIVERS[driver].launch(evolve(other, options=options)).argv
        assert not any(word.startswith("--add-dir") for word in argv)


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        (f"{AGENTS}/web/config/agent.toml", True),
        (f"{AGENTS}/web/config/more/words.md", True),
        (f"{AGENTS}/web/state/notes.md", True),
        (f"{AGENTS}/web/config/.git/hooks/pre-commit", False),
        (f"{AGENTS}/web/config/../claude/settings.json", False),
        (f"{AGENTS}/web/claude/.credentials.json", False),
        (f"{AGENTS}/../applied/web.git/config", False),
        ("/srv/hive/applied/web/c/prompt.md", False),
    ],
)
def test_what_a_manager_may_write(path: str, allowed: bool) -> None:
    for tool in ("Edit", "Write"):
        given = {"file_path": path}
        manager, worker = spec("manager").allow, spec("worker").allow
        assert decide(manager, tool, given, "/srv/app").allowed is allowed
        assert not decide(worker, tool, given, "/srv/app").allowed


def test_its_rules_are_rules() -> None:
    for rule in spec("manager").allow:
        check_rule(rule)
