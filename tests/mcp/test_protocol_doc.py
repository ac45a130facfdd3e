"""What PROTOCOL.md tells of the agents' tools, against the table of tools."""

import re
from pathlib import Path

import hived.rpc
from hived import limits
from hived.drivers import mcp
from hived.rpc.tools.specs import ALL, TOOL_SPECS

DOC = Path(hived.rpc.__file__).with_name("PROTOCOL.md").read_text()
SECTION = DOC.partition("\n## The agents' tools (MCP)\n")[2].partition("\n## ")[0]


def test_every_tool_has_its_row_and_no_other() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| (.+) \|$", SECTION, re.MULTILINE)
    assert [name for name, _, _ in rows] == list(TOOL_SPECS)
    for name, whose, arguments in rows:
        row = TOOL_SPECS[name]
        assert whose == ("all" if row.access == ALL else "managers"), name
        told = re.findall(r"`(\w+)(\??)`", arguments)
        assert told == [(arg, "" if a.required else "?") for arg, a in row.args.items()], name


def test_versions_and_bounds() -> None:
    assert set(re.findall(r"20\d\d-\d\d-\d\d", SECTION)) == {*mcp.VERSIONS, *mcp.MODERN}
    assert f"waits for it ({limits.BRIDGE_WAIT_SECONDS:.0f} s)" in SECTION
    table = DOC.partition("\n## Limits\n")[2]
    mib = limits.MCP_LINE_BYTES_MAX // 2**20
    assert f"| one line on an agent's socket | {mib} MiB |" in table
    assert f"that run at once | {limits.MCP_CALLS_MAX} |" in table
    connections = f"{limits.AGENT_CONNECTIONS_MAX}, {limits.AGENTS_CONNECTIONS_MAX}"
    assert f"socket, to all of them | {connections} |" in table
