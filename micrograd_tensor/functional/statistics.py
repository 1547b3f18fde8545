"""Euclidean norm."""

from __future__ import annotations

from ..engine.arrays import plain
from ..engine.interop.habits import along, keywords
from ..engine.recording import composition
from ..engine.row import Axis, Operand
from ..engine.table.elementwise import in_float32
from ..engine.table.reductions import root_of_squares, sum
from ..engine.tensor import Tensor

__all__ = ["l2_norm"]


@along
@keywords
@composition
@in_float32
def l2_norm(x: Operand, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Euclidean norm over ``axis``, ``√Σx²``; its gradient ``x/‖x‖`` is taken as 0 at 0, where it is undefined.

    Floats keep their dtype, integers give float64. `ShapeError` for an axis out of range.

    >>> import micrograd_tensor as mt
    >>> mt.l2_norm(mt.tensor([[3.0, 4.0], [6.0, 8.0]]), axis=1)
    tensor([ 5., 10.])
    """
    x = x if isinstance(x, Tensor) else plain(x)
    return root_of_squares(x, axis, keepdims, lambda squares: sum(squares, axis=axis, keepdims=keepdims))
