"""Chosen: the graph that an argument names, built in or made by a function in a file, and the names of its axes."""

from __future__ import annotations

import argparse
import inspect
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from ..draw.circuit import flat
from ..engine.recording import record_all
from ..engine.tensor import Tensor
from ..graph import Graph
from ..graph.axes import AxisNames
from ..graph.nodes import nearest
from . import exercise
from .arguments import whole_number
from .builtin_graphs import BUILTINS, made
from .console import say
from .unusable import UnusableError
from .user_file import blamed, user_file
from .variables import named_by_variables

SUMMARY = (
    "FILE.py:FUNCTION names a function without arguments that returns a Tensor, a Tensor with its upstream gradient, "
    "or a Graph, or one whose arguments inputs() in the file returns, and which returns a Tensor; what has no name is "
    "called as the function's variables are. Without an upstream one is drawn at random from the seed, and for a "
    "single number it is 1. The file is executed, so name only one that you trust. A NAME alone is a built-in graph: "
    f"{', '.join(BUILTINS)}."
)
"""What a command that takes a graph says of it."""


def add_graph_options(parser: argparse.ArgumentParser, name: str, does: str, status: str) -> None:
    """Add what a subcommand that takes a graph says of itself, and the options that name it and its axes.

    Args:
        parser: of the subcommand.
        name: of the subcommand, which is what it does with the graph, such as "draw".
        does: what it does, as a sentence.
        status: what its exit status says.
    """
    parser.description = f"{does} {SUMMARY} Exit status: {status}"
    add = parser.add_argument
    add("graph", nargs="?", metavar="FILE.py:FUNCTION|NAME", help=f"what to {name}")
    add_dims(parser)
    add(
        "--seed",
        type=whole_number(),
        default=0,
        help="seed of a missing upstream gradient, and of what the file draws at random (default: 0)",
    )
    add("--list", action="store_true", help="list the built-in graphs")


def add_dims(parser: argparse.ArgumentParser) -> None:
    """Add the option that names axes."""
    parser.add_argument(
        "--dims",
        action="append",
        default=[],
        type=_dim,
        metavar="N=x:0",
        help="name an axis, or its length: N=7; may be repeated",
    )


def _dim(text: str) -> tuple[str, int | tuple[str, int]]:
    name, _, axis = text.partition("=")
    value, colon, number = axis.rpartition(":")
    if not name or not number.isdecimal() or bool(colon) != bool(value):
        raise argparse.ArgumentTypeError(f"{text!r} names no axis; write N=x:0 for axis 0 of x, or N=7 for its length")
    return name, (value, int(number)) if value else int(number)


class Chosen(NamedTuple):
    """Outputs or a graph, the upstream gradient of outputs, and where that comes from."""

    name: str
    outputs: Any
    upstream: Any = None
    said: str = ""


def axis_names_of(given: argparse.Namespace) -> AxisNames:
    """The names of axes that were given, or those of a built-in graph."""
    return asked_dims(given) or (BUILTINS[given.graph].dims if given.graph in BUILTINS else {})


def asked_dims(given: argparse.Namespace) -> AxisNames:
    """The names of axes that were given."""
    places: dict[str, list[Any]] = {}
    for name, place in given.dims:
        places.setdefault(name, []).append(place)
    return {name: several if len(several) > 1 else several[0] for name, several in places.items()}


def list_built_in() -> int:
    """Print the built-in graphs; returns the exit status."""
    for name, builtin in BUILTINS.items():
        say(f"{name:<21}  {builtin.shows}")
    return 0


def chosen(command: str, place: str | None, seed: int) -> Chosen:
    """What a place on the command line names.

    Raises:
        UnusableError: for what there is not, and for a function that fails or returns something else.
    """
    if place is None:
        raise UnusableError(f"{command}: give FILE.py:FUNCTION, or the NAME of a built-in graph; --list lists these")
    if place in BUILTINS:
        output, upstream = made(place, seed)
        said = "numbers and upstream gradient drawn" if output.shape else "upstream gradient 1, numbers drawn"
        return Chosen(place, output, upstream, f"; {said} from seed {seed}")
    file, colon, name = place.rpartition(":")
    if place.removesuffix(":").endswith(".py"):
        named = place.removesuffix(":")
        raise UnusableError(f"{command}: {named} is a file; name a function in it too, such as {named}:forward")
    if not colon or not name:
        raise UnusableError(
            f"{command}: {place!r} is not a built-in graph{nearest(place, BUILTINS)}; --list lists them"
        )
    path = Path(file)
    with user_file(path, seed) as module:
        function = _function(module, path, name)
        if _needs_arguments(function):
            if not hasattr(module, "inputs"):
                raise UnusableError(
                    f"{path}: {name} takes arguments; write a function inputs() that returns them, or name a function "
                    "without arguments"
                )
            return _read(exercise.output(module, path, name, seed), path, name, seed)
        with blamed(path, f"ends in {name}"), named_by_variables(function), record_all():
            result = function()
        return _read(result, path, name, seed)


def _function(module: ModuleType, path: Path, name: str) -> Any:
    own = [key for key, value in vars(module).items() if inspect.isfunction(value) and not key.startswith("_")]
    function = getattr(module, name, None)
    if not callable(function):
        raise UnusableError(f"{path} has no function {name!r}{nearest(name, own)}")
    return function


def _needs_arguments(function: Any) -> bool:
    try:
        inspect.signature(function).bind()
    except TypeError:
        return True
    except ValueError:  # functions written in C have no signature
        pass
    return False


def _is_output(x: Any, shape: tuple[int, ...]) -> bool:
    """Whether the second of two results is another output, or several, and not the upstream gradient of the first."""
    if isinstance(x, (tuple, list)):
        return all(isinstance(each, Tensor) for each in flat(x))
    return isinstance(x, Tensor) and (x.requires_grad or x.shape != shape)


def _read(result: Any, path: Path, name: str, seed: int) -> Chosen:
    """What a function returned, with an upstream gradient if it gave none."""
    if isinstance(result, Graph):
        return Chosen(name, result)
    pair = isinstance(result, tuple) and len(result) == 2 and isinstance(result[0], Tensor)
    if pair and not _is_output(result[1], result[0].shape):
        return Chosen(name, *result)
    outputs = flat([result]) if isinstance(result, (Tensor, tuple, list)) else []
    if not outputs or not all(isinstance(out, Tensor) for out in outputs):
        kind = f"a tuple of {len(result)}" if isinstance(result, tuple) else f"a {type(result).__name__}"
        raise UnusableError(
            f"{path}: {name}() returned {'None' if result is None else kind}; "
            "return a Tensor, (Tensor, upstream gradient), several Tensors or a Graph"
        )
    if not all(out.requires_grad for out in outputs):
        return Chosen(name, outputs, None, "; no upstream gradient, since not every output needs gradients")
    rng = np.random.default_rng(seed)
    upstream = [rng.normal(size=out.shape).astype(out.dtype) if out.shape else 1.0 for out in outputs]
    ones = all(not out.shape for out in outputs)
    return Chosen(name, outputs, upstream, f"; upstream gradient {'1' if ones else f'drawn from seed {seed}'}")
