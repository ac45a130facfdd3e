"""new: the one write that looks at the world first, so that a wrong path is told at once."""

import os
from collections.abc import Callable, Mapping
from typing import Any

from attrs import evolve

from hived.decisions.lifecycle import NewAgent
from hived.names import agent_name
from hived.rpc.session import Call
from hived.world.agent_config import check_text, default_config
from hived.world.config_checks import check_config, check_world, credential_of


async def new(
    call: Call,
    *,
    agent: str,
    driver: str | None,
    workdir: str | None,
    model: str,
    fallback: str,
    role: str,
    allow: tuple[str, ...],
    tools: tuple[str, ...],
    env_file: str,
    config_dir: str,
    prompt_file: str,
    program: str,
    recipients: tuple[str, ...],
    idle_limit_s: float,
    tool_limit_s: float,
    options: dict[str, str],
    parent: str,
    start: bool,
) -> dict[str, Any]:
    name = agent_name(agent)
    if workdir is not None and workdir.startswith("/"):
        # The CLI names its sessions by the folder as the kernel knows it.
        workdir = await call.in_thread(os.path.realpath, workdir)
    home = os.path.join(call.services.home.agents, name)  # noqa: PTH118 (no file is touched)
    given: dict[str, Any] = {
        "driver": driver,
        "model": model,
        "fallback": fallback,
        "allow": allow,
        "tools": tools,
        "env_file": env_file,
        "config_dir": config_dir,
        "program": program,
        "recipients": recipients,
        "idle_limit_s": idle_limit_s,
        "tool_limit_s": tool_limit_s,
        "options": options,
    }
    settings = call.hive.settings.now
    config = evolve(
        await call.in_thread(default_config, call.services.home, settings, name),
        workdir=workdir or os.path.join(home, "work"),  # noqa: PTH118
        role=role,
        prompt_file=prompt_file,
        **{key: value for key, value in given.items() if value},
    )
    check_config(config)
    await call.in_thread(check_text, call.services.home, settings, name, config)
    # A name that is taken is for the engine: this may be a repeat, to be answered as at first.
    if not call.hive.agents.taken(name):
        await call.in_thread(check_world, config, workdir is None)
    command = NewAgent(
        name,
        config,
        call.services.engine.node,
        credential_of(name, home, config),
        call.agent(parent) if parent else "",
        start,
    )
    written = await call.submit(command)
    return written.row(agent=name)


HANDLERS: Mapping[str, Callable[..., Any]] = {"new": new}
