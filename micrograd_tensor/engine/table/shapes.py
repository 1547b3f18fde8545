"""Ops that move numbers without changing them: reshape, transpose, flip, pad, indexing, concatenate, sort, tril.

Each rule undoes the move. What reads some places (`getitem`, `take_along_axis`) is undone by what adds into them
(`put_add`, `put_along_axis_add`), and the other way round.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache, partial
from itertools import accumulate, pairwise
from math import prod
from typing import Any

import numpy as np

from ..arrays import beside, is_duck, is_lazy, setting
from ..axes import counted
from ..errors import ShapeError, describe, quoted
from ..interop.habits import along, keywords
from ..lengths import whole_number
from ..primitive import facts, primitive
from ..record import Result, unwrap
from ..recording import composition
from ..row import Array, Lookup, Operand, Permutation, Placement, Reshape, Trait, answers
from .gathers import added, added_along, along_lines, known, reshaped, taken
from .sums import scattered

__all__ = ["expand_dims", "flatten", "flip", "pad", "reshape", "squeeze", "swapaxes", "transpose", "tril", "triu"]
__all__ += ["argsort", "concatenate", "getitem", "sort", "split", "stack", "take_along_axis"]


@primitive("reshape", "reshape({0}, {shape:shape})", lambda g, y, x, shape: reshape(g, shape=x.shape))
@facts(numpy=np.reshape, source="{0}.reshape({shape})", reading=Reshape(), traits=Trait.MOVES | Trait.LINEAR)
def reshape(x: Operand, /, shape: int | tuple[int, ...]) -> Array:
    """The same elements in row-major order under another shape, in which one length may be −1, "whatever is left".

    `ShapeError` where the elements do not fill the shape.

    >>> import micrograd_tensor as mt
    >>> mt.reshape(mt.tensor([1.0, 2.0, 3.0, 4.0]), (2, -1))
    tensor([[1., 2.],
            [3., 4.]])
    """
    if type(x) is np.ndarray:
        return x.reshape(shape)
    shape = shape if isinstance(shape, tuple) else (shape,)
    return reshaped(x, shape) if is_duck(x) else np.reshape(x, shape)


@keywords
def flatten(x: Operand, start_dim: int = 0, end_dim: int = -1) -> Result:
    """Merge the axes from ``start_dim`` to ``end_dim`` into one, in row-major order, as `torch.flatten`.

    `ShapeError` for axes out of range, or in the wrong order.

    >>> import micrograd_tensor as mt
    >>> mt.flatten(mt.tensor([[[1.0, 2.0], [3.0, 4.0]]]), start_dim=1)
    tensor([[1., 2., 3., 4.]])
    """
    shape = np.shape(unwrap(x))
    new = 0 if shape else 1  # a number has the axis that it gets
    [start], [end] = counted("flatten", x, start_dim, new), counted("flatten", x, end_dim, new)
    if start > end:
        raise ShapeError(
            f"flatten: {describe(x)} has no axes {start_dim} to {end_dim}; count them from 0, or back from -1"
        )
    return reshape(x, shape=(*shape[:start], prod(shape[start : end + 1]), *shape[end + 1 :]))


def _of_transpose(g: Array, y: Array, x: Array, axes: Sequence[int] | None = None) -> Array:
    return transpose(g, axes=axes if axes is None else _inverse(tuple(axes)))


@lru_cache(maxsize=256)
def _inverse(axes: tuple[int, ...]) -> tuple[int, ...]:
    """The order that undoes an order of axes."""
    return tuple(sorted(range(len(axes)), key=[i % len(axes) for i in axes].__getitem__))


@primitive("T", "permute({0}, {axes:order})", _of_transpose)
@facts(
    numpy=np.transpose,
    method=("transpose", "permute", "T"),
    source="{0}.transpose(⟦{axes}⟧)",
    reading=Permutation(),
    traits=Trait.MOVES | Trait.LINEAR,
)
def transpose(x: Operand, /, axes: tuple[int, ...] | None = None) -> Array:
    """Axes in another order: result axis i is axis ``axes[i]`` of x; by default in reverse. `ShapeError` for others.

    >>> import micrograd_tensor as mt
    >>> mt.transpose(mt.tensor([[1.0, 2.0], [3.0, 4.0]]))
    tensor([[1., 3.],
            [2., 4.]])
    """
    if isinstance(axes, int):  # NumPy takes it for a vector, whose axes have but one order
        raise TypeError(f"the axes are a tuple, such as ({axes},)")
    return x.transpose(axes) if type(x) is np.ndarray else np.transpose(x, axes)


@answers(np.swapaxes)
@keywords
def swapaxes(x: Operand, axis1: int, axis2: int) -> Result:
    """x with two axes exchanged. `ShapeError` for an axis out of range.

    >>> import micrograd_tensor as mt
    >>> mt.swapaxes(mt.tensor([[[1.0, 2.0]]]), 0, 2).shape
    (2, 1, 1)
    """
    order = list(range(np.ndim(unwrap(x))))
    [first], [second] = counted("swapaxes", x, axis1), counted("swapaxes", x, axis2)
    order[first], order[second] = second, first
    return transpose(x, axes=tuple(order))


@along
@primitive("squeeze", "squeeze({0}⟦, {axis:axis}⟧)", lambda g, y, x, axis=None: reshape(g, shape=x.shape))
@facts(numpy=np.squeeze, reading=Reshape(), traits=Trait.MOVES | Trait.LINEAR)
def squeeze(x: Operand, /, axis: int | tuple[int, ...] | None = None) -> Array:
    """x without its axes of length 1, or without the named ones. `ShapeError` where a named one is longer.

    >>> import micrograd_tensor as mt
    >>> mt.squeeze(mt.tensor([[[1.0], [2.0]]]), axis=0)
    tensor([[1.],
            [2.]])
    """
    return np.squeeze(x, axis=axis)


@primitive("expand", "expand({0}, {axis:axis})", lambda g, y, x, axis: reshape(g, shape=x.shape))
@facts(numpy=np.expand_dims, reading=Reshape(), traits=Trait.MOVES | Trait.LINEAR)
def expand_dims(x: Operand, /, axis: int | tuple[int, ...]) -> Array:
    """x with new axes of length 1, at these positions of the result. `ShapeError` for positions out of range.

    >>> import micrograd_tensor as mt
    >>> mt.expand_dims(mt.tensor([1.0, 2.0]), axis=1)
    tensor([[1.],
            [2.]])
    """
    if type(x) is np.ndarray and type(axis) is int and -x.ndim <= axis + 1 <= x.ndim + 1:  # five times as fast
        place = axis % (x.ndim + 1)
        return x.reshape((*x.shape[:place], 1, *x.shape[place:]))
    return np.expand_dims(x, axis)


@along
@primitive("flip", "flip({0}⟦, {axis:axis}⟧)", lambda g, y, x, axis=None: flip(g, axis=axis))
@facts(numpy=np.flip, traits=Trait.MOVES | Trait.LINEAR)
def flip(x: Operand, /, axis: int | tuple[int, ...] | None = None) -> Array:
    """x with the order along the axes reversed; by default along all. `ShapeError` for an axis out of range.

    >>> import micrograd_tensor as mt
    >>> mt.flip(mt.tensor([1.0, 2.0, 3.0]))
    tensor([3., 2., 1.])
    """
    return np.flip(x, axis)


def _of_pad(g: Array, y: Array, x: Array, pad_width: Any, value: float = 0) -> Array:
    return getitem(g, _inside(pad_width, x.ndim))


def _inside(pad_width: Any, rank: int) -> tuple[slice, ...]:
    """Where an array of this rank lies in itself with a border."""
    return tuple(slice(before or None, -after or None) for before, after in _widths(pad_width, rank))


def _widths(pad_width: Any, rank: int) -> Sequence[tuple[int, int]]:
    """The widths of a border before and after each axis."""
    if type(pad_width) is tuple and len(pad_width) == rank and all(type(w) is tuple and len(w) == 2 for w in pad_width):
        return pad_width
    found: list[tuple[int, int]] = np.broadcast_to(pad_width, (rank, 2)).tolist()
    return found


@primitive("pad", "pad({0}, {pad_width:text}⟦, {value:number}⟧)", _of_pad)
@facts(source="np.pad({0}, {pad_width}⟦, constant_values={value}⟧)", traits=Trait.MOVES, method=(), unread=(0, "y"))
def _pad(x: Operand, /, pad_width: Any, value: float = 0) -> Array:
    """What `pad` with a constant records."""
    widths = _widths(pad_width, np.ndim(x))
    if is_lazy(x) and not x.size:
        return np.full_like(x, value, shape=tuple(a + n + b for (a, b), n in zip(widths, x.shape, strict=True)))
    if type(x) is not np.ndarray or any(min(pair) < 0 for pair in widths):
        return np.pad(x, pad_width, constant_values=value)
    full = np.full(
        [a + n + b for (a, b), n in zip(widths, x.shape, strict=True)], value, x.dtype
    )  # a third of the time
    full[_inside(pad_width, x.ndim)] = x
    return full


@answers(np.pad)
@keywords
def pad(x: Operand, pad_width: Any, value: float = 0, mode: str = "constant") -> Result:
    """x with ``value`` added around it, whose gradient is dropped, or with its own elements, whose gradients are added.

    Args:
        x: any shape.
        pad_width: ``(before, after)`` per axis, one such pair for all axes, one number, or a dict of some axes, as in
            `numpy.pad`.
        value: what stands around x, one number.
        mode: ``"edge"``, ``"reflect"``, ``"symmetric"`` or ``"wrap"`` for elements of x instead.

    `ShapeError` where the width does not fit, and for several values, or one beside elements of x.

    >>> import micrograd_tensor as mt
    >>> mt.pad(mt.tensor([1.0, 2.0]), (1, 2)), mt.pad(mt.tensor([1.0, 2.0]), 1, mode="edge")
    (tensor([0., 1., 2., 0., 0.]), tensor([1., 1., 2., 2.]))
    """
    shape = np.shape(unwrap(x))
    how: Any = mode
    if isinstance(pad_width, dict):
        given = {counted("pad", x, axis)[0]: width for axis, width in pad_width.items()}
        pad_width = tuple(given.get(i, (0, 0)) for i in range(len(shape)))
    if np.size(value) > 1 and np.all(np.ravel(value) == np.ravel(value)[0]):
        value = np.ravel(value)[0].item()
    if np.size(value) != 1:
        raise ShapeError(f"pad: value={quoted(value)} is not one number; pad one side with each after the other")
    if mode == "constant":
        return _pad(x, pad_width=pad_width, value=value)
    if value != 0:
        raise ShapeError(f'pad: value={quoted(value)} has no place in mode {mode!r}; leave it out, or mode="constant"')
    if mode not in ("edge", "reflect", "symmetric", "wrap"):
        raise ShapeError(f'pad: mode {mode!r} is not "constant", "edge", "reflect", "symmetric" or "wrap"')
    try:
        widths = np.broadcast_to(pad_width, (len(shape), 2))
        places = [np.pad(np.arange(n), tuple(width), how) for n, width in zip(shape, widths, strict=True)]
    except ValueError as error:
        raise ShapeError(f"pad: {describe(x)} by {pad_width!r}: {error}") from None
    return getitem(x, np.ix_(*places))


@primitive("tril", "tril({0}⟦, {k:number}⟧)", lambda g, y, x, k=0: tril(g, k=k))
@facts(numpy=np.tril, traits=Trait.MOVES | Trait.LINEAR)
def tril(x: Operand, /, k: int = 0) -> Array:
    """x with the elements above the k-th diagonal of the last two axes set to 0. `ShapeError` for fewer than two axes.

    >>> import micrograd_tensor as mt
    >>> mt.tril(mt.tensor([[1.0, 2.0], [3.0, 4.0]]))
    tensor([[1., 0.],
            [3., 4.]])
    """
    if np.ndim(x) < 2:
        raise ValueError("it needs at least two axes")
    return np.tril(x, k)


@primitive("triu", "triu({0}⟦, {k:number}⟧)", lambda g, y, x, k=0: triu(g, k=k))
@facts(numpy=np.triu, traits=Trait.MOVES | Trait.LINEAR)
def triu(x: Operand, /, k: int = 0) -> Array:
    """x with the elements below the k-th diagonal of the last two axes set to 0. `ShapeError` for fewer than two axes.

    >>> import micrograd_tensor as mt
    >>> mt.triu(mt.tensor([[1.0, 2.0], [3.0, 4.0]]))
    tensor([[1., 2.],
            [0., 4.]])
    """
    if np.ndim(x) < 2:
        raise ValueError("it needs at least two axes")
    return np.triu(x, k)


# ------------------------------------------------------------------------------------------------ reading places

_ZEROS = "{y} = np.zeros({shape}, {y:dtype})\n"
"""How a source starts that adds into places."""
SIMPLE = frozenset({int, slice, type(None), type(...)})
"""What an index may be made of besides arrays."""
_HERE = "array"
"""Stands in an index for the next index array, which is an operand: so a graph shows it, and can be run on another."""


def getitem(x: Operand, index: Any) -> Result:
    """``x[index]`` with NumPy's indexing: ints, slices, ``...``, None, boolean masks, arrays of ints, in any mixture.

    Where an index array names a place several times, its gradients are added. `ShapeError` for places out of range.

    >>> import micrograd_tensor as mt
    >>> x = mt.tensor([1.0, 2.0, 3.0], requires_grad=True)
    >>> x[[0, 2, 2]].sum().backward()
    >>> x.grad
    tensor([1., 0., 2.])
    """
    parts = index if isinstance(index, tuple) else (index,)
    if SIMPLE.issuperset(map(type, parts)):
        return _getitem(x, index=parts)
    simple = tuple(SIMPLE)
    arrays = [
        np.asarray(i, dtype=None if len(i) else np.intp) if isinstance(i, list) else i
        for i in parts
        if not isinstance(i, simple) or i is True or i is False
    ]
    template = tuple(i if isinstance(i, simple) and not isinstance(i, bool) else _HERE for i in parts)
    return _getitem(x, *arrays, index=template)


def _filled(template: tuple[Any, ...], arrays: Sequence[Any]) -> tuple[Any, ...]:
    """The index that a template and its arrays stand for."""
    rest = iter(arrays)
    return tuple(next(rest) if part is _HERE else part for part in template)


@primitive("[ ]", "{0}[{index:index}]", lambda g, y, x, *arrays, index: put_add(g, *arrays, index=index, shape=x.shape))
@facts(method="__getitem__", source="{0}[{index:index}]", traits=Trait.MOVES | Trait.LINEAR, unread=(0, "y"))
def _getitem(x: Operand, /, *arrays: Operand, index: tuple[Any, ...]) -> Array:
    """What `getitem` records: index arrays are operands, the rest of the index is a parameter."""
    if not arrays:
        return x[index]
    known(arrays)
    filled = _filled(index, arrays)
    return taken(x, filled) if is_lazy(x) else x[filled]


@primitive(
    "put",
    "put({0}, [{index:index}], {shape:shape})",
    lambda g, y, x, *arrays, index, shape: _getitem(g, *arrays, index=index),
)
@facts(
    method=(),
    source=_ZEROS + "np.add.at({y}, np.s_[{index:index}], {0})",
    traits=Trait.SCATTERS | Trait.LINEAR,
    unread=(0, "y"),
)
def put_add(x: Operand, /, *arrays: Operand, index: tuple[Any, ...], shape: tuple[int, ...]) -> Array:
    """Zeros of a shape, with x added into the places of an index; the counterpart of `getitem`."""
    if is_duck(x) or any(map(is_duck, arrays)):  # which may not be writable
        return added(x, _filled(index, arrays), shape)
    if arrays:
        return scattered(x, _filled(index, arrays), shape, at_most=max(map(np.size, arrays)))
    full = np.zeros(shape, x.dtype)
    full[index] = x
    return full


@primitive(
    "take",
    "take({0}, {1}, {axis:axis})",
    lambda g, y, x, indices, axis: put_along_axis_add(g, indices, axis=axis, shape=x.shape),
)
@facts(numpy=np.take_along_axis, reading=Lookup(), traits=Trait.MOVES | Trait.LINEAR | Trait.CONTRACTS, unread=(0, "y"))
def take_along_axis(x: Operand, indices: Operand, /, axis: int) -> Array:
    """Elements of x along an axis at integer indices of the same number of axes, as `numpy.take_along_axis`.

    Where a place is named several times, its gradients are added. `ShapeError` for places out of range.

    >>> import micrograd_tensor as mt
    >>> mt.take_along_axis(mt.tensor([[1.0, 2.0], [3.0, 4.0]]), [[1], [0]], axis=1)
    tensor([[2.],
            [3.]])
    """
    if axis is None:
        raise ShapeError("take them along axis 0 of x.reshape(-1) instead")
    places: Array = np.asarray(indices) if isinstance(indices, list) else indices
    usual = type(x) is type(places) is np.ndarray and x.ndim == places.ndim and places.dtype.kind in "iu"
    if usual and type(axis) is int and -x.ndim <= axis < x.ndim:
        return x[_along(x.shape, axis, places)]  # a third of the time
    if is_lazy(x) or is_lazy(places):
        axis = range(x.ndim)[axis]
        return along_lines(partial(np.take_along_axis, axis=axis), axis, places.shape[axis], x.dtype, x, places)
    return np.take_along_axis(x, beside(places, x), axis)


def _along(shape: Sequence[int], axis: int, indices: Array) -> tuple[Any, ...]:
    """Indices along one axis, with all places along the others."""
    places: list[Any] = [
        np.arange(n).reshape([-1 if i == j else 1 for j in range(len(shape))]) for i, n in enumerate(shape)
    ]
    places[axis] = indices
    return tuple(places)


@primitive(
    "put",
    "put({0}, {1}, {axis:axis}, {shape:shape})",
    lambda g, y, x, indices, axis, shape: take_along_axis(g, indices, axis=axis),
)
@facts(
    method=(),
    source=_ZEROS + "np.add.at({y}, {axis:places}, {0})",
    reading=Placement(),
    traits=Trait.SCATTERS | Trait.LINEAR,
    unread=(0, "y"),
)
def put_along_axis_add(x: Operand, indices: Operand, /, axis: int, shape: tuple[int, ...]) -> Array:
    """Zeros of a shape, with x added along an axis at integer indices; the counterpart of `take_along_axis`."""
    if is_lazy(x) or is_lazy(indices):
        axis %= len(shape)
        add = partial(_lines_added, axis=axis, length=shape[axis])
        return along_lines(add, axis, shape[axis], x.dtype, x, indices)
    if is_duck(x):
        return added_along(x, beside(indices, x), axis % len(shape), shape)
    return scattered(x, _along(shape, axis, indices), shape, at_most=x.shape[axis])


def _lines_added(x: Array, indices: Array, axis: int, length: int) -> Array:
    """`put_along_axis_add` for a chunk of x that holds whole lines."""
    shape = (*x.shape[:axis], length, *x.shape[axis + 1 :])
    return scattered(x, _along(shape, axis, indices), shape, at_most=x.shape[axis])


@along
@primitive("argsort", "argsort({0}⟦, {axis:axis}⟧)", None, analytic=False)
@facts(numpy=np.argsort, source='np.argsort({0}, axis={axis}, kind="stable")')
def argsort(x: Operand, /, axis: int = -1) -> Array:
    """The indices that sort x along an axis, as integers; equal elements keep their order. Not differentiable.

    `ShapeError` for an axis out of range.

    >>> import micrograd_tensor as mt
    >>> mt.argsort(mt.tensor([3.0, 1.0, 2.0]))
    tensor([1, 2, 0])
    """
    if is_lazy(x) and x.ndim:
        axis = range(x.ndim)[axis]
        return along_lines(partial(np.argsort, axis=axis, kind="stable"), axis, x.shape[axis], np.intp, x)
    return np.argsort(x, axis=axis, kind="stable")


@along
@answers(np.sort)
@keywords
@composition
def sort(x: Operand, axis: int | None = -1) -> Result:
    """x in ascending order along an axis, or with None all of it; each gradient returns to where its element was.

    Equal elements keep their order, which decides whose gradient is whose. `ShapeError` for an axis out of range.

    >>> import micrograd_tensor as mt
    >>> mt.sort(mt.tensor([3.0, 1.0, 2.0]))
    tensor([1., 2., 3.])
    """
    if axis is None:
        return sort(reshape(x, shape=-1), axis=0)
    return take_along_axis(x, argsort(x, axis=axis), axis=axis)


# ------------------------------------------------------------------------------------------- putting together, apart


def _of_parts(g: Array, y: Array, *parts: Array, axis: int = 0) -> Callable[[int], Array]:
    bounds = [0, *accumulate(part.shape[axis] for part in parts)]
    before = (slice(None),) * (axis % y.ndim)
    return lambda i: getitem(g, (*before, slice(*bounds[i : i + 2])))


@primitive("concat", "concat({*}⟦, {axis:axis}⟧)", each=_of_parts)
@facts(method=(), source="np.concatenate([{*}]⟦, axis={axis}⟧)", traits=Trait.MOVES, unread=("y",))
def _concatenate(*parts: Operand, axis: int = 0) -> Array:
    """What `concatenate` records: every part is an operand."""
    return np.concatenate(parts, axis=axis)


@along
@answers(np.concatenate)
@keywords
def concatenate(tensors: Iterable[Operand], axis: int | None = 0) -> Result:
    """Tensors joined along an existing axis, or with None all in a row; each gets its part of the gradient.

    `ShapeError` where their other axes differ, or where there is none.

    >>> import micrograd_tensor as mt
    >>> mt.concatenate([mt.tensor([1.0]), mt.tensor([2.0, 3.0])])
    tensor([1., 2., 3.])
    """
    parts = list(tensors)
    if not parts:
        raise ShapeError("concatenate: no tensors given; it needs at least one")
    if axis is None:
        return _concatenate(*[reshape(part, shape=-1) for part in parts], axis=0)
    return _concatenate(*parts, axis=axis)


@along
@answers(np.stack)
@keywords
@composition
def stack(tensors: Iterable[Operand], axis: int = 0) -> Result:
    """Tensors of one shape joined along a new axis. `ShapeError` where their shapes differ, or where there is none.

    >>> import micrograd_tensor as mt
    >>> mt.stack([mt.tensor([1.0, 2.0]), mt.tensor([3.0, 4.0])], axis=1)
    tensor([[1., 3.],
            [2., 4.]])
    """
    parts = list(tensors)
    shapes = {np.shape(unwrap(x)) for x in parts}
    if len(shapes) != 1:
        raise ShapeError(
            f"stack: shapes {sorted(shapes)} differ" if shapes else "stack: no tensors given; it needs at least one"
        )
    [axis] = counted("stack", parts[0], axis, new=1)
    return _concatenate(*[expand_dims(part, axis=axis) for part in parts], axis=axis)


@answers(np.split)
@keywords
@composition
def split(x: Operand, sections: int | Sequence[int], axis: int = 0) -> list[Result]:
    """x cut along an axis into so many equal parts, or before each of the given places, as `numpy.split`.

    `ShapeError` where it does not divide into equal parts, or for an axis out of range.

    >>> import micrograd_tensor as mt
    >>> mt.split(mt.tensor([1.0, 2.0, 3.0, 4.0]), 2)
    [tensor([1., 2.]), tensor([3., 4.])]
    """
    [axis] = counted("split", x, axis)
    n = np.shape(unwrap(x))[axis]
    if isinstance(sections, (int, np.integer)):
        if sections < 1 or n % sections:
            raise ShapeError(f"split: {n} elements along axis {axis} do not divide into {sections} equal parts")
        sections = range(n // sections, n, n // sections) if n else [0] * (sections - 1)
    elif is_duck(unwrap(sections)):
        setting("split: sections", sections)
    elif not np.iterable(sections):
        raise ShapeError(f"split: sections={quoted(sections)}: give a whole number, or the places to cut at")
    else:
        sections = [whole_number("split: sections", place) for place in sections]
    return _pieces(x, axis, [0, *sections, n])


FEW = 16
"""Parts that are taken at once."""


def _pieces(x: Operand, axis: int, bounds: Sequence[int]) -> list[Result]:
    """x cut at the bounds; where these are many, halved first, since every gradient is as long as what was cut."""
    before, half = (slice(None),) * axis, len(bounds) // 2
    if len(bounds) <= FEW or list(bounds) != sorted(bounds):
        return [getitem(x, (*before, slice(a, b))) for a, b in pairwise(bounds)]
    low, middle, high = bounds[0], bounds[half], bounds[-1]
    left, right = getitem(x, (*before, slice(low, middle))), getitem(x, (*before, slice(middle, high)))
    first, second = [b - low for b in bounds[: half + 1]], [b - middle for b in bounds[half:]]
    return [*_pieces(left, axis, first), *_pieces(right, axis, second)]


def rows(x: Operand) -> Iterator[Result]:
    """The parts of x along its first axis, one after the other; of many, some at once are cut out first."""
    n = np.shape(unwrap(x))[0]
    chunks = _pieces(x, 0, [*range(0, n, FEW), n]) if n > FEW else [x]
    return (getitem(chunk, i) for chunk in chunks for i in range(np.shape(unwrap(chunk))[0]))
