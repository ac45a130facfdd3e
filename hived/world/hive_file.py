"""hive.toml, the operator's own settings of the hive, read from the state folder. Blocks."""

import os
import stat

from hived import limits
from hived.config.problems import ConfigInvalid
from hived.config.settings import parse_settings
from hived.events.settings import Settings
from hived.world.config_checks import KNOWN


def read_settings(path: str) -> Settings:
    """What the file says; the built-in settings where there is none.

    Raises:
      ConfigInvalid: invalid_config; it cannot be read, or does not validate: all that is wrong.
    """
    try:
        # Not blocking: a fifo without a writer would hold the start of hived for good.
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return Settings()
    except OSError as error:
        raise ConfigInvalid(
            f"{path} cannot be read: {error.strerror}",
            hint="let hived's user read it, or move it away",
        ) from None
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise ConfigInvalid(f"{path} is not a file", hint="put a file there, or nothing")
    with open(fd, "rb") as file:
        data = file.read(limits.CONFIG_BYTES_MAX + 1)
    return parse_settings(data, known=KNOWN)
