"""The exit codes of hivectl; `hivectl help exit-codes` says what each means."""

OK, REFUSED, USAGE, NO_DAEMON, NOT_FOUND, FOUND_WRONG = 0, 1, 2, 3, 4, 5

OF_ERROR = {
    "no_daemon": NO_DAEMON,
    "disconnected": NO_DAEMON,
    "shutting_down": NO_DAEMON,
    "not_found": NOT_FOUND,
    "ambiguous_name": NOT_FOUND,
}
