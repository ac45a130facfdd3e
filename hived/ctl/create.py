"""hivectl new: make an agent."""

import argparse
import posixpath
from pathlib import Path
from typing import Any

from hived.ctl.run import Run, UsageError, takes_json
from hived.names import ROLES

_AS_GIVEN = (
    "agent",
    "driver",
    "model",
    "fallback",
    "role",
    "parent",
    "allow",
    "tools",
    "recipients",
    "idle_limit_s",
    "tool_limit_s",
)
_PATHS = ("workdir", "env_file", "config_dir", "prompt_file")


def new_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("agent", metavar="NAME", help="a-z, 0-9 and single - or _ between them")
    add("--driver", metavar="NAME", help="claude or rehearsal; else as hive.toml says")
    add("--workdir", metavar="DIR", help="where the CLI runs; else a folder of its own")
    add("--model", metavar="M", help="as the CLI takes it")
    add("--fallback", metavar="M", help="the model where the other is not to be had")
    add("--role", choices=ROLES, help="worker is the default")
    add("--parent", metavar="AGENT", help="the agent it answers to")
    add("--allow", metavar="RULE", action="append", help="a permission rule (repeatable)")
    add("--tool", metavar="T", action="append", dest="tools", help="a built-in tool (repeatable)")
    add("--recipient", metavar="R", action="append", dest="recipients", help="whom it may write to")
    add("--env-file", metavar="FILE", help="NAME=value lines for the CLI; secrets go here")
    add("--config-dir", metavar="DIR", help="the CLI's configuration folder; else one of its own")
    add("--prompt-file", metavar="FILE", help="text appended to the CLI's system prompt")
    add("--program", metavar="P", help="the CLI's program")
    add("--idle-limit", metavar="S", type=_seconds, dest="idle_limit_s", help="of silence")
    add("--tool-limit", metavar="S", type=_seconds, dest="tool_limit_s", help="of one tool's run")
    add("--option", metavar="K=V", action="append", default=[], help="a setting of the driver")
    add("--scenario", metavar="FILE", help="what the rehearsal driver plays")
    add("--stopped", action="store_true", help="do not start it yet")
    takes_json(parser)


def new(run: Run) -> int:
    """Create an agent; 0."""
    answer = run.client.call("new", **_params(run.args))
    state = "made, not started" if run.args.stopped else "made and started"
    run.say(answer, f"{answer['agent']}: {state}")
    return 0


def _params(args: argparse.Namespace) -> dict[str, Any]:
    params: dict[str, Any] = {name: getattr(args, name) for name in _AS_GIVEN}
    for name in _PATHS:
        path = getattr(args, name)
        params[name] = absolute(path) if path else None
    # A program without a slash is looked for on the PATH of the agent, not of who typed this.
    program = args.program
    params["program"] = absolute(program) if program and "/" in program else program
    options = dict(_option(text) for text in args.option)
    if args.scenario:
        if args.driver not in (None, "rehearsal"):
            raise UsageError("--scenario is for the rehearsal driver", "leave out --driver")
        options["scenario"] = absolute(args.scenario)
        params["driver"] = "rehearsal"
    params["options"] = options or None
    params["start"] = False if args.stopped else None
    return params


def absolute(path: str) -> str:
    """The path made absolute from here: hived runs elsewhere."""
    return posixpath.abspath(Path(path).expanduser())


def _option(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise UsageError(f"--option takes NAME=VALUE, not {text!r}")
    return name, value


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 < seconds < 1e7:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds")
    return seconds
