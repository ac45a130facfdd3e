"""The program `hived`: its arguments, and one run of the daemon with an exit status."""

import argparse
import logging
import os
import sys
from collections.abc import Callable

import trio

from hived import __version__
from hived.daemon import Daemon, Parts, open_parts
from hived.errors import HivedError, first_of
from hived.foreground import bring_up_sample, lay_out_sample, print_log
from hived.housekeeping import settle
from hived.paths import Home


def main(argv: list[str] | None = None) -> int:
    """The program `hived`. argv: its arguments, those of the process if None."""
    parser = argparse.ArgumentParser(
        prog="hived",
        description="Keep a hive of coding agents alive. Runs until stopped; see hivectl.",
    )
    parser.add_argument("--home", help="keep everything below this folder (as HIVED_HOME does)")
    parser.add_argument(
        "--sample",
        action="store_true",
        help="bring up the sample hive, print the log, end the turns on Ctrl-C",
    )
    parser.add_argument("--show-log", action="store_true", help="print events as they happen")
    parser.add_argument(
        "--websocket",
        type=int,
        metavar="PORT",
        help="mirror the API on a websocket on 127.0.0.1 (token in STATE/websocket-token)",
    )
    parser.add_argument(
        "--verify",
        action="store_true",
        help="read the whole log back, say what is wrong with it, and end (5 if something is)",
    )
    parser.add_argument("--version", action="version", version=f"hived {__version__}")
    options = parser.parse_args(argv)
    logging.basicConfig(
        level=logging.WARNING if options.sample else logging.INFO,
        format="%(asctime)s %(name)s: %(message)s",
    )
    environ = dict(os.environ) | ({"HIVED_HOME": options.home} if options.home else {})
    try:
        home = Home.find(environ, os.getcwd)
        if options.verify:
            from hived.verifying import verify_store  # no daemon is to carry it

            return verify_store(home)
        if options.sample:
            lay_out_sample(home)
    except HivedError as error:
        return _told(error)

    def build(parts: Parts) -> Daemon:
        daemon = Daemon(parts, options.sample, options.websocket)
        if options.sample:
            daemon.extras.append(bring_up_sample)
        if options.sample or options.show_log:
            daemon.extras.append(print_log)
        return daemon

    return run_daemon(build, home)


def run_daemon(daemon_of: Callable[[Parts], Daemon], home: Home) -> int:
    """Open, run, close; the process's exit status. Errors are told on stderr, with a hint."""
    try:
        parts = open_parts(home)
    except HivedError as error:
        return _told(error)
    settle(whole=True)  # the state lives as long as the daemon
    try:
        trio.run(daemon_of(parts).run)
        return 0
    except BaseExceptionGroup as group:
        known, rest = group.split(HivedError)
        if known is None or rest is not None:
            raise
        return _told(first_of(known))
    finally:
        parts.log.close()


def _told(error: HivedError) -> int:
    print(f"hived: {error.message} [{error.code}]", file=sys.stderr)
    if error.hint:
        print(f"hint: {error.hint}", file=sys.stderr)
    return 1
