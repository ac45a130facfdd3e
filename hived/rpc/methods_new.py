"""new: the one write that looks at the world first, so that a wrong path is told at once."""

import os
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import orjson

from hived import limits
from hived.decisions.lifecycle import NewAgent
from hived.drivers import DRIVERS
from hived.drivers.allow import check_rule
from hived.drivers.specs import agent_spec
from hived.errors import HivedError, InvalidName
from hived.events import shape
from hived.events.values import AgentConfig
from hived.names import MANAGER, OPERATOR, agent_name, shown
from hived.projections.shapes import dump_as
from hived.rpc.params import invalid
from hived.rpc.session import Call

_CONVERTER = shape.converter()
_FILES = ("env_file", "prompt_file")


async def new(
    call: Call,
    *,
    agent: str,
    driver: str,
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
    if workdir is not None and _absolute(workdir):
        # The CLI names its sessions by the folder as the kernel knows it.
        workdir = await call.in_thread(os.path.realpath, workdir)
    home = os.path.join(call.services.home.agents, name)  # noqa: PTH118 (no file is touched)
    config: AgentConfig = _CONVERTER.structure(
        {
            "driver": driver,
            "workdir": workdir or os.path.join(home, "work"),  # noqa: PTH118
            "model": model,
            "fallback": fallback,
            "role": role,
            "allow": allow,
            "tools": tools,
            "env_file": env_file,
            "config_dir": config_dir,
            "prompt_file": prompt_file,
            "program": program,
            "recipients": recipients,
            "idle_limit_s": idle_limit_s,
            "tool_limit_s": tool_limit_s,
            "options": options,
        },
        AgentConfig,
    )
    _check(config)
    # A name that is taken is for the engine: this may be a repeat, to be answered as at first.
    if not call.hive.agents.taken(name):
        await call.in_thread(_check_world, config, workdir is None)
    command = NewAgent(
        name,
        config,
        call.services.engine.node,
        _credential(name, home, config),
        call.agent(parent) if parent else "",
        start,
    )
    written = await call.submit(command)
    return written.row(agent=name)


def _check(config: AgentConfig) -> None:
    """What can be said of a configuration without looking at the machine."""
    if config.driver not in DRIVERS:
        raise invalid(f"there is no driver {shown(config.driver)}", "one of " + ", ".join(DRIVERS))
    for rule in config.allow:
        check_rule(rule)
    for recipient in config.recipients:
        if recipient not in (MANAGER, OPERATOR):
            agent_name(recipient)
    for param in ("workdir", "env_file", "config_dir", "prompt_file"):
        path = getattr(config, param)
        if path and (not _absolute(path) or os.path.normpath(path) != path.rstrip("/")):
            raise invalid(
                f"{param} must be an absolute path without . or .., not {shown(path)}",
                "give the whole path",
            )
    if "/" in config.program and not _absolute(config.program):
        raise invalid("program must be an absolute path, or a name that is on the daemon's PATH")
    for tool in config.tools:
        if not tool or "," in tool:
            raise InvalidName(f"{shown(tool)} is not the name of a tool", hint="such as Read")
    size = len(orjson.dumps(dump_as(AgentConfig, config)))
    if size > limits.CONFIG_BYTES_MAX:
        raise HivedError(
            f"the configuration has {size} bytes; {limits.CONFIG_BYTES_MAX} is the most",
            code="too_large",
        )


def _absolute(path: str) -> bool:
    return path.startswith("/")


def _check_world(config: AgentConfig, make: bool) -> None:
    """Whether the paths are there. make: the working folder is the agent's own."""
    for param in _FILES:
        path = getattr(config, param)
        if path:
            _check_file(param, path)
    if make:
        Path(config.workdir).mkdir(mode=0o700, parents=True, exist_ok=True)
    for param in ("workdir", "config_dir"):
        path = getattr(config, param)
        if path and not Path(path).is_dir():
            raise invalid(f"{param} {shown(path)} is not a folder", "make it first")
    if not os.access(config.workdir, os.W_OK | os.X_OK):
        raise invalid(f"workdir {shown(config.workdir)} is not open to hived's user")


def _check_file(param: str, path: str) -> None:
    try:
        # Not blocking: a fifo without a writer would hold the thread for good.
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise invalid(f"{param} {shown(path)} cannot be read: {error.strerror}") from None
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise invalid(f"{param} {shown(path)} is not a file")
    finally:
        os.close(fd)


def _credential(name: str, home: str, config: AgentConfig) -> str:
    """The name of what the agent's CLI signs in with, by its driver."""
    spec = agent_spec(name, home, config)
    return DRIVERS[config.driver].credential(spec)


HANDLERS: Mapping[str, Callable[..., Any]] = {"new": new}
