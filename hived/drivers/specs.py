"""From an agent's configuration to the TurnSpec its driver works with. Pure."""

import posixpath
import re
from collections.abc import Mapping

from attrs import evolve

from hived.decisions import notes_words
from hived.drivers.base import ToolSpec, TurnSpec, UserLine
from hived.events.values import AgentConfig
from hived.names import MANAGER
from hived.paths import agent_socket
from hived.projections.agent import OpenTurn

_PLAIN_PATH = re.compile(r"/[A-Za-z0-9_./-]+")


def agent_spec(name: str, home: str, config: AgentConfig) -> TurnSpec:
    """What is the same in all turns of an agent; enough to name its credential.

    home: the agent's own folder.
    """
    agents = posixpath.dirname(home) if config.role == MANAGER else ""
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
        allow=(*config.allow, *_own_rules(home), *_managers_rules(agents)),
        tools=config.tools,
        env_file=config.env_file,
        config_dir=config.config_dir,
        prompt_file=config.prompt_file,
        program=config.program,
        options=config.options,
        socket=agent_socket(home),
        mcp_servers=config.mcp_servers,
        add_dirs=(agents,) if agents else (),
    )


def _own_rules(home: str) -> tuple[str, ...]:
    """The agent may read its state folder and keep its notes, whatever else it may do."""
    if not _PLAIN_PATH.fullmatch(home):
        return ()  # in a rule this path would mean others
    return (f"Read(/{home}/state/**)", f"Edit(/{home}/state/notes.md)")


def _managers_rules(agents: str) -> tuple[str, ...]:
    """A manager may edit the configurations of agents and drafts and fill their state folders.

    What it edits there runs only once it is committed and approved. agents: the folder of all of
    them; empty for a worker.
    """
    if not _PLAIN_PATH.fullmatch(agents):
        return ()
    places = ("config", "state")
    return tuple(f"{tool}(/{agents}/*/{at}/**)" for tool in ("Read", "Edit") for at in places)


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
            spec,
            allow=(),
            add_dirs=(),
            tools=("Read",),
            prompt_file="",
            system_prompt=notes_words.REWRITER,
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
