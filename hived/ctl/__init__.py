"""hivectl: what a person types to see and steer the hive.

Starts quickly: imports room 0, the table of methods, the client and the standard library, and of
its own modules only the one of the verb that is asked for.
"""

import os
import signal
import sys
from collections.abc import Sequence

from hived.ctl.console import Console
from hived.ctl.exits import NO_DAEMON, OF_ERROR, OK, REFUSED, USAGE
from hived.ctl.run import Run, UsageError, parse
from hived.ctl.verbs import HIDDEN, VERBS
from hived.ctl.words import clean
from hived.errors import HivedError


def main(argv: Sequence[str] | None = None) -> int:
    """Do what the words say; returns the exit code (hivectl help exit-codes)."""
    # Python would only note the signal, and a read that begins just then would wait on. The kernel
    # ends the process at once, and a shell sees why (130).
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    words = list(sys.argv[1:] if argv is None else argv)
    # A shell may have closed them (>&-): what is to be done is done all the same.
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: SIM115
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        # In a locale that lacks a character it is shown as an escape rather than not at all.
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    console = Console(sys.stdout, sys.stderr, os.environ)
    try:
        code = _guarded(words, console)
        console.flush()
    except BrokenPipeError:
        # Who read the output has seen enough. Nothing more can be written, also not at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _tell(console, f"cannot write the output: {error.strerror}", "", REFUSED)
    return code


def _guarded(words: Sequence[str], console: Console) -> int:
    try:
        return _run(words, console)
    except UsageError as error:
        return _tell(console, error.message, error.hint, USAGE)
    except HivedError as error:
        return _tell_refusal(console, error)
    except SystemExit as done:  # argparse has printed its help
        return int(done.code or 0)


def _run(words: Sequence[str], console: Console) -> int:
    if not words or words[0] in ("-h", "--help"):
        words = ["help", *words[1:]]
    elif words[0] in ("-V", "--version"):
        words = ["version", *words[1:]]
    if words[0] == "--socket" and len(words) > 2:  # it may stand before the verb too
        words = [words[2], *words[:2], *words[3:]]
    name = words[0]
    verb = VERBS.get(name) or HIDDEN.get(name)
    if verb is None:
        raise UsageError(f"there is no verb {name!r}", _meant(name))
    args = parse(name, verb, words[1:])
    run = Run(name, args, console, os.environ)
    try:
        from importlib import import_module

        do = getattr(import_module(f"hived.ctl.{verb.module}"), verb.function)
        return int(do(run))
    finally:
        run.close()


def _meant(name: str) -> str:
    from difflib import get_close_matches

    near = get_close_matches(name, VERBS, n=1)
    meant = f"did you mean {near[0]}? " if near else ""
    return f"{meant}all verbs: hivectl help"


def _tell_refusal(console: Console, error: HivedError) -> int:
    if error.code == "no_daemon":
        # One line, with what to do in it: this is the first thing a new user sees.
        return _tell(console, f"{error.message}; {error.hint}", "", NO_DAEMON)
    message = f"{error.message} [{error.code}]"
    hint = error.hint
    candidates = error.data.get("candidates")
    if isinstance(candidates, list) and not hint:
        hint = "it may be " + ", ".join(str(name) for name in candidates)
    return _tell(console, message, hint, OF_ERROR.get(error.code, REFUSED))


def _tell(console: Console, message: str, hint: str, code: int) -> int:
    console.note(f"hivectl: {clean(message)}" + (f"\nhint: {clean(hint)}" if hint else ""))
    return code
