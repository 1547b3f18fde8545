"""The command line's parser: it loads a subcommand when that is asked for, and answers what is misspelled."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from difflib import get_close_matches
from importlib import import_module
from typing import Any, NoReturn

from ..notation.alphabet import visible
from .unusable import brief

COMMANDS = {
    "batchnorm": "normalize a data set; show values, gradients and circuit; compare with gradients derived by hand",
    "check": "judge a hand-derived backward pass, stage by stage, with hints",
    "derive": "derive the gradients of your function, or of a built-in graph, step by step and in closed form",
    "draw": "draw the circuit of your function, or of a built-in graph",
    "train": "train a batch-normalized net on handwritten digits",
    "summary": "list a net's layers, with shapes, parameters and memory",
    "bench": "measure compiled functions beside others on this machine",
    "doctor": "say what works here, and what to do about what does not",
    "completion": "print a script by which a shell completes commands and options",
}
"""What each subcommand does; its options are in the module of that name."""


class Parser(argparse.ArgumentParser):
    """A parser whose options, if it is a subcommand's, come from that one's module when it is first used."""

    def __init__(self, *args: Any, module: str = "", **settings: Any) -> None:
        super().__init__(*args, **settings)
        self._module = module
        self.commands: dict[str, Parser] = {}

    def loaded(self) -> Parser:
        """The parser itself, with its options."""
        if self._module:
            module, self._module = self._module, ""
            import_module(f".{module}", __package__).add_options(self)
        return self

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse; a subcommand leaves nothing for others to refuse, whose usage would be another's."""
        given, left = super(Parser, self.loaded()).parse_known_args(args, namespace)
        if left and self._subparsers is None:
            options = [option for action in self._actions for option in action.option_strings]
            word = left[0].partition("=")[0]
            self.error(f"unrecognized arguments: {' '.join(left)}{_nearest(word, options)}")
        return given, left

    def _get_values(self, action: argparse.Action, arg_strings: list[str]) -> Any:
        """The value of an option, for which some Pythons take the "--" of ``--seed=--`` to be none at all."""
        if action.option_strings and "--" in arg_strings:
            raise argparse.ArgumentError(action, f"expected a value, not {arg_strings[0]!r}")
        return super()._get_values(action, arg_strings)

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """Refuse what is no choice, and name the nearest."""
        if action.choices is not None and value not in action.choices:
            choices = [*map(str, action.choices)]
            near = _nearest(str(value), choices)
            raise argparse.ArgumentError(action, f"invalid choice: {value!r}{near} (choose from {', '.join(choices)})")

    def _print_message(self, message: str, file: Any = None) -> None:
        """Print; unlike argparse, a full disk is an error."""
        (file or sys.stderr).write(message)

    def error(self, message: str) -> NoReturn:
        """End with the usage and a line that says what is wrong."""
        super().error(visible(brief(message)))


def _nearest(word: str, known: Iterable[str]) -> str:
    close = get_close_matches(word, known, 1)
    return f"; did you mean {close[0]}?" if close else ""


def parser() -> Parser:
    """The parser of the command line."""
    from .. import __version__

    made = Parser(
        prog="micrograd-tensor",
        description="Record a computation as a graph of elementary ops; run it, draw it, derive and check gradients.",
    )
    made.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    added = made.add_subparsers(title="commands", metavar="COMMAND", required=True, parser_class=Parser)
    for name, does in COMMANDS.items():
        made.commands[name] = added.add_parser(name, help=does, module=name)
    return made


def whole() -> Parser:
    """The parser of the command line, all of whose subcommands are loaded, for who reads what options there are."""
    made = parser()
    for command in made.commands.values():
        command.loaded()
    return made
