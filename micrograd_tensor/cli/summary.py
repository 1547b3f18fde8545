"""``micrograd-tensor summary FILE.py:MODEL``: the layers of a net, their shapes, parameters and memory.

The figures are read from the recorded graph of one forward pass, so they hold for any module, with layers or without.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from .. import nn
from ..check.nested import leaves
from ..engine.recording import recording
from ..engine.tensor import Tensor, tensor
from ..engine.walk import ancestors
from .arguments import whole_number
from .console import Rows, console, table
from .outputs import add_json, aside, check_json, source_of, to_stdout, write_json
from .unusable import UnusableError
from .user_file import blamed, user_file


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the subcommand's options to its parser, and the function that runs them."""
    parser.description = (
        "Import a Python file, run its net forward once on zeros, and list the layers. The file is "
        "executed, so name only one that you trust. Exit status: 0, or 2 for unusable input."
    )
    parser.add_argument(
        "model", metavar="FILE.py:MODEL", help="a module in the file, or a function or class that makes one"
    )
    parser.add_argument(
        "--input",
        type=_shape,
        metavar="SHAPE",
        help="shape of one sample, such as 64 or 1,8,8 (default: what Linear takes)",
    )
    parser.add_argument(
        "--batch", type=whole_number(1), default=32, metavar="N", help="samples in the batch (default: 32)"
    )
    add_json(parser)
    parser.set_defaults(run=run)


def _shape(text: str) -> tuple[int, ...]:
    try:
        return tuple(map(whole_number(1), text.split(",")))
    except argparse.ArgumentTypeError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a shape such as 64 or 1,8,8") from None


_MOST = 1 << 28
"""The numbers of an input that is made; a net may keep a hundred times as many."""


@dataclass(eq=False)
class Layer:
    """What a row of the table shows about a module."""

    name: str
    module: nn.Module
    shape: str = "not run"
    kept: int = 0


def run(given: argparse.Namespace) -> int:
    """Run the subcommand; returns the exit status."""
    check_json(given, source_of(given.model))
    with aside(given):
        model = _load(given.model)
    shape = given.batch, *_one_sample(given, model)
    if prod(shape) > _MOST:
        raise UnusableError(f"an input of {prod(shape):.3g} numbers is too large; give a smaller --batch or --input")
    x = np.zeros(shape, _dtype(model))
    layers = [Layer(name, module) for name, module in model.named_modules()]
    try:
        with _watched(layers) as scopes:
            out = model(tensor(x, name="x"))
    except Exception as error:  # whatever the net raises, one line tells the user why
        why = f"{type(error).__name__}: {str(error).strip() or 'no reason given'}".splitlines()[0]
        raise UnusableError(f"{given.model} fails on x {x.shape}: {why}; is --input right?") from None
    constants = {id(value._data) for value in (*model.parameters(), *model.buffers())}
    kept = _attribute(_tensors(out), scopes, constants)
    parameters = list(model.parameters())
    numbers, size = sum(p.size for p in parameters), sum(p._data.nbytes for p in parameters)
    learned = sum(p.size for p in parameters if p.requires_grad)
    terminal = console(quiet=to_stdout(given))
    terminal.say(f"{given.model} on x {x.shape}, {x.dtype}", "bold")
    terminal.print(_table(layers))
    terminal.say(f"{numbers:,} parameters, {learned:,} of them learned: {_bytes(size)}, and as much for gradients")
    terminal.say(f"{_bytes(kept)} kept for the backward pass of a batch of {given.batch}")
    totals = {"parameters": numbers, "learned": learned, "bytes": size, "kept_bytes": kept}
    about = {"model": given.model, "input": x.shape, "dtype": str(x.dtype)}
    write_json(given.json, about | totals | {"layers": [*map(_layer, layers)]}, source_of(given.model))
    return 0


def _layer(layer: Layer) -> dict[str, Any]:
    """What programs read of a layer."""
    module = layer.module
    return {
        "name": layer.name,
        "type": type(module).__name__,
        "settings": module.extra_repr(),
        "output": layer.shape,
        "parameters": sum(p.size for p in module.parameters(recurse=False)),
        "kept_bytes": layer.kept,
    }


