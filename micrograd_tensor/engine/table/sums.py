"""Sums that keep their digits: of float16 and float32, along any axis of any memory layout.

Added up one after the other, a million float32 numbers near 1000 have a mean that is off by 1 %. Here halves of the
array are added to each other until little is left (pairwise summation), and that is added up in float64. What remains
are a few roundings: equal numbers have their own mean, and in float16 nothing overflows on the way. Higham, *The
accuracy of floating point summation*, 1993. Products that sum, such as matmul, are left to BLAS.
"""

from __future__ import annotations

import operator
from functools import lru_cache
from typing import Any

import numpy as np

from ..arrays import is_lazy
from ..row import Array, Axis

# Directly, because np.sum takes microseconds to arrive there.
add_reduce: Any = np.add.reduce

SMALL = 1 << 14
"""Of so few numbers the product with ones is the quickest sum, and one in float64."""
ONES = np.ones(SMALL)
RUN = 1 << 11
"""So many float32 numbers in a row are added up by BLAS, which keeps dozens of sums side by side."""
ONES_32 = np.ones(RUN, np.float32)
WIDE, FEW = 256, 32
"""Rows of so many numbers are added up by so few at a time, one after the other, which is quicker than by halves.

Where they lie in the processor's cache, BLAS does it quicker still, and elsewhere slower.
"""
BLOCK = 1 << 20
"""More numbers than this are added up block by block, each within the processor's cache."""


@lru_cache(maxsize=64)
def shares(n: int) -> Array:
    """What each of n numbers counts for in their mean: a product with it is quicker than a sum and a division."""
    return np.full(n, 1 / n)


def is_narrow(x: Array) -> bool:
    """Whether sums of x need care: it is a NumPy array of float16 or float32."""
    return type(x) is np.ndarray and x.itemsize < 8 and x.dtype.kind == "f"


def wide(x: Array) -> Any:
    """The settings with which a lazy array of float16 or float32 is added up, chunk by chunk, in float64."""
    return {"dtype": np.float64} if is_lazy(x) and x.itemsize < 8 and x.dtype.kind == "f" else {}


def add_up(x: Array, axis: Axis = None, keepdims: bool = False) -> Array:
    """Sum of a NumPy array of float16 or float32 over ``axis``, in a wider dtype, to be rounded after all is done.

    >>> add_up(np.full((6000, 2), 0.1, "float16"), axis=0).astype("float16")
    array([600., 600.], dtype=float16)
    """
    if axis == 0 and x.ndim > 1 and not keepdims:  # the usual case, without further ado
        return _over_rows(x)
    try:
        plan = _planned(x.shape, x.strides, axis)
    except TypeError:  # no number, nor a tuple of them
        plan = None
    if plan is None:
        return add_reduce(x, axis, np.float32, None, keepdims)  # of no axis, or an error
    order, shape, longest, others, kept = plan
    if order is None:
        total = _along(x, longest)
    else:
        x, n = x.transpose(order).reshape(shape), shape[longest]
        if longest == len(shape) - 1 and 0 < n <= RUN and x.itemsize == 4 and x.flags.c_contiguous:
            total = x.reshape(-1, n).dot(ONES_32[:n]).reshape(shape[:-1])
        else:
            total = _along(x, longest)
        if others:
            total = add_reduce(total, others, np.float64)
    return total.reshape(kept) if keepdims else total


def scattered(x: Array, places: Any, shape: tuple[int, ...], at_most: int) -> Array:
    """Zeros of a shape, with x added into places, of which one may get so many numbers."""
    wide = is_narrow(x) and at_most > FEW
    full = np.zeros(shape, np.float64 if wide else x.dtype)
    if len(shape) == 1 and type(places) is tuple and np.shape(places[0]) == x.shape:
        x, places = x.reshape(-1), np.reshape(places[0], -1)  # of one axis NumPy adds several times as fast
    np.add.at(full, places, x.astype(np.float64) if wide else x)
    return full.astype(x.dtype) if wide else full


