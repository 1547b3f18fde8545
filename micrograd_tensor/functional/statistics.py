"""Variance, standard deviation and Euclidean norm."""

from __future__ import annotations

import numpy as np

from ..engine.errors import ShapeError, describe
from ..engine.row import Axis, Operand, answers
from ..engine.table.elementwise import sqrt, square
from ..engine.table.reductions import mean, sum
from ..engine.tensor import Tensor


@answers(np.var)
def var(x: Operand, axis: Axis = None, keepdims: bool = False, *, correction: float = 0) -> Tensor:
    """Variance over ``axis``: ``Σ(x − mean)² / (n − correction)``.

    ``correction=0``, NumPy's default, gives the mean squared deviation; ``correction=1``, Bessel's, is unbiased.

    Raises:
        ShapeError: for an axis out of range, or where n is not greater than the correction.

    >>> import micrograd_tensor as mt
    >>> mt.var(mt.tensor([1.0, 2.0, 3.0, 4.0])), mt.var(mt.tensor([1.0, 2.0, 3.0, 4.0]), correction=1)
    (tensor(1.25), tensor(1.66666667))
    """
    squares = square(x - mean(x, axis=axis, keepdims=True))
    if not correction:
        return mean(squares, axis=axis, keepdims=keepdims)
    total = sum(squares, axis=axis, keepdims=keepdims)
    n = squares.size // total.size if total.size else 1
    if n <= correction:
        raise ShapeError(f"var: {n} values of {describe(x)} and correction={correction} leave nothing to divide by")
    return total / (n - correction)


@answers(np.std)
def std(x: Operand, axis: Axis = None, keepdims: bool = False, *, correction: float = 0) -> Tensor:
    """Standard deviation over ``axis``, the square root of `var`; its gradient is infinite where all values are equal.

    `ShapeError` for an axis out of range, or where n is not greater than the correction.

    >>> import micrograd_tensor as mt
    >>> mt.std(mt.tensor([1.0, 3.0]))
    tensor(1.)
    """
    return sqrt(var(x, axis, keepdims, correction=correction))


def l2_norm(x: Operand, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Euclidean norm over ``axis``, ``√Σx²``; its gradient ``x/‖x‖`` is NaN at 0, where it is undefined.

    `ShapeError` for an axis out of range.

    >>> import micrograd_tensor as mt
    >>> mt.l2_norm(mt.tensor([[3.0, 4.0], [6.0, 8.0]]), axis=1)
    tensor([ 5., 10.])
    """
    return sqrt(sum(square(x), axis=axis, keepdims=keepdims))
