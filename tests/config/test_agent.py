"""agent.toml to an AgentConfig, and everything that is wrong with one."""

import time
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from hived import limits
from hived.config.agent import parse_agent
from hived.config.keys import KEYS
from hived.config.problems import ConfigInvalid
from hived.config.shapes import unshowable
from hived.config.templates import default_files
from hived.config.values import to_toml
from hived.drivers import DRIVERS
from hived.events.settings import Settings
from hived.events.values import AgentConfig, Budget, McpServer, Resources
from tests.config.texts import BARE, KNOWN, PLACE, settings

WHOLE = """
driver = "rehearsal"
model = "opus"
fallback = "sonnet"
role = "manager"
workdir = "/srv/work"
allow = ["Bash(git *)", "Read"]
tools = ["Read", "Bash"]
recipients = ["ada", "manager", "operator"]
prompt_file = "other/p.md"
env_file = "/etc/keys"
config_dir = "/srv/claude"
program = "claude-2"
sandbox = "none"

[resources]
memory = "2GiB"
cpus = 1.5
pids = 100

[notes]
limit = "16 KiB"

[compaction]
at = 1

[limits]
idle_seconds = 60
tool_seconds = 0

[options]
scenario = "/s.toml"

[[budgets]]
amount = 5

[[budgets]]
amount = 100_000
unit = "tokens"
per = "hour"

[mcp_servers.files]
command = "/usr/bin/files"
args = ["--root", "/srv"]
env = { LEVEL = "3" }
"""


BUILT_IN = Settings()


def parsed(text: str | bytes, given: Settings = BUILT_IN, place: Any = PLACE) -> AgentConfig:
    data = text if isinstance(text, bytes) else text.encode()
    return parse_agent(data, settings=given, place=place, known=KNOWN)


def problems(text: str | bytes, place: Any = PLACE) -> list[str]:
    """All that is wrong with the text."""
    with pytest.raises(ConfigInvalid) as caught:
        parsed(text, place=place)
    error = caught.value
    assert error.code == "invalid_config"
    told = error.data["problems"]
    assert isinstance(told, list)
    assert 1 <= len(told) <= limits.CONFIG_PROBLEMS_MAX + 1
    assert error.message.isprintable()
    assert len(error.message) < 30_000
    return told


def test_every_key_is_read() -> None:
    assert parsed(WHOLE) == AgentConfig(
        driver="rehearsal",
        workdir="/srv/work",
        model="opus",
        fallback="sonnet",
        role="manager",
        allow=("Bash(git *)", "Read"),
        tools=("Read", "Bash"),
        env_file="/etc/keys",
        config_dir="/srv/claude",
        prompt_file="/tree/other/p.md",
        program="claude-2",
        recipients=("ada", "manager", "operator"),
        idle_limit_s=60.0,
        tool_limit_s=0.0,
        options={"scenario": "/s.toml"},
        resources=Resources(2 * 2**30, 1.5, 100),
        mcp_servers={"files": McpServer("/usr/bin/files", ("--root", "/srv"), {"LEVEL": "3"})},
        notes_limit_bytes=16 * 1024,
        compact_at=1.0,
        budgets=(Budget(5.0), Budget(100_000.0, "tokens", "hour")),
        commit="c" * 40,
    )


def test_an_empty_text_means_the_defaults() -> None:
    assert parsed("", place=BARE) == AgentConfig("claude", "/w")
    assert parsed("").prompt_file == "/tree/prompt.md"
    assert parsed('prompt_file = ""').prompt_file == ""


def test_the_texts_of_a_new_agent_mean_the_defaults() -> None:
    files = default_files("ada")
    assert set(files) == {"agent.toml", "prompt.md", "notes.md"}
    assert parsed(files["agent.toml"]) == parsed("")
    assert b"the agent ada" in files["agent.toml"]


def test_every_commented_line_of_the_default_text_can_be_taken_as_it_is() -> None:
    lines = default_files("ada")["agent.toml"].decode().splitlines()
    keys = [line[2:] for line in lines if " = " in line and line.startswith("# ")]
    top = [line for line in keys if line.partition(" ")[0] not in ("amount", "unit", "per")]
    chosen = [line for line in top if line.partition(" ")[0] not in ("command", "args", "env")]
    assert len(chosen) == len(KEYS) - 2
    for line in chosen:
        assert parsed(line) == parsed("")
    assert parsed("\n".join(chosen)) == parsed("")


