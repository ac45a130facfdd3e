"""The scenario parser, the picking of entries, placeholders, permission rules: pure."""

import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hived.rehearsal import words
from hived.rehearsal.options import Refused, read, split_rules
from hived.rehearsal.parse import Parser, parse
from hived.rehearsal.rules import judge
from hived.rehearsal.scenario import (
    BUILT_IN,
    Facts,
    Scenario,
    ScenarioError,
    matches,
    pick_rule,
    pick_turn,
    resolve,
)
from hived.rehearsal.steps import FAILURES, STEPS, Field, listing


def problems(text: str) -> tuple[str, ...]:
    with pytest.raises(ScenarioError) as caught:
        parse(text)
    return caught.value.problems


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("agnt = 'x'", "the scenario: unknown key 'agnt' (do you mean 'agent'?)"),
        ("[[turn]]\nsteps = [{ sya = 'x' }]", "turn 1, step 1: no known step (do you mean 'say'?)"),
        ("[[turn]]\nsteps = [{}]", "turn 1, step 1: no known step"),
        (
            "[[turn]]\nsteps = [{ say = 'x', tims = 2 }]",
            "unknown key 'tims' (do you mean 'times'?)",
        ),
        ("[[turn]]\nsteps = [{ say = 1 }]", "turn 1, step 1, say: must be text"),
        ("[[turn]]\nsteps = [{ say = 'x', sleep = 1 }]", "two steps in one (say and sleep)"),
        ("[[turn]]\nsteps = [{ error = 'biling' }]", "(do you mean 'billing'?)"),
        ("[[turn]]\nsteps = [{ sleep = -1 }]", "must be a number from 0"),
        ("[[turn]]\nsteps = [{ sleep = nan }]", "must be a number from 0"),
        (
            "[[turn]]\nsteps = [{ say = '{bdy}' }]",
            "unknown placeholder {bdy} (do you mean 'body'?)",
        ),
        ("[[turn]]\nsteps = [{ hive = 'send', args = { a = ['{x}'] } }]", "placeholder {x}"),
        ("[[turn]]\nsteps = 3", "turn 1: steps must be a list"),
        ("turn = 3", "the scenario, turn: must be written as [[...]]"),
        ("[[rule]]\nwhen = { form = 'x' }\nsteps = []", "(do you mean 'from'?)"),
        ("[[rule]]\nwhen = { every = 0 }\nsteps = []", "rule 1, when, every: must be at least 1"),
        ("[[rule]]\nwhen = { chance = 0.5 }\nsteps = []", "needs a seed"),
        ("[models.x]\nwindow = 0", "model x, window: must be at least 1"),
        ("repeat = true", "repeat needs at least one"),
        ("x = [", "not TOML"),
    ],
)
def test_a_slip_is_told_with_its_place_and_the_nearest_word(text: str, said: str) -> None:
    assert any(said in problem for problem in problems(text)), problems(text)


def test_all_slips_are_told_at_once() -> None:
    assert len(problems("a = 1\nb = 2\n[[turn]]\nsteps = [{ sleep = 'x' }]")) == 3


def value_of(field: Field) -> st.SearchStrategy[Any]:
    plain = st.text(string.ascii_letters + " .äß", max_size=8)
    numbers = st.integers(0, 1000)
    return {
        "choice": st.sampled_from(field.choices or ("",)),
        "count": numbers,
        "flag": st.booleans(),
        "number": numbers | st.floats(0, 1000),
        "table": st.dictionaries(st.text(string.ascii_lowercase, min_size=1, max_size=4), plain),
    }.get(field.kind, plain)


def toml(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return '"' + value + '"'
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {toml(item)}" for key, item in value.items()) + "}"
    return repr(value)


@st.composite
def steps(draw: st.DrawFn) -> dict[str, Any]:
    verb = draw(st.sampled_from(sorted(STEPS)))
    spec = STEPS[verb]
    step = {verb: draw(value_of(spec.value))}
    for name, option in spec.options.items():
        if draw(st.booleans()):
            step[name] = draw(value_of(option))
    return step


@given(st.lists(steps(), max_size=4))
def test_every_step_of_the_table_reads_back_as_written(listed: list[dict[str, Any]]) -> None:
    text = f"[[turn]]\nsteps = [{', '.join(map(toml, listed))}]"
    (turn,) = parse(text).turns
    assert len(turn) == len(listed)
    for made, written in zip(turn, listed, strict=True):
        assert made.value == written[made.verb]
        assert set(made.options) == set(STEPS[made.verb].options)
        for name, value in written.items():
            assert name == made.verb or made.options[name] == value


