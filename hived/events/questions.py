"""Questions: open, then answered, cancelled or expired. The asker is told by mail, once.

The mail that tells of the end stands in the same append as the event that is the end.
"""

from attrs import frozen


@frozen
class QuestionAsked:
    """asker, to: an agent's name or operator. deadline: unix seconds, 0 for none.

    options: offered answers; free text is always taken. multi: several options may be chosen.
    """

    question: str
    asker: str
    to: str
    text: str
    options: tuple[str, ...] = ()
    multi: bool = False
    deadline: float = 0.0


@frozen
class QuestionAnswered:
    """answer: the words. chosen: those of the options that it names."""

    question: str
    asker: str
    answer: str
    chosen: tuple[str, ...] = ()


@frozen
class QuestionCancelled:
    """why: withdrawn (by its asker), operator, gone (an agent of it was taken out)."""

    question: str
    asker: str
    why: str


@frozen
class QuestionExpired:
    """Its deadline passed without an answer."""

    question: str
    asker: str
