"""Guards: small numbers that keep a logarithm from that of 0, or a quotient from a division by 0.

The gradient of ``-np.log(p + 1e-8)``, p a softmax, is written ``p - y`` by everybody: it is that of ``-np.log(p)``. And
that of ``x / (np.linalg.norm(x) + 1e-8)`` is derived without the small number, or with it in some places only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ..engine.row import Function, Linear, Product
from ..graph import Graph, Node

_GUARD = 1e-6
"""A larger number is no guard; where this changes a gradient by a larger share than the next, it is none either."""
_MOST = 1e-3
_TINY = 1e-7
"""A larger number in a denominator is no guard: the ε of a variance matters."""


def without_guards(graph: Graph, values: Mapping[Node, Any]) -> dict[Node, Any]:
    """The values of the sums that guard a logarithm, without the guard."""
    found: dict[Node, Any] = {}
    for node in graph.nodes:
        if isinstance(node.reading, Function) and len(node.operands) == 1 and _ends_at_0(node):
            for x in _guarded(node.inputs[0], _GUARD):
                [bare] = x.inputs
                found[x] = values.get(bare, bare.value)
    return found


def share_of_divisors(graph: Graph) -> float:
    """What share of a divisor guards it at most; 0 where none is guarded, or one by so much that it matters."""
    shares = [0.0]
    for node in graph.nodes:
        if isinstance(node.reading, Product):
            divisors = [x for x, exponent in zip(node.operands, node.reading.exponents, strict=True) if exponent < 0]
            for guarded in (x for divisor in divisors if isinstance(divisor, Node) for x in _guarded(divisor, _TINY)):
                [bare] = guarded.inputs
                least = float(np.min(np.abs(bare.value), initial=np.inf))
                shares.append(float(np.max(np.abs(guarded.value - bare.value), initial=0.0)) / (least or 1e-300))
    return max(shares) if max(shares) <= _GUARD else 0.0


def _ends_at_0(node: Node) -> bool:
    """Whether the function of an op falls without end towards 0, as logarithms do."""
    with np.errstate(all="ignore"):
        return bool(np.isneginf(node.made_by.forward(np.zeros(()), **node.params)))


def _guarded(x: Node, most: float) -> Iterator[Node]:
    """The sums with a small number, or the products and quotients that have them as factors."""
    if isinstance(x.reading, Product):
        for factor in x.inputs:
            yield from _guarded(factor, most)
    elif x.reading == Linear((1, 1)) and any(isinstance(c, float) and 0 < c <= most for c in x.operands):
        yield x


def as_far_as_they_guard(value: Any, due: Any) -> Any:
    """A gradient without guards, where it is all but the same."""
    near = np.abs(value - due) <= _MOST * np.abs(due)
    return np.where(near, value, due)
