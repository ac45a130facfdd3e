"""The rooms: who may import whom, and that the rooms above the purity line are pure.

The table is the one in ARCHITECTURE.md. It is held by reading the imports of every file.
"""

import ast
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "hived"

# Longest match first. A room imports rooms of its own number and below.
ROOMS = {
    "hived.limits": 0,
    "hived.errors": 0,
    "hived.names": 0,
    "hived.paths": 0,
    "hived.events": 1,
    "hived.projections": 2,
    "hived.decisions": 3,
    "hived.config": 3,
    "hived.rpc.specs": 3,
    "hived.drivers": 4,
    "hived.store": 5,
    "hived.host": 5,
    "hived.world": 5,
    "hived.engine": 6,
    "hived.publish": 6,
    "hived.supervisor": 7,
    "hived.rpc": 7,
    "hived.client": 8,
    "hived.ctl": 8,
    "hived.rehearsal": 8,
    "hived.sample": 8,
    "hived.daemon": 8,
    "hived.main": 8,
    "hived.foreground": 8,
    "hived.mcp_bridge": 8,
    "hived.housekeeping": 8,
    "hived.verifying": 8,
    "hived.__main__": 8,
}
PURE_ROOM_MAX = 4

# Of the same number, and yet apart: they may not import one another, but for what is named.
APART = {
    "hived.supervisor": {"hived.rpc": {"hived.rpc.tools"}},
    "hived.rpc": {"hived.supervisor": set[str]()},
    "hived.store": {"hived.host": set(), "hived.world": set()},
    "hived.world": {"hived.host": set(), "hived.store": set()},
    "hived.host": {"hived.store": set()},
}

# These import what is named and the standard library, and nothing else.
NARROW = {
    "hived.client": ("hived.client", "hived.rpc.specs", 0),
    "hived.ctl": ("hived.ctl", "hived.client", "hived.rpc.specs", 0),
    "hived.rehearsal": ("hived.rehearsal", "hived.limits"),
    "hived.host.turn_host": (),
    "hived.mcp_bridge": ("hived.limits",),
    "hived.sample": ("hived.sample",),
}

# All that a pure room may import from outside: none of it reads a clock, chance, the environment,
# a file, a socket or a process. Whatever is not named is not allowed.
PURE_IMPORTS = frozenset(
    {
        "__future__",
        "attrs",
        "bisect",
        "cattrs",
        "cattrs.errors",
        "collections",
        "collections.abc",
        "dataclasses",
        "datetime",
        "difflib",
        "enum",
        "functools",
        "hashlib",
        "itertools",
        "json",
        "math",
        "operator",
        "orjson",
        "posixpath",
        "re",
        "string",
        "tomllib",
        "types",
        "typing",
        "unicodedata",
        "urllib.parse",
    }
)
IMPURE_CALLS = frozenset({"open", "input", "exec", "eval", "compile", "__import__", "breakpoint"})
CLOCK_READS = frozenset({"now", "utcnow", "today"})


def modules(package: Path) -> Iterator[tuple[str, Path]]:
    for path in sorted(package.rglob("*.py")):
        parts = ["hived", *path.relative_to(package).with_suffix("").parts]
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def imports(tree: ast.AST, known: set[str]) -> Iterator[tuple[str, int]]:
    """Every module that is imported anywhere in the file, also within functions."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide what is imported"
            module = node.module or ""
            for alias in node.names:
                full = f"{module}.{alias.name}"
                yield (full if full in known else module), node.lineno


def within(module: str, room: str) -> bool:
    return module == room or module.startswith(room + ".")


def room_of(module: str) -> int | None:
    """The number of a module's room; None for the bare package, which holds a version only."""
    found = max((r for r in ROOMS if within(module, r)), key=len, default=None)
    return None if found is None else ROOMS[found]


