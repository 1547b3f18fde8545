"""Indexing for arrays that know only a part of it, or cannot be written to: Dask's above all, and ducks of any kind.

An index is taken apart into steps that every duck knows by NumPy's functions: a slice of each axis, then rows at flat
places of the axes that index arrays name, moved in front for it. The same steps undone add what arrives into zeros.
Dask does all this chunk by chunk, when it is asked to.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any, NamedTuple

import numpy as np

from ..arrays import beside, is_lazy, on_host
from ..row import Array

Lengths = tuple[int, ...]
_SIMPLE = (int, slice, type(None), type(...))


class Steps(NamedTuple):
    """What an index does to an array of some shape, step by step.

    Attributes:
        full: the shape with the new axes, of length 1.
        slices: of each axis; of those that index arrays name, all.
        named: the axes that ints and index arrays name.
        places: where these point to, flat in row-major order of the named axes.
        together: the shape that the index arrays have together.
        at: how many of the other axes the result has before that.
    """

    full: Lengths
    slices: tuple[slice, ...]
    named: Lengths
    places: Array
    together: Lengths
    at: int

    def lengths(self) -> tuple[Lengths, Lengths]:
        """Of the named axes, and of the others once they are sliced."""
        sliced = [len(range(n)[s]) for n, s in zip(self.full, self.slices, strict=True)]
        return tuple(sliced[i] for i in self.named), tuple(n for i, n in enumerate(sliced) if i not in self.named)

    def order(self) -> Lengths:
        """The axes, the named ones first."""
        return (*self.named, *(i for i in range(len(self.full)) if i not in self.named))

    def in_place(self) -> Lengths:
        """The axes of what was gathered, its own first, in the order of the result."""
        own, others = range(len(self.together)), [*range(len(self.together), len(self.together) + len(self.full))]
        others = others[: len(self.full) - len(self.named)]
        return (*others[: self.at], *own, *others[self.at :])


def known(index: tuple[Any, ...]) -> None:
    """`ValueError` for an index array whose values are not known yet."""
    if any(map(is_lazy, index)):
        raise ValueError(
            "the values of a lazy index are not known; compute it first, x[i.compute()], or choose by mt.where(i, x, 0)"
        )


def steps(index: tuple[Any, ...], shape: Lengths) -> Steps:
    """Take an index apart; `IndexError` for places that an array of this shape does not have.

    >>> steps((slice(1, None), [2, 0]), (3, 4))[2:]
    ((1,), array([2, 0]), (2,), 1)
    """
    known(index)
    parts: list[Any] = [p if isinstance(p, _SIMPLE) and not isinstance(p, bool) else on_host(p) for p in index]
    used = sum(p.ndim if _is_mask(p) else p is not None and p is not ... for p in parts)
    if used > len(shape):
        raise IndexError(f"too many indices: {used} for {len(shape)} axes")
    parts += [] if any(p is ... for p in parts) else [...]
    left = iter(shape)
    full, slices, named, arrays = list[int](), list[slice](), list[int](), list[Array]()
    for part in parts:
        if part is None or part is ... or isinstance(part, slice):
            new = [1] if part is None else [next(left) for _ in range(len(shape) - used if part is ... else 1)]
            full += new
            slices += [part if isinstance(part, slice) else slice(None)] * len(new)
            continue
        if _is_mask(part):
            axes = [next(left) for _ in range(part.ndim)]
            if part.shape != tuple(axes):
                raise IndexError(f"a mask of shape {part.shape} does not fit axes of lengths {tuple(axes)}")
            # A single truth value is an index of a new axis.
            arrays += np.nonzero(part) if axes else [np.zeros(int(part), int)]
            axes = axes or [1]
        else:
            axes = [next(left)]
            arrays.append(on_host(part))
        named += range(len(full), len(full) + len(axes))
        full += axes
        slices += [slice(None)] * len(axes)
    together = np.broadcast_shapes(*(a.shape for a in arrays))
    places = np.zeros(together, int)
    for axis, a in zip(named, arrays, strict=True):
        n = full[axis]
        if a.size and not -n <= a.min() <= a.max() < n:
            raise IndexError(f"index {a.min() if a.min() < -n else a.max()} is out of bounds for a length of {n}")
        places = places * n + (a % n if n else a)
    side_by_side = bool(named) and named == [*range(named[0], named[-1] + 1)]
    return Steps(
        tuple(full), tuple(slices), tuple(named), places.reshape(-1), together, named[0] if side_by_side else 0
    )


def _is_mask(part: Any) -> bool:
    return isinstance(part, np.ndarray) and part.dtype == bool


def taken(x: Array, index: tuple[Any, ...]) -> Array:
    """``x[index]``, for an array that does not take several index arrays, or one of several axes."""
    plan = steps(index, x.shape)
    lengths, others = plan.lengths()
    rows = _transposed(reshaped(x, plan.full)[plan.slices], plan.order())
    rows = reshaped(rows, (prod(lengths), *others))[plan.places]
    return _transposed(reshaped(rows, (*plan.together, *others)), plan.in_place())


def added(x: Array, index: tuple[Any, ...], shape: Lengths) -> Array:
    """Zeros of a shape, with x added into the places of an index."""
    plan = steps(index, shape)
    lengths, others = plan.lengths()
    back = sorted(range(len(plan.in_place())), key=plan.in_place().__getitem__)
    own = (*others[: plan.at], *plan.together, *others[plan.at :])
    rows = reshaped(_transposed(reshaped(x, own), back), (len(plan.places), *others))
    full = reshaped(_rows_added(rows, plan.places, prod(lengths)), (*lengths, *others))
    full = _transposed(full, sorted(range(len(plan.full)), key=plan.order().__getitem__))
    for axis, (n, s) in enumerate(zip(plan.full, plan.slices, strict=True)):
        full = _unsliced(full, axis, range(n)[s], n)
    return reshaped(full, shape)


def _rows_added(rows: Array, places: Array, n: int) -> Array:
    """Zeros of n rows, with rows added at places: two of one place at a time, until each place has one."""
    if not len(places) or not prod(rows.shape):
        return np.zeros_like(rows, shape=(n, *rows.shape[1:]))
    order = np.argsort(places, kind="stable")
    places, numbers = places[order], order
    while True:
        turn = np.arange(len(places)) - np.searchsorted(places, places)  # the first to arrive there, the second, …
        second = np.append(turn[1:] % 2 == 1, False)  # whether the next one arrives at the same place, as its partner
        if not second.any():
            break
        first = turn % 2 == 0
        left, right, paired = numbers[first], np.roll(numbers, -1)[first], second[first]
        rows = rows[left] + _where(paired, rows[np.where(paired, right, 0)])
        places, numbers = places[first], np.arange(len(left))
    if len(places) == n and (numbers == np.arange(n)).all():
        return rows
    source = np.full(n, -1)
    source[places] = numbers
    return _where(source >= 0, rows[np.maximum(source, 0)])


def added_along(x: Array, indices: Array, axis: int, shape: Lengths) -> Array:
    """Zeros of a shape, with x added along an axis at indices, for a duck that can be written to, as CuPy's arrays."""
    flat: Any = beside(0, x)
    for i, n in enumerate(shape):
        along = beside(np.arange(n).reshape([-1 if i == j else 1 for j in range(len(shape))]), x)
        flat = flat * n + (np.where(indices < 0, indices + n, indices) if i == axis else along)
    full = np.zeros_like(x, shape=(prod(shape),))
    np.add.at(full, np.reshape(flat, (-1,)), np.reshape(x, (-1,)))
    return np.reshape(full, shape)


