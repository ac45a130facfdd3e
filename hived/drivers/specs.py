"""From an agent's configuration to the TurnSpec its driver works with. Pure."""

from collections.abc import Mapping

from attrs import evolve

from hived.drivers.base import ToolSpec, TurnSpec, UserLine
from hived.events.values import AgentConfig
from hived.projections.agent import OpenTurn


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
        allow=config.allow,
        tools=config.tools,
        env_file=config.env_file,
        config_dir=config.config_dir,
        prompt_file=config.prompt_file,
        program=config.program,
        options=config.options,
    )


def turn_spec(
    spec: TurnSpec,
    turn: OpenTurn,
    *,
    hive_tools: tuple[ToolSpec, ...],
    opening: tuple[UserLine, ...],
    options: Mapping[str, str],
) -> TurnSpec:
    """The spec of one turn. options: defaults of this machine, for what the agent leaves open."""
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
