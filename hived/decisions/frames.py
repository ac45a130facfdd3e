"""The words hived puts to an agent: mail in a frame that names its sender. Pure.

What others wrote stands inside a frame and cannot end it: the frame's own marks are escaped in
a body, and control characters but newline and tab are taken out.
"""

import re
from collections.abc import Iterable, Sequence
from unicodedata import category

from hived import limits
from hived.decisions.mail import body_size
from hived.decisions.times import utc
from hived.projections.agent import NapOver, OpenTurn
from hived.projections.inboxes import Message

# A reader of the frame may be lax about case and spaces.
_MARK = re.compile(r"<(?=\s*/?\s*(?:mail|notes))", re.IGNORECASE)


def opening_text(turn: OpenTurn, mail: Sequence[Message], hand_over: str = "") -> str:
    """The first user line of a turn: why it is woken, then the mail.

    hand_over: what `hand_over_text` made, where the turn begins a fresh conversation.
    """
    if turn.kind == "compact":
        return "/compact"
    parts = [hand_over] if hand_over else []
    if turn.nap_over is not None:
        parts.append(_woken(turn.nap_over, len(mail)))
    held = [letter for letter in mail if letter.held]
    fresh = [letter for letter in mail if not letter.held]
    if turn.attempt > 1 or held:
        parts.append(_again(turn, held))
    if fresh:
        parts.append(f"You have {_count(len(fresh))}.")
        parts += [framed(letter) for letter in fresh]
    return "\n\n".join(parts)


def mid_turn_text(mail: Sequence[Message]) -> str:
    """A later user line: mail that came while the agent was at work."""
    head = f"While you work, {_count(len(mail))} came in."
    return "\n\n".join([head, *(framed(letter) for letter in mail)])


def framed(letter: Message) -> str:
    """One message in its frame."""
    sent = utc(letter.sent_at)
    reply = f' in_reply_to="{letter.in_reply_to}"' if letter.in_reply_to else ""
    urgent = ' urgent="yes"' if letter.urgent else ""
    head = (
        f'<mail id="{letter.id}" from="{letter.sender}" attempt="{letter.attempts + 1}" '
        f'sent="{sent}"{reply}{urgent}>'
    )
    return f"{head}\n{clean(letter.body)}\n</mail>"


def hand_over_text(notes: str, letters: Iterable[Message]) -> str:
    """What a fresh conversation is given of the one that grew too long."""
    parts = [
        "This is a fresh conversation: the one before it grew too long for the model. "
        "What you had to remember follows."
    ]
    if notes.strip():
        kept = notes.encode()[: limits.NOTES_BYTES_MAX].decode(errors="ignore")
        parts.append(f"<notes>\n{clean(kept)}\n</notes>")
    last = _last(letters)
    if last:
        parts.append("The last messages you dealt with:")
        parts += [framed(letter) for letter in last]
    return "\n\n".join(parts)


def _last(letters: Iterable[Message]) -> list[Message]:
    """As many of the last as a hand-over holds, in order."""
    room = limits.HAND_OVER_MAIL_BYTES_MAX
    last: list[Message] = []
    for letter in reversed(list(letters)[-limits.HAND_OVER_MESSAGES :]):
        room -= body_size(letter.body)
        if room < 0:
            break
        last.insert(0, letter)
    return last


def clean(text: str) -> str:
    """A body that can neither end its frame nor begin another, without control characters.

    What cannot be seen is taken out first: within a mark it would hide the mark.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    seen = "".join(c if c in "\n\t" or c.isprintable() else _unseen(c) for c in text)
    return _MARK.sub("&lt;", seen)


def on_a_line(text: str) -> str:
    """The same on one line, for lists whose rows are hived's: no agent's words make one."""
    return " ".join(clean(text).split())


def _unseen(char: str) -> str:
    """Spaces and line ends of other scripts keep words apart; all else is taken out."""
    return {"Zs": " ", "Zl": "\n", "Zp": "\n"}.get(category(char), "")


def _again(turn: OpenTurn, held: Sequence[Message]) -> str:
    words = f"This is attempt {turn.attempt} of {limits.ATTEMPTS_MAX}"
    if turn.why:
        words += f": the turn before it ended early ({turn.why})"
    words += "."
    if held:
        ids = ", ".join(letter.id for letter in held)
        words += f" Go on with what you were doing; the mail {ids} is in this conversation already."
    return words


_WOKEN = {
    "elapsed": "its time has passed",
    "operator": "the operator ended it",
    "message": "urgent mail of the operator came",
    "restart": "you were restarted",
}


def _woken(over: NapOver, mail: int) -> str:
    """Why the agent wakes, what it had asked for, and what waits."""
    asked = over.nap.until - over.nap.asked_at
    slept = max(0.0, over.ended_at - over.nap.asked_at)
    words = f"Your nap is over: {_WOKEN.get(over.why, over.why)}. "
    words += f"It was to last {asked:.0f} s and lasted {slept:.0f} s"
    words += f", until {utc(over.ended_at)}."
    if over.nap.reason:
        words += f" Its reason: {clean(over.nap.reason)}"
    more = over.waiting - mail
    if mail and more > 0:
        return f"{words}\n{_count(mail)} of {over.waiting} follow; the rest comes after them."
    return f"{words}\n" + (f"{_count(mail)} waited." if mail else "No mail waits.")


def _count(number: int) -> str:
    return "1 message" if number == 1 else f"{number} messages"
