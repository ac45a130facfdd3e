"""A call's parameters, held against the method's spec: known, present, of the right type and size.

`checker` is made once for each method, when the daemon starts.
"""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from difflib import get_close_matches
from math import isfinite
from typing import Any

from hived import limits
from hived.errors import HivedError
from hived.events import EVENT_TYPES
from hived.names import shown
from hived.rpc.specs import Method

Check = Callable[[str, Any], Any]
Checker = Callable[[object], dict[str, Any]]

# Characters of a string parameter, where it is not PATH_CHARS_MAX.
_CHARS_MAX: Mapping[str, int] = {
    "body": limits.BODY_BYTES_MAX,
    "command_id": limits.COMMAND_ID_CHARS_MAX,
    "text": limits.QUESTION_CHARS_MAX,
    "toml": limits.CONFIG_BYTES_MAX,
    "answer": limits.QUESTION_CHARS_MAX,
    "model": limits.MODEL_CHARS_MAX,
    "fallback": limits.MODEL_CHARS_MAX,
    "client": limits.CLIENT_WORD_CHARS_MAX,
}
# Bounds of a number of seconds, where they are not 0 and SETTING_SECONDS_MAX.
_SECONDS: Mapping[str, tuple[float, float]] = {
    "seconds": (limits.NAP_SECONDS_MIN, limits.NAP_SECONDS_MAX),
    "delay_seconds": (0, limits.REMINDER_SECONDS_MAX),
}
# Entries of a list of strings.
_ENTRIES_MAX: Mapping[str, int] = {
    "allow": limits.ALLOW_RULES_MAX,
    "tools": limits.ALLOW_RULES_MAX,
    "kinds": len(EVENT_TYPES),
}
# What control characters have no business in: names, paths, ids. A body may have lines and tabs;
# the others would also grow sixfold in the log and reach people's terminals.
_TEXTS = frozenset({"body", "text", "toml", "answer", "note", "description"})
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_CONTROL_IN_TEXT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def checker(name: str, method: Method) -> Checker:
    """A function from what a caller gave as `params` to the handler's keyword arguments.

    Parameters that were not given, or are null, have their defaults. `from` becomes `from_`.
    The function raises HivedError invalid_params, which names the parameter.
    """
    rows = [
        (param, keyword(param), _CHECKS[spec.type], spec.required, spec.default)
        for param, spec in method.params.items()
    ]
    known = frozenset(method.params)

    def check(given: object) -> dict[str, Any]:
        if not isinstance(given, dict):
            if given:
                raise invalid(f"{name} takes its parameters by name", "send an object, not a list")
            given = {}
        if not given.keys() <= known:
            raise _unknown(name, given, known)
        kwargs = {}
        for param, key, check_value, required, default in rows:
            value = given.get(param)
            if value is not None:
                kwargs[key] = check_value(param, value)
            elif required:
                raise invalid(f"{name} needs the parameter {param}", "see PROTOCOL.md")
            else:
                kwargs[key] = dict(default) if type(default) is dict else default
        return kwargs

    return check


def keyword(param: str) -> str:
    """The handler's name for a parameter."""
    return "from_" if param == "from" else param


def invalid(message: str, hint: str = "") -> HivedError:
    return HivedError(message, code="invalid_params", hint=hint)


def _unknown(name: str, given: dict[str, Any], known: frozenset[str]) -> HivedError:
    unknown = next(param for param in given if param not in known)
    close = get_close_matches(unknown[:80], known, n=1)
    if close:
        hint = f"did you mean {close[0]}?"
    else:
        hint = "it takes " + (", ".join(sorted(known)) or "none")
    return invalid(f"{name} has no parameter {shown(unknown)}", hint)


def _wrong(param: str, wanted: str, hint: str = "") -> HivedError:
    return invalid(f"the parameter {param} must be {wanted}", hint)


def _string(param: str, value: Any) -> str:
    if type(value) is not str:
        raise _wrong(param, "a string")
    most = _CHARS_MAX.get(param, limits.PATH_CHARS_MAX)
    if len(value) > most:
        raise HivedError(
            f"the parameter {param} has {len(value)} characters; {most} is the most",
            code="too_large" if param == "body" else "invalid_params",
            hint="put it in a file and send its path" if param == "body" else "",
        )
    if (_CONTROL_IN_TEXT if param in _TEXTS else _CONTROL).search(value):
        raise _wrong(param, "free of control characters")
    return value


def _number(param: str, value: Any) -> float:
    if type(value) not in (int, float) or not isfinite(value):
        raise _wrong(param, "a number")
    least, most = _SECONDS.get(param, (0, limits.SETTING_SECONDS_MAX))
    if not least <= value <= most:
        raise _wrong(param, f"from {least:.0f} to {most:.0f} seconds")
    return float(value)


def _integer(param: str, value: Any) -> int:
    if type(value) is not int:
        raise _wrong(param, "a whole number")
    if param == "limit" and not 1 <= value <= limits.LOG_PAGE_EVENTS_MAX:
        raise _wrong(param, f"from 1 to {limits.LOG_PAGE_EVENTS_MAX}")
    if value < 0 and param != "from":
        raise _wrong(param, "0 or more")
    return value


def _boolean(param: str, value: Any) -> bool:
    if type(value) is not bool:
        raise _wrong(param, "true or false")
    return value


def _strings(param: str, value: Any) -> tuple[str, ...]:
    if type(value) is not list or not all(type(entry) is str for entry in value):
        raise _wrong(param, "a list of strings")
    most = _ENTRIES_MAX.get(param, limits.RECIPIENTS_MAX)
    if len(value) > most:
        raise invalid(f"the parameter {param} has {len(value)} entries; {most} is the most")
    for entry in value:
        if len(entry) > limits.ALLOW_RULE_CHARS_MAX or _CONTROL.search(entry):
            raise invalid(
                f"{shown(entry)} in {param} is too long or has control characters",
                f"at most {limits.ALLOW_RULE_CHARS_MAX} characters each",
            )
        if param == "kinds" and entry not in EVENT_TYPES:
            close = get_close_matches(entry, EVENT_TYPES, n=1)
            hint = f"did you mean {close[0]}?" if close else "PROTOCOL.md lists them"
            raise invalid(f"there is no kind of event {shown(entry)}", hint)
    return tuple(value)


def _object(param: str, value: Any) -> dict[str, str]:
    if type(value) is not dict or not all(type(entry) is str for entry in value.values()):
        raise _wrong(param, "an object of strings")
    if len(value) > limits.OPTIONS_MAX:
        raise invalid(f"the parameter {param} has more than {limits.OPTIONS_MAX} entries")
    for key, entry in value.items():
        _string(param, key)
        _string(param, entry)
    return value


def _at(param: str, value: Any) -> int | float:
    """A position as an int, a time as a float."""
    if type(value) is int:
        return value
    if type(value) is float and isfinite(value):
        return value
    if type(value) is str:
        try:
            time = datetime.fromisoformat(value[:40])
        except ValueError:
            pass
        else:
            if time.tzinfo is not None:
                return time.timestamp()
    raise _wrong(
        param,
        "a position or a time",
        "a whole number is a position; a time is RFC 3339 with its zone, such as "
        "2030-01-31T12:00:00Z, or unix seconds with a decimal point",
    )


_CHECKS: Mapping[str, Check] = {
    "string": _string,
    "number": _number,
    "integer": _integer,
    "boolean": _boolean,
    "strings": _strings,
    "object": _object,
    "at": _at,
}
