"""The shape of a client's line: strict JSON, and what a JSON-RPC 2.0 request is. Pure.

Faster than a general schema validator, which would cost more than everything else a call does.
"""

import json
from typing import Any

import orjson

from hived import limits

_MEMBERS = frozenset({"jsonrpc", "method", "params", "id"})


def load(line: Any) -> Any:
    """The document of a line, which is bytes.

    Raises:
      ValueError: Not UTF-8 or not JSON (NaN and half surrogate pairs are not), nested deeper than
        REQUEST_DEPTH_MAX, or an object with the same key twice. Says which.
    """
    document = orjson.loads(line)
    keys = _count_keys(document)
    # Each key has a colon behind it. More colons than keys stand in strings, or behind a key that
    # was there before: only then the document is read again, by a parser that tells.
    if line.count(b":") != keys:
        json.loads(line, object_pairs_hook=_without_repeats)
    return document


def _count_keys(document: Any) -> int:
    """How many keys all objects of a document have. Goes level by level, so depth cannot hurt."""
    keys = depth = 0
    level = [document]
    while level:
        if depth >= limits.REQUEST_DEPTH_MAX:
            raise ValueError(f"it is nested deeper than {limits.REQUEST_DEPTH_MAX} levels")
        depth += 1
        below: list[Any] = []
        for item in level:
            if type(item) is dict:
                keys += len(item)
                below += [c for c in item.values() if type(c) is dict or type(c) is list]
            elif type(item) is list:
                below += [c for c in item if type(c) is dict or type(c) is list]
        level = below
    return keys


def _without_repeats(pairs: list[tuple[str, Any]]) -> None:
    if len({key for key, _ in pairs}) != len(pairs):
        raise ValueError("an object has the same key twice")


def check_request(document: Any) -> Any:
    """Raise ValueError where a document is no request; as jsonrpcserver wants its validators."""
    if fault(document):
        raise ValueError
    return document


def fault(document: Any) -> str:
    """What keeps a document from being a request; empty for one."""
    if type(document) is not dict:
        return "a call must be an object"
    if document.get("jsonrpc") != "2.0":
        return 'the member jsonrpc must be "2.0"'
    if type(document.get("method")) is not str:
        return "the member method must be a string"
    if type(document.get("params", {})) not in (dict, list):
        return "the member params must be an object"
    if "id" in document and not _is_id(document["id"]):
        return "the member id must be a string, a whole number of at most 64 bits or null"
    if not document.keys() <= _MEMBERS:
        return "a call has the members jsonrpc, method, params and id, and no others"
    return ""


def readable_id(document: Any) -> Any:
    """The id of what is no request, if it has one that can be given back."""
    if type(document) is dict and _is_id(document.get("id")):
        return document.get("id")
    return None


def _is_id(value: Any) -> bool:
    return value is None or type(value) is str or type(value) is int
