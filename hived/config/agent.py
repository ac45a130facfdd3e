"""agent.toml to an AgentConfig: built-in values, then hive.toml's defaults, then its own."""

from collections.abc import Callable, Mapping
from typing import Any

import orjson
from attrs import evolve, frozen

from hived.config.keys import GROUPS, KEYS
from hived.config.problems import Problems, joined, quoted
from hived.config.shapes import BAD
from hived.config.toml_text import tables
from hived.errors import HivedError
from hived.events.settings import Settings
from hived.events.values import AgentConfig, Resources

FILE = "agent.toml"
PROMPT_FILE = "prompt.md"


@frozen
class Known:
    """What the rooms below know and a configuration names.

    drivers: by name. check_rule: raises HivedError for what is no allow rule.
    """

    drivers: tuple[str, ...]
    check_rule: Callable[[object], None]


@frozen
class Place:
    """Where a configuration will stand. Paths are absolute.

    workdir: of an agent whose configuration names none. tree: the folder that its files are in
    when it runs. files: their paths within. commit: it came from; empty for none.
    """

    workdir: str
    tree: str
    files: frozenset[str] = frozenset()
    commit: str = ""


def parse_agent(data: bytes, *, settings: Settings, place: Place, known: Known) -> AgentConfig:
    """The configuration that an agent.toml means.

    A key that is set replaces the default whole, a list or table of one's own too; the tables
    resources, notes, compaction and limits go key by key.

    Raises:
      ConfigInvalid: invalid_config, with all that is wrong (CONFIG_PROBLEMS_MAX of it).
    """
    problems = Problems(FILE)
    own = read_keys(tables(data, problems), "", problems, known)
    _check_prompt(own, place, problems)
    problems.raise_any()
    values = {**default_values(settings), **own}
    return _made(values, place)


def read_keys(
    table: Mapping[str, Any], at: str, problems: Problems, known: Known, *, hive: bool = False
) -> dict[str, Any]:
    """The values of the keys that a table sets, by dotted path. hive: those of hive.toml alone."""
    keys = {path: key for path, key in KEYS.items() if not (hive and key.agent_only)}
    found: dict[str, Any] = {}
    for word, value in table.items():
        if word in keys:
            found[word] = keys[word].shape.read(value, joined(at, word), problems)
        elif word not in GROUPS:
            problems.unknown(at, word, dict.fromkeys(path.partition(".")[0] for path in keys))
        elif not isinstance(value, dict):
            problems.add(joined(at, word), f"must be a table, not {quoted(value)}")
        else:
            _read_group(word, value, joined(at, word), problems, found)
    _check_known(found, at, problems, known)
    return {path: value for path, value in found.items() if value is not BAD}


def _read_group(
    group: str, table: Mapping[str, Any], at: str, problems: Problems, found: dict[str, Any]
) -> None:
    for word, value in table.items():
        key = KEYS.get(f"{group}.{word}")
        if key is None:
            prefix = f"{group}."
            problems.unknown(
                at, word, [path.removeprefix(prefix) for path in KEYS if path.startswith(prefix)]
            )
        else:
            found[f"{group}.{word}"] = key.shape.read(value, joined(at, word), problems)


def _check_known(found: Mapping[str, Any], at: str, problems: Problems, known: Known) -> None:
    driver = found.get("driver", BAD)
    if driver is not BAD and driver not in known.drivers:
        one_of = "one of " + ", ".join(known.drivers)
        problems.add(joined(at, "driver"), f"there is no driver {quoted(driver)}", one_of)
    rules = found.get("allow", BAD)
    for number, rule in enumerate(() if rules is BAD else rules, 1):
        try:
            known.check_rule(rule)
        except HivedError as error:
            problems.add(f"{joined(at, 'allow')}[{number}]", error.message, error.hint)


def _check_prompt(own: Mapping[str, Any], place: Place, problems: Problems) -> None:
    name = own.get("prompt_file", "")
    if name and name not in place.files:
        problems.add("prompt_file", f"there is no file {quoted(name)} beside {FILE}")


def default_values(settings: Settings) -> dict[str, Any]:
    """What hive.toml's [defaults] set, by dotted path. They were checked when they were read."""
    problems = Problems("hive.toml")
    return {
        path: KEYS[path].shape.read(orjson.loads(text), path, problems)
        for path, text in settings.defaults.items()
    }


def _made(values: Mapping[str, Any], place: Place) -> AgentConfig:
    plain = {
        key.field: values[path]
        for path, key in KEYS.items()
        if path in values and "." not in key.field
    }
    plain["driver"] = values.get("driver", KEYS["driver"].builtin)
    plain["workdir"] = values.get("workdir") or place.workdir
    prompt = values.get("prompt_file", PROMPT_FILE if PROMPT_FILE in place.files else "")
    plain["prompt_file"] = f"{place.tree}/{prompt}" if prompt else ""
    resources = {
        key.field.partition(".")[2]: values[path]
        for path, key in KEYS.items()
        if path in values and "." in key.field
    }
    config = AgentConfig(**plain, commit=place.commit)
    return evolve(config, resources=Resources(**resources))
