"""A CLI that does nothing but print: lines that say when they were printed, at a fixed pace.

Speaks as much of claude's dialect as a turn needs. Prints nothing until the file that TALKER_GO
names is there, which says when to begin (CLOCK_MONOTONIC, the same for all), how many lines a
second, and for how many seconds. Standard library only.
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


def main() -> None:
    session = next(
        a.split("=", 1)[1] for a in sys.argv if a.startswith(("--session-id=", "--resume="))
    )
    uuid = opened()
    say({"type": "system", "subtype": "init", "session_id": session, "model": "talker"})
    say({"type": "command_lifecycle", "command_uuid": uuid, "state": "started"})
    go = Path(os.environ["TALKER_GO"])
    while not go.exists():
        time.sleep(0.1)
    start, rate, seconds = map(float, go.read_text().split())
    due = start + int(session[:4], 16) / 0x10000 / rate
    while due < start + seconds:
        time.sleep(max(0.0, due - time.monotonic()))
        say({"type": "stream_event", "printed": time.monotonic_ns(), "text": "x" * 120})
        due += 1 / rate
    say({"type": "command_lifecycle", "command_uuid": uuid, "state": "completed"})
    say({"type": "result", "subtype": "success", "is_error": False, "session_id": session})
    sys.stdin.read()  # hived closes it


if __name__ == "__main__":
    main()
