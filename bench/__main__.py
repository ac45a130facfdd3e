"""All benchmarks, one table: python -m bench [--quick] [--only NAME ...]

Each part runs in a process of its own, so that none inherits another's memory.
"""

import argparse
import importlib
import json
import subprocess
import sys
import time

from bench.lib import Figure, machine, show

PARTS = ("append", "engine", "fold", "lines", "ps", "idle", "tools")


def part(name: str, *, quick: bool) -> list[Figure]:
    """Run one part in a process of its own."""
    argv = [sys.executable, "-m", "bench", "--part", name, *(["--quick"] if quick else [])]
    answer = subprocess.run(argv, stdout=subprocess.PIPE, check=True).stdout
    return [Figure(*row) for row in json.loads(answer)]


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="short runs: less exact")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--part", choices=PARTS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.part:
        module = importlib.import_module(f"bench.{options.part}")
        print(json.dumps(module.measure(quick=options.quick)))
        return 0
    figures: list[Figure] = []
    for name in options.only:
        began = time.monotonic()
        figures += part(name, quick=options.quick)
        print(f"{name}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    print(machine())
    show("hived", figures)
    return 0


if __name__ == "__main__":
    sys.exit(main())
