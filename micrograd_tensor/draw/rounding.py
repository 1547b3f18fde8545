"""Rounding: whether the elements of an array are what rounding left where they would be zero."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..engine.row import Contraction, Linear, Reduction
from ..graph import Node

SHARE = 64
"""How many units in the last place of the largest term the remainder of a sum may be."""


def is_rounding(node: Node) -> bool:
    """Whether all of a value is no more than the rounding of larger numbers, whose exact sum is zero.

    What is merely small is not: a product of small numbers, the tail of a function.

    >>> import micrograd_tensor as mt
    >>> x = mt.tensor([0.1, 0.2, -0.3], name="x", requires_grad=True)
    >>> [is_rounding(mt.graph(y).outputs[0]) for y in (x.sum(), x.sum() * 2.0, x.sum() * 0.0, mt.exp(x * 1e3)[2])]
    [True, True, False, False]
    """
    waiting, seen = [node], {node}
    while waiting:
        this = waiting.pop()
        if this.op is None or this.dtype.kind not in "fc":
            continue
        largest, least = _largest(this), SHARE * float(np.finfo(this.dtype).eps)
        if not 0 < largest < least:  # a zero is one, and in a number that is not small, rounding is a small part
            continue
        reading, terms = this.op.reading, [_largest(x) for x in this.operands]
        term = math.prod(terms) if isinstance(reading, Contraction) else max(terms, default=0.0)
        if isinstance(reading, Linear | Reduction | Contraction) and largest < least * term:
            return True
        new = [x for x in this.inputs if x not in seen]
        seen.update(new)
        waiting += new
    return False


def _largest(x: Any) -> float:
    value = x.value if isinstance(x, Node) else x
    if not isinstance(value, np.ndarray | np.generic | int | float | complex) or not np.size(value):
        return 0.0
    return float(np.abs(value).max())
