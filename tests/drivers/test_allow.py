"""The allow list: what the CLI's own table of rules says, and never more."""

import re
import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hived.drivers.allow import check_rule, decide, glob
from hived.errors import InvalidName

CWD = "/home/user/work"


def allowed(rule: str, command: str) -> bool:
    return decide([rule], "Bash", {"command": command}, CWD).allowed


ALLOWED = (
    "hive",
    "hive a b",
    "hive a; hive b",
    "hive a | hive b",
    "hive a || hive b",
    "hive a && hive b",
    f"cd {CWD} && hive a",
    "hive a 2>&1",
    "hive a 2>&1 | hive b",
    "hive a\nhive b",
    "hive a\n",
    "hive 'a; b && $(c) > `d` # e'",
    'hive "a; b && c > d"',
    "hive a\\;b",
    "hive main..topic",
    "hive https://example.com/a/b",
    f"hive {CWD}/a.txt",
    "hive a/../b",
    "hive > /dev/null".replace(" >", ""),
)

REFUSED = (
    "hivex",
    "hive a && deploy x",
    "deploy && hive a",
    "hive a; deploy",
    "hive a | deploy",
    "hive a || deploy",
    "hive a\ndeploy",
    "X=1 hive a",
    "X+=1 hive a",
    "hive $(deploy)",
    "hive `deploy`",
    'hive "$(deploy)"',
    'hive "`deploy`"',
    "hive $HOME",
    "hive $'\\x27; deploy'",
    "hive > f",
    "hive a>f",
    "hive >> f",
    "hive 2>f",
    "hive 2>&1f",
    "hive &>f",
    "hive < f",
    "hive <(deploy)",
    "hive >(deploy)",
    "hive << end\ndeploy\nend",
    "bash -c 'hive a'",
    "(hive a)",
    "{ hive a; }",
    "/full/path/hive",
    "./hive a",
    "hive a &",
    "hive a & deploy",
    "hive a |& deploy",
    '"hive" a',
    "h\\ive a",
    "hive 'unbalanced",
    'hive "unbalanced',
    'hive "escaped\\"',
    "hive a \\\ndeploy",
    "hive # it's\ndeploy\n# it's",
    "hive #'\ndeploy #'",
    "cd /elsewhere && hive a",
    "cd .. && hive a",
    "sudo hive a",
    "env hive a",
    "hive /etc/passwd",
    "hive ../elsewhere",
    "hive ~/x",
    "hive --file=/etc/passwd",
    "hive -C/etc",
    "hive -C../..",
    "hive '/etc/passwd'",
    'hive "/etc"/passwd',
    "hive {/etc/passwd,x}",
    "hive a\rdeploy",
    "hive a\0deploy",
    "hive a\x1b[2K",
    "if hive; then deploy; fi",
    "hive() { deploy; }",
    "",
    ";",
)


@pytest.mark.parametrize("command", ALLOWED)
@pytest.mark.parametrize("rule", ["Bash(hive *)", "Bash(hive:*)"])
def test_what_a_prefix_rule_allows(rule: str, command: str) -> None:
    assert allowed(rule, command)


@pytest.mark.parametrize("command", REFUSED)
@pytest.mark.parametrize("rule", ["Bash(hive *)", "Bash(hive:*)", "Bash(hive a)", "Read"])
def test_what_it_does_not(rule: str, command: str) -> None:
    assert not allowed(rule, command)


def test_other_forms_of_rules() -> None:
    assert allowed("Bash(hive*)", "hivex y")
    assert allowed("Bash(hive a b)", "hive a b")
    assert not allowed("Bash(hive a b)", "hive a b c")
    assert allowed("Bash(hive * origin)", "hive push origin")
    assert not allowed("Bash(hive * origin)", "hive push origin main")
    assert not allowed("Bash(hive * origin)", "hive origin")
    # Even where the letters fit, no variable is set for the program.
    assert not allowed("Bash(* origin)", "LD_PRELOAD=x.so git push origin")
    assert not allowed("Bash(* origin)", "git push > origin")
    for rule in ("Bash", "Bash(*)"):
        assert allowed(rule, "X=1 deploy $(rm -rf /) > f & (a)")


