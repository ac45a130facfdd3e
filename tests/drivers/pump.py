"""Drives a CLI through its driver over plain pipes, as the turn host and supervisor would."""

import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType

from hived.drivers import allow
from hived.drivers.base import Driver, Ending, Exit, TurnSpec, UserLine
from hived.drivers.observations import HiveToolCalled, Observation, PermissionAsked, Reply, Write
from tests.printed import Printed

PATH = "/usr/local/bin:/usr/bin:/bin"


class Pump:
    """One turn of a real process; a context manager that leaves none behind.

    Questions are answered from the spec's allow list, tool calls by `tool`; what was observed
    is in `seen`, the lines themselves in `lines`.
    """

    def __init__(
        self,
        driver: Driver,
        spec: TurnSpec,
        env: Mapping[str, str],
        tool: Callable[[HiveToolCalled], tuple[str, bool]] = lambda called: ("fine", False),
    ) -> None:
        self.seen: list[Observation] = []
        self.lines: list[bytes] = []
        self._spec = spec
        self.talk = driver.converse(spec)
        self._tool = tool
        self._over = False
        launch = driver.launch(spec)
        home = {"PATH": PATH, "HOME": spec.home}
        self._stderr = Path(spec.home) / f"stderr-{time.monotonic_ns()}"
        with self._stderr.open("wb") as stderr:
            self.process = subprocess.Popen(
                launch.argv,
                cwd=launch.cwd,
                env={**home, **launch.env, **env},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
            )
        self._printed = Printed(self.process.stdout)
        for write in self.talk.opening():
            self.write(write)

    def write(self, write: Write) -> None:
        assert self.process.stdin
        if self.process.stdin.closed:
            return  # the turn is over, and the CLI still said something
        try:
            self.process.stdin.write(write.data)
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # it died; its end says why

    def user(self, line: UserLine) -> None:
        self.write(self.talk.user(line))

    def until(self, done: Callable[[], bool], seconds: float = 30.0) -> bool:
        """Takes in lines until `done`. False where the CLI's output ended before that."""
        deadline = time.monotonic() + seconds
        while not done():
            if self._over:
                return False
            line = self._printed.line(deadline - time.monotonic())
            if line is None:
                self._over = True
                continue
            self.lines.append(line)
            for observed in self.talk.feed(line):
                self._take(observed)
        return True

    def _take(self, observed: Observation) -> None:
        self.seen.append(observed)
        match observed:
            case Reply():
                self.write(observed.write)
            case PermissionAsked():
                spec = self._spec
                said = allow.decide(spec.allow, observed.tool, observed.input, spec.workdir)
                self.write(
                    self.talk.permission_answer(observed, allowed=said.allowed, reason=said.reason)
                )
            case HiveToolCalled():
                words, error = self._tool(observed)
                self.write(self.talk.tool_answer(observed, words, error=error))

    def finish(self, *, signalled: bool = False) -> Ending:
        """Waits until the turn is settled, closes stdin, waits for the exit, gives the end."""
        self.until(lambda: self.talk.settled)
        assert self.process.stdin
        self.process.stdin.close()
        self.until(lambda: False)
        code = self.process.wait(timeout=20)
        stderr = self._stderr.read_text(errors="replace")
        return self.talk.ending(Exit(code, stderr), signalled=signalled)

    def of(self, *kinds: type) -> list[Observation]:
        return [seen for seen in self.seen if type(seen) in kinds]

    def __enter__(self) -> "Pump":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.process.poll() is None:
            self.process.terminate()  # it ends the Bash tree with it, as SIGKILL would not
            try:
                self.process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe
            try:
                pipe.close()
            except BrokenPipeError:
                pass
