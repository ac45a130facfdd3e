"""Cutting a shell command into the parts that permission rules are asked about.

Far stricter than a shell: whatever could start a program that is not the first word of a part
is refused, and so is whatever this reader is not certain to read as the shell does.
"""

import posixpath
import re

from hived import limits

_ENV_PREFIX = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\+?=")
_MERGED_STDERR = re.compile(r"2>&1(?=[\s;|&]|\Z)")
_BRACES = re.compile(r"\{[^}]*(?:,|\.\.)")


class NotDecided(Exception):
    """The command holds something that no rule can speak for. Its text says what."""


def parts(command: str) -> list[str]:
    """The simple commands of a command line, as they stand in it.

    Raises:
      NotDecided: It holds an expansion, a redirection, a group, a background command, a comment
        or an unbalanced quote.
    """
    if len(command) > limits.ALLOW_COMMAND_CHARS_MAX:
        raise NotDecided("the command is too long to be looked into")
    if any(not (c.isprintable() or c in "\n\t") for c in command):
        raise NotDecided("the command holds a control character")
    found: list[str] = []
    start = at = 0
    while at < len(command):
        width = _separator(command, at)
        if width:
            found.append(command[start:at])
            at = start = at + width
        else:
            at = _step(command, at)
    found.append(command[start:])
    # An empty part is a newline at the end, or an error that the shell will tell of itself.
    return [part.strip() for part in found if part.strip()]


def _separator(command: str, at: int) -> int:
    """The width of the separator of commands that stands here, 0 if none does."""
    if command[at] in ";\n":
        return 1
    pair = command[at : at + 2]
    if pair in ("&&", "||"):
        return 2
    if pair == "|&":
        raise NotDecided("a pipe of the error output (|&)")
    return 1 if command[at] == "|" else 0


def _step(command: str, at: int) -> int:
    """The place after the character, or the quoted text, that stands here outside quotes."""
    match command[at]:
        case "'":
            end = command.find("'", at + 1)
            if end < 0:
                raise NotDecided("an unbalanced quote")
            return end + 1
        case '"':
            return _double_quoted(command, at + 1)
        case "\\":
            if command[at + 1 : at + 2] in ("", "\n"):
                raise NotDecided("a line that goes on in the next (\\)")
            return at + 2
        case "$" | "`":
            raise NotDecided("an expansion ($ or `)")
        case "(" | ")":
            raise NotDecided("a subshell or a group")
        case "2" if _MERGED_STDERR.match(command, at) and (at == 0 or command[at - 1].isspace()):
            return at + len("2>&1")
        case "<" | ">":
            raise NotDecided("a redirection")
        case "&":
            raise NotDecided("a background command (&)")
        case "#" if at == 0 or command[at - 1] in " \t\n;|&":
            # A quote in a comment would make this reader and the shell disagree from there on.
            raise NotDecided("a comment (#)")
        case _:
            return at + 1


def _double_quoted(command: str, at: int) -> int:
    while at < len(command):
        match command[at]:
            case '"':
                return at + 1
            case "\\":
                at += 2
            case "$" | "`":
                raise NotDecided("an expansion ($ or `)")
            case _:
                at += 1
    raise NotDecided("an unbalanced quote")


def check_part(part: str, cwd: str) -> None:
    """Refuses a part that changes its program's environment or names a path outside `cwd`.

    Raises:
      NotDecided: It does.
    """
    if _ENV_PREFIX.match(part):
        raise NotDecided("a variable set for one command (NAME=value)")
    for word in _words(part):
        if _BRACES.search(word):
            raise NotDecided("a brace expansion")
        for path in _paths(word):
            if not inside(path, cwd):
                raise NotDecided(f"the path {path[:80]}, outside the working folder")


def _words(part: str) -> list[str]:
    """The words of a part with their quotes taken away. Its quotes are balanced."""
    words: list[str] = []
    word = ""
    at = 0
    while at < len(part):
        if part[at] in " \t":
            words.append(word)
            word = ""
            at += 1
            continue
        end = _step(part, at)
        piece = part[at:end]
        if piece[0] in "'\"" and len(piece) > 1:
            piece = piece[1:-1]
        word += piece.replace("\\", "")
        at = end
    words.append(word)
    return [word for word in words if word]


def _paths(word: str) -> list[str]:
    """What of a word may be a path: the word, an option's value, what follows a = or a colon."""
    if word.startswith(("https://", "http://", "ssh://", "git://")):
        return []
    found = re.split(r"[=:,]", word)
    if word.startswith("-") and "/" in word:
        found.append(word[word.index("/") :])
    if word.startswith("-"):
        found.append(word[2:])  # -C../elsewhere
    return [path for path in found if path.startswith(("/", "~")) or ".." in path]


def inside(path: str, cwd: str) -> bool:
    """Whether a path, by its letters alone, lies in `cwd` or is /dev/null."""
    if path.startswith("~"):
        return False
    whole = resolved(path, cwd)
    root = resolved(cwd, "/")
    return whole in (root, "/dev/null") or whole.startswith(root.rstrip("/") + "/")


def resolved(path: str, cwd: str) -> str:
    """The path as an absolute one without `.`, `..` and doubled slashes."""
    return posixpath.normpath("/" + posixpath.join(cwd, path).lstrip("/"))
