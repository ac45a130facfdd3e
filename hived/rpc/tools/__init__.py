"""The agents' tools: the literal table of specs joined to the handlers, once, at import.

A handler is a coroutine of the caller and the tool's arguments by name; it answers in words for
the model. To add a tool: its row in `specs`, its handler in its family's file.
"""

import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping
from inspect import Parameter, signature
from typing import Any

from attrs import frozen

from hived import limits
from hived.errors import CommandRefused, HivedError
from hived.names import MANAGER
from hived.rpc.tools import lifecycle, mail, manager, questions, waiting
from hived.rpc.tools.arguments import check_arguments
from hived.rpc.tools.caller import Caller, thread_limiter
from hived.rpc.tools.specs import ALL, TOOL_SPECS, Row, tool_specs

__all__ = ["TOOLS", "Caller", "Tool", "call_tool", "thread_limiter", "tool_specs"]

Handler = Callable[..., Awaitable[str]]

FAMILIES: tuple[Mapping[str, Handler], ...] = (
    mail.HANDLERS,
    waiting.HANDLERS,
    questions.HANDLERS,
    manager.HANDLERS,
    lifecycle.HANDLERS,
)

logger = logging.getLogger("hived.tools")

# After these hived ends and begins anew; the call is then read again, and answered.
_ENDS_HIVED = frozenset({"shutting_down", "store_full", "store_unavailable"})


@frozen
class Tool:
    """A tool with its handler."""

    name: str
    row: Row
    handler: Handler


def join(
    table: Mapping[str, Row] = TOOL_SPECS, families: tuple[Mapping[str, Handler], ...] = FAMILIES
) -> Mapping[str, Tool]:
    """Every tool with its handler.

    Raises:
      RuntimeError: One without the other, or they do not agree on the arguments.
    """
    handlers = {name: fn for family in families for name, fn in family.items()}
    if odd := handlers.keys() ^ table.keys():
        raise RuntimeError(f"tool without handler, or handler without tool: {sorted(odd)}")
    for name, row in table.items():
        takes = list(signature(handlers[name]).parameters.values())[1:]
        required = {p.name for p in takes if p.default is Parameter.empty}
        if {p.name for p in takes} != set(row.args) or required != {
            key for key, arg in row.args.items() if arg.required
        }:
            raise RuntimeError(f"the handler of the tool {name} disagrees on its arguments")
    return {name: Tool(name, row, handlers[name]) for name, row in table.items()}


TOOLS: Mapping[str, Tool] = join()


async def call_tool(caller: Caller, name: str, arguments: Mapping[str, Any]) -> tuple[str, bool]:
    """Do a call, and give the words for the model and whether they tell of an error.

    Raises:
      HivedError: hived itself ends; the call is answered by the next one.
    """
    tool = TOOLS.get(name)
    me = caller.me
    if tool is None:
        return f"unknown_method: there is no tool {name!r:.60}", True
    if me is None:
        return f"not_found: {caller.agent} was taken out of the hive: end this turn", True
    try:
        if tool.row.access != ALL and me.config.role != MANAGER:
            raise CommandRefused(
                f"{name} is for managers", code="not_allowed", hint="ask your manager: send"
            )
        return await tool.handler(caller, **check_arguments(name, tool.row, arguments)), False
    except HivedError as error:
        if error.code in _ENDS_HIVED:
            raise
        hint = f" ({error.hint})" if error.hint else ""
        return f"{error.code}: {error.message}{hint}"[: limits.TOOL_ERROR_CHARS_MAX], True
    except Exception:
        # A fault of ours in one tool must not end the turn, which would call it again and again.
        reference = secrets.token_hex(4)
        logger.exception("internal error %s in the tool %s", reference, name)
        return f"internal_error: hived failed at this; its log says more under {reference}", True
