"""Small pieces of text for people: safe, measured in terminal columns, short. Pure."""

from collections.abc import Iterator
from unicodedata import category, combining, east_asian_width

ELLIPSIS = "…"


def clean(text: object) -> str:
    """The text on one line, with nothing in it that a terminal would obey.

    What agents write reaches the operator's terminal; a control or format character in it is
    shown as an escape such as \\x1b.
    """
    shown = str(text)
    if shown.isprintable():
        return shown
    return "".join(_safe(char) for char in shown)


def _safe(char: str) -> str:
    if char.isprintable():
        return char
    if category(char) == "Zs":
        return " "
    return char.encode("unicode_escape").decode("ascii")


def columns(text: str) -> int:
    """How many terminal columns a clean text takes."""
    if text.isascii():
        return len(text)
    return sum(_column(char) for char in text)


def _column(char: str) -> int:
    if combining(char) or category(char) in ("Mn", "Me"):
        return 0
    return 2 if east_asian_width(char) in "WF" else 1


def cut(text: str, width: int | None) -> str:
    """The text, or its beginning and … where it is wider than that. None: as it is."""
    if width is None or columns(text) <= width:
        return text
    if width < 1:
        return ""
    used, kept = 1, []
    for char in text:
        used += _column(char)
        if used > width:
            break
        kept.append(char)
    return "".join(kept) + ELLIPSIS


def pad(text: str, width: int, align: str = "<") -> str:
    """The text with spaces up to a width: after it, or before it where align is >."""
    space = " " * max(0, width - columns(text))
    return space + text if align == ">" else text + space


def fold(text: str, width: int | None) -> Iterator[str]:
    """The lines of a text of several lines, each clean; wider ones broken, at a space if any."""
    for raw in text.replace("\r\n", "\n").split("\n"):
        line = clean(raw.replace("\t", "    "))
        while width is not None and columns(line) > width:
            head = cut(line, width + 1)[:-1]
            space = head.rfind(" ")
            end = space if space > width // 2 else len(head)
            yield line[:end]
            line = line[end:].lstrip(" ") if end == space else line[end:]
        yield line


def age(seconds: float) -> str:
    """How long ago, in one unit: 3s, 3m, 2h, 5d."""
    whole = max(0, int(seconds))
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "m")):
        if whole >= size:
            return f"{whole // size}{unit}"
    return f"{whole}s"


def took(milliseconds: float | None) -> str:
    """A duration: 12.3s, 3m12s, 2h04m; ? where it is not known."""
    if milliseconds is None:
        return "?"
    seconds = milliseconds / 1000
    if seconds < 60:
        return f"{seconds:.1f}s"
    whole = int(seconds)
    if whole < 3_600:
        return f"{whole // 60}m{whole % 60:02}s"
    return f"{whole // 3600}h{whole % 3600 // 60:02}m"


def amount(number: float) -> str:
    """A count of tokens or bytes in three or four characters: 812, 45k, 1.2M."""
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            shown = number / size
            return f"{shown:.1f}{unit}" if shown < 9.95 else f"{shown:.0f}{unit}"
    return f"{number:.0f}"


def money(dollars: float) -> str:
    """A cost: $0.0012 below a cent, else $1.23."""
    return f"${dollars:.4f}" if 0 < dollars < 0.01 else f"${dollars:.2f}"


def count(number: int, noun: str) -> str:
    """1 message, 2 messages."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def model_name(name: str) -> str:
    """A model's name without what all of them share: its maker's prefix and a date at the end."""
    short = name.removeprefix("claude-")
    head, dash, tail = short.rpartition("-")
    return head if dash and len(tail) == 8 and tail.isdigit() else short