def wrong_import(importer: str, imported: str) -> str:
    """Why this import is not allowed, or the empty string."""
    narrow = next((n for n in sorted(NARROW, reverse=True) if within(importer, n)), None)
    if not within(imported, "hived"):
        top = imported.split(".")[0]
        if narrow is not None and top not in sys.stdlib_module_names:
            return f"{narrow} imports only the standard library from outside"
        number = room_of(importer)
        if number is not None and number <= PURE_ROOM_MAX and imported not in PURE_IMPORTS:
            return f"{imported} is not among the imports of a pure room"
        return ""
    if imported == "hived":
        return ""
    if narrow is not None:
        allowed = any(
            within(imported, a) if isinstance(a, str) else room_of(imported) == a
            for a in NARROW[narrow]
        )
        return "" if allowed else f"{narrow} may not import it"
    mine, other = room_of(importer), room_of(imported)
    if mine is None or other is None:
        return "one of them stands in no room"
    if other > mine:
        return f"room {mine} imports from room {other}"
    for room, apart in APART.items():
        for stranger, but in apart.items():
            if not within(importer, room) or not within(imported, stranger):
                continue
            if any(within(imported, b) for b in but):
                continue
            # The specs stand in a room of their own under rpc/.
            if room_of(imported) == ROOMS[stranger]:
                return f"{room} and {stranger} are apart"
    return ""


def impure(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """What a pure room may not do, beside its imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.AsyncFunctionDef | ast.Await | ast.AsyncFor | ast.AsyncWith):
            yield "async", node.lineno
        elif isinstance(node, ast.Call):
            called = node.func
            if isinstance(called, ast.Name) and called.id in IMPURE_CALLS:
                yield called.id, node.lineno
            elif isinstance(called, ast.Attribute) and called.attr in CLOCK_READS:
                yield called.attr, node.lineno


def violations(package: Path) -> list[str]:
    found = []
    listed = list(modules(package))
    known = {name for name, _ in listed}
    for module, path in listed:
        if room_of(module) is None and module != "hived":
            found.append(f"{module} stands in no room")
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for imported, line in imports(tree, known):
            if wrong := wrong_import(module, imported):
                found.append(f"{module}:{line} imports {imported}: {wrong}")
        number = room_of(module)
        if number is not None and number <= PURE_ROOM_MAX:
            found += [f"{module}:{line} is pure, and has {what}" for what, line in impure(tree)]
    return found


def test_every_import_goes_down_and_the_upper_rooms_are_pure() -> None:
    assert violations(PACKAGE) == []


def test_every_room_of_the_table_is_there() -> None:
    there = {name for name, _ in modules(PACKAGE)}
    assert set(ROOMS) <= there
    assert set(NARROW) <= there


PLANTED = {
    "names.py": ("import hived.events", "room 0 imports from room 1"),
    "events/turn.py": ("from hived import engine", "room 1 imports from room 6"),
    "projections/turns.py": ("import time", "time is not among"),
    "projections/agents.py": ("from os import environ", "os is not among"),
    "decisions/mail.py": ("def f():\n    import random", "random is not among"),
    "decisions/turns.py": ("async def f() -> None: ...", "has async"),
    "decisions/base.py": ("F = open('x')", "has open"),
    "decisions/frames.py": ("T = datetime.now(UTC)", "has now"),
    "drivers/allow.py": ("from pathlib import Path", "pathlib is not among"),
    "rpc/specs/base.py": ("import trio", "trio is not among"),
    "store/log.py": ("from hived.engine import Engine", "room 5 imports from room 6"),
    "store/writer.py": ("import hived.host.client", "are apart"),
    "supervisor/loop.py": ("from hived.rpc import server", "are apart"),
    "rpc/server.py": ("from hived.supervisor import World", "are apart"),
    "ctl/ps.py": ("import trio", "only the standard library"),
    "client/wire.py": ("from hived.events import KINDS", "may not import it"),
    "rehearsal/turn.py": ("from hived.drivers import DRIVERS", "may not import it"),
    "host/turn_host.py": ("from hived import limits", "may not import it"),
    "stray.py": ("", "stands in no room"),
}


@pytest.mark.parametrize("place", PLANTED)
def test_a_planted_violation_is_seen(place: str, tmp_path: Path) -> None:
    line, told = PLANTED[place]
    copy = tmp_path / "hived"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    with (copy / place).open("a") as file:
        file.write(f"\n{line}\n")
    found = violations(copy)
    assert len(found) == 1
    assert told in found[0]
