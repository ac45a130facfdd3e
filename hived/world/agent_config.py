"""An agent's configuration: read from a commit, the built-in one, or made into files. Blocks.

What is read is checked against this machine as well: an approval is of what can run here.
"""

import os
import re
from pathlib import Path

from attrs import evolve

from hived import limits
from hived.config.agent import FILE, PROMPT_FILE, Place, parse_agent
from hived.config.values import to_toml
from hived.errors import HivedError
from hived.events.settings import Settings
from hived.events.values import AgentConfig
from hived.paths import Home
from hived.world import repos, trees
from hived.world.config_checks import KNOWN, check_config, check_world

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_HEAD = "# The configuration of {name}, as it was made.\n\n"


def read_config(home: Home, settings: Settings, name: str, commit: str) -> AgentConfig:
    """The configuration of a commit in the applied repository, checked against this machine.

    Raises:
      HivedError: invalid_config, with all that is wrong; invalid_params for what is not there.
    """
    applied = Path(home.applied_repo(name))
    files = frozenset(file.path for file in trees.files_of(applied, commit))
    if FILE not in files:
        raise HivedError(
            f"the commit {commit[:12]} has no {FILE}",
            code="invalid_config",
            hint="every key in it may be left out, the file may not",
        )
    data = repos.read_file(applied, commit, FILE, limits.CONFIG_BYTES_MAX)
    place = Place(_workdir(home, name), home.applied_tree(name, commit), files, commit)
    config = parse_agent(data, settings=settings, place=place, known=KNOWN)
    # The CLI names its sessions by the folder as the kernel knows it.
    config = evolve(config, workdir=os.path.realpath(config.workdir))
    check_config(config)
    if config.prompt_file:
        prompt = config.prompt_file.removeprefix(f"{place.tree}/")
        words = repos.read_file(applied, commit, prompt, limits.CONFIG_FILE_BYTES_MAX)
        _check_prompt(prompt, words)
    # The prompt's file is written out when the commit is deployed.
    check_places(home, name, evolve(config, prompt_file=""))
    return config


def _check_prompt(path: str, data: bytes) -> None:
    """Refuses what is no text, or holds what neither a person nor a model should be sent."""
    wrong = ""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        wrong = f"is not UTF-8 at byte {error.start}"
    else:
        if found := _CONTROL.search(text):
            line = text.count("\n", 0, found.start()) + 1
            wrong = f"holds the control character U+{ord(found[0]):04X} in line {line}"
    if wrong:
        raise HivedError(
            f"the prompt {path} {wrong}",
            code="invalid_config",
            hint="plain text, with tabs and line breaks and no other control characters",
        )


def default_config(home: Home, settings: Settings, name: str) -> AgentConfig:
    """What an agent without a configuration of its own runs with. Its prompt comes when it does."""
    place = Place(_workdir(home, name), home.agent(name))
    config = parse_agent(b"", settings=settings, place=place, known=KNOWN)
    config = evolve(config, workdir=os.path.realpath(config.workdir))
    check_config(config)
    return config


def as_files(home: Home, settings: Settings, name: str, config: AgentConfig) -> dict[str, bytes]:
    """The files of a first commit that mean a configuration which came from none."""
    tree = home.agent(name)
    files: dict[str, bytes] = {}
    if config.prompt_file:
        try:
            with Path(config.prompt_file).open("rb") as file:
                files[PROMPT_FILE] = file.read(limits.CONFIG_FILE_BYTES_MAX)
        except OSError:
            pass  # it is gone; a turn would fail over it too
    place = Place(_workdir(home, name), tree, frozenset({FILE, *files}))
    prompt = f"{tree}/{PROMPT_FILE}" if files else ""
    text = to_toml(evolve(config, prompt_file=prompt), place=place, settings=settings)
    return {FILE: (_HEAD.format(name=name) + text).encode(), **files}


def check_text(home: Home, settings: Settings, name: str, config: AgentConfig) -> None:
    """Refuse what no agent.toml can say: a configuration is shown and changed as one.

    Raises:
      HivedError: invalid_params, naming the keys that are wrong.
    """
    place = Place(_workdir(home, name), home.agent(name), frozenset({FILE}))
    text = to_toml(evolve(config, prompt_file=""), place=place, settings=settings)
    try:
        parse_agent(text.encode(), settings=settings, place=place, known=KNOWN)
    except HivedError as error:
        told = error.message.removeprefix(f"{FILE} does not validate: ")
        raise HivedError(
            told,
            code="invalid_params",
            hint="what an agent may be given is in hivectl config schema",
        ) from None


def _workdir(home: Home, name: str) -> str:
    return f"{home.agent(name)}/work"


def check_places(home: Home, name: str, config: AgentConfig) -> None:
    """As check_world; the working folder is made where it is the agent's own."""
    check_world(config, config.workdir == os.path.realpath(_workdir(home, name)))
