"""What an answer to a question says: which of the options, or words of its own. Pure text."""

from hived import limits
from hived.errors import CommandRefused
from hived.projections.questions import Question

Read = tuple[str, tuple[str, ...]]


def read_answer(question: Question, words: tuple[str, ...], options: tuple[str, ...]) -> Read:
    """The answer in words, and the options that it names.

    Args:
      words: An option's text or number (1..n), or free text; to a question that takes several
        choices, several of them, or one with commas.
      options: Texts or numbers that must name options; given in the place of words.
    Raises:
      CommandRefused: invalid_params or too_large, with what the question takes.
    """
    if words and options:
        raise _invalid(question, "an answer is either words or options")
    given = words or options
    if sum(len(word) for word in given) > limits.QUESTION_CHARS_MAX:
        raise CommandRefused(
            f"an answer has at most {limits.QUESTION_CHARS_MAX} characters",
            code="too_large",
            hint="put it in a file and answer with its path",
        )
    if not given or not all(word.strip() for word in given):
        raise _invalid(question, "the answer has no words")
    if len(given) > max(1, len(question.options)) or (len(given) > 1 and not question.multi):
        raise _invalid(question, f"{len(given)} answers are more than {question.id} takes")
    if options:
        return _chosen(question, options)
    return _said(question, words)


def _chosen(question: Question, options: tuple[str, ...]) -> Read:
    named = []
    for word in options:
        option = option_of(question, word)
        if option is None:
            raise _invalid(question, f"{question.id} has no option {word[:40]!r}")
        named.append(option)
    return _told(named), tuple(dict.fromkeys(named))


def _said(question: Question, words: tuple[str, ...]) -> Read:
    if len(words) == 1 and question.multi and option_of(question, words[0]) is None:
        parts = tuple(part for part in words[0].split(",") if part.strip())
        if all(option_of(question, part) is not None for part in parts):
            words = parts
    found = [(word.strip(), option_of(question, word)) for word in words]
    named = tuple(dict.fromkeys(option for _, option in found if option is not None))
    return _told([word if option is None else option for word, option in found]), named


def _told(words: list[str]) -> str:
    return ", ".join(dict.fromkeys(words))


def option_of(question: Question, word: str) -> str | None:
    """The option that a word names: by its text, in any case, or by its number from 1."""
    word = word.strip()
    if word in question.options:
        return word
    for option in question.options:
        if option.casefold() == word.casefold():
            return option
    if word.isascii() and word.isdigit() and len(word) < 4:
        number = int(word)
        if 1 <= number <= len(question.options):
            return question.options[number - 1]
    return None


def listed(options: tuple[str, ...]) -> str:
    """The options with their numbers, one a line."""
    return "\n".join(f"{number}. {option}" for number, option in enumerate(options, 1))


def _invalid(question: Question, message: str) -> CommandRefused:
    if not question.options:
        hint = "it takes any words"
    else:
        many = "several of" if question.multi else "one of"
        shown = ", ".join(f"{n}: {option[:40]}" for n, option in enumerate(question.options, 1))
        hint = f"it takes {many} {shown}; or any words"
    return CommandRefused(message, code="invalid_params", hint=hint[: limits.DETAIL_CHARS_MAX])
