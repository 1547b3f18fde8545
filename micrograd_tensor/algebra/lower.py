"""Lower: a captured graph, forward and backward, as terms over inferred axes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import isfinite
from typing import Any

import numpy as np

from ..engine import row
from ..graph import Graph, Node
from .axes import Axes, flat, reduced
from .numbers import MINUS_ONE, ONE, Coefficient, coefficient, exact
from .terms import Pool, Step, Term, reachable

LARGEST_COPY = 100
"""A value of more terms than this is taken under other labels as a whole, as one with a name is."""
_RELATIONS = {">": "≤", "≤": ">", "<": "≥", "≥": "<", "=": "≠", "≠": "="}
"""The relations, each with the one that holds where it does not, NaN aside."""


@dataclass(frozen=True, eq=False)
class Lowered:
    """A graph as terms.

    Attributes:
        graph: what was lowered.
        axes: the labels of its nodes' axes.
        pool: its terms, and the steps by which they were simplified.
        terms: the term of each node, forward and backward.
        nodes: the node of each leaf and of each opaque term, by rank.
        steps: the rewrites that lowering each node took.
    """

    graph: Graph
    axes: Axes
    pool: Pool
    terms: dict[Node, Term]
    nodes: dict[int, Node]
    steps: dict[Node, tuple[Step, ...]]


def lower(graph: Graph, instead: Mapping[Node, tuple[Node | float, ...]] | None = None) -> Lowered:
    """The terms of all nodes of a graph, forward before backward, so that gradients are written in forward values.

    Args:
        graph: with its values.
        instead: leaves that are read as a number, or as a number less an earlier leaf.

    >>> import micrograd_tensor as mt
    >>> x = mt.tensor([[1.0, 2.0], [3.0, 5.0]], name="x", requires_grad=True)
    >>> captured = mt.graph((x - x.mean(axis=0)).sum(axis=0), [1.0, 1.0])
    >>> found = lower(captured)
    >>> found.terms[captured.outputs[0]] is found.pool.zero
    True
    """
    nodes = (*graph.nodes, *graph.backward)
    axes = Axes(nodes)
    lowering = _Lowering(axes, instead or {})
    pool, steps = lowering.pool, dict[Node, tuple[Step, ...]]()
    for node in nodes:
        before = len(pool.steps)
        lowering.terms[node] = lowering.lowered(node)
        steps[node] = tuple(pool.steps[before:])
    return Lowered(graph, axes, pool, lowering.terms, lowering.nodes, steps)


class _Lowering:
    def __init__(self, axes: Axes, instead: Mapping[Node, tuple[Node | float, ...]]) -> None:
        self.axes, self.pool, self.instead = axes, Pool(axes.size, axes.spare), instead
        self.terms: dict[Node, Term] = {}
        self.nodes: dict[int, Node] = {}

    def lowered(self, node: Node) -> Term:
        if node.is_leaf:
            return self._leaf(node)
        found = None if node in self.axes.opaque else self._read(node)
        return self._opaque(node) if found is None else found

    def _read(self, node: Node) -> Term | None:
        """What the op's reading makes of its operands; None where it has none, or where it does not serve this node."""
        args = [self._arg(node, i) for i in range(len(node.operands))]
        match node.reading:
            case row.Linear(coefficients):
                return self.pool.lin([(x, coefficient(exact(c))) for x, c in zip(args, coefficients, strict=True)])
            case row.Product(exponents):
                return self.pool.prod([(x, Fraction(e)) for x, e in zip(args, exponents, strict=True)])
            case row.Power():
                return self._power(node, args)
            case row.Function() | row.Extremum():
                return self._function(node, args)
            case row.Relation(sign):
                return self._relation(node, sign, args)
            case row.Choice():
                return self._choice(node, args)
            case row.Identity():
                return self._identity(node, args)
            case row.Copy() | row.Reshape() | row.Permutation():
                return args[0]
            case row.Reduction(kind):
                return self._reduction(node, kind, args[0])
            case row.Contraction():
                return self.pool.sum(self.pool.mul(*args), self._contracted(node))
            case row.Lookup():
                return self._lookup(node, *args)
            case row.Placement():
                return self._placement(node, *args)
        return None

    def _leaf(self, node: Node) -> Term:
        if node in self.instead:
            parts = [self.terms[x] if isinstance(x, Node) else self.pool.constant(exact(x)) for x in self.instead[node]]
            return self.pool.lin(list(zip(parts, (ONE, MINUS_ONE), strict=False)))
        number = _only_number(node)
        if number is not None:
            return self.pool.constant(exact(number))
        labels = flat(self.axes.layout[node])
        self.nodes[node.rank] = node
        return self.pool.make("leaf", (), (node.rank, labels), labels)

    def _opaque(self, node: Node) -> Term:
        self.nodes[node.rank] = node
        args = [self.terms[x] if isinstance(x, Node) else self.pool.constant(exact(x)) for x in node.operands]
        return self.pool.make("opaque", args, (node.rank,), flat(self.axes.layout[node]))

    def _arg(self, node: Node, i: int) -> Term:
        x = node.operands[i]
        if not isinstance(x, Node):
            return self.pool.constant(self._count(node, x) or exact(x))
        if (node, i) not in self.axes.relabelled:
            return self.terms[x]
        names = zip(flat(self.axes.layout[x]), flat(self.axes.relabelled[node, i]), strict=True)
        to = {old: new for old, new in names if old != new}
        term = self.terms[x]
        named = x.name is not None and not x.is_leaf
        if named or sum(1 for _ in zip(reachable([term]), range(LARGEST_COPY), strict=False)) == LARGEST_COPY:
            return self.pool.relabel(term, to)
        return self.pool.rename(term, to)

    def _count(self, node: Node, x: Any) -> Coefficient | None:
        """The number that the rule of a mean divides by, as the lengths that it is; None for any other number."""
        forward = node.rule_of[0] if node.rule_of is not None else None
        if forward is None or forward.reading != row.Reduction("mean"):
            return None
        layout, axes = self.axes.of(forward, 0), reduced(forward)
        count = self.pool.lengths(label for i, labels in enumerate(layout) if i in axes for label in labels)
        return count if count.value == x else None

    def _power(self, node: Node, args: list[Term]) -> Term:
        exponent = self.pool.as_constant(args[1])
        if exponent is None or not isinstance(exponent.value, Fraction):
            return self._function(node, args)
        return self.pool.prod([(args[0], exponent.value)])

    def _function(self, node: Node, args: list[Term]) -> Term:
        params = (node.op, tuple(sorted((key, _hashable(value)) for key, value in node.params.items())))
        return self.pool.make("fn", args, params, _union(args))

    def _identity(self, node: Node, args: list[Term]) -> Term:
        x = node.operands[0]
        whole = isinstance(x, Node) and x.dtype.kind in "biu"
        return args[0] if node.dtype.kind in "fc" or whole or args[0].op == "indicator" else self._function(node, args)

    def _relation(self, node: Node, sign: str, args: list[Term]) -> Term:
        if sign in _RELATIONS:
            return self.pool.make("indicator", args, (sign,), _union(args))
        if node.dtype.kind != "b":  # of whole numbers, bit by bit
            return self._function(node, args)
        if sign == "&":
            return self.pool.mul(*args)
        if sign == "|":
            a, b = args
            return self.pool.lin([(a, ONE), (b, ONE), (self.pool.mul(a, b), MINUS_ONE)])
        if sign != "~":
            return self._function(node, args)
        return (
            self.pool.lin([(self.pool.one, ONE), (args[0], MINUS_ONE)])
            if _is_doubtful(node)
            else self._negated(args[0])
        )

    def _negated(self, condition: Term) -> Term:
        if condition.op == "indicator":
            return self.pool.make("indicator", condition.args, (_RELATIONS[condition.params[0]],), condition.axes)
        return self.pool.lin([(self.pool.one, ONE), (condition, MINUS_ONE)])

    def _choice(self, node: Node, args: list[Term]) -> Term:
        condition, yes, no = args
        numbers = [self.pool.as_constant(x) for x in (yes, no)]
        chosen = node.operands[0]
        truth = isinstance(chosen, Node) and chosen.dtype.kind == "b"
        if not truth or any(c is not None and not isfinite(c.value) for c in numbers):
            return self._function(node, args)  # 0 times infinity is not 0
        parts = [(self.pool.mul(condition, yes), ONE), (self.pool.mul(self._negated(condition), no), ONE)]
        return self.pool.lin(parts)

    def _reduction(self, node: Node, kind: str, x: Term) -> Term:
        layout, axes = self.axes.of(node, 0), reduced(node)
        labels = tuple(label for i, several in enumerate(layout) if i in axes for label in several)
        if kind == "mean" and any(self.pool.size(label) == 0 for label in labels):
            return self._opaque(node)  # of no elements, which is 0/0
        if kind in ("sum", "mean"):
            total = self.pool.sum(x, labels)
            return total if kind == "sum" else self.pool.scale(total, self.pool.per(labels))
        live = tuple(sorted(label for label in labels if label in x.axes))
        if kind == "prod" and len(live) < len(labels):
            return self._opaque(node)
        rest = [label for label in x.axes if label not in live]
        return self.pool.make("fold", (x,), (kind, live), rest) if live else x

    def _contracted(self, node: Node) -> set[int]:
        """The labels that a contraction sums over."""
        given = {label for i in range(len(node.operands)) for label in flat(self.axes.of(node, i))}
        return given - set(flat(self.axes.layout[node]))

    def _lookup(self, node: Node, x: Term, places: Term) -> Term | None:
        axis = node.params["axis"] % len(node.shape)
        labels = self.axes.of(node, 0)[axis]
        if len(labels) > 1 or not _in_range(node.operands[1], node.operands[0].shape[axis]):
            return None
        return self.pool.sum(self.pool.mul(x, self._delta(places, labels)), labels)

    def _placement(self, node: Node, x: Term, places: Term) -> Term | None:
        axis = node.params["axis"] % len(node.shape)
        labels = self.axes.layout[node][axis]
        if len(labels) > 1 or not _in_range(node.operands[1], node.shape[axis]):
            return None
        return self.pool.sum(self.pool.mul(x, self._delta(places, labels)), self.axes.of(node, 1)[axis])

    def _delta(self, places: Term, labels: tuple[int, ...]) -> Term:
        """1 where the index along an axis is this; along an axis of length 1 it always is."""
        return self.pool.make("delta", (places,), labels, (*places.axes, *labels)) if labels else self.pool.one


def _only_number(node: Node) -> Any:
    """The number that all elements of an unnamed constant are, or None."""
    value = node.value
    if (
        node.name is not None
        or node.requires_grad
        or not isinstance(value, np.ndarray)
        or value.dtype.kind not in "fiu"
    ):
        return None
    return value.flat[0].item() if value.size and bool((value == value.flat[0]).all()) else None


def _is_doubtful(node: Node) -> bool:
    """Whether what is negated compares by size what may be NaN: then the opposite relation does not hold either."""
    compared = node.inputs[0]
    by_size = isinstance(compared.reading, row.Relation) and compared.reading.sign in (">", "≥", "<", "≤")
    return by_size and any(x.dtype.kind == "f" for x in compared.inputs)


def _in_range(places: Any, n: int) -> bool:
    """Whether recorded places count from the front of an axis, as an index in a formula does."""
    values = places.value if isinstance(places, Node) else places
    return values is not None and bool(np.all((values >= 0) & (values < n)))


def _hashable(value: Any) -> Any:
    return str(value) if isinstance(value, np.dtype) else value


def _union(terms: list[Term]) -> set[int]:
    return {label for term in terms for label in term.axes}
