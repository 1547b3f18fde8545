"""Rearranging: elements repeated, rolled, turned, put on a diagonal or into windows, by indexing and reshaping."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..engine.arrays import beside, setting
from ..engine.axes import counted, pair
from ..engine.errors import ShapeError, describe
from ..engine.interop.habits import keywords
from ..engine.lengths import lengths, whole_number
from ..engine.record import unwrap
from ..engine.recording import composition
from ..engine.row import Operand, answers
from ..engine.table.elementwise import where
from ..engine.table.places import copy, diagonal, moveaxis, ravel, take
from ..engine.table.reductions import broadcast_to
from ..engine.table.shapes import concatenate, flip, getitem, pad, reshape, swapaxes
from ..engine.table.windows import windows
from ..engine.tensor import Tensor
from .operands import as_tensor

__all__ = ["broadcast_arrays", "delete", "diag", "diagflat", "fliplr", "flipud", "meshgrid", "roll", "rot90"]
__all__ += ["sliding_window_view", "tile"]


@answers(np.tile)
@composition
def tile(x: Operand, reps: int | Sequence[int]) -> Tensor:
    """x laid out several times in a row along its axes, as `numpy.tile`; the gradients of the copies are added.

    Args:
        x: any shape.
        reps: how often along each of the last axes, more of them than x has for new axes in front.

    >>> import micrograd_tensor as mt
    >>> mt.tile(mt.tensor([1.0, 2.0]), (2, 2))
    tensor([[1., 2., 1., 2.],
            [1., 2., 1., 2.]])
    """
    times = lengths("reps", reps if isinstance(reps, (tuple, list)) else (reps,), least=0)
    shape = np.shape(unwrap(x))
    rank = max(len(shape), len(times))
    shape, times = (1,) * (rank - len(shape)) + shape, (1,) * (rank - len(times)) + times
    apart = reshape(x, shape=tuple(k for n in shape for k in (1, n)))
    copies = broadcast_to(apart, shape=tuple(k for pair in zip(times, shape, strict=True) for k in pair))
    return reshape(copies, shape=tuple(t * n for t, n in zip(times, shape, strict=True)))


@answers(np.roll)
@keywords
@composition
def roll(x: Operand, shift: int | Sequence[int], axis: int | Sequence[int] | None = None) -> Tensor:
    """x shifted along axes, or with None all elements in a row; what leaves at the end comes in at the start.

    `ShapeError` for an axis out of range.

    >>> import micrograd_tensor as mt
    >>> mt.roll(mt.tensor([1.0, 2.0, 3.0]), 1)
    tensor([3., 1., 2.])
    """
    shape = np.shape(unwrap(x))
    if setting("roll: shift", shift).dtype.kind not in "iu":
        raise ShapeError(f"roll: shift={shift!r}: give a whole number, or one for each axis")
    if axis is None:
        return reshape(roll(ravel(x), int(np.sum(shift)), axis=0), shape=shape)
    rolled = as_tensor(x)
    for by, i in np.broadcast(shift, counted("roll", x, axis)):
        before, by = (slice(None),) * i, by % max(shape[i], 1)
        if by:
            parts = getitem(rolled, (*before, slice(-by, None))), getitem(rolled, (*before, slice(None, -by)))
            rolled = concatenate(parts, axis=int(i))
    return copy(x) if rolled is x else rolled


@answers(np.rot90)
@keywords
@composition
def rot90(x: Operand, k: int = 1, axes: tuple[int, int] = (0, 1)) -> Tensor:
    """x turned k times by 90 degrees, from the first of two axes towards the second. `ShapeError` for bad axes.

    >>> import micrograd_tensor as mt
    >>> mt.rot90(mt.tensor([[1.0, 2.0], [3.0, 4.0]]))
    tensor([[2., 4.],
            [1., 3.]])
    """
    first, second = counted("rot90", x, pair("rot90", axes))
    k = whole_number("rot90: k", k)
    if k % 2 == 0:
        return flip(x, axis=(first, second)) if k % 4 else copy(x)
    turned = swapaxes(x, first, second)
    return flip(turned, axis=first if k % 4 == 1 else second)


@answers(np.fliplr)
def fliplr(x: Operand) -> Tensor:
    """x with the order along axis 1 reversed. `ShapeError` for fewer than two axes.

    >>> import micrograd_tensor as mt
    >>> mt.fliplr(mt.tensor([[1.0, 2.0]]))
    tensor([[2., 1.]])
    """
    return flip(x, axis=1)


@answers(np.flipud)
def flipud(x: Operand) -> Tensor:
    """x with the order along axis 0 reversed. `ShapeError` for no axes.

    >>> import micrograd_tensor as mt
    >>> mt.flipud(mt.tensor([1.0, 2.0]))
    tensor([2., 1.])
    """
    return flip(x, axis=0)


@answers(np.diag)
@composition
def diag(x: Operand, k: int = 0) -> Tensor:
    """A matrix with a vector on its k-th diagonal and zeros elsewhere; of a matrix, its k-th diagonal.

    `ShapeError` for other numbers of axes.

    >>> import micrograd_tensor as mt
    >>> mt.diag(mt.tensor([1.0, 2.0]))
    tensor([[1., 0.],
            [0., 2.]])
    """
    rank, k = np.ndim(unwrap(x)), whole_number("diag: k", k)
    if rank == 2:
        return diagonal(x, k)
    if rank != 1:
        raise ShapeError(f"diag: {describe(x)} is neither a vector nor a matrix")
    square = where(beside(np.eye(np.shape(unwrap(x))[0], dtype=bool), x), x, 0)
    return pad(square, ((max(-k, 0), max(k, 0)), (max(k, 0), max(-k, 0)))) if k else square


@answers(np.diagflat)
@composition
def diagflat(x: Operand, k: int = 0) -> Tensor:
    """A matrix with all elements of x on its k-th diagonal and zeros elsewhere.

    >>> import micrograd_tensor as mt
    >>> mt.diagflat(mt.tensor([[1.0, 2.0]]))
    tensor([[1., 0.],
            [0., 2.]])
    """
    return diag(ravel(x), k)


@answers(np.delete)
@keywords
@composition
def delete(x: Operand, obj: Any, axis: int | None = None) -> Tensor:
    """x without the elements at some places along an axis, or with None of all in a row. `ShapeError` for others.

    >>> import micrograd_tensor as mt
    >>> mt.delete(mt.tensor([1.0, 2.0, 3.0]), 1)
    tensor([1., 3.])
    """
    shape = np.shape(unwrap(x))
    n = int(np.prod(shape)) if axis is None else shape[counted("delete", x, axis)[0]]
    try:
        left = np.delete(np.arange(n), obj if isinstance(obj, slice) else setting("delete: obj", obj))
    except IndexError as error:
        raise ShapeError(f"delete: {describe(x)} at {obj!r}: {error}") from None
    return take(x, left, axis)


@answers(np.meshgrid)
@composition
def meshgrid(*tensors: Operand, indexing: str = "xy") -> tuple[Tensor, ...]:
    """For vectors of coordinates the coordinates of all points of their grid, each an array of the grid's shape.

    ``indexing="xy"`` puts the first vector along axis 1 and the second along axis 0; ``"ij"`` each along its own axis.
    `ShapeError` for any other.

    >>> import micrograd_tensor as mt
    >>> mt.meshgrid(mt.tensor([1.0, 2.0]), mt.tensor([3.0]))
    (tensor([[1., 2.]]), tensor([[3., 3.]]))
    """
    if indexing not in ("xy", "ij"):
        raise ShapeError(f'meshgrid: indexing={indexing!r} is not "xy" or "ij"')
    places = [*range(len(tensors))]
    if indexing == "xy":
        places[:2] = places[:2][::-1]
    along = [tuple(-1 if k == i else 1 for k in places[: len(tensors)]) for i in range(len(tensors))]
    return broadcast_arrays(*(reshape(x, shape=shape) for x, shape in zip(tensors, along, strict=True)))


@answers(np.broadcast_arrays)
@composition
def broadcast_arrays(*tensors: Operand) -> tuple[Tensor, ...]:
    """Each repeated along new or length-1 axes up to the shape that all share. `ShapeError` where there is none.

    >>> import micrograd_tensor as mt
    >>> mt.broadcast_arrays(mt.tensor([1.0, 2.0]), 3.0)
    (tensor([1., 2.]), tensor([3., 3.]))
    """
    shapes = [np.shape(unwrap(x)) for x in tensors]
    try:
        shape = np.broadcast_shapes(*shapes)
    except ValueError:
        raise ShapeError(f"broadcast_arrays: {', '.join(map(str, shapes))} do not broadcast") from None
    return tuple(broadcast_to(as_tensor(x), shape=shape) for x in tensors)


@answers(np.lib.stride_tricks.sliding_window_view)
@keywords
@composition
def sliding_window_view(x: Operand, window_shape: int | tuple[int, ...], axis: Any = None) -> Tensor:
    """All windows of a shape over some axes of x, by default all; the places within a window become the last axes.

    An element that several windows see gets the sum of their gradients. `ShapeError` where no window fits.

    >>> import micrograd_tensor as mt
    >>> mt.sliding_window_view(mt.tensor([1.0, 2.0, 3.0]), 2)
    tensor([[1., 2.],
            [2., 3.]])
    """
    size = (window_shape,) if isinstance(window_shape, int) else tuple(window_shape)
    axes = tuple(range(np.ndim(unwrap(x)))) if axis is None else counted("sliding_window_view", x, axis)
    if len(axes) != len(size):
        raise ShapeError(f"sliding_window_view: a window of shape {size} over axes {axes} of {describe(x)}")
    ones = (1,) * len(size)
    seen = windows(as_tensor(x), size=size, stride=ones, dilation=ones, axis=axes)
    return moveaxis(seen, tuple(range(len(size))), tuple(range(-len(size), 0)))
