"""Reading one line of the claude CLI: bytes from outside → checked values, never an exception."""

import json
import math
from collections.abc import Mapping
from typing import Any

import orjson

from hived import limits

Object = Mapping[str, Any]

NOTHING: Object = {}

# What says best, in one line, what a call of a built-in tool does.
_TELLING = {
    "Bash": "command",
    "Read": "file_path",
    "Edit": "file_path",
    "Write": "file_path",
    "NotebookEdit": "notebook_path",
    "Grep": "pattern",
    "Glob": "pattern",
    "WebFetch": "url",
    "WebSearch": "query",
}


def parse(line: bytes) -> Object | None:
    """The JSON object on a line, or None for anything else.

    JavaScript may cut a text inside a surrogate pair and print the half; orjson refuses such a
    line, which may well be the result. It is read by the lenient reader then, the half made "?".
    """
    line = line.strip()
    if not line.startswith(b"{"):
        return None
    try:
        found = orjson.loads(line)
    except ValueError:
        found = _parse_leniently(line)
    return found if isinstance(found, dict) else None


def _parse_leniently(line: bytes) -> object:
    try:
        found = json.loads(line.decode("utf-8", "replace"), parse_constant=lambda _: None)
        whole = json.dumps(found, ensure_ascii=False).encode("utf-8", "replace")
        return orjson.loads(whole)
    except (ValueError, RecursionError):
        return None


def text(found: Object, key: str, most: int = limits.DETAIL_CHARS_MAX) -> str:
    """A string of the object, cut to `most` characters; empty if it is not there or no string."""
    value = found.get(key)
    return value[:most] if isinstance(value, str) else ""


def count(found: Object, key: str) -> int:
    """A number of the object as an int of 0 or more; 0 for anything else."""
    return int(number(found, key))


def number(found: Object, key: str) -> float:
    """A finite number of the object that is 0 or more; 0 for anything else."""
    value = found.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0.0
    return float(value) if math.isfinite(value) and 0 < value < 1e15 else 0.0


def mapping(found: Object, key: str) -> Object:
    """An object within the object; an empty one for anything else."""
    value = found.get(key)
    return value if isinstance(value, dict) else NOTHING


def objects(found: Object, key: str) -> list[Object]:
    """The objects of a list within the object; other items are left out."""
    value = found.get(key)
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def strings(found: Object, key: str) -> list[str]:
    """The strings of a list within the object; other items are left out."""
    value = found.get(key)
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def content_text(block: Object) -> str:
    """The words of a content block: its text, or the text blocks within it, joined."""
    value = block.get("content")
    if isinstance(value, str):
        return value[: limits.DETAIL_CHARS_MAX]
    parts = [text(item, "text") for item in objects(block, "content")]
    return "\n".join(part for part in parts if part)[: limits.DETAIL_CHARS_MAX]


def summary(tool: str, arguments: Object) -> str:
    """What a tool call does, in one printable line of at most SUMMARY_CHARS_MAX characters."""
    telling = arguments.get(_TELLING.get(tool, ""))
    if isinstance(telling, str):
        shown = telling
    else:
        try:
            # Sorted, so that the same call reads the same whatever order its keys came in.
            shown = orjson.dumps(arguments, option=orjson.OPT_SORT_KEYS).decode()
        except TypeError:  # orjson reads deeper than it writes
            shown = "…"
    return one_line(shown, limits.SUMMARY_CHARS_MAX)


def one_line(shown: str, most: int) -> str:
    """The text with control characters escaped, cut to `most` characters with an ellipsis."""
    # Cut first: a text of megabytes must not be escaped only to be thrown away.
    line = "".join(c if c.isprintable() else _escaped(c) for c in shown[: most + 1])
    return line if len(line) <= most else line[: most - 1] + "…"


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode()
