"""python -m tests.real.alone FOLDER PROGRAM: one turn in a network of loopback alone.

Run in a fresh network namespace. The kernel counts every packet and every connect() that found
no way out; after the turn that count is printed as JSON, and then what it is after one attempt
to leave that is made here, to show that it counts.
"""

import fcntl
import json
import socket
import struct
import sys
from pathlib import Path

from tests.messages_api import MessagesApi
from tests.messages_api_replies import Reply, Tool
from tests.real.hive import Hive

_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 1
ELSEWHERE = "192.0.2.1"  # an address that documentation may name


def loopback_up() -> None:
    """A fresh network has loopback alone, and that is down."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        asked = struct.pack("16sh14x", b"lo", 0)
        flags = struct.unpack("16sh14x", fcntl.ioctl(any_socket, _SIOCGIFFLAGS, asked))[1]
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags | _IFF_UP))


def attempts() -> int:
    """How often something in this network tried to reach what is not on loopback."""
    four = Path("/proc/net/snmp").read_text().splitlines()
    names, values = (line.split() for line in four if line.startswith("Ip:"))
    count = int(values[names.index("OutNoRoutes")])
    six = Path("/proc/net/snmp6")
    for line in six.read_text().splitlines() if six.exists() else ():
        name, value = line.split()
        count += int(value) if name == "Ip6OutNoRoutes" else 0
    return count


def main(folder: str, program: str) -> None:
    interfaces = {name for _, name in socket.if_nameindex()}
    loopback_up()
    call = Reply(tools=(Tool("Bash", {"command": "git --version"}),))
    with MessagesApi([call, Reply("done")]) as api, Hive(Path(folder), program) as hive:
        # What keeps the CLI quiet must come from hived, not from the env file.
        plain = ("ANTHROPIC_BASE_URL", "ANTHROPIC_API_KEY")
        env = {name: value for name, value in api.env().items() if name in plain}
        hive.new("ada", None, "--allow=Bash(git *)", env=env)
        hive.ctl("send", "ada", "begin")
        end = hive.wait("turn_end")
        hive.wait_alone()
    made = attempts()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        try:
            out.connect((ELSEWHERE, 53))
        except OSError:
            pass
    shown = {"outcome": end["outcome"], "tools": end["tools"], "interfaces": sorted(interfaces)}
    print(json.dumps({**shown, "attempts": made, "after_one": attempts()}))


if __name__ == "__main__":
    main(*sys.argv[1:])
