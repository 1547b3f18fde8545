"""``micrograd-tensor derive``: the derivation of a function's gradients, or of a built-in graph's, as page or code."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ..derive import derive
from ..derive.contents import Formula
from ..derive.derivation import Derivation, kind_of
from ..graph.axes import AxisNames
from ..notation import ONE_LINE, Typeset
from .chosen import add_graph_options, axis_names_of, chosen, list_built_in
from .console import console
from .outputs import add_json, aside, check_json, source_of, to_stdout, writable, write, write_json
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
    add_json(parser)
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
    check_json(given, source_of(given.graph), given.output)
    with aside(given):
        derived = chosen("derive", given.graph, given.seed)
    lengths: AxisNames = axis_names_of(given)
    with unusable(given.graph):
        page = derive(derived.outputs, derived.upstream, lengths, exercise=given.exercise)
        kind = kind_of(given.output, beamer=given.beamer) if given.output is not None else ""
        text = page.text(kind, closed=given.closed, beamer=given.beamer)
        report = _report(page, given)
    terminal = console(quiet=to_stdout(given))
    if given.output is None:
        terminal.say(text)
    else:
        write(given.output, text)
        terminal.say(f"{derived.name}: {len(page.steps)} steps{derived.said}")
        terminal.say(f"derivation: {given.output}")
    write_json(given.json, {"graph": given.graph, "seed": given.seed, **report}, source_of(given.graph))
    return 0


def _report(page: Derivation, given: argparse.Namespace) -> dict[str, Any]:
    """What programs read."""
    contents = page.contents(closed=given.closed)
    said, back = contents.languages(ONE_LINE, "…")
    steps: dict[bool, list[Any]] = {True: [], False: []}
    for section in contents.sections:
        language = said if section.forward else back
        formulas = [_formula(formula, language) for formula in section.formulas]
        step = {"number": section.number, "value": section.name, "gate": section.gate, "formulas": formulas}
        steps[section.forward].append(step)
    return {
        "given": contents.given,
        "forward": steps[True],
        "backward": steps[False],
        "closed_form": [_formula(formula, said) for formula in contents.closed_form],
        "derivation": given.output,
    }


def _formula(formula: Formula, language: Typeset) -> dict[str, str]:
    return {"text": formula.write(language), "shape": formula.shape}
