"""What was approved is made what runs: places, repositories, files. Blocks.

Every step gives the same a second time, so a hived that died in the middle does all of it again.
"""

import shutil
from pathlib import Path

from attrs import evolve

from hived import limits
from hived.config.templates import default_files
from hived.events.settings import Settings
from hived.events.values import AgentConfig
from hived.paths import Home
from hived.projections.approvals import Approval
from hived.world import repos
from hived.world.agent_config import check_places, read_config
from hived.world.agent_places import make_places


def deploy(home: Home, settings: Settings, approval: Approval) -> AgentConfig:
    """Make an approved commit what runs: checked again, written out, and `deployed` moved to it.

    Raises:
      HivedError: It cannot be; what ran goes on.
      OSError: The machine does not let it.
    """
    name = approval.agent
    applied = Path(home.applied_repo(name))
    read = read_config(home, settings, name, approval.commit)  # the machine may have changed since
    config = approval.config or read
    repos.export(applied, approval.commit, Path(home.applied_tree(name, approval.commit)))
    check_places(home, name, config)
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
