"""``micrograd-tensor derive``: the derivation of a function's gradients, or of a built-in graph's, as page or code."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..derive import derive
from ..derive.derivation import kind_of
from ..graph.axes import AxisNames
from .chosen import add_graph_options, axis_names_of, chosen, list_built_in
from .console import say
from .outputs import source_of, writable, write
from .unusable import UnusableError, unusable


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the subcommand's options to its parser, and the function that runs them."""
    add_graph_options(
        parser,
        "derive",
        "Derive the gradients of a recorded graph, gate by gate and in closed form.",
        "0 derived, 2 the file, the function or an option is unusable, or there is no closed form.",
    )
    add = parser.add_argument
    add("-o", "--output", type=Path, metavar="FILE", help=".md .tex .html .ipynb or .py (default: text, here)")
    add("--closed", action="store_true", help="the closed form alone")
    add("--exercise", action="store_true", help="leave the backward pass blank, for others to fill in")
    add("--beamer", action="store_true", help="slides, for a file that ends in .tex")
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    """Run the subcommand; returns the exit status."""
    if given.list:
        return list_built_in()
    if given.output is None and given.beamer:
        raise UnusableError("derive: --beamer makes a file; give -o slides.tex")
    if given.output is not None:
        try:
            kind_of(given.output, beamer=given.beamer)
        except ValueError as error:
            raise UnusableError(str(error)) from None
        writable(given.output, source_of(given.graph))
    derived = chosen("derive", given.graph, given.seed)
    lengths: AxisNames = axis_names_of(given)
    with unusable(given.graph):
        page = derive(derived.outputs, derived.upstream, lengths, exercise=given.exercise)
        if given.output is None:
            say(page.text(closed=given.closed))
            return 0
        text = page.text(kind_of(given.output, beamer=given.beamer), closed=given.closed, beamer=given.beamer)
    write(given.output, text)
    say(f"{derived.name}: {len(page.steps)} steps{derived.said}")
    say(f"derivation: {given.output}")
    return 0
