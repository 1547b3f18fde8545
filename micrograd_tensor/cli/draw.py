"""``micrograd-tensor draw``: the circuit of a function in a file, or of a built-in graph, as a picture or a listing."""

from __future__ import annotations

import argparse
import inspect
import shutil
import sys
import webbrowser
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from ..draw import DrawError, draw
from ..draw.ascii import LEAST, WIDTH
from ..draw.circuit import format_of
from ..draw.options import DETAILS, THEMES
from ..draw.views import VIEWS
from ..engine.errors import DTypeError, GradientError, ShapeError
from ..engine.tensor import Tensor
from ..graph import Graph, graph
from ..graph.axes import AxisNames
from ..graph.nodes import nearest
from .arguments import finite_number, whole_number
from .builtin_graphs import BUILTINS, made
from .unusable import UnusableError
from .user_file import blamed, user_file


def add_to(commands: Any) -> None:
    """Add the subcommand to the command line's parser."""
    parser = commands.add_parser(
        "draw",
        help="draw the circuit of your function, or of a built-in graph",
        description="Draw a recorded graph, forward and backward, and save the picture. FILE.py:FUNCTION names a "
        "function without arguments that returns a Tensor, a Tensor with its upstream gradient, or a Graph; without an "
        "upstream one is drawn at random from the seed, and for a single number it is 1. The file is executed, so name "
        f"only one that you trust. A NAME alone is a built-in graph: {', '.join(BUILTINS)}. Exit status: 0 drawn, 2 "
        "the file, the function or an option is unusable.",
    )
    add = parser.add_argument
    add("graph", nargs="?", metavar="FILE.py:FUNCTION|NAME", help="what to draw")
    add("-o", "--output", type=Path, metavar="FILE", help=".svg .png .pdf .html .dot or .txt (default: NAME.svg)")
    add("--view", choices=VIEWS, default="overlay", help="what is shown (default: overlay); ascii is for the terminal")
    add("--at", action="append", default=[], metavar="WHAT", help="number of a gate, or name; twice for a path's ends")
    add("--against", metavar="FILE.py:FUNCTION|NAME", help="the other graph, for the view difference")
    add("--detail", choices=DETAILS, default="full", help="what wires show of their values (default: full)")
    add("--depth", type=whole_number(), metavar="N", help="draw scopes nested deeper than this as boxes")
    add("--collapse", action="append", default=[], metavar="SCOPE", help="draw this scope as a box; may be repeated")
    add("--theme", choices=THEMES, default="auto", help="default: auto, which follows the page")
    add(
        "--width",
        type=partial(finite_number, positive=True),
        metavar="N",
        help="maximum width: pixels, or columns for ascii",
    )
    add(
        "--dims",
        action="append",
        default=[],
        type=_dim,
        metavar="N=x:0",
        help="name an axis, or its length: N=7; may be repeated",
    )
    add("--seed", type=whole_number(), default=0, help="seed of a missing upstream gradient (default: 0)")
    add("--open", action="store_true", help="open the picture in the browser")
    add("--list", action="store_true", help="list the built-in graphs")
    parser.set_defaults(run=run)


def _dim(text: str) -> tuple[str, int | tuple[str, int]]:
    name, _, axis = text.partition("=")
    value, colon, number = axis.rpartition(":")
    if not name or not number.isdecimal() or bool(colon) != bool(value):
        raise argparse.ArgumentTypeError(f"{text!r} names no axis; write N=x:0 for axis 0 of x, or N=7 for its length")
    return name, (value, int(number)) if value else int(number)


class Chosen(NamedTuple):
    """What to draw: outputs or a graph, the upstream gradient of outputs, and where that comes from."""

    name: str
    outputs: Any
    upstream: Any = None
    said: str = ""


