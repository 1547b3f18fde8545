"""Slopes: how precise a derivative is that people compute as a difference of numbers near its bound.

Where a tanh is all but 1, ``1 − t²`` has lost the digits that the recorded rule keeps, and ``σ(z) − 1`` has where a
sigmoid is. Both are right: to rounding of the largest slope that the function has, not of the slope at this point.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from ..engine.row import Function, Primitive
from ..graph import Graph, Node, joint

_PROBES = np.array([0.0, *(sign * 10.0**k for k in (-1, 0, 1, 3) for sign in (1, -1))])
_BOUND = 8.0
"""A slope above this at a probe grows without bound, as those of exp and square do."""


def differences(graph: Graph) -> dict[Node, Any]:
    """By share of a gradient, a node of `joint`: how far a difference of numbers near the steepest slope may be off."""
    found: dict[Node, Any] = {}
    for (node, i), share in joint(graph).contributions.items():
        if node.op is None or not isinstance(node.op.reading, Function) or node.dtype.kind != "f" or node.op.exact:
            continue
        upstream = graph.gradients[node].value
        steepest = _steepest(node.op, i, len(node.operands), tuple(node.params.items()))
        if steepest and np.shape(upstream) == share.shape:
            found[share] = float(np.finfo(share.dtype).eps) * steepest * np.abs(upstream)
    return found


@cache
def _steepest(op: Primitive, i: int, count: int, params: tuple[tuple[str, Any], ...]) -> float:
    """The largest slope of a function that has one; 0 where slopes have no bound, or the function no slope."""
    operands = [_PROBES if k == i else np.zeros_like(_PROBES) for k in range(count)]
    rule = op.vjps[i]
    if rule is None:
        return 0.0
    with np.errstate(all="ignore"):
        y = op.forward(*operands, **dict(params))
        slopes = np.abs(rule(np.ones_like(y), y, *operands, **dict(params)))
    largest = float(np.max(slopes, initial=0.0))
    return largest if largest <= _BOUND else 0.0
