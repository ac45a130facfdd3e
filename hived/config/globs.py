"""Globs over paths of a configuration: * and ? within a folder's name, ** for any folders.

In linear time for each step, so that no pattern and no path costs more than their lengths.
"""

from hived.config.problems import ConfigInvalid


def check_glob(text: str) -> None:
    """Refuses a pattern that could match no path.

    Raises:
      ConfigInvalid: With what a pattern is.
    """
    steps = text.split("/")
    if any(step in ("", ".", "..") for step in steps):
        raise ConfigInvalid(
            f"{ascii(text)[:60]} matches no path", hint="as prompt.md, skills/*.md or docs/**"
        )
    if any("**" in step and step != "**" for step in steps):
        raise ConfigInvalid("** stands alone between slashes", hint="as docs/** or **/*.md")


def matches(path: str, pattern: str) -> bool:
    """Whether the whole path fits the pattern, which `check_glob` has passed."""
    steps = path.split("/")
    reached = {0}
    for part in pattern.split("/"):
        if part == "**":
            reached = set(range(min(reached), len(steps) + 1)) if reached else set()
        else:
            reached = {at + 1 for at in reached if at < len(steps) and _fits(steps[at], part)}
    return len(steps) in reached


def _fits(text: str, pattern: str) -> bool:
    """One step: the last * is taken back to when what follows it does not fit."""
    at = star = mark = 0
    found = -1
    while at < len(text):
        if star < len(pattern) and pattern[star] == "*":
            found, mark, star = star, at, star + 1
        elif star < len(pattern) and pattern[star] in ("?", text[at]):
            star, at = star + 1, at + 1
        elif found >= 0:
            mark += 1
            star, at = found + 1, mark
        else:
            return False
    return all(rest == "*" for rest in pattern[star:])
