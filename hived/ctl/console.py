"""The person's side: what stands on stdout and stderr, its width and its colours."""

import os
import sys
from collections.abc import Mapping
from typing import Any, TextIO

from hived.ctl.words import cut, fold
from hived.rpc.specs import JSON_VERSION

_STYLES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}


class Console:
    """Standard output and error.

    width: columns a line may take, None where nothing limits it (a pipe or a file).
    colour: only on a terminal, and not where NO_COLOR is set or TERM is dumb.
    """

    def __init__(self, out: TextIO, err: TextIO, environ: Mapping[str, str]) -> None:
        self.out, self.err = out, err
        self.terminal = out.isatty()
        self.colour = (
            self.terminal and not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"
        )
        self.width = _width(out, environ) if self.terminal or "COLUMNS" in environ else None

    def line(self, text: str = "", style: str = "") -> None:
        """One line, cut to the width. The text must be clean."""
        text = cut(text, self.width)
        if style and self.colour and text:
            text = f"\x1b[{_STYLES[style]}m{text}\x1b[0m"
        self.out.write(text + "\n")

    def block(self, text: str, indent: str = "    ") -> None:
        """A text of several lines, made clean, folded to the width behind an indent."""
        width = None if self.width is None else max(20, self.width - len(indent))
        for line in fold(text, width):
            self.line((indent + line).rstrip())

    def document(self, answer: Mapping[str, Any]) -> None:
        """One JSON document; on a terminal indented. Every character above ASCII is escaped."""
        import json

        self.out.write(json.dumps(_versioned(answer), indent=2 if self.terminal else None) + "\n")

    def record(self, row: Mapping[str, Any]) -> None:
        """One line of newline-delimited JSON, flushed at once."""
        import json

        self.out.write(json.dumps(_versioned(row), separators=(",", ":")) + "\n")
        self.out.flush()

    def flush(self) -> None:
        self.out.flush()

    def note(self, text: str) -> None:
        """A word on stderr. The text must be clean."""
        self.out.flush()
        self.err.write(text + "\n")
        self.err.flush()

    def ask(self, question: str) -> str | None:
        """What the person answers, or None where no person is there to be asked."""
        if not (sys.stdin.isatty() and self.err.isatty()):
            return None
        self.out.flush()
        self.err.write(question)
        self.err.flush()
        return sys.stdin.readline().strip()


def _versioned(answer: Mapping[str, Any]) -> dict[str, Any]:
    return {"v": JSON_VERSION, **answer}


def _width(out: TextIO, environ: Mapping[str, str]) -> int:
    given = environ.get("COLUMNS", "")
    if given.isascii() and given.isdigit() and int(given) > 0:
        return int(given)
    try:
        return os.get_terminal_size(out.fileno()).columns or 80
    except (OSError, ValueError):
        return 80