def _where(chosen: Array, rows: Array) -> Array:
    """The chosen rows, and 0 elsewhere."""
    return np.where(beside(chosen.reshape(-1, *(1,) * (rows.ndim - 1)), rows), rows, rows.dtype.type(0))


def _unsliced(x: Array, axis: int, places: range, n: int) -> Array:
    """n zeros along an axis, with x at the places of a slice."""
    if len(places) == n and places.step > 0:
        return x
    before = (slice(None),) * axis
    if not places:
        return np.zeros_like(x, shape=(*x.shape[:axis], n, *x.shape[axis + 1 :]))
    if places.step < 0:
        x, places = np.flip(x, axis), places[::-1]
    if places.step > 1 and len(places) > 1:
        widths = [(0, 0)] * (axis + 1) + [(0, places.step - 1)] + [(0, 0)] * (x.ndim - axis - 1)
        apart = np.pad(np.expand_dims(x, axis + 1), widths)
        x = reshaped(apart, (*x.shape[:axis], len(places) * places.step, *x.shape[axis + 1 :]))
        x = x[(*before, slice(0, places[-1] - places[0] + 1))]
    return np.pad(x, [(places[0], n - 1 - places[-1]) if i == axis else (0, 0) for i in range(x.ndim)])


def _transposed(x: Array, order: Any) -> Array:
    return x if list(order) == [*range(x.ndim)] else np.transpose(x, tuple(order))


def reshaped(x: Array, shape: Lengths) -> Array:
    """``np.reshape`` of a duck; Dask merges axes and splits them, but not both at once, and none without elements."""
    if tuple(shape) == tuple(x.shape):
        return x
    if not is_lazy(x):
        return np.reshape(x, shape)
    if not x.size:
        return np.zeros_like(x, shape=np.empty(x.shape, np.bool_).reshape(shape).shape)
    try:
        return np.reshape(x, shape)
    except NotImplementedError:
        return np.reshape(np.reshape(x, (-1,)), shape)


def along_lines(function: Callable[..., Any], axis: int, length: int, dtype: Any, *arrays: Array) -> Array:
    """What a function makes of whole lines along an axis, chunk by chunk; each line then lies within one chunk.

    Args:
        function: of the chunks, as NumPy's arrays.
        axis: the axis of the lines, counted from 0.
        length: of a line of the result.
        dtype: of the result.
        arrays: of one number of axes, which broadcast along all others; at least one is lazy.
    """
    first = next(i for i, a in enumerate(arrays) if is_lazy(a))
    like = arrays[first]
    lines = [(*a.shape[:axis], 1, *a.shape[axis + 1 :]) for a in arrays]
    shape = np.broadcast_shapes(*lines)
    full: list[Any] = [
        np.broadcast_to(beside(a, like), (*shape[:axis], a.shape[axis], *shape[axis + 1 :])) for a in arrays
    ]
    pattern = full[first]
    by_rows = {i: c if i != axis else -1 for i, c in enumerate(pattern.chunks)}
    full = [a.rechunk(by_rows) for a in full]
    chunks = tuple((length,) if i == axis else c for i, c in enumerate(full[0].chunks))
    return full[0].map_blocks(function, *full[1:], chunks=chunks, dtype=dtype, meta=np.empty((0,) * len(shape), dtype))
