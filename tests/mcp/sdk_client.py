"""A client made with the official MCP SDK, whichever release of it is on the path.

    python sdk_client.py CALLS ENVIRON -- COMMAND

CALLS is a JSON list of [tool, arguments]; COMMAND starts the server, with ENVIRON, a JSON object.
Says on stdout, in JSON, what the server told: its version, its tools, what each call gave.
"""

import asyncio
import json
import sys
from typing import Any

from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client


def plain(model: Any) -> Any:
    return model.model_dump(by_alias=True, mode="json", exclude_none=True)


async def main(calls: list[list[Any]], command: list[str], environ: dict[str, str]) -> None:
    server = StdioServerParameters(command=command[0], args=command[1:], env=environ)
    async with stdio_client(server) as (read, write), ClientSession(read, write) as session:
        hello = plain(await session.initialize())
        listed = plain(await session.list_tools())
        await session.send_ping()
        answers = []
        for tool, arguments in calls:
            try:
                answers.append(plain(await session.call_tool(tool, arguments)))
            except Exception as error:  # the SDK's own class, which has moved between versions
                answers.append({"raised": str(error)})
        # Side by side, each must get its own answer.
        texts = [f"text {number}" for number in range(20)]
        together = await asyncio.gather(
            *(session.call_tool("set_status", {"text": text}) for text in texts)
        )
    fine = [not plain(one).get("isError") for one in together]
    print(json.dumps({"hello": hello, "tools": listed, "calls": answers, "together": fine}))


if __name__ == "__main__":
    _, calls_given, environ_given, _, *server_command = sys.argv
    asyncio.run(main(json.loads(calls_given), server_command, json.loads(environ_given)))
