"""Sums that keep their digits: of float16 and float32, along any axis of any memory layout.

Added up one after the other, a million float32 numbers near 1000 have a mean that is off by 1 %. Here halves of the
array are added to each other until little is left (pairwise summation), and that is added up in float64. What remains
are a few roundings: equal numbers have their own mean, and in float16 nothing overflows on the way. Higham, *The
accuracy of floating point summation*, 1993. Products that sum, such as matmul, are left to BLAS.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

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
"""Rows of so many numbers are added up by so few at a time, one after the other, which is quicker than by halves."""
BLOCK = 1 << 20
"""More numbers than this are added up block by block, each within the processor's cache."""


def is_narrow(x: Array) -> bool:
    """Whether sums of x need care: it is a NumPy array of float16 or float32."""
    return type(x) is np.ndarray and x.itemsize < 8 and x.dtype.kind == "f"


def add_up(x: Array, axis: Axis = None, keepdims: bool = False) -> Array:
    """Sum of a NumPy array of float16 or float32 over ``axis``, in a wider dtype, to be rounded after all is done.

    >>> add_up(np.full((6000, 2), 0.1, "float16"), axis=0).astype("float16")
    array([600., 600.], dtype=float16)
    """
    shape, rank = x.shape, x.ndim
    if axis == 0 and rank > 1 and not keepdims:  # the usual case, without further ado
        return _over_rows(x)
    if isinstance(axis, (int, np.integer)) and -rank <= axis < rank:
        axes = [int(axis) % rank]
        total = _along(x, axes[0])
    else:
        axes = [*range(rank)] if axis is None else _in_order(axis, rank)
        total = _along_each(x, axes) if axes else add_reduce(x, axis, np.float32)  # of no axis, or an error
    return total.reshape([1 if i in axes else n for i, n in enumerate(shape)]) if keepdims else total


def scattered(x: Array, places: Any, shape: tuple[int, ...], at_most: int) -> Array:
    """Zeros of a shape, with x added into places, of which one may get so many numbers."""
    wide = is_narrow(x) and at_most > FEW
    full = np.zeros(shape, np.float64 if wide else x.dtype)
    np.add.at(full, places, x.astype(np.float64) if wide else x)
    return full.astype(x.dtype) if wide else full


def _in_order(axis: Any, rank: int) -> list[int]:
    """The axes of a tuple, each of which stands there once; else none."""
    axes = sorted({i % rank for i in axis if -rank <= i < rank}) if isinstance(axis, tuple) else []
    return axes if isinstance(axis, tuple) and len(axes) == len(axis) else []


def _along_each(x: Array, axes: list[int]) -> Array:
    """The sum over several axes: along all at once that lie side by side in memory, and along the longest first."""
    order, shape, left = _in_memory(x.shape, x.strides, tuple(axes), x.itemsize)
    longest = max(left, key=shape.__getitem__)
    x, n = x.transpose(order).reshape(shape), shape[longest]
    if longest == len(shape) - 1 and 0 < n <= RUN and x.itemsize == 4 and x.flags.c_contiguous:
        total = x.reshape(-1, n).dot(ONES_32[:n]).reshape(shape[:-1])
    else:
        total = _along(x, longest)
    if len(left) == 1:
        return total
    return add_reduce(total, tuple(i - (i > longest) for i in left if i != longest), np.float64)


@lru_cache(maxsize=256)
def _in_memory(
    shape: tuple[int, ...], strides: tuple[int, ...], axes: tuple[int, ...], itemsize: int
) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    """The order of the axes in memory, the shape with those made one that can be, and which these axes are then."""
    order = tuple(sorted(range(len(shape)), key=lambda i: -abs(strides[i])))
    kept = [i for i in order if i not in axes]
    if kept != sorted(kept):  # the result would be in another order
        order = tuple(range(len(shape)))
    lengths: list[int] = []
    left: list[int] = []
    for i, after in zip(order, (-1, *order), strict=False):
        together = i in axes and after in axes and strides[after] == shape[i] * strides[i]
        if together:
            lengths[-1] *= shape[i]
        else:
            left += [len(lengths)] if i in axes else []
            lengths.append(shape[i])
    return order, tuple(lengths), tuple(left)


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
        rows = add_reduce(x[:whole].reshape(n // FEW, FEW, *x.shape[1:]), 1, np.float32)
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
