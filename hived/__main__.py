"""The program `hived`, as a command and as `python -m hived`."""

import signal
import sys


def main() -> int:
    """Run hived with the arguments of this process; its exit status."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        # Until hived obeys signals there is nothing to wind down: Ctrl-C ends it, without a trace,
        # and so from before the imports on, which take most of a start.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from hived import main as program

    return program.main()


if __name__ == "__main__":
    sys.exit(main())
