"""Softmax and its logarithm, stable for numbers of any size.

All three functions subtract the maximum first, so that no exponential overflows. The result does not depend on what is
subtracted, so derivatives treat it as a constant (`stop_gradient`) and are exact to any order.
"""

from __future__ import annotations

from ..engine.habits import keywords
from ..engine.record import method
from ..engine.row import Operand
from ..engine.table.comparisons import isfinite
from ..engine.table.elementwise import div, exp, log, stop_gradient, sub, where
from ..engine.table.reductions import max, sum
from ..engine.table.shapes import reshape
from ..engine.tensor import Tensor
from ..engine.trace import holds

__all__ = ["log_softmax", "logsumexp", "softmax"]


def _largest(x: Operand, axis: int | tuple[int, ...] | None) -> Tensor:
    """The maximum along the axis, or 0 where it is infinite, since ∞ − ∞ is NaN."""
    top = max(x, axis=axis, keepdims=True)
    if not holds(isfinite(top)):
        top = where(isfinite(top), top, 0)
    return stop_gradient(top)


@method
@keywords
def logsumexp(x: Operand, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> Tensor:
    """``ln Σ eˣ`` over ``axis``, without overflow; its gradient is the softmax.

    Floats keep their dtype, integers give float64. `ShapeError` for an axis out of range.

    >>> import micrograd_tensor as mt
    >>> mt.logsumexp(mt.tensor([1000.0, 1000.0]))
    tensor(1000.69314718)
    """
    top = _largest(x, axis)
    total = sum(exp(x - top), axis=axis, keepdims=keepdims)
    return log(total) + (top if keepdims else reshape(top, shape=total.shape))


@method
@keywords
def softmax(x: Operand, axis: int | tuple[int, ...] = -1) -> Tensor:
    """``eˣ / Σeˣ`` over ``axis``: positive numbers that add up to 1. `ShapeError` for an axis out of range.

    >>> import micrograd_tensor as mt
    >>> mt.softmax(mt.tensor([1000.0, 1000.0, -1000.0]))
    tensor([0.5, 0.5, 0. ])
    """
    parts = exp(sub(x, _largest(x, axis)))
    return div(parts, sum(parts, axis=axis, keepdims=True))


@method
@keywords
def log_softmax(x: Operand, axis: int | tuple[int, ...] = -1) -> Tensor:
    """``x − ln Σeˣ`` over ``axis``, the logarithm of `softmax` without its underflow. `ShapeError` for a bad axis.

    >>> import micrograd_tensor as mt
    >>> mt.log_softmax(mt.tensor([0.0, -1000.0]))
    tensor([    0., -1000.])
    """
    shifted = sub(x, _largest(x, axis))
    return sub(shifted, log(sum(exp(shifted), axis=axis, keepdims=True)))
