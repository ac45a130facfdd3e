"""Configurations: of agents, of the hive, and texts that may become one."""

from collections.abc import Mapping

from hived.rpc.specs.base import AGENT, ANYONE, OPERATOR, READ, WRITE, Method, Param, read

CONFIGS: Mapping[str, Method] = {
    "config": read(
        "What an agent runs with, where each value comes from, and the history of its commits.",
        "{agent, commit, config, text, keys: [{key, value, source}], history, pending, ...}",
        {"agent": AGENT},
    ),
    "config_check": Method(
        READ,
        ANYONE,
        "Whether the text of a configuration validates. Changes nothing.",
        {
            "toml": Param("string", True, "the file's text"),
            "file": Param("string", False, "which it is: agent.toml or hive.toml", "agent.toml"),
            "beside": Param("strings", False, "files beside it, such as a prompt's", ()),
        },
        "{ok, file, problems: [text]}",
    ),
    "daemon_reload": Method(
        WRITE,
        OPERATOR,
        "Read hive.toml anew. One that does not validate is refused, and the old settings stay.",
        {},
        "{changed, digest}",
    ),
}