def test_hive_toml_is_between_the_built_in_values_and_agent_toml() -> None:
    given = settings(
        """
        [defaults]
        model = "opus"
        allow = ["Read"]
        [defaults.resources]
        memory = "1GiB"
        pids = 50
        [[defaults.budgets]]
        amount = 3
        """
    )
    plain = parsed("", given)
    assert (plain.model, plain.allow, plain.budgets) == ("opus", ("Read",), (Budget(3.0),))
    own = parsed('model = ""\nallow = []\nresources.pids = 0', given)
    assert (own.model, own.allow, own.resources) == ("", (), Resources(2**30, 0.0, 0))


WRONG = {
    "model = 1": "model: must be the name of a model, not 1",
    'modle = "x"': "modle: unknown key; did you mean model?",
    "[resources]\nmemori = 1": "resources.memori: unknown key; did you mean memory?",
    "resources = 1": "resources: must be a table, not 1",
    'resources.memory = "2GB"': "resources.memory: must be a size, not '2GB'",
    "resources.memory = -1": "resources.memory: must be 0, or a whole number",
    "resources.pids = 1.5": "resources.pids: must be 0, or a whole number",
    "resources.cpus = true": "resources.cpus: must be 0, or a number from 0.01 to 4,096, not true",
    "resources.cpus = nan": "not nan",
    "resources.cpus = inf": "not inf",
    "compaction.at = 2": "compaction.at: must be 0, or a number from 0.05 to 1.0, not 2",
    "limits.idle_seconds = 1e9": "limits.idle_seconds: must be 0, or a number",
    'driver = "codex"': "driver: there is no driver 'codex'; one of claude, rehearsal",
    'role = "boss"': "role: 'boss' is not known; one of worker, manager",
    'sandbox = "bwrap"': "sandbox: 'bwrap' is not known; one of none",
    'allow = ["bash"]': "allow[1]: the allow rule 'bash' names no tool",
    'allow = "Read"': "allow: must be a list, not 'Read'",
    'allow = ["Read", 3]': "allow[2]: must be a rule, not 3",
    'recipients = ["Ada"]': "recipients[1]: 'Ada' is not a name for an agent",
    'recipients = ["*"]': "recipients[1]: '*' is not a name",
    'tools = ["a b"]': "tools[1]: must be the name of a tool",
    'workdir = "work"': "workdir: must be an absolute path",
    'workdir = "/a/../b"': "workdir: must be an absolute path without . or ..",
    'env_file = "~/x"': "env_file: must be an absolute path",
    'program = "bin/x"': "program: must be an absolute path",
    'model = "-x"': "model: must be the name of a model",
    'prompt_file = "/etc/passwd"': "prompt_file: must be a path within",
    'prompt_file = "../prompt.md"': "prompt_file: must be a path within",
    'prompt_file = ".git/config"': "prompt_file: must be a path within",
    'prompt_file = "none.md"': "prompt_file: there is no file 'none.md' beside agent.toml",
    'model = "a\\u001bb"': "model: holds a control character",
    'model = "a\\u202eb"': "model: holds a control character",
    'model = "a\\U000e0041b"': "model: holds a control character",
    'model = "a\\u200bb"': "model: holds a control character",
    'model = "a\\nb"': "model: holds a control character",
    "[[budgets]]": "budgets[1].amount: is missing",
    "[[budgets]]\namount = 0": "budgets[1].amount: must be a number",
    '[[budgets]]\namount = 1\nper = "week"': "budgets[1].per: 'week' is not known",
    "[[budgets]]\namount = 1\n[[budgets]]\namount = 1\nunti = 1": "budgets[2].unti: unknown key",
    'budgets = "5"': "budgets: must be a list",
    '[mcp_servers.hive]\ncommand = "x"': "mcp_servers.hive: the server hive is hived's own",
    '[mcp_servers."a__b"]\ncommand = "x"': "mcp_servers.a__b: must be a name of letters",
    "[mcp_servers.x]": "mcp_servers.x.command: is missing",
    'mcp_servers.x = { command = "y", env = { "A B" = "" } }': "mcp_servers.x.env.'A B'",
    "mcp_servers = 1979-05-27": "mcp_servers: must be a table, not a date or time",
    "options.a = 1": "options.a: must be a string, not 1",
    "commit = 'x'": "commit: unknown key",
    "'a b' = 1": "'a b': unknown key",
    "x = [": "is not TOML",
    "model = 1\nmodel = 2": "is not TOML",
    "a = 1979-13-50": "is not TOML",
}


