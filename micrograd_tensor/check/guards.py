"""Guards: small numbers that keep a logarithm from that of 0, and that people leave out where they derive it.

The gradient of ``-np.log(p + 1e-8)``, p a softmax, is written ``p - y`` by everybody: it is that of ``-np.log(p)``.
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


def without_guards(graph: Graph, values: Mapping[Node, Any]) -> dict[Node, Any]:
    """The values of the sums that guard a logarithm, without the guard."""
    found: dict[Node, Any] = {}
    for node in graph.nodes:
        if isinstance(node.reading, Function) and len(node.operands) == 1 and _ends_at_0(node):
            for x in _guarded(node.inputs[0]):
                [bare] = x.inputs
                found[x] = values.get(bare, bare.value)
    return found


def _ends_at_0(node: Node) -> bool:
    """Whether the function of an op falls without end towards 0, as logarithms do."""
    with np.errstate(all="ignore"):
        return bool(np.isneginf(node.made_by.forward(np.zeros(()), **node.params)))


def _guarded(x: Node) -> Iterator[Node]:
    """The sums with a small number that a logarithm is taken of, or of the products and quotients of which it is."""
    if isinstance(x.reading, Product):
        for factor in x.inputs:
            yield from _guarded(factor)
    elif x.reading == Linear((1, 1)) and any(isinstance(c, float) and 0 < c <= _GUARD for c in x.operands):
        yield x


def as_far_as_they_guard(value: Any, due: Any) -> Any:
    """A gradient without guards, where it is all but the same."""
    near = np.abs(value - due) <= _MOST * np.abs(due)
    return np.where(near, value, due)
