"""From a commit of a proposed repository to a request for an approval, and to what runs. Blocks.

What a request holds is what will be applied: the commit is pinned in the applied repository when
it is asked for, and the configuration read from there.
"""

import os
import re
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path

import orjson
from attrs import evolve

from hived import limits
from hived.config.agent import FILE, PROMPT_FILE, Place, parse_agent
from hived.config.templates import default_files
from hived.config.values import to_toml
from hived.decisions.approvals import RequestApproval
from hived.errors import HivedError
from hived.events.settings import Settings
from hived.events.values import AgentConfig
from hived.paths import Home
from hived.projections.approvals import Approval
from hived.world import repos, trees
from hived.world.agent_places import make_applied, make_places, staged
from hived.world.config_checks import KNOWN, check_config, check_world

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_HEAD = "# The configuration of {name}, as it was made.\n\n"


def approval_id(command_id: str) -> str:
    """The id of the approval that a command asks for: the same when the command is repeated."""
    return "p" + blake2b(command_id.encode(), digest_size=8).hexdigest()


def ask_spawn(home: Home, settings: Settings, request: RequestApproval) -> RequestApproval:
    """The request for an agent with the default configuration."""
    with _told():
        return evolve(request, config=default_config(home, settings, request.agent))


def ask_spawn_commit(
    home: Home, settings: Settings, request: RequestApproval, ref: str
) -> RequestApproval:
    """The request for an agent from a commit of its draft; the diff is from the default."""
    with _told():
        return _propose(home, settings, request, ref, default_files(request.agent))


def ask_apply(
    home: Home, settings: Settings, request: RequestApproval, ref: str, running: AgentConfig
) -> RequestApproval:
    """The request for a commit of an agent's repository; the diff is from what it runs with."""
    with _told():
        # Where a commit is deployed, the diff is from that.
        base = {} if running.commit else as_files(home, settings, request.agent, running)
        return _propose(home, settings, request, ref, base)


@contextmanager
def _told() -> Iterator[None]:
    """What the machine refuses is an error for who asked, and no fault of hived."""
    try:
        yield
    except OSError as error:
        raise HivedError(
            f"the repositories cannot be used: {error}",
            code="git_failed",
            hint="hivectl doctor looks at the machine",
        ) from None


def _propose(
    home: Home, settings: Settings, request: RequestApproval, ref: str, base: Mapping[str, bytes]
) -> RequestApproval:
    """The request with all that a commit gives it: pinned, compared and read.

    base: the files that the diff is from, where no commit is deployed.

    Raises:
      HivedError: As `pin`, `check_stands` and `parse_agent` say; the reason of the last two stands
        in a tag failed/ID.
    """
    applied, name = Path(home.applied_repo(request.agent)), request.agent
    proposed = Path(home.proposed(name))
    make_applied(home, name)
    pinned = repos.pin(applied, proposed, ref, request.approval, base_files=base)
    try:
        # What is deployed only moves on: what does not stand on it now never will.
        repos.check_stands(applied, pinned.commit)
        config = read_config(home, settings, name, pinned.commit)
    except HivedError as error:
        repos.mark_failed(applied, pinned.commit, request.approval, error.message, time.time())
        raise
    diff = _fitted(pinned.diff)
    return evolve(
        request,
        commit=pinned.commit,
        base=pinned.base,
        config=config,
        diff=diff,
        truncated=pinned.truncated or len(diff) < len(pinned.diff),
        paths=pinned.paths,
        staged=staged(home, name) if request.kind == "spawn_commit" else (),
    )


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
    _check_world(home, name, evolve(config, prompt_file=""))
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
    """Whether an agent.toml can say the configuration, so that it can be shown and changed as one.

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


def deploy(home: Home, settings: Settings, approval: Approval) -> AgentConfig:
    """Make an approved commit what runs: checked again, written out, and `deployed` moved to it.

    Raises:
      HivedError: It cannot be; what ran goes on.
      OSError: The machine does not let it.
    """
    name = approval.agent
    applied = Path(home.applied_repo(name))
    config = approval.config or read_config(home, settings, name, approval.commit)
    read_config(home, settings, name, approval.commit)  # the machine may have changed since
    repos.export(applied, approval.commit, Path(home.applied_tree(name, approval.commit)))
    _check_world(home, name, config)
    repos.deploy(applied, approval.commit, approval.id)
    _forget_old(Path(home.applied_tree(name, approval.commit)))
    return config


def _forget_old(newest: Path) -> None:
    """Delete the files of deployed commits but the last ones; their commits stay."""
    others = [path for path in newest.parent.iterdir() if path != newest]
    others.sort(key=lambda path: path.stat().st_mtime)
    for path in others[: -limits.APPLIED_TREES_KEPT]:
        shutil.rmtree(path, ignore_errors=True)


def spawn(home: Home, settings: Settings, approval: Approval) -> AgentConfig:
    """Make the places of a new agent with the default configuration, and deploy that."""
    name, files = approval.agent, default_files(approval.agent)
    commit = make_places(home, name, files, approval.requester, approval.asked_at)
    applied, proposed = Path(home.applied_repo(name)), Path(home.proposed(name))
    repos.pin(applied, proposed, commit, approval.id, base_files=files)
    return deploy(home, settings, evolve(approval, commit=commit, config=None))


def _workdir(home: Home, name: str) -> str:
    return f"{home.agent(name)}/work"


def _check_world(home: Home, name: str, config: AgentConfig) -> None:
    check_world(config, config.workdir == os.path.realpath(_workdir(home, name)))


def _fitted(diff: str) -> str:
    """As much of the diff, in whole lines, as an event has room for."""
    while (size := len(orjson.dumps(diff))) > limits.APPROVAL_DIFF_JSON_MAX:
        room = len(diff) * limits.APPROVAL_DIFF_JSON_MAX // size
        diff = diff[: min(room, len(diff) - 1)].rpartition("\n")[0]
    return diff
