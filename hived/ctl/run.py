"""One call of hivectl: its words parsed, its connection made when it is needed."""

import argparse
import re
import time
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any, NoReturn

from hived import __version__
from hived.client import Client
from hived.ctl.console import Console
from hived.ctl.verbs import Verb
from hived.ctl.words import clean

# argparse takes "-5m" for an option; joined to its own option it is a value.
_AGO = re.compile(r"-[0-9.]\S*\Z")  # more than -5m: of a slip, `moment` says what is wrong
_TIME_OPTIONS = ("--at", "--since", "--until")


class UsageError(Exception):
    """The words given to hivectl do not make sense. hint: what would."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message, self.hint = message, hint


class Run:
    """What a verb works with. args: its arguments. environ: the process's environment."""

    def __init__(
        self, verb: str, args: argparse.Namespace, console: Console, environ: Mapping[str, str]
    ) -> None:
        self.verb, self.args, self.console, self.environ = verb, args, console, environ
        self._client: Client | None = None

    @property
    def json(self) -> bool:
        return bool(self.args.json)

    @property
    def client(self) -> Client:
        """The connection, made at first use."""
        if self._client is None:
            self._client = self.connect()
        return self._client

    def connect(self) -> Client:
        """A new connection in place of the one there was."""
        self.close()
        self._client = Client.connect(self.args.socket, name=f"hivectl/{__version__}")
        return self._client

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    def read(self, method: str, /, **params: Any) -> dict[str, Any]:
        """Call a read as of --at."""
        return self.client.call(method, at=self.args.at, **params)

    def say(self, answer: Mapping[str, Any], text: str) -> None:
        """What a command was answered: with --json as it is, else in a line."""
        if self.json:
            self.console.document(answer)
        else:
            self.console.line(clean(text))

    def confirm(self, question: str, *, otherwise: str, to: str) -> None:
        """Have the person say yes. otherwise: how things stand without it. to: what it does.

        Raises:
          UsageError: Any other answer, or nobody is there to be asked.
        """
        answer = self.console.ask(f"{question} [y/N] ")
        if answer is None:
            raise UsageError(
                f"{self.verb} asks first, and no terminal is here to ask on", "add --yes"
            )
        if answer.lower() not in ("y", "yes"):
            raise UsageError(otherwise, f"answer y to {to}")

    def now(self, answer: Mapping[str, Any]) -> float:
        """Unix seconds that ages are counted to: now, or with --at the answer's own moment."""
        if self.args.at is None:
            return time.time()
        from hived.ctl.when import unix

        return unix(answer.get("at")) or 0.0


class Parser(argparse.ArgumentParser):
    """Its errors are UsageErrors, told like all others."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(message, f"{self.prog} --help")


def parse(name: str, verb: Verb, words: Sequence[str]) -> argparse.Namespace:
    """The arguments of a verb.

    Raises:
      UsageError: They are not what it takes.
      SystemExit: --help was asked for and printed.
    """
    return arguments_of(name, verb).parse_intermixed_args(_joined(words))


def arguments_of(name: str, verb: Verb) -> argparse.ArgumentParser:
    """The parser of a verb's arguments."""
    parser = Parser(
        prog=f"hivectl {name}",
        description=verb.summary[0].upper() + verb.summary[1:] + ".",
        epilog=f"example:\n  hivectl {verb.example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    getattr(import_module(f"hived.ctl.{verb.module}"), f"{verb.function}_arguments")(parser)
    parser.add_argument("--socket", metavar="PATH", help="hived's control socket")
    return parser


def _joined(words: Sequence[str]) -> list[str]:
    joined: list[str] = []
    for word in words:
        if joined and joined[-1] in _TIME_OPTIONS and _AGO.match(word):
            joined[-1] += f"={word}"
        else:
            joined.append(word)
    return joined


def moment(text: str) -> int | str:
    """The type of an argument that is a position or a time."""
    from hived.ctl.when import parse as parse_moment

    try:
        return parse_moment(text, time.time())
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def span(text: str) -> float:
    """The type of an argument that is a span of time, in seconds."""
    from hived.ctl.when import seconds

    try:
        return seconds(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def positive(text: str) -> int:
    """The type of an argument that is a count."""
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 10**9):
        raise argparse.ArgumentTypeError(f"{text!r} is no count")
    return int(text)


def reads(parser: argparse.ArgumentParser) -> None:
    """Declare what every read takes."""
    takes_json(parser)
    parser.add_argument(
        "--at",
        type=moment,
        metavar="WHEN",
        help="as things stood then: a position, 18:04, -5m, ... (hivectl help times)",
    )


def takes_json(parser: argparse.ArgumentParser) -> None:
    """Declare --json."""
    parser.add_argument(
        "--json", action="store_true", help="the answer as JSON (hivectl help json)"
    )


def takes_agent(parser: argparse.ArgumentParser) -> None:
    """Declare an agent as the first argument."""
    parser.add_argument("agent", metavar="AGENT", help="its name, or a prefix only it has")
