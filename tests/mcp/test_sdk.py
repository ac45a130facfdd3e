"""The official MCP SDK as the client, old and new: over hived-mcp, as an agent's CLI would."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.shared.exceptions import MCPError

from hived.rpc.tools import tool_specs
from tests.daemon.harness import REPOSITORY, Hive, wait
from tests.mcp.conftest import socket_of
from tests.mcp.old_sdks import OLD_SDKS, old_sdk

NEWEST = "2025-11-25"  # of those with a handshake
SCRIPT = Path(__file__).with_name("sdk_client.py")
CALLS: list[list[Any]] = [
    ["who", {}],
    ["set_status", {"text": "counting"}],
    ["set_status", {}],
    ["set_status", {"text": 7}],
    ["request_spawn", {"name": "newbie"}],
    ["no_such_tool", {}],
]
SECONDS = 100.0


def run(protocol: str, hive: Hive, agent: str) -> dict[str, Any]:
    """What a client of that version saw."""
    # hived-mcp must not see the old libraries, nor the client hived.
    server = {"HIVE_SOCKET": str(socket_of(hive, agent)), "PYTHONPATH": str(REPOSITORY)}
    path = old_sdk(protocol) if protocol in OLD_SDKS else ""
    done = subprocess.run(
        (
            *(sys.executable, "-P", str(SCRIPT), json.dumps(CALLS), json.dumps(server)),
            *("--", sys.executable, "-m", "hived.mcp_bridge"),
        ),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        env={"PYTHONPATH": path, "PATH": "/usr/bin:/bin"},
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.timeout(700)  # the first of them fetches the old ones
@pytest.mark.parametrize("protocol", [*OLD_SDKS, NEWEST])
def test_an_sdk_of_each_version_with_a_handshake(hive: Hive, protocol: str) -> None:
    seen = run(protocol, hive, "bee")
    assert seen["hello"]["protocolVersion"] == protocol
    assert seen["hello"]["serverInfo"]["name"] == "hive"
    listed = {tool["name"]: tool for tool in seen["tools"]["tools"]}
    specs = {spec.name: spec for spec in tool_specs("worker")}
    assert listed.keys() == specs.keys()
    for name, spec in specs.items():
        assert listed[name]["description"] == spec.description
        assert listed[name]["inputSchema"] == spec.schema
    who, status, missing, wrong, forbidden, unknown = seen["calls"]
    assert "bee worker idle (you)" in who["content"][0]["text"]
    assert (status["content"][0]["text"], status["isError"]) == ("status set", False)
    for answer, code in ((missing, "invalid_params"), (wrong, "invalid_params")):
        assert answer["isError"] and answer["content"][0]["text"].startswith(f"{code}: ")
    assert forbidden["content"][0]["text"].startswith("not_allowed: ") and forbidden["isError"]
    assert "unknown tool: no_such_tool" in unknown["raised"]
    assert seen["together"] == [True] * 20
    texts = sorted(row["data"]["text"] for row in hive.events("status_set"))
    assert texts == sorted(["counting", *(f"text {number}" for number in range(20))])


@pytest.fixture
def server(hive: Hive) -> Iterator[StdioServerParameters]:
    yield StdioServerParameters(
        command=sys.executable,
        args=["-m", "hived.mcp_bridge"],
        env={"HIVE_SOCKET": str(socket_of(hive, "queen")), "PYTHONPATH": str(REPOSITORY)},
    )


async def test_the_version_without_a_handshake(hive: Hive, server: StdioServerParameters) -> None:
    # The client asks the server itself what it speaks, and takes the newest that both do.
    async with Client(stdio_client(server)) as client:
        assert client.protocol_version == "2026-07-28"
        assert client.server_info is not None and client.server_info.name == "hive"
        listed = await client.list_tools()
        assert {tool.name for tool in listed.tools} == {t.name for t in tool_specs("manager")}
        answer = await client.call_tool("who", {})
        assert not answer.is_error and "queen manager" in answer.content[0].text  # type: ignore[union-attr]
        refused = await client.call_tool("nap", {"seconds": -1})
        assert refused.is_error
        with pytest.raises(MCPError, match="unknown tool"):
            await client.call_tool("no_such_tool", {})
        # No handshake, so none is to be repeated where hived went away.
        assert hive.process is not None
        hive.process.kill()
        hive.ended()
        hive.start()
        wait(socket_of(hive, "queen").exists)
        assert not (await client.call_tool("set_status", {"text": "back"})).is_error
    assert [row["data"]["text"] for row in hive.events("status_set")] == ["back"]
