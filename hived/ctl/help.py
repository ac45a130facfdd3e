"""hivectl help and version."""

import argparse

from hived import __version__
from hived.ctl.run import Run, UsageError, arguments_of, takes_json
from hived.ctl.topics import TOPICS
from hived.ctl.verbs import GROUPS, VERBS
from hived.ctl.words import pad
from hived.errors import HivedError


def help_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("topic", metavar="VERB|TOPIC", nargs="?", help=", ".join(TOPICS))


def help(run: Run) -> int:
    """Print the list of verbs, the help of one, or a topic; 0."""
    topic = run.args.topic
    if topic is None:
        _overview(run)
    elif topic in TOPICS:
        run.console.out.write(TOPICS[topic])
    elif topic in VERBS:
        run.console.out.write(arguments_of(topic, VERBS[topic]).format_help())
    else:
        raise UsageError(f"there is no help on {topic!r}", "all verbs and topics: hivectl help")
    return 0


def _overview(run: Run) -> None:
    line = run.console.line
    line("hivectl: see and steer a hive of coding agents")
    line()
    line("usage: hivectl VERB ...        hivectl VERB --help        hivectl help TOPIC")
    for group in GROUPS:
        line()
        line(group, "bold")
        for name, verb in VERBS.items():
            if verb.group == group:
                line(f"  {pad(name, 12)}  {verb.summary}")
    line()
    line(f"Topics: {', '.join(TOPICS)}.")
    line("Names of agents may be cut to a prefix that only they have.")


def version_arguments(parser: argparse.ArgumentParser) -> None:
    takes_json(parser)


def version(run: Run) -> int:
    """Print hivectl's version, and that of the hived it speaks to where one runs; 0."""
    try:
        answer = run.client.call("daemon_status")
        daemon = answer["version"]
    except HivedError as error:
        if error.code != "no_daemon":
            raise
        daemon = None
    if run.json:
        run.console.document({"hivectl": __version__, "hived": daemon})
    else:
        run.console.line(f"hivectl {__version__}, " + (f"hived {daemon}" if daemon else "no hived"))
    return 0
