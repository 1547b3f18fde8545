"""Truth values of other kinds than comparisons, composed of them: logic of any numbers, any, all, NaN, infinity."""

from __future__ import annotations

import numpy as np

from ..axes import counted
from ..interop.habits import along, keywords
from ..record import Result
from ..recording import composition
from ..row import Axis, Operand, answers
from .comparisons import bitwise_and, bitwise_or, equal, greater, not_equal
from .elementwise import abs
from .reductions import sum

__all__ = ["all", "any", "count_nonzero", "isinf", "isnan"]
__all__ += ["logical_and", "logical_not", "logical_or", "logical_xor"]


@answers(np.isnan)
def isnan(x: Operand) -> Result:
    """Truth of "not a number", element by element: only NaN differs from itself. Not differentiable.

    >>> import micrograd_tensor as mt
    >>> mt.isnan(mt.tensor([1.0, float("nan"), float("inf")]))
    tensor([False,  True, False])
    """
    return not_equal(x, x)


@answers(np.isinf)
@composition
def isinf(x: Operand) -> Result:
    """Truth of "infinite", with either sign, element by element. Not differentiable.

    >>> import micrograd_tensor as mt
    >>> mt.isinf(mt.tensor([1.0, float("nan"), -float("inf")]))
    tensor([False, False,  True])
    """
    return equal(abs(x), np.inf)


@answers(np.logical_not)
def logical_not(x: Operand) -> Result:
    """Truth of "x is 0 or False", element by element. Not differentiable.

    >>> import micrograd_tensor as mt
    >>> mt.logical_not(mt.tensor([0.0, 2.0]))
    tensor([ True, False])
    """
    return equal(x, 0)


@answers(np.logical_and)
@composition
def logical_and(a: Operand, b: Operand) -> Result:
    """Truth of "neither is 0 or False", element by element; of truth values alone ``a & b`` is the same.

    `ShapeError` where the shapes do not broadcast. Not differentiable.

    >>> import micrograd_tensor as mt
    >>> mt.logical_and(mt.tensor([0.0, 2.0]), mt.tensor([1.0, 3.0]))
    tensor([False,  True])
    """
    return bitwise_and(not_equal(a, 0), not_equal(b, 0))


@answers(np.logical_or)
@composition
def logical_or(a: Operand, b: Operand) -> Result:
    """Truth of "not both are 0 or False", element by element; of truth values alone ``a | b`` is the same.

    `ShapeError` where the shapes do not broadcast. Not differentiable.

    >>> import micrograd_tensor as mt
    >>> mt.logical_or(mt.tensor([0.0, 0.0]), mt.tensor([0.0, 3.0]))
    tensor([False,  True])
    """
    return bitwise_or(not_equal(a, 0), not_equal(b, 0))


@answers(np.logical_xor)
@composition
def logical_xor(a: Operand, b: Operand) -> Result:
    """Truth of "one of the two is 0 or False, and the other is not", element by element.

    `ShapeError` where the shapes do not broadcast. Not differentiable.

    >>> import micrograd_tensor as mt
    >>> mt.logical_xor(mt.tensor([0.0, 2.0]), mt.tensor([1.0, 3.0]))
    tensor([ True, False])
    """
    return not_equal(not_equal(a, 0), not_equal(b, 0))


@answers(np.count_nonzero)
@keywords
@composition
def count_nonzero(x: Operand, axis: Axis = None, keepdims: bool = False) -> Result:
    """How many elements over ``axis`` are neither 0 nor False, of dtype int64. `ShapeError` for an axis out of range.

    >>> import micrograd_tensor as mt
    >>> mt.count_nonzero(mt.tensor([0.0, 2.0, 3.0]))
    tensor(2)
    """
    return _count("count_nonzero", x, not_equal(x, 0), axis, keepdims)


@along
@answers(np.any)
@keywords
@composition
def any(x: Operand, axis: Axis = None, keepdims: bool = False) -> Result:
    """Whether any element over ``axis`` is neither 0 nor False, of dtype bool. `ShapeError` for an axis out of range.

    >>> import micrograd_tensor as mt
    >>> mt.any(mt.tensor([[0.0, 2.0], [0.0, 0.0]]), axis=1)
    tensor([ True, False])
    """
    return greater(_count("any", x, not_equal(x, 0), axis, keepdims), 0)


@along
@answers(np.all)
@keywords
@composition
def all(x: Operand, axis: Axis = None, keepdims: bool = False) -> Result:
    """Whether no element over ``axis`` is 0 or False, of dtype bool. `ShapeError` for an axis out of range.

    >>> import micrograd_tensor as mt
    >>> mt.all(mt.tensor([[1.0, 2.0], [0.0, 3.0]]), axis=1)
    tensor([ True, False])
    """
    return equal(_count("all", x, equal(x, 0), axis, keepdims), 0)


def _count(called: str, x: Operand, truths: Operand, axis: Axis, keepdims: bool) -> Result:
    """How many of the truth values of x hold; an error names the function that asked."""
    return sum(truths, axis=axis if axis is None else counted(called, x, axis), keepdims=keepdims)