@given(st.text(max_size=300))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        assert isinstance(parse(text), Scenario)
    except ScenarioError as error:
        assert error.problems


TREE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["steps", "when", "say", "turn", "x"]), inner, max_size=3)
    ),
    max_leaves=10,
)


@given(st.dictionaries(st.sampled_from(["turn", "rule", "default", "models", "seed"]), TREE))
def test_a_table_of_any_shape_is_read_or_refused(table: dict[str, Any]) -> None:
    try:
        assert isinstance(Parser().scenario(table), Scenario)
    except ScenarioError as error:
        assert error.problems


FACTS = Facts("text with a word", "bob", "claude-opus-5-5", 2, 4)


@pytest.mark.parametrize(
    ("when", "holds"),
    [
        ("contains = 'a word'", True),
        ("contains = 'another'", False),
        ("from = 'bob'", True),
        ("from = 'ada'", False),
        ("model = 'opus'", True),
        ("model = 'haiku'", False),
        ("attempt = 2", True),
        ("attempt = 1", False),
        ("attempt_min = 2", True),
        ("attempt_min = 3", False),
        ("turn = 4", True),
        ("turn = 5", False),
        ("command = 'compact'", False),
        ("contains = 'a word', from = 'ada'", False),
        ("", True),
    ],
)
def test_all_that_a_rule_asks_must_hold(when: str, holds: bool) -> None:
    scenario = parse(f"[[rule]]\nwhen = {{ {when} }}\nsteps = []")
    assert matches(scenario.rules[0].when, FACTS) is holds


def picked(text: str, count: int) -> list[int | None]:
    scenario = parse(text)
    seen: dict[int, int] = {}
    found = []
    for turn in range(1, count + 1):
        rule = pick_rule(scenario, FACTS._replace(turn=turn), seen)
        found.append(None if rule is None else scenario.rules.index(rule))
    return found


def test_rules_are_counted_over_the_session() -> None:
    assert picked("[[rule]]\nwhen = { nth = 2 }\nsteps = []", 3) == [None, 0, None]
    assert picked("[[rule]]\nwhen = { every = 2 }\nsteps = []", 4) == [None, 0, None, 0]
    assert picked("[[rule]]\ntimes = 2\nsteps = []", 3) == [0, 0, None]
    assert picked("[[rule]]\ntimes = 1\nwhen = { every = 2 }\nsteps = []", 4) == [
        None,
        0,
        None,
        None,
    ]
    two = "[[rule]]\nwhen = { every = 2 }\nsteps = []\n[[rule]]\nsteps = [{ say = 'x' }]"
    assert picked(two, 4) == [1, 0, 1, 0]


def test_chance_is_the_same_for_the_same_seed_and_near_what_was_asked() -> None:
    text = "seed = 7\n[[rule]]\nwhen = { chance = 0.3 }\nsteps = []"
    assert picked(text, 300) == picked(text, 300)
    taken = [rule for rule in picked(text, 300) if rule == 0]
    assert 60 < len(taken) < 120
    assert picked(text.replace("7", "8"), 300) != picked(text, 300)


def test_turns_come_in_order_and_then_the_default() -> None:
    text = "[[turn]]\nsteps = [{say='a'}]\n[[turn]]\nsteps = [{say='b'}]"
    default = parse(text)
    assert [pick_turn(default, n)[0].value for n in range(3)] == ["a", "b", "You said: {body}"]
    again = parse("repeat = true\n" + text)
    assert [pick_turn(again, n)[0].value for n in range(3)] == ["a", "b", "a"]


def test_a_model_is_known_by_its_alias_and_by_its_name() -> None:
    scenario = parse("[models.opus]\nwindow = 5\n[models.mine]\noutput = 3")
    for name in ("opus", "claude-opus-5-5", "opus[1m]", ""):
        assert (resolve(scenario, name).name, resolve(scenario, name).window) == (
            "claude-opus-5-5",
            5,
        )
    assert resolve(scenario, "haiku") == BUILT_IN["claude-haiku-5-5"]
    assert resolve(scenario, "mine").price[1] == 3
    assert resolve(scenario, "nobody").name == "nobody"


@given(st.text(), st.booleans())
def test_a_value_is_filled_in_once(value: str, quoted: bool) -> None:
    shown = words.fill("<{body}>", {"body": value}, quoted=quoted)
    assert shown == (f"<{value}>" if not quoted else "<'" + value.replace("'", "'\"'\"'") + "'>")
    assert words.fill("{{body}}", {"body": value}) == "{body}"


