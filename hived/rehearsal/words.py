"""Placeholders in a scenario's words, and the frame in which hived puts mail. Pure."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

PLACEHOLDERS: Mapping[str, str] = {
    "last": "the last user text, whole",
    "from": "who sent the last mail in it; operator if it holds none",
    "body": "the body of the last mail in it; else the whole text",
    "mail": "the id of that mail",
    "n": "which turn of the session this is, from 1",
    "i": "which repetition of this step, from 1",
    "agent": "the agent's name",
    "model": "the model in use",
    "session": "the session's id",
    "result": "what the last tool call answered",
    "notes": "the notes that are to be rewritten, or the path of the agent's notes",
}

_PLACE = re.compile(r"\{\{|\}\}|\{([a-z_]+)\}")
_MAIL = re.compile(r"<mail\b([^>]*)>\n?(.*?)\n?</mail>", re.DOTALL)
_ESCAPED = re.compile(r"&lt;(/?(?:mail|notes))")
_ATTEMPT = re.compile(r"This is attempt (\d{1,4}) of ")
_ATTRIBUTE = re.compile(r'([a-z_]+)="([^"]*)"')


# How hived begins the turns that are about the agent's notes.
_REWRITE, _CHECKPOINT = "Rewrite the notes below", "Your conversation is about to be compacted"
_NOTES = re.compile(r"<notes>\n(.*)\n</notes>", re.DOTALL)
_PATH = re.compile(r" to your notes now, in (.+?): what you ")


class Mail(NamedTuple):
    """A mail block of a user text."""

    id: str
    sender: str
    attempt: int
    body: str


def mails(text: str) -> list[Mail]:
    """The mail blocks of a user text, in their order."""
    return [_mail(found) for found in _MAIL.finditer(text)]


def attempt_told(text: str) -> int:
    """Which attempt hived says a turn is, where it brings no mail with an attempt of its own."""
    found = _ATTEMPT.search(text)
    return int(found.group(1)) if found else 1


def command_of(text: str) -> str | None:
    """notes or checkpoint, where hived asks for one of these; a rule can be for them."""
    if text.startswith(_REWRITE):
        return "notes"
    return "checkpoint" if text.startswith(_CHECKPOINT) else None


def notes_of(text: str) -> str:
    """The notes to be rewritten, or the path at which they are to be saved."""
    found = _NOTES.search(text) if command_of(text) == "notes" else _PATH.search(text)
    return _ESCAPED.sub(r"<\1", found.group(1)) if found else ""


def _mail(found: re.Match[str]) -> Mail:
    given = dict(_ATTRIBUTE.findall(found.group(1)))
    attempt = given.get("attempt", "1")
    return Mail(
        given.get("id", ""),
        given.get("from", ""),
        int(attempt) if attempt.isdecimal() else 1,
        _ESCAPED.sub(r"<\1", found.group(2)),
    )


def unknown(text: str) -> list[str]:
    """Placeholders in the text that are not in PLACEHOLDERS."""
    return [name for name in _PLACE.findall(text) if name and name not in PLACEHOLDERS]


def fill(text: str, values: Mapping[str, str], *, quoted: bool = False) -> str:
    """The text with its placeholders filled; {{ and }} stand for the braces themselves.

    quoted: each value becomes one word of the shell, so that no mail can run a command.
    """

    def one(match: re.Match[str]) -> str:
        name = match.group(1)
        if name is None:
            return match.group(0)[0]
        value = values.get(name, "")
        return "'" + value.replace("'", "'\"'\"'") + "'" if quoted else value

    return _PLACE.sub(one, text)


def verbatim(text: str) -> str:
    """The text, so that `fill` leaves it as it is."""
    return text.replace("{", "{{").replace("}", "}}")


def fill_all(value: Any, values: Mapping[str, str]) -> Any:
    """The same for every text at the leaves of a table."""
    if isinstance(value, str):
        return fill(value, values)
    if isinstance(value, dict):
        return {key: fill_all(item, values) for key, item in value.items()}
    if isinstance(value, list):
        return [fill_all(item, values) for item in value]
    return value


def user_text(content: object) -> str:
    """The text of a user message's content: itself, or its text blocks joined."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    blocks = (block for block in content if isinstance(block, dict))
    return "\n".join(str(block["text"]) for block in blocks if "text" in block)


def tokens(text: str) -> int:
    """A made-up but steady count: four bytes of UTF-8 are a token, at least one."""
    return max(1, (len(text.encode("utf-8", "replace")) + 3) // 4)
