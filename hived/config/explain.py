"""Where each value of an agent's configuration comes from."""

from typing import Any, NamedTuple

import orjson

from hived.config.agent import FILE, PROMPT_FILE, Known, Place, read_keys
from hived.config.keys import KEYS
from hived.config.problems import Problems
from hived.config.settings import FILE as HIVE_FILE
from hived.config.settings import raw_at
from hived.config.toml_text import tables
from hived.config.values import toml_value
from hived.events.settings import Settings

BUILT_IN = "built-in"


class Row(NamedTuple):
    """key: dotted, as in agent.toml. value: as TOML. source: built-in, hive.toml or agent.toml."""

    key: str
    value: str
    source: str


def explain(data: bytes, *, settings: Settings, place: Place, known: Known) -> tuple[Row, ...]:
    """Every key with the value that holds and the text that it comes from.

    Raises:
      ConfigInvalid: The text does not validate.
    """
    problems = Problems(FILE)
    table = tables(data, problems)
    own = read_keys(table, "", problems, known)
    problems.raise_any()
    rows = []
    for path, key in KEYS.items():
        value: Any = key.builtin
        source = BUILT_IN
        if path == "workdir":
            value = place.workdir
        elif path == "prompt_file" and PROMPT_FILE not in place.files:
            value = ""
        if path in settings.defaults:
            value, source = orjson.loads(settings.defaults[path]), HIVE_FILE
        if path in own:
            value, source = raw_at(table, path), FILE
        rows.append(Row(path, toml_value(value), source))
    return tuple(rows)
