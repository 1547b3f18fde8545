"""Calls: which nodes of a graph a kernel can compute, and which are left to NumPy.

An op that has no reading in algebra, that is a product of arrays, or whose dtype a kernel does not have, is a call.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import copysign
from typing import Any

import numpy as np

from ..engine import row
from ..engine.row import Primitive
from ..engine.table.elementwise import stop_gradient
from ..graph import Graph, Node
from .trace import Traced

_FUSED = (
    row.Linear,
    row.Product,
    row.Power,
    row.Function,
    row.Extremum,
    row.Relation,
    row.Choice,
    row.Identity,
    row.Reduction,
    row.Reshape,
    row.Permutation,
    row.Copy,
    row.Lookup,
    row.Placement,
)
_PLACED = (row.Lookup, row.Placement)
_COMPARED = {"=", "≠", ">", "≥", "<", "≤"}
DENSE = 1 << 12
"""The longest axis along which a lookup is a comparison with every index."""


class Chosen(row.Function):
    """The reading of a choice that a kernel makes as it is: as a sum, what is not chosen would not always vanish."""


class Marked:
    """A graph in which constants are folded, and calls are opaque.

    Args:
        traced: the function.
        spelled: whether a kernel can compute an op on scalars.

    Attributes:
        graph: for `lower`.
        made: its node for each node of the function.
        calls: those that are calls, each with the reason.
        places: those that count places along an axis, each with its length.
    """

    def __init__(self, traced: Traced, spelled: Callable[[Primitive], bool]) -> None:
        self._spelled, self._values = spelled, traced.values
        self.made: dict[Node, Node] = {}
        self.calls: dict[Node, str] = {}
        self.places: dict[Node, int] = {}
        self._nodes: list[Node] = []
        self._opaque: dict[Primitive, Primitive] = {}
        self._chosen: dict[Primitive, Primitive] = {}
        inputs, fixed = set(traced.inputs), set[Node]()
        looked_up = {node.operands[1]: node for node in traced.graph.nodes if isinstance(node.reading, _PLACED)}
        for node in traced.graph.nodes:
            value = self._values[node]._data if node in looked_up else None  # by which `lower` sees that it is in range
            if node in inputs:
                self.made[node] = self._add(node, name=node.name or "x", array=value)
            elif all(x in fixed for x in node.inputs):
                fixed.add(node)
                value = self._values[node]._data
                self.made[node] = self._add(node, op=None, operands=(), array=value, requires_grad=False)
            else:
                self._computed(node, value)
        self.graph = Graph(tuple(self._nodes), tuple(self.made[node] for node in traced.graph.outputs))

    def _add(self, node: Node, **changes: Any) -> Node:
        new = replace(node, rank=len(self._nodes), **changes)
        self._nodes.append(new)
        return new

    def _unread(self, op: Primitive) -> Primitive:
        return self._opaque.setdefault(op, replace(op, reading=None))

    def _as_it_is(self, op: Primitive) -> Primitive:
        return self._chosen.setdefault(op, replace(op, reading=Chosen()))

    def _computed(self, node: Node, value: Any) -> None:
        operands = tuple(self.made[x] if isinstance(x, Node) else x for x in node.operands)
        if _is_extreme(node) and not operands[0].is_leaf and operands[0] not in self.calls:
            # what is compared with the largest of it is computed once and kept, or nothing might be equal
            kept = self._add(operands[0], op=self._unread(stop_gradient.op), operands=operands, params={}, name=None)
            self.calls[kept] = "what is compared with its largest is kept"
            self.made[node.operands[0]] = kept
            operands = (kept,)
        why = self._why_called(node, operands)
        op = self._unread(node.made_by) if why else self._as_it_is(node.made_by) if _stays(node) else node.op
        made = self._add(node, operands=operands, array=value, op=op)
        if why:
            self.calls[made] = why
        elif isinstance(node.reading, _PLACED):
            of = node if isinstance(node.reading, row.Placement) else node.operands[0]
            self.places[operands[1]] = of.shape[node.params["axis"]]
        self.made[node] = made

    def _why_called(self, node: Node, operands: Sequence[Any]) -> str:
        """Why no kernel computes this node; nothing where one does."""
        reading, kinds = node.reading, [x.dtype for x in node.inputs]
        if isinstance(reading, row.Contraction):
            return "a product of arrays, which BLAS computes"
        if not isinstance(reading, _FUSED):
            return "algebra does not read it"
        if not _has_dtype(node.dtype):
            return f"kernels do not compute {node.dtype}"
        divisors = reading.exponents if isinstance(reading, row.Product) else ()
        if any(map(_is_signed_zero, node.operands)) or any(
            e < 0 and not isinstance(x, Node) and x == 0 for x, e in zip(node.operands, divisors, strict=False)
        ):
            return "algebra has no −0 and does not divide by 0"
        if isinstance(reading, _PLACED):
            at, places = node.params["axis"], operands[1]
            n = node.shape[at] if isinstance(reading, row.Placement) else node.operands[0].shape[at]
            known = isinstance(places, Node) and (places.is_leaf or places in self.calls)
            if n > DENSE or not known or self.places.get(places, n) != n or not _has_dtype(kinds[0]):
                return "places along a long axis, or not known by then"
            values = self._values[node.operands[1]]._data
            return "" if values.min() >= 0 and values.max() < n else "places that count from the end"
        if isinstance(reading, row.Identity):
            return "" if kinds[0].kind in "biu" or kinds[0] == node.dtype else "another precision"
        if isinstance(reading, (row.Function, row.Extremum, row.Power)) and not self._spelled(node.made_by):
            return "kernels lack this function"
        whole = "iu" if isinstance(reading, row.Relation) else ""  # uint64 has no type in common with int64
        other = [kind for kind in kinds if not _has_dtype(kind) and (kind.kind not in whole or kind == np.uint64)]
        if isinstance(reading, row.Reduction) and node.dtype.kind == "b":
            other.append(node.dtype)
        return f"kernels do not compute {other[0]}" if other else ""


def _is_extreme(node: Node) -> bool:
    return isinstance(node.reading, row.Reduction) and node.reading.kind in ("max", "min")


def _stays(node: Node) -> bool:
    """Whether a node is a choice, but no product with an indicator: of NaN, no comparison's opposite holds either."""
    if not isinstance(node.reading, row.Choice):
        return False
    condition, yes, no = node.operands
    reading = condition.reading if isinstance(condition, Node) and not condition.is_leaf else None
    sign = reading.sign if isinstance(reading, row.Relation) else ""
    if not isinstance(no, Node) and no == 0:
        return sign not in _COMPARED
    return isinstance(yes, Node) or yes != 0 or sign not in ("=", "≠")


def _is_signed_zero(x: Any) -> bool:
    """Whether an operand is −0.0, which is a number like any other to algebra, but not to a division."""
    return isinstance(x, float) and x == 0 and copysign(1, x) < 0


def _has_dtype(dtype: np.dtype[Any]) -> bool:
    """Whether kernels compute with a dtype."""
    return dtype.kind == "b" or (dtype.kind == "f" and dtype.itemsize in (4, 8))
