"""The command line: its subcommands, and what happens to errors."""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Sequence

from .. import __version__
from . import batchnorm, bench, check, derive, draw, summary, train
from .unusable import UnusableError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with these arguments, by default the process's own.

    Returns:
        The exit status: 0 for success, 1 where something is wrong, 2 for unusable input, which one line explains.
    """
    parser = argparse.ArgumentParser(
        prog="micrograd-tensor",
        description="Record a computation as a graph of elementary ops; run it, draw it, derive and check gradients.",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in (batchnorm, check, derive, draw, train, summary, bench):
        command.add_to(commands)
    given = parser.parse_args(arguments)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a question mark for a Σ that the terminal lacks beats a traceback
    try:
        status: int = given.run(given)
        sys.stdout.flush()
    except UnusableError as error:
        print(f"micrograd-tensor: {error}", file=sys.stderr)  # noqa: T201 -- a command talks
        return 2
    except BrokenPipeError:  # the reader, such as `head`, has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return 130
    return status
