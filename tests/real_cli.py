"""The published claude CLI for tests: installed from npm into a cache folder, once.

    from tests.real_cli import claude_program  # the fixture, in a conftest.py or a test module

    @pytest.mark.real_cli
    def test_it(claude_program: str, tmp_path: Path) -> None: ...

`claude_program` is the path of the native program at the version that .ci/install-claude pins;
give it to an agent as its `program`, and `write_env_file(path, api.env())` as its `env_file`.
Where it cannot be installed the test fails: a hive that was never driven by the real CLI is not
tested.
"""

import fcntl
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

_INSTALL = Path(__file__).parent.parent / ".ci" / "install-claude"
_INSTALL_SECONDS = 600.0


def install() -> str:
    """Installs the CLI where it is not yet there, and gives its program's path."""
    default = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    cache = Path(os.environ.get("HIVED_CACHE") or Path(default) / "hived")
    cache.mkdir(parents=True, exist_ok=True)
    # Several test processes start at once; one fetches, the others wait for it.
    with (cache / "install.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = subprocess.run(
            [_INSTALL], capture_output=True, text=True, timeout=_INSTALL_SECONDS, check=False
        )
    if done.returncode:
        pytest.fail(f"the claude CLI cannot be installed: {done.stderr.strip()}", pytrace=False)
    return done.stdout.strip()


@pytest.fixture(scope="session")
def claude_program() -> str:
    """The path of the real CLI's program."""
    return install()


def write_env_file(path: Path, env: Mapping[str, str]) -> str:
    """Writes NAME=value lines, readable by the owner alone; gives the path as text."""
    path.touch(mode=0o600)
    path.write_text("".join(f"{name}={value}\n" for name, value in env.items()))
    return str(path)
