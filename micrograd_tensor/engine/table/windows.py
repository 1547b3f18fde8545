"""Sliding windows, on which convolution and pooling stand, and their counterpart, which adds windows back.

Each is the other's rule: an element that several windows see gets the sum of what their gradients say of it.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator
from functools import lru_cache, reduce
from itertools import product
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from ..arrays import is_duck
from ..lengths import lengths
from ..primitive import facts, primitive
from ..row import Array, Operand, Trait
from .elementwise import add
from .shapes import put_add

__all__ = ["add_windows", "windows"]

Lengths = tuple[int, ...]


@primitive(
    "windows",
    "windows({0}, size {size:shape}⟦, stride {stride:shape}⟧⟦, dilation {dilation:shape}⟧⟦, {axis:axis}⟧)",
    lambda g, y, x, size, stride, dilation, axis=None: add_windows(
        g, shape=_along(x, _axes(axis, len(size), x.ndim)), stride=stride, dilation=dilation, axis=axis
    ),
)
@facts(
    method=(),
    traits=Trait.MOVES | Trait.LINEAR,
    definition="""
def windows(x, size, stride, dilation, axis=None):
    shape, strides, within = list(x.shape), list(x.strides), []
    for a, k, s, d in zip(axis or range(x.ndim - len(size), x.ndim), size, stride, dilation):
        shape[a] = (x.shape[a] - d * (k - 1) - 1) // s + 1
        strides[a] = s * x.strides[a]
        within.append(d * x.strides[a])
    return np.lib.stride_tricks.as_strided(x, (*size, *shape), (*within, *strides), writeable=False)
""",
)
def windows(x: Operand, /, size: Lengths, stride: Lengths, dilation: Lengths, axis: Lengths | None = None) -> Array:
    """All windows of a size over some axes of x, ``(…)`` to ``(*size, …)``; as many positions on the axes as fit.

    Over one axis, element ``[i, p]`` of the result is ``x[p·stride + i·dilation]``. The places within a window come
    first, so ``max(windows(x, …), axis=(0, 1))`` pools an image. The result is a view of x.

    Args:
        x: any shape.
        size: of a window, along each of the axes.
        stride: from one window to the next.
        dilation: from one place of a window to the next.
        axis: the axes; by default the last ones, as many as the size has numbers.

    `ShapeError` where not even one window fits, and for a size, stride or dilation below 1.

    >>> import micrograd_tensor as mt
    >>> windows(mt.tensor([1.0, 2.0, 3.0, 4.0, 5.0]), size=(3,), stride=(2,), dilation=(1,))
    tensor([[1., 3.],
            [2., 4.],
            [3., 5.]])
    """
    size = lengths("size", size)
    stride, dilation = lengths("stride", stride, len(size)), lengths("dilation", dilation, len(size))
    axes, positions = _places(x.shape, size, stride, dilation, _whole(axis))
    if not isinstance(x, np.ndarray):  # place by place, since a foreign array need not know about strides
        seen = [x[i] for i in _seen(size, positions, stride, dilation, axes, x.ndim)]
        return np.reshape(np.stack(seen), (*size, *seen[0].shape))
    shape, strides = list(x.shape), list(x.strides)
    for i, n, step in zip(axes, positions, stride, strict=True):
        shape[i], strides[i] = n, strides[i] * step
    within = [x.strides[i] * step for i, step in zip(axes, dilation, strict=True)]
    return np.lib.stride_tricks.as_strided(x, (*size, *shape), (*within, *strides), writeable=False)


@primitive(
    "put windows",
    "put_windows({0}, shape {shape:shape}⟦, stride {stride:shape}⟧⟦, dilation {dilation:shape}⟧⟦, {axis:axis}⟧)",
    lambda g, y, x, shape, stride, dilation, axis=None: windows(
        g, size=x.shape[: len(shape)], stride=stride, dilation=dilation, axis=axis
    ),
)
@facts(
    method=(),
    traits=Trait.SCATTERS | Trait.LINEAR,
    definition="""
def add_windows(x, shape, stride, dilation, axis=None):
    size, count = x.shape[: len(shape)], x.shape[len(shape) :]
    axes = axis or range(len(count) - len(shape), len(count))
    full = list(count)
    for a, n in zip(axes, shape):
        full[a] = n
    total = np.zeros_like(x[(0,) * len(shape)], shape=full)
    apart = all(s > d * (k - 1) for k, s, d in zip(size, stride, dilation))
    for place in np.ndindex(size):
        index = [slice(None)] * len(full)
        for a, k, s, d in zip(axes, place, stride, dilation):
            index[a] = slice(k * d, k * d + s * (count[a] - 1) + 1, s)
        first = apart or not any(place)
        total[tuple(index)] = x[place] if first else total[tuple(index)] + x[place]
    return total
