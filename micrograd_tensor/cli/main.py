"""The command line: one way in, and one way out of whatever happens."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence

from ..launched import interruptible
from ..notation.alphabet import visible
from .parser import parser
from .streams import ready, silence
from .unusable import UnusableError, brief

TRACEBACK = "MICROGRAD_TENSOR_TRACEBACK"
"""The environment variable that asks for the traceback of an error that nobody expected."""


@interruptible()
def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with these arguments, by default the process's own.

    Returns:
        The exit status: 0 for success, 1 where something is wrong, 2 for unusable input or output, which one line
        explains, 130 after Ctrl-C.
    """
    ready()
    try:
        return _run(arguments)
    except UnusableError as error:
        return _told(str(error))
    except BrokenPipeError:  # the reader, such as `head`, has had enough
        silence(sys.stdout)
        return 0
    except KeyboardInterrupt:
        exec("")  # noqa: S102 -- Python ends by the signal if the last text that ran, as of a dataclass, was interrupted
        return _told("interrupted", 130)
    except OSError as error:  # of the terminal, as a rule: who reads or writes a file says which
        silence(sys.stdout)
        what = f"{error.filename}:" if error.filename else "standard output cannot be written:"
        return _told(f"{what} {error.strerror or error}")
    except Exception as error:  # a fault of this program, or of a library's
        if sys.stdout.closed:
            return _told("standard output was closed, by the file that was run")
        if os.environ.get(TRACEBACK):
            traceback.print_exc()
        reason = " ".join(str(error).split()) or "no reason given"
        return _told(f"unexpected {type(error).__name__}: {reason} ({TRACEBACK}=1 shows where)")


def _run(arguments: Sequence[str] | None) -> int:
    try:
        given = parser().parse_args(arguments)
        return int(given.run(given))
    finally:
        if not sys.stdout.closed:
            sys.stdout.flush()  # here an error of the terminal's still has a handler


def _told(what: str, status: int = 2) -> int:
    """Say what ended the command; returns the exit status."""
    try:
        print(f"micrograd-tensor: {visible(brief(what))}", file=sys.stderr, flush=True)  # noqa: T201 -- a command talks
    except OSError:
        silence(sys.stderr)
    return status