def run(given: argparse.Namespace) -> int:
    """Run the subcommand; returns the exit status."""
    if given.list:
        for name, builtin in BUILTINS.items():
            _say(f"{name:<21}  {builtin.shows}")
        return 0
    if given.graph is None:
        raise UnusableError("draw: give FILE.py:FUNCTION, or the NAME of a built-in graph; --list lists these")
    to_terminal = given.view == "ascii" and given.output is None
    if to_terminal and given.open:
        raise UnusableError("draw: --open needs a file; give -o circuit.svg")
    if given.output is not None:
        _check_suffix(given.output)
        source = Path(given.graph.rpartition(":")[0])
        if given.output.exists() and source.is_file() and given.output.samefile(source):
            raise UnusableError(f"draw: {given.output} is {source} itself, which stays as it is; give another file")
    chosen = _chosen(given.graph, given.seed)
    lengths: AxisNames = dict(given.dims) or (BUILTINS[given.graph].dims if given.graph in BUILTINS else {})
    width = _columns() if to_terminal and given.width is None else given.width
    try:
        circuit = draw(
            chosen.outputs,
            chosen.upstream,
            view=given.view,
            at=_at(given.at),
            against=_other(given.against, given.seed) if given.against else None,
            detail=given.detail,
            depth=given.depth,
            collapse=given.collapse,
            theme=given.theme,
            dims=lengths,
            width=width,
        )
        if to_terminal:
            _say(circuit.listing(sys.stdout.encoding).rstrip("\n"))
            return 0
        written = circuit.save(given.output or Path(f"{chosen.name}.svg"))
    except (DrawError, DTypeError, GradientError, ShapeError) as error:
        raise UnusableError(f"{given.graph}: {error}") from None
    _say(f"{chosen.name}: {circuit.description}{chosen.said}")
    _say(f"circuit: {written}")
    if given.open and not webbrowser.open(written.resolve().as_uri()):
        _say(f"no browser can be opened; the picture is at {written.resolve().as_uri()}")
    return 0


def _check_suffix(path: Path) -> None:
    """Reject an unknown format before running anything."""
    try:
        format_of(path, None)
    except DrawError as error:
        raise UnusableError(str(error)) from None


def _chosen(place: str, seed: int) -> Chosen:
    """What a place on the command line names.

    Raises:
        UnusableError: for what there is not, and for a function that fails or returns something else.
    """
    if place in BUILTINS:
        output, upstream = made(place, seed)
        said = "numbers and upstream gradient drawn" if output.shape else "upstream gradient 1, numbers drawn"
        return Chosen(place, output, upstream, f"; {said} from seed {seed}")
    file, colon, name = place.rpartition(":")
    if not colon and place.endswith(".py"):
        raise UnusableError(f"draw: {place} is a file; name a function in it too, such as {place}:circuit")
    if not colon or not name:
        raise UnusableError(f"draw: {place!r} is not a built-in graph{nearest(place, BUILTINS)}; --list lists them")
    path = Path(file)
    with user_file(path) as module:
        function = _function(module, path, name)
        with blamed(path, f"ends in {name}"):
            result = function()
        return _read(result, path, name, seed)


def _function(module: ModuleType, path: Path, name: str) -> Any:
    own = [key for key, value in vars(module).items() if inspect.isfunction(value) and not key.startswith("_")]
    function = getattr(module, name, None)
    if not callable(function):
        raise UnusableError(f"{path} has no function {name!r}{nearest(name, own)}")
    try:
        inspect.signature(function).bind()
    except TypeError as error:
        raise UnusableError(f"{path}: {name} takes arguments ({error}); name a function without arguments") from None
    except ValueError:  # functions written in C have no signature
        pass
    return function


def _read(result: Any, path: Path, name: str, seed: int) -> Chosen:
    """What a function returned, with an upstream gradient if it gave none."""
    if isinstance(result, Graph):
        return Chosen(name, result)
    if isinstance(result, tuple) and len(result) == 2 and isinstance(result[0], Tensor):
        return Chosen(name, *result)
    outputs = [result] if isinstance(result, Tensor) else list(result) if isinstance(result, list) else []
    if not outputs or not all(isinstance(out, Tensor) for out in outputs):
        kind = f"a tuple of {len(result)}" if isinstance(result, tuple) else f"a {type(result).__name__}"
        raise UnusableError(
            f"{path}: {name}() returned {'None' if result is None else kind}; "
            "return a Tensor, (Tensor, upstream gradient), a list of Tensors or a Graph"
        )
    if not all(out.requires_grad for out in outputs):
        return Chosen(name, outputs, None, "; no upstream gradient, since not every output needs gradients")
    rng = np.random.default_rng(seed)
    upstream = [rng.normal(size=out.shape).astype(out.dtype) if out.shape else 1.0 for out in outputs]
    ones = all(not out.shape for out in outputs)
    return Chosen(name, outputs, upstream, f"; upstream gradient {'1' if ones else f'drawn from seed {seed}'}")


def _other(place: str, seed: int) -> Graph:
    """The graph to compare with."""
    other = _chosen(place, seed)
    return other.outputs if isinstance(other.outputs, Graph) else graph(other.outputs, other.upstream)


def _at(given: Sequence[str]) -> Any:
    """No place, one or several: numbers of gates, or names."""
    places = tuple(int(place) if place.isdecimal() else place for place in given)
    return (places[0] if len(places) == 1 else places) if places else None


def _columns() -> int:
    """The width of the terminal, or the default of listings if there is none."""
    return max(shutil.get_terminal_size((WIDTH, 0)).columns, LEAST) if sys.stdout.isatty() else WIDTH


def _say(text: str) -> None:
    print(text)  # noqa: T201 -- a command talks