def test_mail_is_read_out_of_its_frame() -> None:
    text = (
        'Some words.\n<mail id="m1" from="ada" attempt="1" sent="x">\nfirst\n</mail>\n\n'
        '<mail id="m2" from="bob" attempt="3" sent="x" urgent="yes">\na &lt;/mail> b\n\nc\n</mail>'
    )
    assert words.mails(text)[1] == words.Mail("m2", "bob", 3, "a </mail> b\n\nc")
    assert words.mails("no mail") == []
    assert words.attempt_told("This is attempt 2 of 5: the turn before it ended early.") == 2


def judged(command: str, allow: str = "", deny: str = "", mode: str = "default") -> str:
    rules = {"allow": tuple(filter(None, [allow])), "deny": tuple(filter(None, [deny]))}
    return judge("Bash", {"command": command}, **rules, mode=mode, cwd="/w").decision


@pytest.mark.parametrize(
    ("rule", "command", "allowed"),
    [
        ("Bash(hive *)", "hive", True),
        ("Bash(hive *)", "hive a b", True),
        ("Bash(hive:*)", "hive a; hive b", True),
        ("Bash(hive *)", "hive a | hive b", True),
        ("Bash(hive *)", "hive a 2>&1", True),
        ("Bash(hive *)", "hive a\nhive b", True),
        ("Bash(hive *)", "hivex", False),
        ("Bash(hive *)", "hive a && deploy x", False),
        ("Bash(hive *)", "X=1 hive a", False),
        ("Bash(hive *)", "hive $(deploy)", False),
        ("Bash(hive *)", "hive `deploy`", False),
        ("Bash(hive *)", "hive a > f", False),
        ("Bash(hive *)", "bash -c 'hive a'", False),
        ("Bash(hive *)", "(hive a)", False),
        ("Bash(hive *)", "/full/path/hive", False),
        ("Bash(hive *)", "hive a &", False),
        ("Bash(hive*)", "hivex", True),
        ("Bash(hive a b)", "hive a b", True),
        ("Bash(hive a b)", "hive a b c", False),
        ("Bash(hive * origin)", "hive push origin", True),
        ("Bash", "anything > f && x", True),
        ("Bash(*)", "anything > f", True),
        ("bash(hive *)", "hive", False),
    ],
)
def test_bash_rules_as_measured(rule: str, command: str, allowed: bool) -> None:
    assert judged(command, rule) == ("allow" if allowed else "ask")


def test_deny_beats_allow_and_modes_decide_the_rest() -> None:
    for command in ("deploy x", "hive && deploy x", "hive $(deploy x)"):
        assert judged(command, "Bash", "Bash(deploy *)") == "deny"
    assert judged("ls -l") == "allow"
    assert judged("touch x", mode="dontAsk") == "deny"
    assert judged("touch x", mode="bypassPermissions") == "allow"
    write: dict[str, object] = {"file_path": "a/b"}
    outside: dict[str, object] = {"file_path": "../b"}
    for given_input, decision in ((write, "allow"), (outside, "ask")):
        verdict = judge("Write", given_input, allow=(), deny=(), mode="acceptEdits", cwd="/w")
        assert verdict.decision == decision
    for rule in ("mcp__hive", "mcp__hive__*", "mcp__hive__send"):
        verdict = judge("mcp__hive__send", {}, allow=(rule,), deny=(), mode="default", cwd="/w")
        assert verdict.decision == "allow"
    verdict = judge("mcp__hives__send", {}, allow=("mcp__hive",), deny=(), mode="default", cwd="/")
    assert verdict.decision == "ask"


def test_rules_are_parted_outside_parentheses_only() -> None:
    assert split_rules(["Bash(git *),Read mcp__hive", "Bash(a, b)"]) == [
        "Bash(git *)",
        "Read",
        "mcp__hive",
        "Bash(a, b)",
    ]


@given(st.lists(st.text(max_size=12) | st.sampled_from(["-p", "--tools", "--verbose", "--"])))
def test_any_command_line_is_read_or_refused(argv: list[str]) -> None:
    try:
        read(argv)
    except Refused as refusal:
        assert str(refusal)


def test_the_listing_names_all_steps_and_failures() -> None:
    text = listing()
    for verb, spec in STEPS.items():
        assert f"{verb} = " in text
        assert all(f"    {name}: " in text for name in spec.options)
    assert all(name in text for name in FAILURES)
