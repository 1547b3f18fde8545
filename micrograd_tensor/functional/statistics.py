"""Euclidean norm."""

from __future__ import annotations

from ..engine.habits import keywords
from ..engine.row import Axis, Operand
from ..engine.table.elementwise import sqrt, square
from ..engine.table.reductions import sum
from ..engine.tensor import Tensor

__all__ = ["l2_norm"]


@keywords
def l2_norm(x: Operand, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Euclidean norm over ``axis``, ``√Σx²``; its gradient ``x/‖x‖`` is NaN at 0, where it is undefined.

    Floats keep their dtype, integers give float64. `ShapeError` for an axis out of range.

    >>> import micrograd_tensor as mt
    >>> mt.l2_norm(mt.tensor([[3.0, 4.0], [6.0, 8.0]]), axis=1)
    tensor([ 5., 10.])
    """
    return sqrt(sum(square(x), axis=axis, keepdims=keepdims))
