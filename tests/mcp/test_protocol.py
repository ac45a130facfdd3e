"""What a message of MCP asks for, without any socket: drivers/mcp.py."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from hived.drivers import mcp
from hived.drivers.base import ToolSpec

TOOLS = (ToolSpec("echo", "Gives it back.", {"type": "object"}),)
ENVELOPE = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
}


def test_a_call_is_passed_on_with_what_the_client_adds() -> None:
    params = {"name": "echo", "arguments": {"x": 1}, "_meta": {"progressToken": 3}}
    found = mcp.receive({"id": "7", "method": "tools/call", "params": params}, TOOLS)
    assert found == mcp.Call("7", "echo", {"x": 1}, {"progressToken": 3}, modern=False)
    bare = {"id": 7, "method": "tools/call", "params": {"name": "echo"}}
    assert mcp.receive(bare, TOOLS) == mcp.Call(7, "echo")


def test_a_tool_that_is_not_listed_is_passed_on_only_where_it_is_known() -> None:
    call = {"id": 1, "method": "tools/call", "params": {"name": "start"}}
    assert mcp.receive(call, TOOLS, known={"start"}) == mcp.Call(1, "start")
    refused = mcp.receive(call, TOOLS)
    assert isinstance(refused, mcp.Answer)
    assert refused.message["error"]["code"] == mcp.INVALID_PARAMS


def test_a_pipe_does_not_speak_the_version_without_a_handshake() -> None:
    probe = {"id": 1, "method": "server/discover", "params": {"_meta": ENVELOPE}}
    refused, served = mcp.receive(probe, TOOLS), mcp.receive(probe, TOOLS, modern=True)
    assert isinstance(refused, mcp.Answer) and isinstance(served, mcp.Answer)
    assert refused.message["error"]["code"] == mcp.NOT_FOUND
    assert "2026-07-28" in served.message["result"]["supportedVersions"]


def test_ids_and_cancellations() -> None:
    for wrong in (None, True, 1.5, [1], {}, "x" * 201, 2**63):
        found = mcp.receive({"id": wrong, "method": "ping"}, TOOLS)
        assert isinstance(found, mcp.Answer) and found.message["id"] is None
        cancel = {"method": "notifications/cancelled", "params": {"requestId": wrong}}
        assert mcp.receive(cancel, TOOLS) == mcp.Heard()
    for right in (0, -1, 2**63 - 1, "", "x" * 200):
        found = mcp.receive({"id": right, "method": "ping"}, TOOLS)
        assert isinstance(found, mcp.Answer) and found.message == {
            "jsonrpc": "2.0",
            "id": right,
            "result": {},
        }
        cancel = {"method": "notifications/cancelled", "params": {"requestId": right}}
        assert mcp.receive(cancel, TOOLS) == mcp.Cancelled(right)


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3)
    ),
    max_leaves=6,
)
METHODS = st.sampled_from(
    ["initialize", "ping", "tools/list", "tools/call", "server/discover", "notifications/cancelled"]
)
PARAMS = JSON | st.fixed_dictionaries(
    {},
    optional={
        "name": JSON | st.just("echo"),
        "arguments": JSON,
        "protocolVersion": JSON | st.sampled_from(mcp.VERSIONS),
        "requestId": JSON,
        "_meta": JSON | st.just(ENVELOPE) | st.fixed_dictionaries(dict.fromkeys(ENVELOPE, JSON)),
    },
)
MESSAGES = JSON | st.fixed_dictionaries(
    {}, optional={"id": JSON, "method": METHODS | JSON, "params": PARAMS, "result": JSON}
)


@given(message=MESSAGES, modern=st.booleans())
def test_any_message_is_taken_and_every_request_answered(message: Any, modern: bool) -> None:
    found = mcp.receive(message, TOOLS, modern=modern)
    wanted = (
        isinstance(message, dict) and "id" in message and isinstance(message.get("method"), str)
    )
    if isinstance(found, mcp.Answer):
        whole = json.loads(json.dumps(found.message))
        assert whole["jsonrpc"] == "2.0" and ("result" in whole) != ("error" in whole)
        assert whole["id"] == mcp.rpc_id_of(message)
    elif isinstance(found, mcp.Call):
        assert wanted and found.name == "echo" and found.rpc_id == message["id"]
    else:
        assert not wanted
