"""CONFIG.md says what holds: its examples are read, and name every key."""

import re
import tomllib
from pathlib import Path
from typing import Any

import hived.config
from hived import limits
from hived.config.keys import KEYS
from hived.config.schema import hive_schema
from tests.config import test_agent
from tests.config.texts import settings

TEXT = (Path(hived.config.__file__).parent / "CONFIG.md").read_text(encoding="utf-8")


def example(name: str) -> str:
    (found,) = re.findall(rf"```toml {name}\n(.*?)```", TEXT, re.DOTALL)
    return str(found)


def test_the_examples_are_read() -> None:
    config = test_agent.parsed(example("agent"))
    assert config.mcp_servers["files"].command == "/usr/bin/mcp-files"
    assert [policy.name for policy in settings(example("hive")).policies] == [
        "no programs",
        "words of the manager",
    ]


def test_the_example_of_an_agent_names_every_key() -> None:
    table = tomllib.loads(example("agent"))
    for path in KEYS:
        inner: Any = table
        for word in path.split("."):
            assert word in inner, path
            inner = inner[word]


def test_the_example_of_a_hive_names_every_table() -> None:
    assert set(tomllib.loads(example("hive"))) == set(hive_schema()["properties"])


def test_the_bounds_are_those_that_hold() -> None:
    assert limits.CONFIG_FILES_MAX == 1_000 and "1,000 files of 1 MiB, 8 MiB together" in TEXT
    assert limits.CONFIG_FILE_BYTES_MAX == 2**20
    assert limits.CONFIG_TREE_BYTES_MAX == 8 * 2**20
