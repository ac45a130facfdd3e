"""Ids made of what others chose: bounded, whatever they sent."""

from hashlib import blake2b

_PLAIN_CHARS_MAX = 64


def short_id(text: str) -> str:
    """The text itself where it is short and plain, else a hash of it."""
    if len(text) <= _PLAIN_CHARS_MAX and text.isascii() and text.replace("-", "").isalnum():
        return text
    return "h" + blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
