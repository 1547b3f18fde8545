"""``micrograd-tensor completion SHELL``: the script by which a shell completes commands, options and their values."""

from __future__ import annotations

import argparse
from importlib import import_module
from typing import Any

from .console import say
from .unusable import UnusableError

SHELLS = ("bash", "zsh", "tcsh")
_FILES = ("FILE", "DIR", "FILE|DIR")
"""The metavars of arguments that are paths, as are those that begin with FILE.py."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the subcommand's options to its parser, and the function that runs them."""
    parser.description = (
        "Print a script for your shell, which then completes commands, options, their values, and files. For bash put "
        '`eval "$(micrograd-tensor completion bash)"` in ~/.bashrc; for zsh write it to a file `_micrograd-tensor` in '
        "a folder of `$fpath`. It is made by shtab: `pip install 'micrograd-tensor[completion]'`. Exit status: 0, or 2 "
        "without shtab."
    )
    parser.add_argument("shell", choices=SHELLS, metavar="SHELL", help=f"one of {', '.join(SHELLS)}")
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    """Run the subcommand; returns the exit status."""
    try:
        shtab = import_module("shtab")
    except ImportError:
        raise UnusableError("completion is made by shtab: pip install 'micrograd-tensor[completion]'") from None
    say(script(shtab, given.shell))
    return 0


def script(shtab: Any, shell: str) -> str:
    """The script of a shell, from the parsers of all commands."""
    from .parser import whole

    parser = whole()
    for command in (parser, *parser.commands.values()):
        for action in command._actions:
            metavar = str(action.metavar or "")
            if metavar in _FILES or metavar.startswith("FILE.py"):
                action.complete = shtab.FILE  # type: ignore[attr-defined] # it is how shtab is told
    made: str = shtab.complete(parser, shell=shell)
    return made.rstrip("\n")
