"""Opening what lies in folders that agents write to, where any path may be a link or a pipe.

Each step goes by the descriptor of the folder above it, so that nothing which is put in a path's
place meanwhile leads elsewhere. Blocks.
"""

import os

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# Not blocking: a fifo without a writer would hold the thread for good.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def open_folder(name: str, within: int | None = None) -> int:
    """A descriptor of a folder that is no link. within: of the folder it is in.

    Raises:
      OSError: It is not there, a link, no folder, or closed to hived's user.
    """
    return os.open(name, FOLDER, dir_fd=within)


def open_file(name: str, within: int) -> int:
    """A descriptor to read what is no link. It may be a pipe: the caller looks before it reads.

    Raises:
      OSError: It is not there, a link, or closed to hived's user.
    """
    return os.open(name, _FILE, dir_fd=within)