def test_each_part_may_have_a_rule_of_its_own() -> None:
    decision = decide(["Bash(git *)", "Bash(ls)"], "Bash", {"command": "git log | ls"}, CWD)
    assert (decision.allowed, decision.rule) == (True, "Bash(git *), Bash(ls)")


def test_a_refusal_names_the_list_and_what_it_was() -> None:
    rules = ["Bash(git *)", "Read"]
    plain = decide(rules, "Bash", {"command": "touch x"}, CWD)
    assert plain.reason == "not on the allow list of this agent (Bash(git *), Read)"
    hidden = decide(rules, "Bash", {"command": "git log > x"}, CWD)
    assert hidden.reason == f"a redirection is {plain.reason}"
    assert decide([], "Bash", {"command": "x"}, CWD).reason.endswith("(which is empty)")
    assert len(decide([f"Bash(x{n} *)" for n in range(200)], "Bash", {}, CWD).reason) < 400


@pytest.mark.parametrize(
    ("rule", "tool", "path", "expected"),
    [
        ("Edit(src/**)", "Edit", "src/a/b.py", True),
        ("Edit(src/**)", "Write", f"{CWD}/src/b.py", True),
        ("Edit(/src/**)", "Edit", "src/b.py", True),
        ("Edit(src/**)", "Edit", "other/b.py", False),
        ("Edit(src/**)", "Edit", "src/../b.py", False),
        ("Edit(src/*)", "Edit", "src/a/b.py", False),
        ("Edit(src/*.py)", "Edit", "src/b.py", True),
        ("Edit(**/b.py)", "Edit", "x/y/b.py", True),
        ("Edit(*.md)", "Edit", "deep/down/a.md", True),
        ("Edit(*.md)", "Edit", "/elsewhere/a.md", False),
        ("Edit(//abs/**)", "Edit", "/abs/x", True),
        ("Edit(//abs/**)", "Edit", "/abs/../etc/x", False),
        ("Edit(//abs/**)", "Edit", "abs/x", False),
        ("Edit", "Edit", "/anywhere", True),
        ("Edit", "Write", "/anywhere", False),
        ("Write", "Write", "/anywhere", True),
        ("Write", "Edit", "a", False),
        ("Write", "Write", ".git/hooks/pre-commit", False),
        ("Edit(**)", "Edit", ".claude/settings.json", False),
        ("Edit(**)", "Write", ".mcp.json", False),
        ("Edit(~/**)", "Edit", "~/x", False),
        ("Edit(src/**)", "Read", "src/a", False),
        ("Read(src/**)", "Read", "src/a", True),
        ("Read(src/**)", "Edit", "src/a", False),
        ("Read", "Read", "/etc/hosts", True),
    ],
)
def test_paths(rule: str, tool: str, path: str, expected: bool) -> None:
    assert decide([rule], tool, {"file_path": path}, CWD).allowed == expected


def test_other_tools() -> None:
    for rule in ("mcp__hive", "mcp__hive__*", "mcp__hive__echo"):
        assert decide([rule], "mcp__hive__echo", {}, CWD).allowed
    assert not decide(["mcp__hive__echo"], "mcp__hive__echoes", {}, CWD).allowed
    assert not decide(["mcp__hive"], "mcp__hives__echo", {}, CWD).allowed
    fetch = {"url": "https://example.com/x"}
    assert decide(["WebFetch(domain:example.com)"], "WebFetch", fetch, CWD).allowed
    assert not decide(["WebFetch(domain:ample.com)"], "WebFetch", fetch, CWD).allowed
    assert not decide(["WebFetch(domain:)"], "WebFetch", {"url": "http://["}, CWD).allowed
    assert decide(["Grep"], "Grep", {"pattern": "x"}, CWD).allowed
    assert not decide(["Bash"], "Task", {}, CWD).allowed


META = st.sampled_from(
    [";", "&", "|", "&&", "||", "|&", "\n", "$(", "`", ">", ">>", "<", "<(", "(", "&>", ";;", "$x"]
)
WORDS = st.text(st.sampled_from("abcxyz -='\"\\#$(){}~/.*?![]\t&;|<>\n`2"), min_size=0, max_size=20)


