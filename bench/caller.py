"""A CLI that does nothing but call one of the hive's tools, again and again, and time it.

Speaks as much of claude's dialect as a turn needs; the tool is called as the real CLI does, by
MCP in control requests over its pipe. CALLER_CALLS says how often, and CALLER_OUT where the
milliseconds of each call are written, as JSON. Standard library only.
"""

import json
import os
import sys
import time
from pathlib import Path


def say(found: dict[str, object]) -> None:
    os.write(1, json.dumps(found).encode() + b"\n")


def opened() -> str:
    """Answer what is asked before the first user line; give that line's uuid."""
    while True:
        asked = json.loads(sys.stdin.readline())
        if asked["type"] == "control_request":
            answer = {"subtype": "success", "request_id": asked["request_id"], "response": {}}
            say({"type": "control_response", "response": answer})
        else:
            return str(asked["uuid"])


def call(number: int) -> float:
    """One call; its milliseconds."""
    params = {"name": "set_status", "arguments": {"text": f"call {number}"}}
    message = {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params}
    request = {"subtype": "mcp_message", "server_name": "hive", "message": message}
    began = time.perf_counter()
    say({"type": "control_request", "request_id": f"r{number}", "request": request})
    while True:
        answer = json.loads(sys.stdin.readline())
        if answer.get("response", {}).get("request_id") == f"r{number}":
            break
    took = 1e3 * (time.perf_counter() - began)
    assert not answer["response"]["response"]["mcp_response"]["result"]["isError"], answer
    return took


def main() -> None:
    session = next(
        a.split("=", 1)[1] for a in sys.argv if a.startswith(("--session-id=", "--resume="))
    )
    uuid = opened()
    say({"type": "system", "subtype": "init", "session_id": session, "model": "caller"})
    say({"type": "command_lifecycle", "command_uuid": uuid, "state": "started"})
    times = [call(number) for number in range(int(os.environ["CALLER_CALLS"]))]
    draft = Path(os.environ["CALLER_OUT"] + ".new")
    draft.write_text(json.dumps(times))
    draft.replace(os.environ["CALLER_OUT"])
    say({"type": "command_lifecycle", "command_uuid": uuid, "state": "completed"})
    say({"type": "result", "subtype": "success", "is_error": False, "session_id": session})
    sys.stdin.read()  # hived closes it


if __name__ == "__main__":
    main()
