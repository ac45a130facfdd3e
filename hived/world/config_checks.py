"""An agent's configuration held against what hived knows and against the machine."""

import os
import shutil
import stat
from pathlib import Path

import orjson

from hived import limits
from hived.config.agent import Known
from hived.decisions.conversation import check_model
from hived.drivers import DRIVERS
from hived.drivers.allow import check_rule
from hived.drivers.specs import agent_spec
from hived.errors import HivedError, InvalidName
from hived.events.values import AgentConfig
from hived.names import MANAGER, OPERATOR, agent_name, shown
from hived.projections.shapes import dump_as

# What a configuration may name of hived's own.
KNOWN = Known(tuple(DRIVERS), check_rule)
_FILES = ("env_file", "prompt_file")


def invalid(message: str, hint: str = "") -> HivedError:
    return HivedError(message, code="invalid_params", hint=hint)


def check_config(config: AgentConfig) -> None:
    """What can be said of a configuration without looking at the machine.

    Raises:
      HivedError: invalid_params, invalid_name or too_large, naming what is wrong.
    """
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
    for param in ("model", "fallback"):
        # Behind `=` the CLI takes it for a model; no model is called so, and a person meant a flag.
        check_model(getattr(config, param))
    for tool in config.tools:
        if not tool or "," in tool:
            raise InvalidName(f"{shown(tool)} is not the name of a tool", hint="such as Read")
    size = len(orjson.dumps(dump_as(AgentConfig, config)))
    if size > limits.CONFIG_BYTES_MAX:
        raise HivedError(
            f"the configuration has {size} bytes; {limits.CONFIG_BYTES_MAX} is the most",
            code="too_large",
            hint="put long texts in the prompt's file",
        )


def _absolute(path: str) -> bool:
    return path.startswith("/")


def check_world(config: AgentConfig, make: bool) -> None:
    """Whether the paths are there. make: the working folder is the agent's own, and made.

    Raises:
      HivedError: invalid_params, naming the path.
    """
    for param in _FILES:
        path = getattr(config, param)
        if path:
            _check_file(param, path)
    if config.driver == "rehearsal" and config.options.get("scenario"):
        _check_file("scenario", config.options["scenario"])
    _check_program(config)
    if make:
        Path(config.workdir).mkdir(mode=0o700, parents=True, exist_ok=True)
    for param in ("workdir", "config_dir"):
        path = getattr(config, param)
        if path and not Path(path).is_dir():
            raise invalid(f"{param} {shown(path)} is not a folder", "make it first")
    if not os.access(config.workdir, os.W_OK | os.X_OK):
        raise invalid(f"workdir {shown(config.workdir)} is not open to hived's user")


def _check_program(config: AgentConfig) -> None:
    """Whether the program that is named is there. The driver's own may be installed later."""
    program = config.program
    # A name without a slash is looked for on the PATH, which the env_file may set.
    if not program or ("/" not in program and config.env_file):
        return
    if shutil.which(program) is None:
        where = "is not a program that hived's user may run"
        if "/" not in program:
            where = "is not on the PATH of hived"
        raise invalid(f"program {shown(program)} {where}", "give its whole path, or install it")


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


def credential_of(name: str, home: str, config: AgentConfig) -> str:
    """The name of what the agent's CLI signs in with, by its driver."""
    spec = agent_spec(name, home, config)
    return DRIVERS[config.driver].credential(spec)
