"""Elements by their places: indices of the extremes, elements taken and repeated, diagonals.

All but `argmax` and `argmin` are compositions of indexing, whose gradients return to where the elements were.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any, Final

import numpy as np

from ..arrays import setting
from ..axes import counted
from ..errors import ShapeError, describe
from ..interop.habits import keywords
from ..primitive import Op, facts, primitive
from ..record import Result, unwrap
from ..recording import composition
from ..row import Array, Operand, answers
from .elementwise import astype
from .reductions import sum
from .shapes import getitem, reshape, transpose

__all__ = ["argmax", "argmin", "copy", "diagonal", "moveaxis", "ravel", "repeat", "take", "trace"]


def place_of(function: Callable[..., Any], which: str, example: str) -> Op[...]:
    """The op that finds the place of an extreme: NumPy's function, which one, and what it makes of 1, 3 and 3."""

    def found(x: Operand, /, axis: int | None = None, keepdims: bool = False) -> Array:
        return function(x, axis=axis, keepdims=keepdims)

    name = found.__name__ = found.__qualname__ = function.__name__
    found.__doc__ = f"""The index of the {which} element along an axis, or of all in row-major order, as an integer.

    Of equals it is the first. The dtype is int64. Not differentiable. `ShapeError` for an axis out of range, and where
    there is nothing to choose from.

    >>> import micrograd_tensor as mt
    >>> mt.{name}(mt.tensor([1.0, 3.0, 3.0]))
    tensor({example})
    """
    known = facts(numpy=function)
    return primitive(name, f"{name}({{0}}⟦, {{axis:axis}}⟧⟦, {{keepdims:flag}}⟧)", None, analytic=False)(known(found))


argmax: Final = place_of(np.argmax, "largest", "1")
argmin: Final = place_of(np.argmin, "smallest", "0")


@answers(np.copy, np.positive)
@keywords
def copy(x: Operand) -> Result:
    """x itself, as the result of an op: whatever is done to it or its name leaves x alone. The gradient is passed on.

    Tensors cannot be written to, so nothing needs to be copied before an op.

    >>> import micrograd_tensor as mt
    >>> mt.copy(mt.tensor([1.0, 2.0]))
    tensor([1., 2.])
    """
    found = x if hasattr(x, "dtype") else np.asarray(x)
    return astype(found, found.dtype)


@answers(np.ravel)
@keywords
def ravel(x: Operand) -> Result:
    """All elements along one axis, in row-major order.

    >>> import micrograd_tensor as mt
    >>> mt.ravel(mt.tensor([[1.0, 2.0], [3.0, 4.0]]))
    tensor([1., 2., 3., 4.])
    """
    return reshape(x, shape=-1)


@answers(np.take)
@keywords
@composition
def take(x: Operand, indices: Operand, axis: int | None = None) -> Result:
    """Elements of x at integer indices along an axis, which becomes those of the indices, or of all in row-major order.

    Where a place is named several times, its gradients are added. `ShapeError` for places or an axis out of range.

    >>> import micrograd_tensor as mt
    >>> mt.take(mt.tensor([[1.0, 2.0], [3.0, 4.0]]), [1, 0, 1], axis=1)
    tensor([[2., 1., 2.],
            [4., 3., 4.]])
    """
    if axis is None:
        return getitem(ravel(x), indices)
    return getitem(x, (*(slice(None),) * counted("take", x, axis)[0], indices))


@answers(np.repeat)
@keywords
@composition
def repeat(x: Operand, repeats: int | tuple[int, ...], axis: int | None = None) -> Result:
    """Each element several times in a row, as `numpy.repeat`; the gradients of its copies are added.

    Args:
        x: any shape.
        repeats: how often, for all or for each place along the axis.
        axis: by default all elements in row-major order.

    `ShapeError` for an axis out of range, or a number of repeats that does not fit.

    >>> import micrograd_tensor as mt
    >>> mt.repeat(mt.tensor([1.0, 2.0]), 2)
    tensor([1., 1., 2., 2.])
    """
    n = prod(np.shape(unwrap(x))) if axis is None else np.shape(unwrap(x))[counted("repeat", x, axis)[0]]
    times = setting("repeat: repeats", repeats)
    if times.dtype.kind not in "iu":
        raise ShapeError(f"repeat: repeats={repeats!r}: give a whole number, or one for each place")
    try:
        places = np.repeat(np.arange(n), times)
    except ValueError as error:
        raise ShapeError(f"repeat: {describe(x)}, {repeats!r} times along axis {axis}: {error}") from None
    return take(x, places, axis)


@answers(np.moveaxis)
@keywords
def moveaxis(x: Operand, source: int | tuple[int, ...], destination: int | tuple[int, ...]) -> Result:
    """x with some axes moved to other positions; the rest stay in order, as `numpy.moveaxis`.

    `ShapeError` for axes out of range.

    >>> import micrograd_tensor as mt
    >>> mt.moveaxis(mt.tensor([[[1.0, 2.0]]]), -1, 0).shape
    (2, 1, 1)
    """
    sources, places = counted("moveaxis", x, source), counted("moveaxis", x, destination)
    if len(sources) != len(places):
        raise ShapeError(
            f"moveaxis: {describe(x)}, axes {source} to {destination}: give as many of one as of the other"
        )
    order = [axis for axis in range(np.ndim(unwrap(x))) if axis not in sources]
    for place, axis in sorted(zip(places, sources, strict=True)):
        order.insert(place, axis)
    return transpose(x, axes=tuple(order))


@answers(np.diagonal)
@keywords
@composition
def diagonal(x: Operand, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Result:
    """The diagonal of two axes, which are replaced by one at the end; ``offset`` counts columns to the right.

    `ShapeError` for axes out of range, or one axis given twice.

    >>> import micrograd_tensor as mt
    >>> mt.diagonal(mt.tensor([[1.0, 2.0], [3.0, 4.0]]))
    tensor([1., 4.])
    """
    i, j = counted("diagonal", x, (axis1, axis2))
    rows, columns = np.shape(unwrap(x))[i], np.shape(unwrap(x))[j]
    offset = max(-rows, min(offset, columns))
    places = np.arange(max(min(rows + min(offset, 0), columns - max(offset, 0)), 0))
    return getitem(moveaxis(x, (i, j), (-2, -1)), (..., places - min(offset, 0), places + max(offset, 0)))


@answers(np.trace)
@keywords
@composition
def trace(x: Operand, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Result:
    """The sum of the diagonal of two axes. `ShapeError` for axes out of range.

    >>> import micrograd_tensor as mt
    >>> mt.trace(mt.tensor([[1.0, 2.0], [3.0, 4.0]]))
    tensor(5.)
    """
    return sum(diagonal(x, offset, axis1, axis2), axis=-1)
