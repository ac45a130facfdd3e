"""A tool call's arguments, held against the tool's row: known, present, of the right type."""

from collections.abc import Mapping
from typing import Any

from hived import limits
from hived.errors import CommandRefused
from hived.names import shown
from hived.rpc.tools.specs import Row


def check_arguments(name: str, row: Row, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments as the tool's handler takes them; those that are null are left out.

    Raises:
      CommandRefused: invalid_params, naming the argument and what it must be.
    """
    checked: dict[str, Any] = {}
    for key, value in arguments.items():
        arg = row.args.get(key)
        if arg is None:
            known = ", ".join(row.args) or "none"
            raise _invalid(f"{name} has no argument {shown(key)}; it takes {known}")
        if value is None:
            continue
        if not any(_fits(kind, value) for kind in arg.type.split("|")):
            wanted = arg.type.replace("|", " or ").replace("strings", "list of strings")
            raise _invalid(
                f"the argument {key} of {name} must be a {wanted}, not {shown(value)}",
                arg.description,
            )
        checked[key] = tuple(value) if isinstance(value, list) else value
    for key, arg in row.args.items():
        if arg.required and key not in checked:
            raise _invalid(f"{name} needs {key}: {arg.description}")
    return checked


def _fits(kind: str, value: Any) -> bool:
    match kind:
        case "string":
            return isinstance(value, str) and len(value) <= limits.TOOL_ARGUMENT_CHARS_MAX
        case "integer":
            return isinstance(value, int) and not isinstance(value, bool)
        case "number":
            if isinstance(value, bool) or not isinstance(value, int | float):
                return False
            return abs(value) < limits.TOOL_NUMBER_MAX  # not a number is less than nothing
        case "boolean":
            return isinstance(value, bool)
        case _:
            listed = isinstance(value, list) and len(value) <= limits.TOOL_LIST_MAX
            return listed and all(_fits("string", item) for item in value)


def _invalid(message: str, hint: str = "") -> CommandRefused:
    return CommandRefused(message, code="invalid_params", hint=hint)
