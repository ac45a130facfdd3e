"""The manual names all there is, its examples are valid, and the small programs answer."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import hived.rehearsal
from hived.rehearsal import parse, words
from hived.rehearsal.steps import FAILURES, STEPS
from tests.rehearsal.program import ROOT

MANUAL = Path(hived.rehearsal.__file__).with_name("SCENARIOS.md").read_text()


def program(*argv: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "hived.rehearsal", *argv]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, cwd=ROOT)


def test_the_manual_names_every_key_step_failure_and_placeholder() -> None:
    known = [*parse.TOP, *parse.WHEN, *parse.MODEL, *FAILURES]
    known += [*STEPS, *(o for spec in STEPS.values() for o in spec.options)]
    missing = [name for name in known if f"`{name}`" not in MANUAL]
    missing += [name for name in words.PLACEHOLDERS if f"`{{{name}}}`" not in MANUAL]
    assert missing == []


@pytest.mark.parametrize("example", re.findall(r"```toml\n(.*?)```", MANUAL, re.DOTALL))
def test_the_examples_of_the_manual_are_valid(example: str) -> None:
    parse.parse(example)


def test_check_says_what_is_wrong_where(tmp_path: Path) -> None:
    path = tmp_path / "s.toml"
    path.write_text("[[turn]]\nsteps = [{ say = 'x' }]")
    fine = program("--check", str(path))
    assert (fine.returncode, fine.stdout) == (0, f"{path}: fine: 1 turns, 0 rules\n")
    path.write_text("[[turn]]\nsteps = [{ sya = 'x' }]\n[[turn]]\nstep = []")
    wrong = program("--check", str(path))
    assert wrong.returncode == 1
    assert wrong.stdout == ""
    assert wrong.stderr.splitlines()[0] == (
        f"{path}: turn 1, step 1: no known step (do you mean 'say'?)"
    )
    assert len(wrong.stderr.splitlines()) == 3


def test_the_small_programs_answer() -> None:
    assert program("--version").stdout.startswith("2.1.330 ")
    assert "usage: hived-rehearsal" in program("--help").stdout
    assert "spawn = child | setsid" in program("--list-steps").stdout
    refused = program("--output-format", "json", "-p")
    assert (refused.returncode, refused.stdout) == (1, "")


def test_a_turn_imports_the_standard_library_only(tmp_path: Path) -> None:
    script = (
        "import sys; from hived.rehearsal import main; "
        "code = main(['-p','--output-format','stream-json','--verbose','--','hi']); "
        "print(sorted({m.partition('.')[0] for m in sys.modules}), file=sys.stderr)"
    )
    run = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        timeout=30,
        cwd=ROOT,
        env={"CLAUDE_CONFIG_DIR": str(tmp_path), "PYTHONPATH": str(ROOT)},
    )
    assert '"result":"You said: hi"' in run.stdout
    modules = set(re.findall(r"'(\w+)'", run.stderr))
    known = set(sys.stdlib_module_names) | {"hived", "__main__", "sitecustomize", "_distutils_hack"}
    foreign = {name for name in modules - known if not name.startswith("__editable__")}
    assert foreign == set()
    assert not modules & {"asyncio", "argparse", "dataclasses", "inspect", "subprocess"}
