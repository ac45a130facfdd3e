"""Whether a log without an event is a new hive's, or what is left of one that was lost."""

import os
from contextlib import suppress

from hived.errors import HivedError
from hived.paths import Home


def what_was_there(home: Home) -> str:
    """Say what speaks against a log without an event being new; empty where nothing does.

    Raises:
      HivedError: A folder cannot be read.
    """
    for folder in (home.agents, home.transcripts, home.applied):
        found: list[str] = []
        try:
            with suppress(FileNotFoundError), os.scandir(folder) as entries:
                found = sorted(entry.name for entry in entries if entry.name != "lost+found")
        except OSError as error:
            raise HivedError(
                f"the folder {folder} cannot be read: {error.strerror}",
                code="store_unavailable",
                hint="look at its owner and its mode",
            ) from None
        if found:
            more = f" and {len(found) - 3} more" if len(found) > 3 else ""
            names = ", ".join(found[:3])
            return f"{home.log} is empty or was not there, and {folder} holds {names}{more}"
    return ""
