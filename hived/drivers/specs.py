"""From an agent's configuration to the TurnSpec its driver works with. Pure."""

import re
from collections.abc import Mapping

from attrs import evolve

from hived.decisions import notes_words
from hived.drivers.base import ToolSpec, TurnSpec, UserLine
from hived.events.values import AgentConfig
from hived.paths import agent_socket
from hived.projections.agent import OpenTurn

_PLAIN_PATH = re.compile(r"/[A-Za-z0-9_./-]+")


def agent_spec(name: str, home: str, config: AgentConfig) -> TurnSpec:
    """What is the same in all turns of an agent; enough to name its credential.

    home: the agent's own folder.
    """
    return TurnSpec(
        agent=name,
        turn="",
        kind="work",
        session="",
        resume=False,
        workdir=config.workdir,
        home=home,
        model=config.model,
        fallback=config.fallback,
        allow=(*config.allow, *_own_rules(home)),
        tools=config.tools,
        env_file=config.env_file,
        config_dir=config.config_dir,
        prompt_file=config.prompt_file,
        program=config.program,
        options=config.options,
        socket=agent_socket(home),
        mcp_servers=config.mcp_servers,
    )


def _own_rules(home: str) -> tuple[str, ...]:
    """The agent may read its state folder and keep its notes, whatever else it may do."""
    if not _PLAIN_PATH.fullmatch(home):
        return ()  # in a rule this path would mean others
    return (f"Read(/{home}/state/**)", f"Edit(/{home}/state/notes.md)")


def turn_spec(
    spec: TurnSpec,
    turn: OpenTurn,
    *,
    hive_tools: tuple[ToolSpec, ...],
    opening: tuple[UserLine, ...],
    options: Mapping[str, str],
) -> TurnSpec:
    """The spec of one turn. options: defaults of this machine, for what the agent leaves open."""
    if turn.kind == "notes":  # nothing of what the agent may do, and nothing of what it is told
        spec = evolve(
            spec, allow=(), tools=("Read",), prompt_file="", system_prompt=notes_words.REWRITER
        )
    return evolve(
        spec,
        turn=turn.id,
        kind=turn.kind,
        session=turn.session,
        model=turn.model,
        hive_tools=hive_tools,
        opening=opening,
        options={**options, **spec.options},
    )
