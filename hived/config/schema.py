"""The JSON Schemas of agent.toml and hive.toml, made from the tables that parse them.

They ship as files beside this one, for editors. A test holds them to what is made here.
"""

import json
from collections.abc import Iterable
from typing import Any

from hived.config.keys import KEYS
from hived.config.settings import TABLES

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def agent_schema() -> dict[str, Any]:
    """What an agent.toml may hold."""
    return {"$schema": _DIALECT, "title": "agent.toml", **_keys(KEYS)}


def hive_schema() -> dict[str, Any]:
    """What a hive.toml may hold."""
    defaults = _keys(path for path, key in KEYS.items() if not key.agent_only)
    defaults["description"] = "What agent.toml leaves open, for all agents."
    properties = {"defaults": defaults}
    for name, (shape, doc) in TABLES.items():
        properties[name] = {**shape.schema(), "description": doc}
    return {
        "$schema": _DIALECT,
        "title": "hive.toml",
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
    }


def as_text(schema: dict[str, Any]) -> str:
    """The file's text."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _keys(paths: Iterable[str]) -> dict[str, Any]:
    properties: dict[str, Any] = {}
    for path in paths:
        key = KEYS[path]
        group, dot, word = path.partition(".")
        table = properties
        if dot:
            inner = {"type": "object", "properties": {}, "additionalProperties": False}
            table = properties.setdefault(group, inner)["properties"]
        table[word if dot else group] = {
            **key.shape.schema(),
            "description": key.doc,
            "default": key.builtin,
        }
    return {"type": "object", "properties": properties, "additionalProperties": False}