Lengths = tuple[int, ...]


@lru_cache(maxsize=512, typed=True)
def _planned(
    shape: Lengths, strides: Lengths, axis: Any
) -> tuple[Lengths | None, Lengths, int, Lengths, Lengths] | None:
    """How to sum: along several axes all at once that lie side by side in memory, and along the longest first.

    Returns:
        None for no axis, or one out of range; else the order of the axes in memory, or None if there is only one to sum
        along; the shape with those made one that can be; the axis of it to sum along first; the others, of what is left
        then; and the shape of the sum with ``keepdims``.
    """
    rank = len(shape)
    if isinstance(axis, tuple):
        axes = sorted({i % rank for i in axis if -rank <= i < rank})
        if not axes or len(axes) < len(axis):
            return None
    else:
        axes = [*range(rank)] if axis is None else [operator.index(axis) % rank] if -rank <= axis < rank else []
    final = tuple(1 if i in axes else n for i, n in enumerate(shape))
    if not isinstance(axis, tuple) and len(axes) < 2:
        return (None, shape, axes[0], (), final) if axes else None
    order = tuple(sorted(range(rank), key=lambda i: -abs(strides[i])))
    kept = [i for i in order if i not in axes]
    if kept != sorted(kept):  # the result would be in another order
        order = tuple(range(rank))
    lengths: list[int] = []
    left: list[int] = []
    for i, after in zip(order, (-1, *order), strict=False):
        together = i in axes and after in axes and strides[after] == shape[i] * strides[i]
        if together:
            lengths[-1] *= shape[i]
        else:
            left += [len(lengths)] if i in axes else []
            lengths.append(shape[i])
    longest = max(left, key=lengths.__getitem__)
    others = tuple(i - (i > longest) for i in left if i != longest)
    return order, tuple(lengths), longest, others, final


def _along(x: Array, axis: int) -> Array:
    """The sum along one axis."""
    return _over_rows(x.transpose(axis, *(i for i in range(x.ndim) if i != axis)) if axis else x)


def _over_rows(x: Array) -> Array:
    """The sum over the first axis."""
    n, size = len(x), x.size
    if size <= SMALL:
        return ONES[:n].dot(x) if x.ndim < 3 and size else add_reduce(x, 0, np.float64)
    if not x.flags.c_contiguous and n <= SMALL and _lies_in_rows(x):  # there NumPy adds in pairs itself
        return ONES[:n].dot(x) if x.ndim == 2 and size <= 8 * SMALL else add_reduce(x, 0, np.float32)
    if size >= WIDE * n:
        if n <= FEW:
            return add_reduce(x, 0, np.float32)
        whole = n // FEW * FEW
        parts = x[:whole].reshape(n // FEW, FEW, *x.shape[1:])
        by_blas = x.itemsize == 4 and x.ndim == 2 and x.flags.c_contiguous and size <= BLOCK // 4
        rows = np.matmul(ONES_32[:FEW], parts) if by_blas else add_reduce(parts, 1, np.float32)
    elif size > BLOCK:
        whole = 1 << (n - 1).bit_length() - 1
        return _over_rows(x[:whole]) + _over_rows(x[whole:])
    else:
        halvings = (size // SMALL).bit_length()
        whole = n >> halvings << halvings
        half = whole // 2
        rows = np.add(x[:half], x[half:whole], dtype=np.float32)
        while half > whole >> halvings:
            half //= 2
            rows = np.add(rows[:half], rows[half:], out=rows[:half])
    total = _over_rows(rows)
    return total if whole == n else total + _over_rows(x[whole:])


def _lies_in_rows(x: Array) -> bool:
    """Whether the numbers along the first axis lie closer together than those along any other."""
    others = (abs(stride) for stride, n in zip(x.strides[1:], x.shape[1:], strict=True) if n > 1)
    return bool(0 < abs(x.strides[0]) <= min(others, default=0))
