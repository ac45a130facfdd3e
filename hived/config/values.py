"""Values to TOML text, and an AgentConfig back to an agent.toml that means it."""

from operator import attrgetter
from typing import Any

import orjson
from attrs import fields, has

from hived.config.agent import PROMPT_FILE, Place, default_values
from hived.config.keys import KEYS
from hived.config.problems import ConfigInvalid
from hived.events.settings import Settings
from hived.events.values import AgentConfig

_BARE = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")


def toml_value(value: object) -> str:
    """A text, number, truth value, list or table as TOML writes it on one line."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        # JSON's escapes are among TOML's, but for what JSON leaves as it is and TOML does not.
        return orjson.dumps(value).decode().replace("\x7f", "\\u007f")
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(toml_value(one) for one in value)}]"
    assert isinstance(value, dict)
    if not value:
        return "{}"
    inner = (f"{_key(key)} = {toml_value(one)}" for key, one in value.items())
    return f"{{ {', '.join(inner)} }}"


def to_toml(config: AgentConfig, *, place: Place, settings: Settings) -> str:
    """An agent.toml that `parse_agent` reads as this configuration at this place.

    It sets what would be another value without. The commit is no part of it.

    Raises:
      ConfigInvalid: The prompt file is not among the files of the place.
    """
    defaults = default_values(settings)
    lines: list[str] = []
    groups: dict[str, list[str]] = {}
    for path, key in KEYS.items():
        value = attrgetter(key.field)(config)
        if path == "prompt_file":
            value = _prompt(value, place)
            without = PROMPT_FILE if PROMPT_FILE in place.files else ""
        elif path == "workdir":
            without = place.workdir
        else:
            without = defaults.get(path, _as_read(key.builtin))
        if value == without:
            continue
        group, dot, word = path.partition(".")
        line = f"{word if dot else group} = {toml_value(plain(value))}"
        (groups.setdefault(group, []) if dot else lines).append(line)
    tables = ("\n".join([f"[{group}]", *found]) for group, found in groups.items())
    text = "\n\n".join(["\n".join(lines), *tables]) if lines else "\n\n".join(tables)
    return f"{text}\n" if text else ""


def plain(value: Any) -> Any:
    """Tuples as lists and classes as tables."""
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items()}
    if has(type(value)):
        return {one.name: plain(getattr(value, one.name)) for one in fields(type(value))}
    return value


def _as_read(builtin: object) -> object:
    return tuple(builtin) if isinstance(builtin, list) else builtin


def _prompt(path: str, place: Place) -> str:
    if not path:
        return ""
    name = path.removeprefix(f"{place.tree}/")
    if name == path or name not in place.files:
        raise ConfigInvalid(
            f"the prompt file {ascii(path)[:80]} is not among the configuration's files",
            hint="put its text beside agent.toml",
        )
    return name


def _key(word: str) -> str:
    return word if word and _BARE.issuperset(word) else toml_value(word)
