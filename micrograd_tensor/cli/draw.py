"""``micrograd-tensor draw``: the circuit of a function in a file, or of a built-in graph, as a picture or a listing."""

from __future__ import annotations

import argparse
import shutil
import sys
import webbrowser
from pathlib import Path
from typing import Any

from ..draw import DrawError, draw
from ..draw.ascii import LEAST, WIDTH
from ..draw.circuit import FORMATS, format_of
from ..graph import Graph, Node, graph
from .chosen import Chosen, add_graph_options, axis_names_of, chosen, list_built_in
from .console import console
from .outputs import add_json, aside, check_json, source_of, to_stdout, writable, write_json
from .pictures import add_picture_options, picture_options
from .unusable import UnusableError, unusable


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the subcommand's options to its parser, and the function that runs them."""
    add_graph_options(
        parser,
        "draw",
        "Draw a recorded graph, forward and backward, and save the picture.",
        "0 drawn, 2 the file, the function or an option is unusable.",
    )
    add = parser.add_argument
    add("-o", "--output", type=Path, metavar="FILE", help=".svg .png .pdf .html .dot or .txt (default: NAME.svg)")
    add("--format", choices=FORMATS, help="of the picture (default: by the suffix of -o)")
    add_picture_options(parser)
    add("--against", metavar="FILE.py:FUNCTION|NAME", help="the other graph, for the view difference")
    add("--open", action="store_true", help="open the picture in the browser")
    add_json(parser)
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    """Run the subcommand; returns the exit status."""
    if given.list:
        return list_built_in()
    to_terminal = given.view == "ascii" and given.output is None and given.format is None
    if to_terminal and given.open:
        raise UnusableError("draw: --open needs a file; give -o circuit.svg")
    sources = source_of(given.graph), source_of(given.against)
    if given.output is not None:
        _check_suffix(given.output, given.format)
        writable(given.output, *sources)
    check_json(given, *sources, given.output)
    with aside(given):
        shown = chosen("draw", given.graph, given.seed)
        other = chosen("draw", given.against, given.seed) if given.against else None
    path = given.output or Path(f"{shown.name}.{given.format or 'svg'}")
    if not to_terminal:
        writable(path, *sources)
    terminal = console(quiet=to_stdout(given))
    options = picture_options(given)
    if to_terminal and given.width == "page":
        options["width"] = _columns()
    with unusable(given.graph):
        circuit = draw(
            shown.outputs,
            shown.upstream,
            against=other and _captured(other),
            dims=axis_names_of(given),
            **options,
        )
        if to_terminal:
            terminal.say(circuit.listing(sys.stdout.encoding).rstrip("\n"))
        else:
            circuit.save(path, given.format)
            terminal.say(f"{shown.name}: {circuit.description}{shown.said}")
            terminal.say(f"circuit: {path}")
        if given.json is not None:
            about = {"graph": given.graph, "seed": given.seed, "circuit": None if to_terminal else path}
            write_json(given.json, about | _report(_captured(shown)), *sources, path)
    if given.open and not webbrowser.open(path.resolve().as_uri()):
        terminal.say(f"no browser can be opened; the picture is at {path.resolve().as_uri()}")
    return 0


def _check_suffix(path: Path, kind: str | None) -> None:
    """Reject an unknown format before running anything."""
    try:
        format_of(path, kind)
    except DrawError as error:
        raise UnusableError(str(error)) from None


def _captured(of: Chosen) -> Graph:
    """The graph itself."""
    return of.outputs if isinstance(of.outputs, Graph) else graph(of.outputs, of.upstream)


def _report(shown: Graph) -> dict[str, Any]:
    """What programs read: the nodes, whose operands are numbers of nodes, or constants as text."""
    return {
        "outputs": [node.rank for node in shown.outputs],
        "forward": [_node(node) for node in shown.nodes],
        "backward": [_node(node) for node in shown.backward],
    }


def _node(node: Node) -> dict[str, Any]:
    return {
        "number": node.rank,
        "name": node.name,
        "op": node.op.name if node.op else None,
        "operands": [x.rank if isinstance(x, Node) else repr(x) for x in node.operands],
        "shape": node.shape,
        "dtype": str(node.dtype),
        "scope": node.path,
    }


def _columns() -> int:
    """The width of the terminal, or the default of listings if there is none."""
    return max(shutil.get_terminal_size((WIDTH, 0)).columns, LEAST) if sys.stdout.isatty() else WIDTH
