"""The house rules that no linter knows."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from hived import limits
from hived.decisions import COMMANDS
from hived.drivers import DRIVERS
from hived.errors import CODES
from hived.events import EVENT_TYPES
from hived.host import turn_host
from hived.projections import PROJECTIONS
from hived.rpc.specs import METHODS
from hived.rpc.tools import TOOLS

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "hived"
FILES = sorted(PACKAGE.rglob("*.py"))

LINES_MAX = 300
# Longer ones, each with the most it may have and the reason.
LONG = {
    "host/turn_host.py": (1_100, "one file on purpose: wholly loaded at start, nothing imported"),
}
FUNCTION_LINES_MAX = 70

# Where a text must name a file of the machine it is on, or a host, it is a mistake.
UNWANTED = re.compile(
    r"\b(TODO(?!\.md)|FIXME|XXX|HACK)\b|(?<!\w)/work/|/tmp/w/|registry\.npmjs|pypi\.org|pythonhosted"
)
TEXTS = (".py", ".md", ".toml", ".json", ".sh", ".service", ".cfg", ".js", ".html", ".css")
# Folders of the clone that are not the project's own text.
FOREIGN = {".git", ".venv", ".cache", "node_modules", "__pycache__", "build", "dist", "data"}
# The rule's own words stand here; TODO.md is the list of what is to come.
ALLOWED = {"tests/test_tidy.py", "TODO.md"}

# Kinds that no view folds, each with the reason. Such an event is for people and `why` alone.
NOT_FOLDED: dict[str, str] = {}


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def short(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


@pytest.mark.parametrize("path", FILES, ids=short)
def test_a_module_is_short_and_says_what_it_is(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    most, _ = LONG.get(short(path), (LINES_MAX, ""))
    assert text.count("\n") <= most
    assert not text.strip() or ast.get_docstring(tree(path)), "a module has a docstring"
    for function in functions(path):
        assert function.end_lineno is not None
        assert function.end_lineno - function.lineno < FUNCTION_LINES_MAX, function.name


def test_what_may_be_long_is_long() -> None:
    for name in LONG:
        lines = (PACKAGE / name).read_text(encoding="utf-8").count("\n")
        assert lines > LINES_MAX, f"{name} is short enough now: take it off the list"


def rows() -> Iterator[Any]:
    yield from (cls for cls, _ in EVENT_TYPES.values())
    yield from COMMANDS
    yield from PROJECTIONS.values()
    yield from (type(driver) for driver in DRIVERS.values())


@pytest.mark.parametrize("row", list(rows()), ids=lambda row: row.__name__)
def test_the_class_of_every_registry_row_says_what_it_is(row: Any) -> None:
    # attrs and dataclasses would put the signature where there is no docstring.
    assert row.__doc__
    assert not row.__doc__.startswith(f"{row.__name__}("), "a docstring of its own"
    assert "Method generated" not in row.__doc__


def test_every_method_and_tool_says_what_it_does() -> None:
    assert [name for name, spec in METHODS.items() if not spec.summary] == []
    assert [name for name, tool in TOOLS.items() if not tool.row.description] == []


@cache
def sources() -> list[tuple[str, str]]:
    """Every text of the project, with its path in the clone."""
    found = []
    for path in sorted(ROOT.rglob("*")):
        inner = path.relative_to(ROOT)
        if FOREIGN.isdisjoint(inner.parts) and path.suffix in TEXTS and path.is_file():
            found.append((inner.as_posix(), path.read_text(encoding="utf-8", errors="replace")))
    return found


def test_no_text_tells_of_the_machine_it_was_written_on_or_puts_off_its_work() -> None:
    found = [
        f"{name}: {line.strip()[:100]}"
        for name, text in sources()
        if name not in ALLOWED
        for line in text.splitlines()
        if UNWANTED.search(line)
    ]
    assert found == []


def names_of_limits() -> set[str]:
    return {name for name in vars(limits) if name.isupper()}


def test_every_limit_is_used_or_repeated_by_the_host() -> None:
    used: set[str] = set()
    for path in FILES:
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Attribute):
                used.add(node.attr)
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                used.add(node.id)
    host = {name for name in vars(turn_host) if name.isupper()}
    repeated = {name for name in names_of_limits() if name.removeprefix("HOST_") in host}
    assert names_of_limits() - used - repeated == set()


def test_every_limit_is_a_positive_number() -> None:
    for name in names_of_limits():
        value = getattr(limits, name)
        assert type(value) in (int, float), name
        assert value > 0, name


def test_every_kind_is_folded_or_named_with_a_reason() -> None:
    folded = {kind for view in PROJECTIONS.values() for kind in view().handlers()}
    assert folded <= set(EVENT_TYPES)
    assert set(EVENT_TYPES) - folded == set(NOT_FOLDED)


def test_every_code_is_raised_somewhere() -> None:
    words = {
        node.value
        for path in FILES
        if path != PACKAGE / "errors.py"
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    defaults = {
        node.value
        for node in ast.walk(tree(PACKAGE / "errors.py"))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    by_class = set(re.findall(r'default_code = "(\w+)"', (PACKAGE / "errors.py").read_text()))
    assert set(CODES) <= defaults
    assert set(CODES) - words - by_class == set()
