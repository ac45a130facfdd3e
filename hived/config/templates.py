"""The files of a new agent's configuration: every key with its comment, a prompt, first notes."""

from hived.config.agent import FILE, PROMPT_FILE
from hived.config.keys import KEYS
from hived.config.values import toml_value

NOTES_FILE = "notes.md"

_HEAD = """\
# The configuration of the agent {name}.
#
# Every key is here with what holds where it is not set; take away the # to set it. What this file
# leaves open may be set for all agents by [defaults] in hive.toml.
"""
_EXAMPLES = """
# [[budgets]]
# amount = 5
# unit = "usd"    # or "tokens"
# per = "day"     # or "hour", "month"

# [mcp_servers.NAME]
# command = "/usr/bin/some-server"
# args = []
# env = {}
"""
_PROMPT = """\
You are {name}, an agent of a hive. Other agents and the operator write to you; you answer with the
hive's tools. Nobody sees what you only say: who is to know it must be sent it.

Keep what you will need later in your notes. When you have nothing to do, end your turn.
"""
_NOTES = """\
# Notes of {name}
"""
_ELSEWHERE = ("budgets", "mcp_servers")  # shown as tables, at the end


def default_files(name: str) -> dict[str, bytes]:
    """The files of a new agent's first commit, by path. They depend on its name alone.

    agent.toml sets nothing, so it means the defaults.
    """
    return {
        FILE: agent_toml(name).encode(),
        PROMPT_FILE: _PROMPT.format(name=name).encode(),
        NOTES_FILE: _NOTES.format(name=name).encode(),
    }


def agent_toml(name: str) -> str:
    """An agent.toml in which everything is a comment."""
    lines = [_HEAD.format(name=name)]
    for path, key in KEYS.items():
        if path not in _ELSEWHERE:
            # Dotted, not under the head of a table: each line can be taken for itself.
            lines += [f"# {key.doc}", f"# {path} = {toml_value(key.builtin)}", ""]
    return "\n".join(lines) + _EXAMPLES
