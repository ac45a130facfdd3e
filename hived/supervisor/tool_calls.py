"""A model's call of one of the hive's tools: checked, done as a command, answered in words."""

from hived.drivers.base import HiveToolCalled
from hived.engine import Engine
from hived.errors import HivedError
from hived.rpc.tools import TOOLS, check_arguments
from hived.supervisor.ids import short_id


async def call_tool(
    engine: Engine, agent: str, turn: str, called: HiveToolCalled
) -> tuple[str, bool]:
    """Do it, and give the words for the model and whether they tell of an error.

    The command's id is made of the turn and the CLI's request, so a call that is read again
    after a restart is done once and gets its first answer.
    """
    tool = TOOLS.get(called.name)
    if tool is None:
        return f"there is no tool {called.name!r:.60}", True
    try:
        check_arguments(tool, called.arguments)
        if tool.read is not None:
            return tool.read(engine.durable, agent), False
        assert tool.command is not None
        assert tool.answer is not None
        answer = await engine.submit(
            tool.command(agent, called.arguments),
            by=f"agent:{agent}",
            command_id=f"turn:{turn}/{short_id(called.request)}",
        )
        return tool.answer(answer.streams), False
    except HivedError as error:
        if error.code in ("shutting_down", "store_full", "store_unavailable"):
            raise
        hint = f" ({error.hint})" if error.hint else ""
        return f"{error.code}: {error.message}{hint}", True
