"""A configuration held against the machine: what is named must be there, before any turn."""

from pathlib import Path
from typing import Any

import pytest

from hived.errors import HivedError
from hived.events.values import AgentConfig
from hived.world.config_checks import check_config, check_world


def config(tmp_path: Path, **changes: Any) -> AgentConfig:
    return AgentConfig(driver=changes.pop("driver", "claude"), workdir=str(tmp_path), **changes)


def refusal(made: AgentConfig) -> str:
    with pytest.raises(HivedError) as caught:
        check_config(made)
        check_world(made, False)
    assert caught.value.code == "invalid_params"
    return caught.value.message


def test_a_program_must_be_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    cli = tmp_path / "cli"
    assert "may run" in refusal(config(tmp_path, program=str(cli)))
    cli.write_text("#!/bin/sh\n")
    for name in (str(cli), "cli"):
        assert "program" in refusal(config(tmp_path, program=name))
    cli.chmod(0o755)
    for name in (str(cli), "cli", ""):
        check_world(config(tmp_path, program=name), False)
    assert "is not on the PATH" in refusal(config(tmp_path, program="other"))
    assert "program" in refusal(config(tmp_path, program=str(tmp_path)))
    # An agent's own environment may bring another PATH: its turn will tell.
    env = tmp_path / "env"
    env.write_text("PATH=/opt/bin\n")
    check_world(config(tmp_path, program="other", env_file=str(env)), False)


def test_a_scenario_must_be_there(tmp_path: Path) -> None:
    file = tmp_path / "scenario.toml"
    made = config(tmp_path, driver="rehearsal", options={"scenario": str(file)})
    assert "scenario" in refusal(made)
    file.mkdir()
    assert "not a file" in refusal(made)
    file.rmdir()
    file.write_text("")
    check_world(made, False)


@pytest.mark.parametrize("param", ["model", "fallback"])
def test_a_model_is_no_flag(tmp_path: Path, param: str) -> None:
    assert "dash" in refusal(config(tmp_path, **{param: "--dangerously-skip-permissions"}))
    check_config(config(tmp_path, **{param: "claude-opus-5-5"}))
