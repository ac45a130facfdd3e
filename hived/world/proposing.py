"""From a commit of a proposed repository to a request for an approval. Blocks.

What a request holds is what will be applied: the commit is pinned in the applied repository when
it is asked for, and the configuration read from there.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path

import orjson
from attrs import evolve

from hived import limits
from hived.config.templates import default_files
from hived.decisions.approvals import RequestApproval
from hived.errors import HivedError
from hived.events.settings import Settings
from hived.events.values import AgentConfig
from hived.paths import Home
from hived.world import repos
from hived.world.agent_config import as_files, default_config, read_config
from hived.world.agent_places import make_applied, staged


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


def _fitted(diff: str) -> str:
    """As much of the diff, in whole lines, as an event has room for."""
    while (size := len(orjson.dumps(diff))) > limits.APPROVAL_DIFF_JSON_MAX:
        room = len(diff) * limits.APPROVAL_DIFF_JSON_MAX // size
        diff = diff[: min(room, len(diff) - 1)].rpartition("\n")[0]
    return diff