@pytest.mark.parametrize("text", WRONG)
def test_what_is_wrong_is_told_with_its_place(text: str) -> None:
    told = problems(text)
    assert len(told) == 1
    assert WRONG[text] in told[0]


def test_all_that_is_wrong_is_told_at_once_and_bounded() -> None:
    told = problems('modle = 1\nrole = "x"\n[resources]\npids = -1\n[[budgets]]\nunit = "eur"\n')
    assert [one.partition(":")[0] for one in told] == [
        "modle",
        "role",
        "resources.pids",
        "budgets[1].unit",
        "budgets[1].amount",
    ]
    many = problems("\n".join(f"key{n} = 1" for n in range(3_000)))
    assert len(many) == limits.CONFIG_PROBLEMS_MAX + 1
    assert many[-1] == f"and {3_000 - limits.CONFIG_PROBLEMS_MAX} more"


def test_a_bad_entry_is_no_part_of_a_list() -> None:
    assert len(problems('allow = ["bash", "Read", "edit"]')) == 2


MOST = limits.CONFIG_BYTES_MAX - 20
BOMBS = {
    "brackets": b"x = " + b"[" * MOST,
    "braces": b"x = " + b"{a=" * (MOST // 3),
    "headers": b"[" * MOST,
    "dotted": b"a" + b".a" * (MOST // 2) + b" = 1",
    "dotted header": b"[a" + b".a" * (MOST // 2) + b"]",
    "dotted and quoted": b'"a"' + b'."b"' * (MOST // 4) + b" = 1",
    "dotted with blanks": b"a . " * (MOST // 4),
    "dotted empty": b"''" + b".''" * (MOST // 3) + b" = 1",
    "decimal": b"model = " + b"9" * MOST,
    "hexadecimal": b"resources.pids = 0x" + b"f" * MOST,
    "fraction": b"resources.cpus = 5000." + b"1" * (MOST - 20),
    "exponent": b"resources.cpus = 1e" + b"9" * 1_000,
    "tables": b"[a]\n" * (MOST // 4),
    "arrays of tables": b"[[a]]\n" * (MOST // 6),
    "many tables": b"".join(b"[a.b%d]\n" % n for n in range(8_000)),
    "many keys": b"".join(b"k%d=1\n" % n for n in range(8_000)),
    "long key": b"m" * MOST + b" = 1",
    "long quoted key": b'"' + b"m" * MOST + b'" = 1',
    "long string": b'model = "' + b"m" * MOST + b'"',
    "open strings": b'"""' * (MOST // 3),
    "open strings with escapes": b'\\"""' * (MOST // 4),
    "open string": b'x = """' + b'\\"""' * (MOST // 4 - 2),
    "open string of quotes and escapes": b'x = """' + b'"\\' * (MOST // 2 - 4),
    "open string of escaped quotes": b'x = "' + b'\\"' * (MOST // 2 - 4),
    "open literal of quotes": b"x = '''" + b"'a" * (MOST // 2 - 4),
    "quotes": b"'" * MOST,
    "backslashes": b'x = "' + b"\\" * MOST,
    "escapes": b'x = "' + b"\\u0041" * (MOST // 6 - 1) + b'"',
    "zero bytes": b"\0" * MOST,
    "not UTF-8": b"\xff" * MOST,
    "too long": b"#" * (limits.CONFIG_BYTES_MAX + 1),
    "entries": b"allow = [" + b'"Read",' * (MOST // 7 - 2) + b"]",
    "servers": b"".join(b"mcp_servers.a%d.command='x'\n" % n for n in range(3_000)),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_at_once(name: str) -> None:
    began = time.process_time()
    problems(BOMBS[name])
    # Milliseconds; a parser left to itself takes minutes over some of them.
    assert time.process_time() - began < 3


def test_a_comment_or_a_string_may_hold_what_would_be_a_bomb() -> None:
    dots, brackets = "a." * 5_000, "[" * 5_000
    text = f"# {dots} {brackets}\noptions.x = '''{'.' * 1_000}{'[' * 1_000}'''\n"
    assert parsed(text).options["x"].count("[") == 1_000


@given(st.binary(max_size=300))
@examples(max_examples=300, deadline=None)
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        parsed(data)
    except ConfigInvalid as error:
        assert error.data["problems"]


PIECES = st.sampled_from(
    [*WHOLE.split(), *WHOLE.splitlines(), "\n", "[", "]", "{", "}", '"""', "'", "#", "nan", "1e400"]
)


@given(st.lists(PIECES, max_size=30).map(" ".join), st.sampled_from([" ", "\n"]))
@examples(max_examples=300, deadline=None)
def test_any_shuffled_words_are_read_or_refused(text: str, between: str) -> None:
    try:
        parsed(text.replace(" ", between))
    except ConfigInvalid as error:
        assert error.data["problems"]


LINE = st.text(st.characters(codec="utf-8"), max_size=30).filter(lambda text: not unshowable(text))
WORD = st.from_regex(r"[A-Za-z][A-Za-z0-9-]{0,8}", fullmatch=True)
ABSOLUTE = st.from_regex(r"(/[a-z0-9 ü\"'#]{1,8}){1,3}", fullmatch=True)
NAMES = st.from_regex(r"[a-z][a-z0-9]{0,8}", fullmatch=True).filter(
    lambda name: name not in ("hive", "system", "all", "none", "self")
)
CONFIGS = st.builds(
    AgentConfig,
    driver=st.sampled_from(list(DRIVERS)),
    workdir=ABSOLUTE | st.just("/w"),
    model=WORD | st.just(""),
    fallback=WORD | st.just(""),
    role=st.sampled_from(["worker", "manager"]),
    allow=st.lists(st.sampled_from(["Read", "Bash(git *)", 'Bash(echo "a" *)'])).map(tuple),
    tools=st.lists(WORD).map(tuple),
    env_file=ABSOLUTE | st.just(""),
    config_dir=ABSOLUTE | st.just(""),
    prompt_file=st.sampled_from(["", "/tree/prompt.md", "/tree/other/p.md"]),
    program=ABSOLUTE | WORD | st.just(""),
    recipients=st.lists(NAMES).map(tuple),
    idle_limit_s=st.just(0.0) | st.floats(1, limits.SETTING_SECONDS_MAX),
    tool_limit_s=st.just(0.0) | st.floats(1, limits.SETTING_SECONDS_MAX),
    options=st.dictionaries(WORD, LINE, max_size=3),
    resources=st.builds(
        Resources,
        memory_bytes=st.just(0) | st.integers(2**20, 2**50),
        cpus=st.just(0.0) | st.floats(0.01, 4_096),
        pids=st.just(0) | st.integers(1, 2**22),
    ),
    mcp_servers=st.dictionaries(
        WORD.filter(lambda name: name != "hive"),
        st.builds(
            McpServer,
            command=LINE.filter(bool),
            args=st.lists(LINE, max_size=3).map(tuple),
            env=st.dictionaries(st.from_regex(r"[A-Z_]{1,5}", fullmatch=True), LINE, max_size=2),
        ),
        max_size=3,
    ),
    notes_limit_bytes=st.just(0) | st.integers(1_024, limits.NOTES_BYTES_MAX),
    compact_at=st.just(0.0) | st.floats(0.05, 1),
    budgets=st.lists(
        st.builds(
            Budget,
            amount=st.floats(0.001, 1e12),
            unit=st.sampled_from(["usd", "tokens"]),
            per=st.sampled_from(["hour", "day", "month"]),
        ),
        max_size=3,
    ).map(tuple),
    commit=st.just("c" * 40),
)
DEFAULTS = [
    Settings(),
    settings(
        "[defaults]\n"
        + WHOLE.replace("\n[", "\n[defaults.")
        .replace("[defaults.[budgets]]", "[[defaults.budgets]]")
        .replace('role = "manager"\n', "")
        .replace('workdir = "/srv/work"\n', "")
        .replace('prompt_file = "other/p.md"\n', "")
    ),
]


@given(CONFIGS, st.sampled_from(DEFAULTS))
@examples(max_examples=200, deadline=None)
def test_what_is_written_out_is_read_as_the_same(config: AgentConfig, given_: Settings) -> None:
    text = to_toml(config, place=PLACE, settings=given_)
    assert parsed(text, given_) == config


def test_a_prompt_file_from_elsewhere_cannot_be_written_out() -> None:
    config = evolve(parsed(""), prompt_file="/home/x/prompt.md")
    with pytest.raises(ConfigInvalid, match="not among the configuration's files"):
        to_toml(config, place=PLACE, settings=Settings())
