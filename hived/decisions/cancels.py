"""What the cancel of a turn says of its work, by its `why`. Any other is the operator's wish."""

# Not meant for the work itself: its mail comes back, a compaction comes again.
BLAMELESS = frozenset({"stop", "restart", "shutdown"})
# By a limit that the turn passed: it has failed.
BY_LIMIT = frozenset({"idle_limit", "tool_limit", "start_limit", "spool_full"})
