"""The JSON Schemas that ship, and where each value comes from."""

import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import hived.config
from hived.config.explain import explain
from hived.config.problems import ConfigInvalid
from hived.config.schema import agent_schema, as_text, hive_schema
from tests.config import test_agent, test_settings
from tests.config.texts import BARE, KNOWN, PLACE, settings

FOLDER = Path(hived.config.__file__).parent
MADE = {"agent.schema.json": agent_schema(), "hive.schema.json": hive_schema()}


@pytest.mark.parametrize("name", MADE)
def test_the_file_that_ships_is_what_is_made(name: str) -> None:
    made = as_text(MADE[name])
    assert (FOLDER / name).read_text(encoding="utf-8") == made, "write it anew"
    jsonschema.Draft202012Validator.check_schema(MADE[name])


def fits(schema: dict[str, Any], text: str) -> bool:
    return bool(jsonschema.Draft202012Validator(schema).is_valid(tomllib.loads(text)))


def test_the_schemas_take_what_is_read() -> None:
    assert fits(agent_schema(), test_agent.WHOLE)
    assert fits(agent_schema(), "")
    assert fits(hive_schema(), test_settings.WHOLE)
    assert fits(hive_schema(), "")


# Beyond what a schema can say: names of drivers, rules, the machine, the folder, repeated names.
BEYOND = {
    "driver",
    "allow[1]",
    "recipients[1]",
    "workdir",
    "env_file",
    "program",
    "prompt_file",
    "model",
    "mcp_servers.hive",
    "defaults.driver",
    "defaults.allow[1]",
    "policies[1].paths[1]",
    "policies[1].requesters[1]",
    "policies[2].name",
    "quiet_hours[1]",
    "quiet_hours[1].timezone",
}
CASES = [
    *(("agent.schema.json", text, told) for text, told in test_agent.WRONG.items()),
    *(("hive.schema.json", text, told) for text, told in test_settings.WRONG.items()),
]


@pytest.mark.parametrize(("name", "text", "told"), CASES)
def test_the_schemas_refuse_what_is_refused(name: str, text: str, told: str) -> None:
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    except ValueError:
        return
    with pytest.raises(ConfigInvalid) as caught:
        if name.startswith("agent"):
            test_agent.parsed(text)
        else:
            settings(text)
    problems = caught.value.data["problems"]
    assert isinstance(problems, list)
    place = problems[0].partition(":")[0]
    if place not in BEYOND and "nan" not in text:
        assert not jsonschema.Draft202012Validator(MADE[name]).is_valid(table)


def test_each_value_is_told_with_the_text_it_comes_from() -> None:
    given = settings('[defaults]\nmodel = "opus"\nresources.memory = "2GiB"\nallow = ["Read"]\n')
    rows = explain(b'allow = []\nnotes.limit = "16KiB"\n', settings=given, place=PLACE, known=KNOWN)
    told = {row.key: (row.value, row.source) for row in rows}
    assert told["driver"] == ('"claude"', "built-in")
    assert told["workdir"] == ('"/w"', "built-in")
    assert told["prompt_file"] == ('"prompt.md"', "built-in")
    assert told["model"] == ('"opus"', "hive.toml")
    assert told["resources.memory"] == ('"2GiB"', "hive.toml")
    assert told["resources.pids"] == ("0", "built-in")
    assert told["allow"] == ("[]", "agent.toml")
    assert told["notes.limit"] == ('"16KiB"', "agent.toml")
    bare = explain(b"", settings=given, place=BARE, known=KNOWN)
    assert {row.key: row.value for row in bare}["prompt_file"] == '""'


def test_what_does_not_validate_is_not_explained() -> None:
    with pytest.raises(ConfigInvalid):
        explain(b"modle = 1", settings=settings(""), place=PLACE, known=KNOWN)
