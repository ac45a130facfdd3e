"""Where the claude CLI keeps a session. Its naming is the CLI's own, told apart by experiment."""

import posixpath

_NAME_UNITS_MAX = 200
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


def session_path(config_dir: str, workdir: str, session: str) -> str:
    """The session's file: below the CLI's configuration, by the folder the CLI works in.

    `workdir` is absolute and free of symbolic links, as the CLI itself sees it.
    """
    return posixpath.join(config_dir, "projects", _folder(workdir), f"{session}.jsonl")


def _folder(workdir: str) -> str:
    name = "".join(c if c.isascii() and c.isalnum() else "-" * len(_units(c)) for c in workdir)
    if len(name) <= _NAME_UNITS_MAX:
        return name
    return f"{name[:_NAME_UNITS_MAX]}-{_hash(workdir)}"


def _units(text: str) -> list[int]:
    """The text as JavaScript counts it."""
    data = text.encode("utf-16-le", "surrogatepass")
    return [int.from_bytes(data[at : at + 2], "little") for at in range(0, len(data), 2)]


def _hash(text: str) -> str:
    """JavaScript's well-known hash of a string on 32 signed bits, its size in base 36."""
    value = 0
    for unit in _units(text):
        value = (value * 31 + unit) & 0xFFFF_FFFF
    size = value if value < 1 << 31 else (1 << 32) - value
    digits = ""
    while size:
        size, digit = divmod(size, 36)
        digits = _DIGITS[digit] + digits
    return digits or "0"
