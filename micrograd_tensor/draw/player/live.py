"""Live: a graph as a program that the page runs again when a value is changed, forward and backward.

The page knows functions of one or a few numbers, sums over axes, products of matrices, and a few ops more. What only
moves elements is told it as a list of places, found by letting the op move the places themselves.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ...engine.row import (
    Choice,
    Contraction,
    Cumulation,
    Extremum,
    Function,
    Identity,
    Linear,
    Lookup,
    Placement,
    Power,
    Product,
    Reduction,
    Relation,
)
from ...graph import Edge, Graph, Node
from .arrays import elements

MAX_ELEMENTS = 100_000
"""The most elements, of all values and all lists of places together, that a page computes with."""

TERMS = 32
"""The terms of a product of matrices that take as long as one element of anything else."""

_ELEMENTWISE = (Linear, Product, Power, Function, Extremum, Relation, Choice, Identity)


_NO_RULES = "A backward pass that is not made of rules alone cannot be run again here."


class _StillError(Exception):
    """Why a graph is no program."""


class Program:
    """What the page runs again.

    Gradients are told apart by what they are of, also where one array serves for several: the gradient of a value is
    the sum of what its uses pass back, and the rules of the op that made the value read this sum. So each of them can
    be left out on the page.

    Args:
        graph: with its values.

    Attributes:
        data: for the page, a dict of ``nodes``, each a list of the op, its operands, what else it has to know, shape,
            and dtype; of ``forward``, how many of these are of the forward pass; of ``upstreams``, pairs of an output
            and its gradient; of ``wanted``, the gradients of leaves, and these ``leaves``; and of ``constants``, pairs
            of a node and the place of an operand that is a number which no rule reads. Or of ``why`` nothing can be
            changed.

    >>> import micrograd_tensor as mt
    >>> x = mt.tensor([1.0, 2.0], name="x", requires_grad=True)
    >>> Program(mt.graph((x * 3.0).named("y"))).data["nodes"]
    [['', [], [1.0, 2.0], [2], 'float64'], ['mul', [0, [3.0]], [None, None], [2], 'float64']]
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self._numbers: dict[Any, int] = {}
        self._nodes: list[list[Any]] = []
        self._room = MAX_ELEMENTS
        self._moving: set[Node] = set()  # what changes with the numbers that may be changed
        try:
            self.data = self._made()
        except _StillError as why:
            self._numbers, self.data = {}, {"why": str(why)}

    def value(self, node: Node) -> int:
        """The number of a value, or of an upstream gradient as it was given; −1 where nothing can be changed."""
        return self._numbers.get(node, -1)

    def gradient(self, node: Node) -> int:
        """The number of a value's whole gradient."""
        return self._numbers.get(("gradient", node), -1)

    def contribution(self, edge: Edge | None, node: Node) -> int:
        """The number of what an edge passes back to a value, or of the upstream gradient that is added to this."""
        return self._numbers.get(("edge", edge, node), -1)

    def _made(self) -> dict[str, Any]:
        graph = self.graph
        for node in (*graph.nodes, *(node for node in graph.backward if node.is_leaf)):
            self._add(node, self._node(node, self._numbers))
        for node in dict.fromkeys(graph.upstreams.values()):
            if not node.is_leaf:  # what is given to an output that was asked for several times
                self._add(node, self._node(replace(node, op=None, operands=()), self._numbers))
        rules: dict[Node, list[Node]] = {}
        for node in graph.backward:
            if node.rule_of:
                rules.setdefault(node.rule_of[0], []).append(node)
        for node in reversed(graph.nodes):
            if node in graph.gradients:
                self._gradient(node, rules.get(node, ()))
        leaves = [node for node in graph.gradients if node.is_leaf]
        return {
            "nodes": self._nodes,
            "forward": len(graph.nodes),
            "upstreams": [[self.value(y), self.value(g)] for y, g in graph.upstreams.items()],
            "wanted": [self.gradient(node) for node in leaves],
            "leaves": [self.value(node) for node in leaves],
            "constants": [[self.value(node), i] for node in graph.nodes for i in _added(node)],
        }

    def _gradient(self, node: Node, rules: Iterable[Node]) -> None:
        """The gradient of a value, from what its uses pass back; what its own op passes back is made by the rules."""
        whole, numbers = self.graph.gradients[node], self._numbers
        given = [(None, self.graph.upstreams[node])] if node in self.graph.upstreams else []
        like, total = [list(whole.shape), str(whole.dtype)], -1
        for edge, part in (*given, *self.graph.contributions_to(node)):
            made = numbers[part] if edge is None else numbers.get(("of", edge[0], part), -1)
            if made < 0:
                raise _StillError(_NO_RULES)
            copied = self._add(("edge", edge, node), ["stop_gradient", [made], [None, None], *like])
            total = copied if total < 0 else self._add(None, ["add", [total, copied], [None, None], *like])
        self._moving.add(whole)
        numbers["gradient", node] = total
        known = {**{x: k for x, k in numbers.items() if isinstance(x, Node)}, whole: total}
        numbers["of", node, whole] = total  # which an op such as + hands on as it is
        for rule in rules:
            known[rule] = self._add(("of", node, rule), self._node(rule, known))

    def _add(self, what: Any, node: list[Any]) -> int:
        self._take(math.prod(node[3]))
        self._nodes.append(node)
        self._numbers[what] = len(self._nodes) - 1
        return len(self._nodes) - 1

    def _node(self, node: Node, numbers: Mapping[Any, int]) -> list[Any]:
        if node.dtype.kind not in "fiub" or node.dtype.itemsize > 8:
            raise _StillError(f"Values of {node.dtype} cannot be changed here.")
        if not isinstance(node.value, np.ndarray | np.generic):
            raise _StillError("Values that were not kept cannot be changed here.")
        if node.dtype.kind == "f" or any(x in self._moving for x in node.inputs):
            self._moving.add(node)
        made = ("", [], elements(np.ravel(node.value))) if node.op is None else self._op(node, numbers)
        return [*made, list(node.shape), str(node.dtype)]

    def _take(self, count: int) -> None:
        self._room -= count
        if self._room < 0:
            raise _StillError(f"More than {MAX_ELEMENTS:,} elements: too many to be computed again here.")

    def _op(self, node: Node, numbers: Mapping[Any, int]) -> tuple[str, list[Any], Any]:
        op, reading = node.made_by, node.made_by.reading
        if any(x not in numbers for x in node.inputs):
            raise _StillError(_NO_RULES)
        operands = [numbers[x] if isinstance(x, Node) else elements(np.ravel(np.asarray(x))) for x in node.operands]
        axis = node.params.get("axis")
        if isinstance(reading, Contraction):
            letters, result = reading.labels([len(x.shape) for x in node.operands], node.params)
            sizes = dict(zip("".join(letters), (n for x in node.operands for n in x.shape), strict=True))
            self._take(math.prod(sizes.values()) // TERMS)
            return "einsum", operands, [*letters, result]
        if isinstance(reading, Reduction):
            return reading.kind, operands, self._axes(node.operands[0], axis)
        rules = op.vjps if isinstance(op.vjps, Sequence) else operands
        # What has no rule says where elements go, and is not moved itself.
        control = [k for k in range(len(operands)) if k >= len(rules) or rules[k] is None]
        still = not any(node.operands[k] in self._moving for k in control)
        if op.moves and still and not isinstance(reading, Identity):
            moved = [k for k in range(len(operands)) if k not in control]
            return "gather", [operands[k] for k in moved], [self._moved(node, moved), node.params.get("value", 0)]
        if op.scatters and still:
            return "scatter", operands, self._scattered(node)
        if isinstance(reading, _ELEMENTWISE):
            return op.name, operands, [node.params.get("min"), node.params.get("max")]
        if isinstance(reading, Cumulation | Lookup | Placement) or node.dtype.kind in "iub":
            return op.name, operands, self._axes(node.operands[0], axis)
        raise _StillError(f"The op {op.name} cannot be computed again here.")

    @staticmethod
    def _axes(x: Node, axis: Any) -> list[int]:
        every = range(len(x.shape))
        if axis is None or not every:
            return [*every]
        return [every[k] for k in (axis if isinstance(axis, tuple) else [axis])]

    def _moved(self, node: Node, moved: Sequence[int]) -> list[int]:
        """For each element of the result where among the operands it comes from; −1: it is filled in."""
        given = [x.value if isinstance(x, Node) else x for x in node.operands]
        start = 1
        for k in moved:
            size = np.size(given[k])
            given[k] = np.arange(start, start + size, dtype=float).reshape(np.shape(given[k]))
            start += size
        filled = {"value": 0} if "value" in node.params else {}
        found = np.ravel(node.made_by.forward(*given, **{**node.params, **filled}))
        self._take(found.size)
        return [int(k) - 1 for k in found.tolist()]

    def _scattered(self, node: Node) -> list[int]:
        """For each element of the operand the place in the result that it is added to: where the rule reads it."""
        places = np.arange(int(np.prod(node.shape)), dtype=float).reshape(node.shape)
        rule = node.made_by.vjps[0]
        given = [x.value if isinstance(x, Node) else x for x in node.operands]
        assert rule is not None  # noqa: S101 -- what adds elements into places is linear in them
        found = np.ravel(rule(places, node.value, *given, **node.params))
        self._take(found.size)
        return [int(k) for k in found.tolist()]


def _added(node: Node) -> Iterator[int]:
    """The operands that are numbers, where the derivatives do not depend on them, such as an epsilon."""
    if node.op and isinstance(node.op.reading, Linear):
        yield from (i for i, x in enumerate(node.operands) if not isinstance(x, Node))