@given(before=WORDS, meta=META, after=WORDS)
def test_no_mutation_brings_in_another_program(before: str, meta: str, after: str) -> None:
    command = f"git log {before}{meta} marker {after}"
    if allowed("Bash(git *)", command):
        # Then all of it is words of git's: the meta character was quoted.
        assert any(quote in before for quote in "'\"\\")
        assert bash_runs_only_git(command)


def bash_runs_only_git(command: str) -> bool:
    """Whether bash itself, with no program to be found, runs git and writes no file."""
    # Not spelt out in the script, which bash shows when it complains of the syntax.
    script = "git() { :; }; command_not_found_handle() { echo R''AN >&2; }; " + command
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            ["/bin/bash", "-c", script],
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
            cwd=folder,
            env={"PATH": "/nonexistent"},
        )
        return "RAN" not in done.stderr and not list(Path(folder).iterdir())


def test_the_check_by_bash_can_fail() -> None:
    for command in ("git; marker", "git $(marker)", "git > f", "git # '\nmarker\n#'"):
        assert not bash_runs_only_git(command)


@given(
    words=st.lists(st.sampled_from(["git", "marker", "a", "'", '"', "\\", " ", "\n", ";", "#", "&&",
                                    "|", "$", "(", ")", "2>&1", "=", "{", "}", "!", "*"]),
                   max_size=14)
)  # fmt: skip
def test_bash_agrees_with_what_is_allowed(words: list[str]) -> None:
    command = "git " + "".join(words)
    if allowed("Bash(git *)", command):
        assert bash_runs_only_git(command)


@given(text=st.text("ab*", max_size=12), pattern=st.text("ab*", max_size=6))
def test_glob_is_what_a_regular_expression_says(text: str, pattern: str) -> None:
    wanted = re.fullmatch(re.escape(pattern).replace(r"\*", ".*"), text, re.DOTALL)
    assert glob(text, pattern) == bool(wanted)


@given(
    rules=st.lists(st.text(max_size=20), max_size=5),
    tool=st.sampled_from(["Bash", "Edit", "Read", "WebFetch", "mcp__a__b", "Task"]),
    key=st.sampled_from(["command", "file_path", "url"]),
    value=st.one_of(st.text(), st.none(), st.integers(), st.lists(st.text())),
)
def test_any_input_is_decided(rules: list[str], tool: str, key: str, value: object) -> None:
    assert isinstance(decide(rules, tool, {key: value}, CWD).allowed, bool)


@pytest.mark.parametrize(
    "rule",
    [
        "Bash",
        "Bash(*)",
        "Bash(git *)",
        "Bash(git commit -m 'a (b) c')",
        "Edit(src/**)",
        "Read",
        "WebFetch(domain:example.com)",
        "mcp__hive",
        "mcp__hive__*",
        "mcp__my_server__a_tool",
        "SomethingNew(x)",
    ],
)
def test_rules_that_are_fine(rule: str) -> None:
    check_rule(rule)


@pytest.mark.parametrize(
    ("rule", "hint"),
    [
        ("", "Bash(git *)"),
        (None, "Bash(git *)"),
        ("bash(git *)", "Bash"),
        ("BASH", "Bash"),
        ("webfetch", "WebFetch"),
        ("Bash(git", "pairs"),
        ("Bash git)", "one rule each"),
        ("Bash(git *)) (", "one rule each"),
        ("Bash(git *),Read", "one rule each"),
        ("Bash(git *) Read", "one rule each"),
        ("Read,Edit", "one rule each"),
        ("Bash()", "alone"),
        ("Write(src/**)", "Edit(src/**)"),
        ("mcp__", "mcp__SERVER"),
        ("mcp__a(x)", "mcp__SERVER"),
        ("--dangerously-skip-permissions", "one rule each"),
        ("Bash(git\n*)", ""),
        ("Bash(" + "x" * 600 + ")", "several"),
    ],
)
def test_rules_that_are_not(rule: object, hint: str) -> None:
    with pytest.raises(InvalidName) as refused:
        check_rule(rule)
    assert hint in refused.value.hint
