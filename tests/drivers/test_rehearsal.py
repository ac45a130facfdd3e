"""The rehearsal CLI through its driver: the same pump, the same conversation as the real one."""

import sys
from pathlib import Path

import pytest
from attrs import evolve

from hived.drivers import DRIVERS
from hived.drivers.base import TurnSpec, UserLine
from hived.drivers.observations import HiveToolCalled, PermissionAsked, Said
from tests.drivers.pump import Pump
from tests.drivers.recordings import ASSIGN

DRIVER = DRIVERS["rehearsal"]
ENV = {"PYTHONPATH": str(Path(__file__).parent.parent.parent)}


@pytest.fixture
def spec(tmp_path: Path) -> TurnSpec:
    workdir, home = tmp_path / "work", tmp_path / "home"
    workdir.mkdir()
    home.mkdir()
    return TurnSpec(
        agent="ada",
        turn="t000000000001",
        kind="work",
        session="33333333-3333-4333-8333-333333333333",
        resume=False,
        workdir=str(workdir.resolve()),
        home=str(home.resolve()),
        allow=("Bash(git *)",),
        hive_tools=(ASSIGN,),
        options={"python": sys.executable},
        opening=(UserLine(1, "11111111-1111-4111-8111-111111111111", "hello"),),
    )


def test_a_turn_and_its_session(spec: TurnSpec) -> None:
    with Pump(DRIVER, spec, ENV) as turn:
        ending = turn.finish()
    assert (ending.outcome, ending.why) == ("ok", "")
    assert ending.usage.output > 0
    assert turn.of(Said)
    assert Path(DRIVER.session_file(spec)).exists()
    again = UserLine(2, "21111111-1111-4111-8111-111111111111", "again")
    with Pump(DRIVER, evolve(spec, resume=True, opening=(again,)), ENV) as turn:
        assert turn.finish().outcome == "ok"


def scripted(spec: TurnSpec, steps: str) -> TurnSpec:
    scenario = Path(spec.home, "scenario.toml")
    scenario.write_text(f"[[turn]]\nsteps = [{steps}]\n")
    return evolve(spec, options={**spec.options, "scenario": str(scenario)})


def test_a_tool_of_the_hive_and_a_refused_command(spec: TurnSpec) -> None:
    steps = '{ hive = "assign", args = { issue = 7 } }, { bash = "touch x" }, { say = "done" }'
    with Pump(DRIVER, scripted(spec, steps), ENV) as turn:
        ending = turn.finish()
    [called] = turn.of(HiveToolCalled)
    assert isinstance(called, HiveToolCalled)
    assert (called.name, called.arguments) == ("assign", {"issue": 7})
    assert len(turn.of(PermissionAsked)) == 1
    assert not Path(spec.workdir, "x").exists()
    assert ending.outcome == "ok"


@pytest.mark.parametrize(
    ("error", "outcome", "why"),
    [
        ("400", "failed", "bad_request"),
        ("401", "auth_failed", "authentication_failed"),
        ("403", "auth_failed", "authentication_failed"),
        ("404", "failed", "model_not_found"),
        ("413", "prompt_too_long", "prompt_too_long"),
        ("429", "rate_limited", "rate_limited"),
        ("500", "failed", "server_error"),
        ("529", "failed", "overloaded"),
        ("billing", "auth_failed", "billing_error"),
        ("connection", "failed", "connection"),
        ("max_turns", "failed", "limit"),
        ("not_logged_in", "auth_failed", "authentication_failed"),
        ("prompt_too_long", "prompt_too_long", "prompt_too_long"),
        ("refusal", "failed", "refused"),
        ("usage_limit", "rate_limited", "rate_limited"),
    ],
)
def test_failures(spec: TurnSpec, error: str, outcome: str, why: str) -> None:
    with Pump(DRIVER, scripted(spec, f'{{ error = "{error}", retries = 0 }}'), ENV) as turn:
        ending = turn.finish()
    assert (ending.outcome, ending.why) == (outcome, why)
    assert (ending.until > 0) == (error == "usage_limit")
