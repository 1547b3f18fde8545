"""Rounding: whether the elements of an array are what rounding left where they would be zero."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..engine.row import Contraction, Linear, Reduction
from ..graph import Node

SHARE = 64
"""How many units in the last place of the largest term the remainder of a sum may be."""


def is_rounding(node: Node, known: dict[Node, bool] | None = None) -> bool:
    """Whether all of a value is no more than the rounding of larger numbers, whose exact sum is zero.

    What is merely small is not: a product of small numbers, the tail of a function.

    Args:
        node: of a graph with its values.
        known: what was found of other values, to which this is added.

    >>> import micrograd_tensor as mt
    >>> x = mt.tensor([0.1, 0.2, -0.3], name="x", requires_grad=True)
    >>> [is_rounding(mt.graph(y).outputs[0]) for y in (x.sum(), x.sum() * 2.0, x.sum() * 0.0, mt.exp(x * 1e3)[2])]
    [True, True, False, False]
    """
    known = {} if known is None else known
    waiting = [node]
    while waiting:
        this = waiting[-1]
        if this not in known:
            found = _by_itself(this)
            new = [x for x in this.inputs if x not in known] if found is None else []
            if new:
                waiting += new
                continue
            known[this] = any(known[x] for x in this.inputs) if found is None else found
        waiting.pop()
    return known[node]


def _by_itself(node: Node) -> bool | None:
    """Whether a value is rounding, as far as its op tells; None where it is if it was computed from rounding."""
    if node.op is None or node.dtype.kind not in "fc":
        return False
    largest, least = _largest(node), SHARE * float(np.finfo(node.dtype).eps)
    if not 0 < largest < least:  # a zero is one, and in a number that is not small, rounding is a small part
        return False
    if not isinstance(node.op.reading, Linear | Reduction | Contraction):
        return None
    terms = [_largest(x) for x in node.operands]
    term = math.prod(terms) if isinstance(node.op.reading, Contraction) else max(terms, default=0.0)
    return True if largest < least * term else None


def _largest(x: Any) -> float:
    value = x.value if isinstance(x, Node) else x
    if not isinstance(value, np.ndarray | np.generic | int | float | complex) or not np.size(value):
        return 0.0
    return float(np.abs(value).max())
