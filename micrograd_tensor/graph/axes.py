"""Axes: which axes of a graph's values are the same, and what the user calls them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

import numpy as np

from ..engine.errors import ShapeError, quoted
from ..engine.row import Contraction, Cumulation, Permutation, Reduction, Reshape
from .nodes import Graph, Node

Place: TypeAlias = "tuple[Node, int]"
"""An axis of a value."""
Dims: TypeAlias = "Mapping[Node, tuple[str | None, ...]]"
"""For each node the label of each of its axes, None where it has none."""
AxisNames: TypeAlias = "Mapping[str, int | tuple[str, int] | list[tuple[str, int]]]"
"""What the user calls axes: ``{"N": ("x", 0)}`` an axis of a named value, or a list of such; ``{"N": 7}`` the only axis
of that length."""


def counted_axes(axis: Any, ndim: int) -> tuple[int, ...]:
    """The axes that a parameter names, counted from 0; None: all of them.

    >>> counted_axes(None, 2), counted_axes(-1, 2), counted_axes((0, 2), 3)
    ((0, 1), (1,), (0, 2))
    """
    axes = range(ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    return tuple(int(a) % ndim for a in axes) if ndim else ()


def axis_names(graph: Graph, names: AxisNames | None) -> Dims:
    """The labels of all axes of a graph, forward and backward, from the names of some.

    A name goes along with an axis through every op that keeps it: an elementwise op, a sum over other axes, a product
    of matrices. So two axes of one length are told apart.

    Args:
        graph: captured with or without its backward pass.
        names: by name an axis of a named value, ``("x", 0)``, a list of such, or a length that only one axis of the
            leaves has.

    Raises:
        ShapeError: for an axis that a value does not have, a length of no axis or of several, or an axis of two names.
        GradientError: for a value that the graph does not have.

    >>> import micrograd_tensor as mt
    >>> x = mt.tensor([[1.0, 2.0], [3.0, 4.0]], name="x", requires_grad=True)
    >>> captured = mt.graph(x.sum(axis=0).named("s"), [1.0, 1.0])
    >>> labels = axis_names(captured, {"N": ("x", 0), "D": ("x", 1)})
    >>> labels[captured["s"]], labels[captured.gradients[captured["x"]]]
    (('D',), ('N', 'D'))
    """
    if not isinstance(names, Mapping | None):
        raise ShapeError(f'dims: {quoted(names)} names no axes; write {{"N": ("x", 0)}} for axis 0 of x')
    if not names:
        return {}
    nodes = (*graph.nodes, *graph.backward)
    same = _Classes()
    for node in nodes:
        for one, other in _kept(node):
            same.join(one, other)
    for node, gradient in graph.gradients.items():
        for axis in range(len(node.shape)):
            same.join((node, axis), (gradient, axis))
    labels: dict[Place, str] = {}
    for name, asked in sorted(names.items(), key=lambda item: not isinstance(item[1], tuple | list)):
        if not isinstance(name, str) or not name.strip():
            raise ShapeError(f"dims: an axis is called by some text, not {name!r}")
        for place in _places(graph, same, name, asked):
            if labels.setdefault(same[place], name) != name:
                raise ShapeError(f"dims: {labels[same[place]]} and {name} are names of the same axis; give it one")
    return {node: tuple(labels.get(same[node, axis]) for axis in range(len(node.shape))) for node in nodes}


class _Classes:
    """Axes that are the same, by union and find."""

    def __init__(self) -> None:
        self._above: dict[Place, Place] = {}

    def __getitem__(self, place: Place) -> Place:
        top = place
        while top in self._above:
            top = self._above[top]
        while place is not top and place in self._above:
            self._above[place], place = top, self._above[place]
        return top

    def join(self, one: Place, other: Place) -> None:
        one, other = self[one], self[other]
        if one != other:
            self._above[other] = one


def _places(graph: Graph, same: _Classes, name: str, asked: Any) -> list[Place]:
    if not isinstance(asked, tuple | list):
        return [_by_length(graph, same, name, asked)]
    return [_asked(graph, name, place) for place in (asked if isinstance(asked, list) else [asked])]


def _asked(graph: Graph, name: str, place: Any) -> Place:
    if not (isinstance(place, tuple) and len(place) == 2 and isinstance(place[0], str) and _is_whole(place[1])):
        raise ShapeError(
            f'dims: {name} is {place!r}, which names no axis; write {{"{name}": ("x", 0)}} for axis 0 of x'
        )
    value, axis = place
    node = graph[value]
    if not -len(node.shape) <= axis < len(node.shape):
        raise ShapeError(f"dims: {name} is axis {axis} of {value}, whose shape is {node.shape}")
    return node, axis % len(node.shape)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def _by_length(graph: Graph, same: _Classes, name: str, length: int) -> Place:
    if not _is_whole(length):
        raise ShapeError(
            f'dims: {name} is {length!r}, which names no axis; write {{"{name}": ("x", 0)}} for axis 0 of x'
        )
    found: dict[Place, Place] = {}
    for leaf in graph.nodes:
        if leaf.is_leaf and (leaf.name is not None or leaf.requires_grad):
            for axis in (axis for axis, n in enumerate(leaf.shape) if n == length):
                found.setdefault(same[leaf, axis], (leaf, axis))
    if not found:
        raise ShapeError(f'dims: no input has an axis of length {name}={length}; name an axis: {{"{name}": ("x", 0)}}')
    if len(found) > 1:
        (one, i), (other, j), *_ = found.values()
        raise ShapeError(
            f"dims: {name}={length} is the length of axis {i} of {one.name} and of another axis, {j} of {other.name}; "
            f'name the one you mean: {{"{name}": ("{one.name}", {i})}}'
        )
    return next(iter(found.values()))


def _kept(node: Node) -> Iterator[tuple[Place, Place]]:
    """The axes of the operands of a node that are axes of its result, too."""
    if node.op is None:
        return
    reading, x = node.op.reading, node.operands[0] if node.operands else None
    if isinstance(reading, Contraction):
        yield from _contracted(node, reading)
    elif not isinstance(x, Node):
        yield from _aligned(node)
    elif isinstance(reading, Reduction):
        yield from _reduced(node, x)
    elif isinstance(reading, Permutation):
        axes = node.params["axes"]
        order = range(len(x.shape))[::-1] if axes is None else axes
        yield from (((node, i), (x, axis % len(x.shape))) for i, axis in enumerate(order))
    elif isinstance(reading, Reshape):
        yield from _reshaped(node, x)
    elif index := next((node.params[name] for name in node.params if f"{{{name}:index}}" in node.op.notation), None):
        yield from _indexed(node, x, index)
    elif not (isinstance(reading, Cumulation) and node.params["axis"] is None):
        yield from _aligned(node)


def _aligned(node: Node) -> Iterator[tuple[Place, Place]]:
    """Axes that are aligned from the right and equally long, except those along which elements are picked."""
    op = node.made_by
    elsewhere = node.params.get("axis") if op.contracts or op.scatters else None
    first = node.operands[0] if node.operands else None
    for x in node.operands:
        if not isinstance(x, Node) or (op.reading is None and not op.moves and x.shape != node.shape):
            continue
        lead = len(node.shape) - len(x.shape)
        for i, n in enumerate(x.shape):
            taken = elsewhere is not None and i == elsewhere % len(x.shape) and (x is first or op.scatters)
            if i + lead >= 0 and n == node.shape[i + lead] and not taken:
                yield (node, i + lead), (x, i)


def _reduced(node: Node, x: Node) -> Iterator[tuple[Place, Place]]:
    gone = counted_axes(node.params["axis"], len(x.shape))
    left = [i for i in range(len(x.shape)) if i not in gone]
    yield from (((node, i if node.params["keepdims"] else k), (x, i)) for k, i in enumerate(left))


def _reshaped(node: Node, x: Node) -> Iterator[tuple[Place, Place]]:
    """Axes that a reshape preserves: equally long, with equally many elements before and after them."""
    starts = {}
    for i, n in enumerate(x.shape):
        if n != 1:
            starts[int(np.prod(x.shape[:i], dtype=int)), n] = i
    for k, n in enumerate(node.shape):
        start = int(np.prod(node.shape[:k], dtype=int)), n
        if start in starts:
            yield (node, k), (x, starts[start])


def _contracted(node: Node, reading: Contraction) -> Iterator[tuple[Place, Place]]:
    operands = node.inputs
    if len(operands) < len(node.operands):
        return
    sources, target = reading.labels([len(x.shape) for x in operands], node.params)
    first: dict[str, Place] = {}
    for x, letters in [*zip(operands, sources, strict=True), (node, target)]:
        for axis, letter in enumerate(letters):
            if x.shape[axis] != 1:
                yield first.setdefault(letter, (x, axis)), (x, axis)


def _indexed(node: Node, x: Node, index: tuple[Any, ...]) -> Iterator[tuple[Place, Place]]:
    """Indexing, or its reverse: the axes of whole slices, and those of one array of indices."""
    full, part = (node, x) if node.made_by.scatters else (x, node)
    arrays = [place for place in node.operands[1:] if isinstance(place, Node)]
    if len(arrays) > 1 or any(a.dtype.kind == "b" or int in map(type, index) for a in arrays):
        return
    used = sum(place is not None and place is not Ellipsis for place in index)
    i = k = 0
    for place in index if Ellipsis in index else (*index, ...):
        if place is Ellipsis:
            for _ in range(len(full.shape) - used):
                yield (full, i), (part, k)
                i, k = i + 1, k + 1
        elif isinstance(place, str):
            yield from (((part, k + j), (arrays[0], j)) for j in range(len(arrays[0].shape)))
            i, k = i + 1, k + len(arrays[0].shape)
        elif isinstance(place, slice):
            if full.shape[i] == part.shape[k] and full.shape[i] != 1:
                yield (full, i), (part, k)
            i, k = i + 1, k + 1
        else:
            i, k = i + (place is not None), k + (place is None)
