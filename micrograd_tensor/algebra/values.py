"""Values: terms as numbers again, in float64, by which every term and every step can be checked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import reduce
from math import prod
from typing import Any

import numpy as np

from ..engine.row import TABLE, Choice, Relation
from ..graph import Node
from .axes import Layout, flat
from .lower import Lowered
from .terms import Raw, Term, topological

_RELATIONS = {made.reading.sign: made.forward for made in TABLE.values() if isinstance(made.reading, Relation)}
_FOLDS: dict[str, Callable[..., Any]] = {"sum": np.sum, "max": np.max, "min": np.min, "prod": np.prod}


class Values:
    """The arrays of a lowered graph's terms; each has one axis for each of its term's axes, in their order.

    Args:
        lowered: the graph and its terms.
        given: arrays for leaves, in place of the recorded ones.
    """

    def __init__(self, lowered: Lowered, given: Mapping[Node, Any] | None = None) -> None:
        self._lowered, self._given = lowered, dict(given or {})
        self._made: dict[Term, Any] = {}
        self._size = lowered.pool.size

    def __call__(self, term: Term) -> Any:
        """The array of a term."""
        for t in topological([term], self._made):
            self._made[t] = self._value(t)
        return self._made[term]

    def of_node(self, node: Node) -> Any:
        """The array of a node, in the node's own shape."""
        return self._positional(self._lowered.terms[node], self._lowered.axes.layout[node])

    def raw(self, raw: Raw) -> Any:
        """The array of an application before a rule; its axes are those that its args have, without the summed ones."""
        labels = sorted({label for arg in raw.args for label in arg.axes})
        parts = [self._spread(self(arg), arg.axes, labels) for arg in raw.args]
        shape = [self._size(label) for label in labels]
        if raw.op == "sum":
            whole = sorted({*labels, *raw.params})
            (x,) = (self._spread(self(arg), arg.axes, whole) for arg in raw.args)
            full = np.broadcast_to(x, [self._size(label) for label in whole])
            return full.sum(axis=tuple(whole.index(label) for label in raw.params))
        if raw.op == "prod":
            return np.broadcast_to(_product(parts, raw.params), shape)
        return np.broadcast_to(_combination(parts, raw.params), shape)

    def spread_to(self, term: Term, labels: Iterable[int]) -> Any:
        """The array of a term, repeated along the axes that it lacks."""
        order = sorted(labels)
        return np.broadcast_to(self._spread(self(term), term.axes, order), [self._size(label) for label in order])

    def _spread(self, value: Any, axes: Iterable[int], labels: list[int]) -> Any:
        """An array with axes of length 1 for the labels that it lacks."""
        own = set(axes)
        return np.reshape(value, [self._size(label) if label in own else 1 for label in labels])

    def _value(self, t: Term) -> Any:
        args = [self._spread(self._made[arg], arg.axes, list(t.axes)) for arg in t.args if set(arg.axes) <= set(t.axes)]
        if t.op == "one":
            return np.ones(())
        if t.op == "num":
            return np.float64(t.params[0])
        if t.op == "leaf":
            node = self._lowered.nodes[t.params[0]]
            return self._labelled(self._given.get(node, node.value), t.params[1])
        if t.op == "lin":
            return _combination(args, t.params)
        if t.op == "prod":
            return _product(args, t.params)
        if t.op in ("sum", "fold"):
            labels = t.params if t.op == "sum" else t.params[1]
            (arg,) = t.args
            axis = tuple(arg.axes.index(label) for label in labels)
            return (_FOLDS["sum"] if t.op == "sum" else _FOLDS[t.params[0]])(self._made[arg], axis=axis)
        if t.op == "delta":
            (label,) = t.params
            index = np.arange(self._size(label)).reshape([-1 if k == label else 1 for k in t.axes])
            return (index == args[0]).astype(float)
        if t.op == "indicator":
            return _RELATIONS[t.params[0]](*args).astype(float)
        if t.op == "fn":
            primitive, params = t.params
            return np.asarray(primitive.forward(*self._cast(primitive, args), **dict(params)), float)
        if t.op == "relabel":
            (arg,) = t.args
            old, new = t.params
            order = [new[old.index(label)] for label in arg.axes]
            return np.transpose(self._made[arg], np.argsort(order))
        return self._opaque(self._lowered.nodes[t.params[0]])

    def _cast(self, primitive: Any, args: list[Any]) -> list[Any]:
        """Truth values as such, where an op asks for them: numbers stand for them in terms."""
        if isinstance(primitive.reading, Choice):
            return [args[0] != 0, *args[1:]]
        return [x.astype(int) for x in args] if isinstance(primitive.reading, Relation) else args

    def _opaque(self, node: Node) -> Any:
        terms, layouts = self._lowered.terms, self._lowered.axes.layout
        operands = [
            self._positional(terms[x], layouts[x]).astype(x.dtype) if isinstance(x, Node) else x for x in node.operands
        ]
        return self._labelled(node.apply(*operands), flat(layouts[node]))

    def _labelled(self, value: Any, labels: tuple[int, ...]) -> Any:
        """The array of a node with its axes taken apart into labels, in the order of labels."""
        apart = np.reshape(np.asarray(value, float), [self._size(label) for label in labels])
        return np.transpose(apart, np.argsort(labels)) if labels else apart

    def _positional(self, term: Term, layout: Layout) -> Any:
        """A term in a node's shape."""
        labels = flat(layout)
        full = self.spread_to(term, labels)
        ordered = np.transpose(full, [sorted(labels).index(label) for label in labels])
        return np.reshape(ordered, [prod(map(self._size, several)) for several in layout])


def _combination(parts: list[Any], coefficients: Iterable[Any]) -> Any:
    terms = (part * float(c.value) for part, c in zip(parts, coefficients, strict=True))
    return reduce(np.add, terms, np.zeros(()))


def _product(parts: list[Any], exponents: Iterable[Any]) -> Any:
    powers = (part ** (int(e) if e.denominator == 1 else float(e)) for part, e in zip(parts, exponents, strict=True))
    return reduce(np.multiply, powers, np.ones(()))
