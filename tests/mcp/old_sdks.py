"""Old releases of the official MCP SDK, for tests: fetched with pip into a cache folder, once.

Each speaks another version of the protocol. They share one set of the libraries that they need,
as those of today no longer fit them. Where they cannot be had the test fails: a client that was
never tried is not served.
"""

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

# The protocol's version → the SDK whose newest it was.
OLD_SDKS = {"2024-11-05": "1.2.1", "2025-03-26": "1.9.4", "2025-06-18": "1.16.0"}

_SHARED = (f"mcp=={OLD_SDKS['2025-06-18']}", "pydantic>=2.11,<2.12")
_INSTALL_SECONDS = 600.0


def old_sdk(protocol: str) -> str:
    """A PYTHONPATH on which `mcp` is the SDK of that version of the protocol."""
    default = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    cache = Path(os.environ.get("HIVED_CACHE") or Path(default) / "hived") / "mcp-sdks"
    cache.mkdir(parents=True, exist_ok=True)
    release = OLD_SDKS[protocol]
    # Several test processes start at once; one fetches, the others wait for it.
    with (cache / "install.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        own = _installed(cache / f"mcp-{release}", "--no-deps", f"mcp=={release}")
        return f"{own}:{_installed(cache / 'shared', *_SHARED)}"


def _installed(place: Path, *words: str) -> Path:
    """Made beside its place and renamed into it, so that a folder that is there is whole."""
    if place.is_dir():
        return place
    work = Path(tempfile.mkdtemp(dir=place.parent))
    pip = (sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    done = subprocess.run(
        (*pip, "--target", str(work), *words),
        capture_output=True,
        text=True,
        timeout=_INSTALL_SECONDS,
        check=False,
    )
    if done.returncode:
        shutil.rmtree(work)
        pytest.fail(f"an old MCP SDK cannot be installed: {done.stderr.strip()}", pytrace=False)
    work.rename(place)
    return place