def _load(place: str) -> nn.Module:
    file, colon, name = place.rpartition(":")
    if not colon or not file.endswith(".py") or not name:
        raise UnusableError(f"{place!r} does not name a net; write FILE.py:MODEL, such as nets.py:net")
    path = Path(file)
    with user_file(path) as module:
        made = getattr(module, name, None)
        if made is None:
            nets = [key for key, value in vars(module).items() if isinstance(value, nn.Module)]
            raise UnusableError(f"{file} has no {name!r}" + (f"; it has {', '.join(nets)}" if nets else ""))
        if not isinstance(made, nn.Module) and callable(made):
            with blamed(path, f"fails in {name}()"):
                made = made()
    if not isinstance(made, nn.Module):
        raise UnusableError(f"{name!r} in {file} is no Module, but of type {type(made).__name__}")
    return made


def _one_sample(given: argparse.Namespace, model: nn.Module) -> tuple[int, ...]:
    if given.input:
        return tuple(given.input)
    first = next((m for m in _layers(model) if not isinstance(m, nn.Flatten)), None)
    if isinstance(first, nn.Linear):
        return (first.in_features,)
    kind = type(first).__name__ if first else "Flatten"
    raise UnusableError(
        f"{kind}, the first layer, does not determine the shape of a sample; give --input, such as 1,8,8"
    )


def _layers(model: nn.Module) -> list[nn.Module]:
    """The modules without submodules."""
    return [module for module in model.modules() if not list(module.children())]


def _dtype(model: nn.Module) -> Any:
    """The dtype of the input: indices for an embedding, else that of the parameters."""
    if isinstance(_layers(model)[0], nn.Embedding):
        return np.int64
    return next((p.dtype for p in model.parameters()), np.float32)


@contextmanager
def _watched(layers: list[Layer]) -> Iterator[dict[Any, Layer]]:
    """Within the block every module records the shape of its result, and the scope it runs in."""
    scopes: dict[Any, Layer] = {}

    def watched(layer: Layer, forward: Callable[..., Any], *inputs: Any, **settings: Any) -> Any:
        scopes[recording.get().scope] = layer
        out = forward(*inputs, **settings)
        layer.shape = ", ".join(str(part.shape) for part in _tensors(out))
        return out

    for layer in layers:
        vars(layer.module)["forward"] = partial(watched, layer, layer.module.forward)
    try:
        yield scopes
    finally:
        for layer in layers:
            del vars(layer.module)["forward"]


def _tensors(out: Any) -> list[Tensor]:
    """The Tensors of a result, in tuples, lists and dicts of any depth."""
    return [x for x in leaves(out) if isinstance(x, Tensor)]


def _attribute(outs: list[Tensor], scopes: dict[Any, Layer], constants: set[int]) -> int:
    """Attribute every array that the graph keeps to the innermost module that made it; returns the total bytes."""
    seen, total = set(constants), 0
    for node in ancestors(outs):
        scope = node.scope
        while scope is not None and scope not in scopes:
            scope = scope.parent
        for array in (node._data, *node.saved):
            owner = array
            while getattr(owner, "base", None) is not None:
                owner = owner.base
            size = getattr(owner, "nbytes", 0)
            if id(owner) in seen or id(array) in constants or not size or (node.op is None and scope is None):
                continue
            seen.add(id(owner))
            total += size
            if scope is not None:
                scopes[scope].kept += size
    return total


def _table(layers: list[Layer]) -> Rows:
    found = table("", ("layer",), ("output", "parameters", "kept"), cut=True)
    for layer in layers:
        depth = layer.name.count(".") + 1 if layer.name else 0
        own = sum(p.size for p in layer.module.parameters(recurse=False))
        last = layer.name.rpartition(".")[2]
        settings = layer.module.extra_repr()
        label = "  " * depth + (f"{last}: " if last else "") + type(layer.module).__name__
        label += f" {settings}" if settings else ""
        kept = _bytes(layer.kept) if layer.kept else ""
        found.add_row(label, layer.shape, f"{own:,}" if own else "", kept)
    return found


def _bytes(n: float) -> str:
    for unit in ("B", "KiB", "MiB"):
        if n < 1024:
            return f"{n:,.0f} {unit}" if unit == "B" else f"{n:,.1f} {unit}"
        n /= 1024
    return f"{n:,.1f} GiB"
