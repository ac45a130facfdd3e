"""Steps that need no turn: waiting, dying, hanging, odd output, processes left behind."""

import os
import signal
import sys
from pathlib import Path
from typing import NoReturn

from hived.rehearsal import shapes, words
from hived.rehearsal.desk import Desk
from hived.rehearsal.scenario import Step

_BLOCK = 64 * 1024


class Leave(Exception):
    """The program exits at once, without a result."""

    def __init__(self, code: int) -> None:
        self.code = code


def act(desk: Desk, step: Step, values: dict[str, str]) -> bool:
    """Do the step if it is one of these; says whether it was."""
    verb, options = step.verb, step.options
    if verb == "sleep":
        desk.wait(float(step.value))
    elif verb == "exit":
        raise Leave(step.value)
    elif verb == "die":
        _die(step.value)
    elif verb == "hang":
        _hang(desk, step.value)
    elif verb == "raw":
        desk.wire.write(step.value.encode() + (b"\n" if options["newline"] else b""))
    elif verb == "long":
        _long(desk, step.value, whole=options["json"])
    elif verb == "warn":
        print(words.fill(step.value, values), file=sys.stderr, flush=True)
    elif verb == "spawn":
        pid_file = words.fill(options["pid_file"], values)
        _spawn(step.value, options["command"], pid_file, keep_stdout=options["keep_stdout"])
    elif verb == "context":
        desk.session.context = step.value
        desk.session.cached = min(desk.session.cached, step.value)
    else:
        return False
    return True


def _die(name: str) -> NoReturn:
    number = signal.Signals[f"SIG{name}"]
    if number != signal.SIGKILL:
        signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
    raise Leave(128 + number)


def _hang(desk: Desk, how: str) -> None:
    if how == "quiet":
        desk.wait(None)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    while True:
        signal.pause()


def _long(desk: Desk, size: int, *, whole: bool) -> None:
    if whole:
        text = "x" * size
        block = {"type": "text", "text": text}
        model = desk.model.name
        desk.send(shapes.assistant("msg_long", "req_long", model, block, (0, 1, 0, 0)))
        return
    for start in range(0, size, _BLOCK):
        desk.wire.write(b"x" * min(_BLOCK, size - start))
    desk.wire.write(b"\n")


def _spawn(how: str, command: str, pid_file: str, *, keep_stdout: bool) -> None:
    """Start a process that outlives this one, in the way asked for.

    Forked rather than spawned, because ignoring a signal and a second fork have no other way.
    """
    stubborn = how in ("ignore-term", "all")
    child = os.fork()
    if child:
        if how in ("double-fork", "all"):
            os.waitpid(child, 0)
        return
    if how in ("setsid", "double-fork", "all"):
        os.setsid()
    if how in ("double-fork", "all") and os.fork():
        os._exit(0)
    null = os.open("/dev/null", os.O_RDWR)
    for fd in (0, 2) if keep_stdout else (0, 1, 2):
        os.dup2(null, fd)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN if stubborn else signal.SIG_DFL)
    for number in (signal.SIGPIPE, signal.SIGXFSZ):  # which Python ignores
        signal.signal(number, signal.SIG_DFL)
    if pid_file:
        # Renamed into place, so that who waits for the file finds the number in it.
        Path(pid_file + ".new").write_text(str(os.getpid()), encoding="ascii")
        Path(pid_file + ".new").rename(pid_file)
    os.execv("/bin/sh", ["sh", "-c", command])
