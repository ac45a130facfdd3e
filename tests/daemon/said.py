"""What the model said, taken out of the lines that a turn printed."""

import json


def said(lines: list[str]) -> list[str]:
    """The blocks of text that the model said in these lines."""
    found = []
    for line in lines:
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            continue  # the torn end of a spool, or what a scenario printed by hand
        if not isinstance(row, dict) or row.get("type") != "assistant":
            continue
        found += [b["text"] for b in row["message"]["content"] if b["type"] == "text"]
    return found


def numbers(words: list[str]) -> list[int]:
    """The numbers of blocks such as "line 7"."""
    return [int(word.split()[1]) for word in words if word.startswith("line ")]
