"""Random ids, with one call of the system for many of them.

The call itself is cheap, but it gives up the interpreter's lock: the writer's thread wakes in the
middle of a hundred commands and writes half of them with an fsync of their own.
"""

import secrets

_AT_ONCE = 1024
_BYTES = 16


class RandomIds:
    """Call it for an id: 128 bits from the system's source, as 32 hexadecimal digits."""

    def __init__(self) -> None:
        self._ready: list[str] = []

    def __call__(self) -> str:
        if not self._ready:
            digits = secrets.token_hex(_BYTES * _AT_ONCE)
            step = 2 * _BYTES
            self._ready = [digits[at : at + step] for at in range(0, len(digits), step)]
        return self._ready.pop()
