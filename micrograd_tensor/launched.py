"""Launched: where this process is the command, Ctrl-C ends it without a traceback while the rest is imported.

The package imports this first of all, and its import is what does it.
"""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_MODULES = ("micrograd_tensor", "micrograd_tensor.cli")
"""What ``python -m`` runs as the command."""


def is_command() -> bool:
    """Whether this process is the command, begun by its launcher or by ``python -m``."""
    program = sys.argv[0] if sys.argv else ""
    if program == "-m":  # as long as Python looks for the module
        return sys.orig_argv[-len(sys.argv)] in _MODULES
    return os.path.splitext(os.path.basename(program))[0] == "micrograd-tensor"  # noqa: PTH119, PTH122 -- at once


def leave_to_the_system() -> None:
    """Until `interruptible`, Ctrl-C ends the process at once, if this is the command."""
    ours = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if ours and is_command() and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_DFL)


@contextmanager
def interruptible() -> Iterator[None]:
    """Within the block, Ctrl-C is a KeyboardInterrupt again; afterwards it is what it was."""
    left = signal.getsignal(signal.SIGINT) is signal.SIG_DFL and threading.current_thread() is threading.main_thread()
    if left:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        if left:
            signal.signal(signal.SIGINT, signal.SIG_DFL)


leave_to_the_system()
