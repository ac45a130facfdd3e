"""TOML from a stranger: bounded before it is parsed, so that no text costs much time or memory.

The parser of the standard library takes quadratic time over long dotted keys and one level of
Python's stack for each bracket. So brackets and dots are counted first, outside strings.
"""

import re
import tomllib
from typing import Any

from hived import limits
from hived.config.problems import Problems

# Strings as TOML ends them, then comments. Possessive: nothing is ever tried twice. A string that
# does not end is taken as far as it goes, for the parser stops in it: were it left, the search
# would go through it again from each of its quotes.
_STRINGS = re.compile(
    r'"""(?:[^"\\]|\\.|"{1,2}(?!"))*+(?:"{3,5})?+'
    r"|'''(?:[^']|'{1,2}(?!'))*+(?:'{3,5})?+"
    r'|"(?:[^"\\\n]|\\[^\n])*+"?+'
    r"|'[^'\n]*+'?+"
    r"|(?P<comment>#[^\n]*+)",
    re.DOTALL,
)
# Looked for at the beginning of a word alone: from each letter of a long one would be quadratic.
_CHAIN = re.compile(r"(?<![A-Za-z0-9_-])[A-Za-z0-9_-]++(?:[ \t]*+\.[ \t]*+[A-Za-z0-9_-]++)++")


def tables(data: bytes, problems: Problems) -> dict[str, Any]:
    """The tables of a TOML text; empty after `problems` was told of what it is not."""
    if len(data) > limits.CONFIG_BYTES_MAX:
        problems.add("", f"has {len(data)} bytes; {limits.CONFIG_BYTES_MAX} is the most")
        return {}
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        problems.add("", f"is not UTF-8 at byte {error.start}")
        return {}
    bare = _STRINGS.sub(lambda found: "" if found["comment"] else "_", text)
    if _brackets(bare) > limits.CONFIG_DEPTH_MAX:
        problems.add("", f"brackets are nested deeper than {limits.CONFIG_DEPTH_MAX}")
        return {}
    if any(chain.count(".") >= limits.CONFIG_DEPTH_MAX for chain in _CHAIN.findall(bare)):
        problems.add("", f"a dotted key has more than {limits.CONFIG_DEPTH_MAX} parts")
        return {}
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        problems.add("", f"is not TOML: {str(error)[: limits.DETAIL_CHARS_MAX]}")
    except ValueError:  # what Python itself says of a number that it does not take
        problems.add("", "holds a number of too many digits, or a day that is none")
    return {}


def _brackets(bare: str) -> int:
    """How deep brackets and braces stand within one another."""
    deepest = depth = 0
    for found in re.finditer(r"[][{}]", bare):
        depth += 1 if found[0] in "[{" else -1
        deepest = max(deepest, depth)
        # A closing one too many ends the parser, so what comes after it does not count.
        if depth < 0:
            break
    return deepest
