"""What a turn opens with: its user lines, made of the log's words and the agent's notes."""

from collections.abc import Iterable
from pathlib import Path

from hived.decisions import notes_words
from hived.decisions.delivery import line_uuid
from hived.decisions.frames import hand_over_text, mid_turn_text, opening_text
from hived.drivers.base import UserLine
from hived.projections.agent import OpenTurn
from hived.projections.inboxes import Inbox, Message
from hived.world import notes


def opening_line(turn: OpenTurn, box: Inbox, home: Path) -> UserLine:
    """The turn's first user line. Reads the agent's notes where it is handed over to itself."""
    if turn.reason == "checkpoint":
        words = notes_words.checkpoint(str(notes.notes_path(home)))
        return UserLine(1, line_uuid(turn.id, 1), words)
    mail = [letter for letter in box.in_turn(turn.id) if letter.line == 1]
    hand_over = ""
    if turn.reason == "hand_over":
        hand_over = hand_over_text(notes.text(home), box.closed)
    text = opening_text(turn, mail, hand_over)
    return UserLine(1, line_uuid(turn.id, 1), text, composed=turn.kind != "compact")


def later_lines(turn: OpenTurn, box: Inbox, written: Iterable[int]) -> list[UserLine]:
    """User lines that were ordered in mid-turn and are not among those written already."""
    by_line: dict[int, list[Message]] = {}
    known = set(written)
    for letter in box.in_turn(turn.id):
        if letter.line > 1 and letter.line not in known:
            by_line.setdefault(letter.line, []).append(letter)
    return [
        UserLine(line, line_uuid(turn.id, line), mid_turn_text(mail))
        for line, mail in sorted(by_line.items())
    ]
