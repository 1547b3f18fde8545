"""Softmax and its logarithm, stable for numbers of any size.

All three functions subtract the maximum first, so that no exponential overflows. The result does not depend on what is
subtracted, so derivatives treat it as a constant (`stop_gradient`) and are exact to any order.
"""

from __future__ import annotations

from math import inf

import numpy as np

from ..engine.interop.habits import along, keywords
from ..engine.record import method, unwrap
from ..engine.recording import composition
from ..engine.row import Operand
from ..engine.table.comparisons import all_finite, equal, isfinite
from ..engine.table.elementwise import div, exp, in_float32, log, stop_gradient, sub, where
from ..engine.table.reductions import max, sum
from ..engine.table.shapes import reshape
from ..engine.tensor import Tensor

__all__ = ["log_softmax", "logsumexp", "softmax"]


def _shifted(x: Operand, axis: int | tuple[int, ...] | None) -> Tensor:
    """x less its maximum, if there is one; where all is −∞ it stays as it is, since ∞ − ∞ is NaN."""
    if _is_empty(x):
        return sub(x, 0.0)
    top = stop_gradient(max(x, axis=axis, keepdims=True))
    return sub(x, top if all_finite(top) else where(equal(top, -inf), 0.0, top))


def _is_empty(x: Operand) -> bool:
    return 0 in np.shape(unwrap(x))


@along
@method
@keywords
@composition
@in_float32
def logsumexp(x: Operand, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> Tensor:
    """``ln Σ eˣ`` over ``axis``, without overflow; its gradient is the softmax, and 0 where all is −∞.

    Floats keep their dtype, integers give float64. `ShapeError` for an axis out of range.

    >>> import micrograd_tensor as mt
    >>> mt.logsumexp(mt.tensor([1000.0, 1000.0]))
    tensor(1000.69314718)
    """
    if _is_empty(x):
        return _logarithm(sum(exp(x), axis=axis, keepdims=keepdims))
    top = stop_gradient(max(x, axis=axis, keepdims=True))
    finite = all_finite(top)
    shift = top if finite else where(isfinite(top), top, 0.0)
    total = sum(exp(sub(x, shift)), axis=axis, keepdims=keepdims)
    return (log(total) if finite else _logarithm(total)) + (shift if keepdims else reshape(shift, shape=total.shape))


def _logarithm(total: Tensor) -> Tensor:
    """ln, of 0 without a warning and with slope 0."""
    nothing = equal(total, 0)
    return where(nothing, -inf, log(where(nothing, 1.0, total)))


@along
@method
@keywords
@composition
@in_float32
def softmax(x: Operand, axis: int | tuple[int, ...] = -1) -> Tensor:
    """``eˣ / Σeˣ`` over ``axis``: positive numbers that add up to 1. `ShapeError` for an axis out of range.

    >>> import micrograd_tensor as mt
    >>> mt.softmax(mt.tensor([1000.0, 1000.0, -1000.0]))
    tensor([0.5, 0.5, 0. ])
    """
    parts = exp(_shifted(x, axis))
    return div(parts, sum(parts, axis=axis, keepdims=True))


@along
@method
@keywords
@composition
@in_float32
def log_softmax(x: Operand, axis: int | tuple[int, ...] = -1) -> Tensor:
    """``x − ln Σeˣ`` over ``axis``, the logarithm of `softmax` without its underflow. `ShapeError` for a bad axis.

    >>> import micrograd_tensor as mt
    >>> mt.log_softmax(mt.tensor([0.0, -1000.0]))
    tensor([    0., -1000.])
    """
    shifted = _shifted(x, axis)
    return shifted if _is_empty(x) else sub(shifted, log(sum(exp(shifted), axis=axis, keepdims=True)))
