"""Times in words, for people and agents. Pure."""

from datetime import UTC, datetime


def utc(seconds: float) -> str:
    """Unix seconds as RFC 3339 UTC, whole seconds."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
