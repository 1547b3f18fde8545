"""Degenerate shapes: those that hide a mistake, as a single window does, and others in their place.

Where a kernel is as long as its signal, there is one window, and ``=`` does as well as ``+=``. Where an input has two
axes, nothing comes of ``x.reshape(len(x), -1)``, nor of a backward pass that does not reshape back; and where there is
one example, none is missed in a sum.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Container, Iterator, Mapping
from contextlib import suppress
from functools import partial
from typing import Any, TypeAlias

import numpy as np

from ..check.syntax import text_of
from ..engine.row import Reshape
from ..graph import Graph, Node
from .roles import is_parameter
from .task import Task
from .unusable import UnusableError
from .varied import alike

Shapes: TypeAlias = Mapping[str, tuple[int, ...]]
"""Shapes of inputs, by name."""

_RESHAPES = re.compile(r"reshape|flatten|ravel")
"""What tells that arrays of more axes may be meant."""


def with_windows(task: Task, shapes: Shapes) -> Task | None:
    """The same at a longer input, where more windows lie in it than one; None where there are none, or enough.

    Args:
        task: what is judged.
        shapes: of the inputs that were drawn, which may have others.
    """
    few, best = hidden(task.captured), None
    whole = {node.operands[0].name for node in task.captured.nodes if _is_whole(node)}
    slid_along = {name: shape for name, shape in shapes.items() if name in whole or not is_parameter(name)}
    for longer in (one for name, shape in slid_along.items() for one in _longer(name, shape)):
        other = _at(task, longer, {}) if few else None
        if other is not None and hidden(other.captured) < few:
            few, best = hidden(other.captured), other
    return best


def with_lengths(task: Task, shapes: Shapes) -> Task | None:
    """The same at an input with three where it has one along an axis, as a batch of one; None where it does not run.

    Args:
        task: what is judged.
        shapes: of the inputs that were drawn, which may have others.
    """
    for name, shape in shapes.items():
        if not is_parameter(name) and len(shape) > 1 and 1 in shape:
            longer = tuple(3 if n == 1 else n for n in shape)
            if (other := _at(task, {name: longer}, {})) is not None:
                return other
    return None


def with_axes(task: Task, shapes: Shapes) -> Task | None:
    """The same at inputs of one more axis, where its forward pass reshapes those to fewer; None where it does not.

    The new axis is added, and what is as long as the last one may have to be twice as long; or that one is split.

    Args:
        task: what is judged.
        shapes: of the inputs that were drawn, which may have others.
    """
    idle = any(_is_reshape(node) and node.shape == node.operands[0].shape for node in task.captured.nodes)
    inputs = {name: shape for name, shape in shapes.items() if not is_parameter(name) and 1 < len(shape) < 4}
    for shape in dict.fromkeys(inputs.values()) if idle or _RESHAPES.search(text_of(task.forward)) else ():
        *first, last = shape
        names = [name for name in inputs if inputs[name] == shape]
        added, split = (*shape, 2), (*first, last // 2, 2)
        weights = {name: w for name, w in shapes.items() if is_parameter(name)}
        twice = {name: tuple(2 * n if n == last else n for n in w) for name, w in weights.items()}
        more = dict.fromkeys(names, added)
        ways: list[tuple[Shapes, dict[int, int]]] = [(more, {}), ({**more, **twice}, {last: 2 * last})]
        ways += [(dict.fromkeys(names, split), {})] if last % 2 == 0 else []
        for other in filter(None, (_at(task, these, sizes) for these, sizes in ways)):
            if any(_flattens(node, {added, split}) for node in other.captured.nodes):
                return other
    return None


def with_first_axes(task: Task, shapes: Shapes, axes: int) -> Task | None:
    """The same at inputs of more axes, with others before those that they have; None where it does not run.

    Args:
        task: what is judged.
        shapes: of the inputs that were drawn, which may have others where they have two axes or more.
        axes: how many they are to have.
    """
    known = {n for node in task.captured.nodes for n in node.shape}
    lengths = [*itertools.islice((n for n in itertools.count(3) if n not in known), axes)]
    fewer = {name: shape for name, shape in shapes.items() if not is_parameter(name) and 1 < len(shape) < axes}
    deeper = {name: (*lengths[: axes - len(shape)], *shape) for name, shape in fewer.items()}
    why = f"of {axes} axes, as backward sums over {axes - 1}"
    return _at(task, deeper, {}, why) if deeper else None


def _at(task: Task, shapes: Shapes, sizes: Mapping[int, int], why: str = "") -> Task | None:
    """The same with other shapes of some inputs, and other sizes; None where it does not run with them."""
    said, before = task.said, list[str]()
    for name, shape in shapes.items():
        place = re.compile(rf"\b{name} (\([\d, ]*\))")
        before += [found[0] for found in place.finditer(said) if found[1] != str(shape)]
        said = place.sub(f"{name} {shape}", said)
    with suppress(UnusableError):
        vary = partial(_reshaped, shapes=shapes, sizes=sizes)
        why = why or f"at {', '.join(before)} backward is right"
        return task.varied(vary, f"{said}; {why}")
    return None


def _reshaped(arguments: Mapping[str, Any], shapes: Shapes, sizes: Mapping[int, int]) -> dict[str, Any]:
    """The arguments of a forward pass with other shapes of some arrays, and numbers of the same kind in these."""
    rng = np.random.default_rng(6)
    resized = {name: sizes[n] for name, n in arguments.items() if type(n) is int and n in sizes}
    return {**arguments, **resized, **{name: alike(arguments[name], shape, rng) for name, shape in shapes.items()}}


def _longer(name: str, shape: tuple[int, ...]) -> Iterator[Shapes]:
    """Longer shapes of an input, of most axes first: twice as long, for windows side by side, or by a stride or two.

    >>> [*_longer("x", (7, 1))]
    [{'x': (14, 1)}, {'x': (11, 1)}, {'x': (10, 1)}]
    """
    long = [axis for axis, n in enumerate(shape) if n > 1]
    for count in range(len(long), 0, -1):
        for axes in itertools.combinations(long, count):
            for more in (shape, [4] * len(shape), [3] * len(shape)):
                yield {name: tuple(n + more[axis] if axis in axes else n for axis, n in enumerate(shape))}


def hidden(graph: Graph) -> int:
    """How many axes of results there are of length 1, and windows as large as what they lie in."""
    ones = sum(out.shape.count(1) for out in graph.outputs)
    return ones + sum(map(_is_whole, graph.nodes))


def _is_whole(node: Node) -> bool:
    """Whether it is a window, from one place to another, that is as large as what it lies in."""
    if "index" not in node.params or node.shape != node.operands[0].shape:
        return False
    index = node.params["index"]
    parts = index if isinstance(index, tuple) else (index,)
    return all(isinstance(part, slice) for part in parts) and any(part.stop is not None for part in parts)


def _is_reshape(node: Node) -> bool:
    return isinstance(node.reading, Reshape)


def _flattens(node: Node, shapes: Container[tuple[int, ...]]) -> bool:
    """Whether it has fewer axes than its operand, which has one of some shapes."""
    before = node.operands[0].shape if _is_reshape(node) else ()
    return before in shapes and len(node.shape) < len(before)