""",
)
def add_windows(
    x: Operand, /, shape: Lengths, stride: Lengths, dilation: Lengths, axis: Lengths | None = None
) -> Array:
    """Zeros, with every window added where `windows` reads it: ``(*size, …)`` to ``(…)`` with ``shape`` on the axes.

    The other arguments are those of `windows`. `ShapeError` where these are not the windows of such a shape.

    >>> import micrograd_tensor as mt
    >>> add_windows(mt.tensor([[1.0, 2.0], [10.0, 20.0]]), shape=(3,), stride=(1,), dilation=(1,))
    tensor([ 1., 12., 20.])
    """
    shape = lengths("shape", shape, least=0)
    rank = len(shape)
    stride, dilation = lengths("stride", stride, rank), lengths("dilation", dilation, rank)
    size, full = x.shape[:rank], list(x.shape[rank:])
    for i, n in zip(_axes(axis, rank, len(full)), shape, strict=True):
        full[i] = n
    axes, positions = _places(tuple(full), size, stride, dilation, _whole(axis))
    found = tuple(x.shape[rank + i] for i in axes)
    if positions != found:
        raise ValueError(f"a shape of {shape} has {positions} windows, not {found}")
    places = _seen(size, positions, stride, dilation, axes, len(full))
    each = (x[place] for place in product(*map(range, size)))
    if is_duck(x):  # which may not be writable
        spread = (put_add(part, index=i, shape=tuple(full)) for i, part in zip(places, each, strict=True))
        return reduce(add, spread)
    total = np.empty_like(x[(0,) * rank], shape=tuple(full))  # laid out in memory as x is, which is what comes next
    apart = all(s > d * (k - 1) for k, s, d in zip(size, stride, dilation, strict=True))
    if set(stride) == {1}:  # the first place of all windows is written to everywhere but at the end
        for i, n in zip(axes, positions, strict=True):
            total[(slice(None),) * i + (slice(n, None),)] = 0
    elif not apart or x.size < total.size:
        total[...] = 0
    for k, (index, part) in enumerate(zip(places, each, strict=True)):
        if apart or k == 0:  # half the work of an addition
            total[index] = part
        else:
            total[index] += part
    return total


def _whole(axis: Any) -> Lengths | None:
    """Axes as Python's ints: 1.0 would find what is cached for 1."""
    return None if axis is None else tuple(map(operator.index, axis if isinstance(axis, (tuple, list)) else (axis,)))


@lru_cache(maxsize=256)
def _places(
    shape: Lengths, size: Lengths, stride: Lengths, dilation: Lengths, axis: Lengths | None
) -> tuple[Lengths, Lengths]:
    """The axes that windows slide along, and how many positions they have there."""
    axes = _axes(axis, len(size), len(shape))
    return axes, _positions(tuple(shape[i] for i in axes), size, stride, dilation)


@lru_cache(maxsize=256)
def _axes(axis: Lengths | None, rank: int, ndim: int) -> Lengths:
    """As many axes, counted from 0, and none of them twice: else windows would reach beyond an array's memory."""
    if axis is None:
        return tuple(range(ndim - rank, ndim))
    axes = normalize_axis_tuple(axis, ndim)
    if len(axes) != rank:
        raise ValueError(f"axis={axis!r} does not name {rank} axes, one for each number of the size")
    return axes


def _along(x: Array, axes: Lengths) -> Lengths:
    """The lengths of x along some axes."""
    return tuple(x.shape[i] for i in axes)


def _positions(lengths: Lengths, size: Lengths, stride: Lengths, dilation: Lengths) -> Lengths:
    """How many windows fit along each axis."""
    reach = tuple(d * (k - 1) + 1 for k, d in zip(size, dilation, strict=True))
    if any(n < r for n, r in zip(lengths, reach, strict=True)):
        raise ValueError(f"windows that reach over {reach} do not fit into {tuple(lengths)}; pad it first")
    return tuple((n - r) // s + 1 for n, r, s in zip(lengths, reach, stride, strict=True))


def _seen(
    size: Lengths, positions: Lengths, stride: Lengths, dilation: Lengths, axes: Lengths, ndim: int
) -> Iterator[tuple[slice, ...]]:
    """For each place of a window the index of the elements that the windows have there."""
    for offset in product(*map(range, size)):
        index = [slice(None)] * ndim
        for i, k, n, s, d in zip(axes, offset, positions, stride, dilation, strict=True):
            index[i] = slice(k * d, k * d + s * (n - 1) + 1, s)
        yield tuple(index)
