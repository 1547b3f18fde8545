"""Reductions and their dual, broadcasting: sum, mean, max, min, prod, cumsum, broadcast_to.

``axis`` is None (all axes), an int (negative ones count from the last) or a tuple of ints, as in NumPy; with
``keepdims=True`` a reduced axis stays with length 1. A sum copies its gradient to every term; a copy sums
its gradients.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..arrays import beside, is_duck, is_lazy
from ..axes import counted
from ..errors import ShapeError, describe
from ..interop.habits import along, keywords
from ..primitive import facts, primitive
from ..record import Result, unwrap
from ..recording import composition
from ..row import NONE, Array, Axis, Copy, Cumulation, Operand, Reduction, Trait, answers
from ..trace import holds
from .comparisons import all_finite, equal, isfinite, not_equal
from .elementwise import abs, astype, in_float32, maximum, mul, pow, sqrt, square, stop_gradient, where
from .shapes import concatenate, expand_dims, flip, getitem, reshape, stack, swapaxes, transpose
from .sums import add_reduce, add_up, is_narrow, shares, wide

__all__ = ["broadcast_to", "cumprod", "cumsum", "max", "mean", "min", "prod", "std", "sum", "var"]

# Directly, because np.max and its like take microseconds to arrive there.
maximum_reduce: Any = np.maximum.reduce
minimum_reduce: Any = np.minimum.reduce

numpy: Any = np
"""Untyped, because how NumPy annotates ``axis`` and ``keepdims`` differs from version to version."""

SMALL = 1 << 14
"""Up to this many elements a copy is quicker than NumPy's `broadcast_to`; beyond, the strided view saves a pass."""


@primitive("copy", "copy({0}, {shape:shape})", lambda g, y, x, shape: unbroadcast(g, x.shape))
@facts(numpy=np.broadcast_to, reading=Copy(), traits=Trait.MOVES | Trait.LINEAR)
def broadcast_to(x: Operand, /, shape: int | tuple[int, ...]) -> Array:
    """x repeated along new or length-1 axes up to a shape; the gradient is summed over them.

    `ShapeError` where x does not broadcast to the shape.

    >>> import micrograd_tensor as mt
    >>> mt.broadcast_to(mt.tensor([1.0, 2.0]), (2, 2))
    tensor([[1., 2.],
            [1., 2.]])
    """
    shape = (shape,) if isinstance(shape, (int, np.integer)) else shape
    if isinstance(x, (np.ndarray, np.generic)) and math.prod(shape) <= SMALL:
        filled = np.empty(shape, x.dtype)
        filled[...] = x
        return filled
    return np.broadcast_to(x, shape)


def unbroadcast(g: Array, shape: tuple[int, ...]) -> Array:
    """Sum a gradient over the axes along which an operand of this shape was broadcast; `ValueError` for another shape.

    >>> unbroadcast(np.ones((7, 4)), (4,))
    array([7., 7., 7., 7.])
    """
    new = g.ndim - len(shape)
    add = sum.op.forward if type(g) is np.ndarray else sum  # of an array nothing is recorded
    if new == 1 and g.shape[1:] == shape:  # a vector for each row of a matrix: the usual case
        return add(g, axis=0)
    axes = tuple(i for i, n in enumerate(g.shape) if i < new or (n != 1 and shape[i - new] == 1))
    g = add(g, axis=axes) if axes else g
    if g.shape == shape:
        return g
    if [n for n in g.shape if n != 1] != [n for n in shape if n != 1]:
        raise ValueError(f"shape {g.shape} is not what {shape} was broadcast to")
    return reshape(g, shape=shape)


def spread(g: Array, x: Array, axis: Axis, keepdims: bool) -> Array:
    """Copy the gradient of a reduction of x over ``axis`` back to the shape of x."""
    if is_lazy(values := unwrap(x)):  # copied chunk by chunk; broadcast, it would be one chunk
        return mul(_aligned(g, x, axis, keepdims), np.ones_like(values, dtype=unwrap(g).dtype))
    copy = broadcast_to.op.forward if type(g) is np.ndarray else broadcast_to  # of an array nothing is recorded
    return copy(_aligned(g, x, axis, keepdims), shape=x.shape)


def _aligned(reduced: Array, x: Array, axis: Axis, keepdims: bool) -> Array:
    """Something of a reduction's shape, shaped so that it broadcasts against x."""
    if keepdims or axis is None or axis == 0 or not x.ndim:
        return reduced
    return expand_dims(reduced, axis=axis)


HALF_RANGE = 65504
"""The greatest number that float16 holds; a count beyond it would be infinite there."""


def _terms(x: Array, y: Array) -> int:
    """How many elements of x went into each element of its reduction y; 1 where that has none."""
    return x.size // y.size if y.size else 1


ADDING = Trait.ADDS | Trait.LINEAR


def _facts(kind: str, numpy: Any, traits: Trait) -> facts:
    """Of a reduction, which NumPy has as a method too."""
    source = f"{{0}}.{kind}(⟦axis={{axis}}⟧⟦, keepdims={{keepdims}}⟧)"
    return facts(numpy=numpy, source=source, reading=Reduction(kind), traits=traits)


@along
@primitive(
    "Σ",
    "Σ({0}⟦, {axis:axis}⟧⟦, {keepdims:flag}⟧)",
    lambda g, y, x, axis=None, keepdims=False: spread(g, x, axis, keepdims),
)
@_facts("sum", np.sum, ADDING)
def sum(x: Operand, /, axis: Axis = None, keepdims: bool = False) -> Array:
    """Sum over ``axis``; the gradient is copied to every term.

    Floats keep their dtype, and the error of float16 and float32 does not grow with the number of terms; integers and
    truth values add up to int64. `ShapeError` for an axis out of range.

    >>> import micrograd_tensor as mt
    >>> mt.sum(mt.tensor([[1.0, 2.0], [3.0, 4.0]]), axis=0)
    tensor([4., 6.])
    """
    if is_narrow(x):
        return add_up(x, axis, keepdims).astype(x.dtype, copy=False)
    if type(x) is np.ndarray:
        return add_reduce(x, axis, None, None, keepdims)
    if how := wide(x):
        return numpy.sum(x, axis=axis, keepdims=keepdims, **how).astype(x.dtype)
    return numpy.sum(x, axis=axis, keepdims=keepdims)


def _of_mean(g: Array, y: Array, x: Array, axis: Axis = None, keepdims: bool = False) -> Array:
    n: float = _terms(x, y) or 1
    if n > HALF_RANGE and unwrap(g).dtype == np.float16:
        g, n = g / 2**15, n / 2**15
    return spread(g / n, x, axis, keepdims)


@along
@primitive("Σ/n", "mean({0}⟦, {axis:axis}⟧⟦, {keepdims:flag}⟧)", _of_mean)
@_facts("mean", np.mean, ADDING)
def mean(x: Operand, /, axis: Axis = None, keepdims: bool = False) -> Array:
    """Arithmetic mean over ``axis``, ``Σx/n``; every term gets 1/n of the gradient.

    Floats keep their dtype, integers give float64. The mean of nothing is NaN, as in NumPy. `ShapeError` for an axis
    out of range.

    >>> import micrograd_tensor as mt
    >>> mt.mean(mt.tensor([[1.0, 2.0], [3.0, 4.0]]), axis=0)
    tensor([2., 3.])
    """
    if is_narrow(x) and x.size:
        if axis == 0 and x.ndim == 2 and x.size <= SMALL and not keepdims:  # the features of a batch
            return shares(len(x)).dot(x).astype(x.dtype)
        total = add_up(x, axis, keepdims)
        return (total / (x.size / total.size)).astype(x.dtype)
    if type(x) is np.ndarray and x.dtype.kind in "fc" and x.size:
        total = add_reduce(x, axis, None, None, keepdims)
        return total / _terms(x, total)
    if how := wide(x):
        return numpy.mean(x, axis=axis, keepdims=keepdims, **how).astype(x.dtype)
    return numpy.mean(x, axis=axis, keepdims=keepdims)


@along
@answers(np.var)
@keywords
@composition
@in_float32
def var(x: Operand, axis: Axis = None, keepdims: bool = False, *, correction: float = 0) -> Result:
    """Variance over ``axis``: ``Σ(x − mean)² / (n − correction)``.

    ``correction=0``, NumPy's default, gives the mean squared deviation; ``correction=1``, Bessel's, is unbiased. Floats
    keep their dtype, integers give float64.

    Raises:
        ShapeError: for an axis out of range, or where n is not greater than the correction.

    >>> import micrograd_tensor as mt
    >>> mt.var(mt.tensor([1.0, 2.0, 3.0, 4.0])), mt.var(mt.tensor([1.0, 2.0, 3.0, 4.0]), correction=1)
    (tensor(1.25), tensor(1.66666667))
    """
    squares = square(x - mean(x, axis=axis, keepdims=True))
    return _averaged(squares, x, axis, keepdims, correction)


def _averaged(squares: Array, x: Array, axis: Axis, keepdims: bool, correction: float) -> Result:
    """Squares of deviations, added up and divided by their number less the correction; of none it is NaN."""
    axes = range(squares.ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    n = math.prod(squares.shape[i] for i in axes) if squares.ndim else 1
    if not correction or not squares.size:
        return mean(squares, axis=axis, keepdims=keepdims)
    if n <= correction:
        raise ShapeError(f"var: {n} values of {describe(x)} and correction={correction} leave nothing to divide by")
    return sum(squares, axis=axis, keepdims=keepdims) / (n - correction)


@along
@answers(np.std)
@keywords
@composition
@in_float32
def std(x: Operand, axis: Axis = None, keepdims: bool = False, *, correction: float = 0) -> Result:
    """Standard deviation over ``axis``, the square root of `var`; its gradient is 0 where all values are equal.

    Floats keep their dtype, integers give float64. `ShapeError` for an axis out of range, or where n is not greater
    than the correction.

    >>> import micrograd_tensor as mt
    >>> mt.std(mt.tensor([1.0, 3.0]))
    tensor(1.)
    """
    dev = x - mean(x, axis=axis, keepdims=True)
    return root_of_squares(dev, axis, keepdims, lambda squares: _averaged(squares, x, axis, keepdims, correction))


def root_of_squares(x: Array, axis: Axis, keepdims: bool, add: Callable[[Array], Array]) -> Result:
    """``√add(x²)`` for a sum or mean over ``axis``, also where the squares overflow; its slope at 0 is taken as 0."""
    with np.errstate(over="ignore"):
        squares = add(square(x))
    if 0 in np.shape(unwrap(x)) or all_finite(squares) or is_duck(unwrap(squares)):
        return root(squares)
    top = largest_magnitude(x, axis)
    return root(add(square(x / top))) * (top if keepdims else reshape(top, shape=squares.shape))


def root(total: Array, degree: float = 2) -> Result:
    """A root of a sum of magnitudes, whose slope at 0 is taken as 0."""
    zero = None if holds(not_equal(total, 0)) else equal(total, 0)
    positive = total if zero is None else where(zero, 1, total)
    found = sqrt(positive) if degree == 2 else pow(positive, 1 / degree)
    return found if zero is None else where(zero, 0, found)


def largest_magnitude(x: Array, axis: Axis) -> Result:
    """A constant to divide by, so that squares do not overflow: the largest magnitude along the axis, at least 1."""
    top = max(abs(x), axis=axis, keepdims=True)
    return stop_gradient(where(isfinite(top), maximum(top, 1), 1))


def _of_extreme(g: Array, y: Array, x: Array, axis: Axis = None, keepdims: bool = False) -> Array:
    """The gradient of the largest or smallest element goes to it, in equal parts to each where several tie."""
    counting = np.promote_types(unwrap(x).dtype, np.float32)  # more may tie than float16 counts to
    chosen = astype(equal(x, _aligned(y, x, axis, keepdims)), dtype=counting)
    return chosen * spread(g / sum(chosen, axis=axis, keepdims=keepdims), x, axis, keepdims)


@along
@primitive("max", "max({0}⟦, {axis:axis}⟧⟦, {keepdims:flag}⟧)", _of_extreme, analytic=False)
@_facts("max", (np.max, np.amax), Trait.EXACT)
def max(x: Operand, /, axis: Axis = None, keepdims: bool = False) -> Array:
    """Largest element over ``axis``; the gradient goes to it, in equal parts where several tie. NaN if any is NaN.

    The dtype is that of x. `ShapeError` for an axis out of range, and for the maximum of nothing.

    >>> import micrograd_tensor as mt
    >>> x = mt.tensor([1.0, 3.0, 3.0], requires_grad=True)
    >>> mt.max(x).backward()
    >>> x.grad
    tensor([0. , 0.5, 0.5])
    """
    if type(x) is np.ndarray:
        return maximum_reduce(x, axis, None, None, keepdims)
    return numpy.max(x, axis=axis, keepdims=keepdims)


@along
@primitive("min", "min({0}⟦, {axis:axis}⟧⟦, {keepdims:flag}⟧)", _of_extreme, analytic=False)
@_facts("min", (np.min, np.amin), Trait.EXACT)
def min(x: Operand, /, axis: Axis = None, keepdims: bool = False) -> Array:
    """Smallest element over ``axis``; the gradient goes to it, in equal parts where several tie. NaN if any is NaN.

    The dtype is that of x. `ShapeError` for an axis out of range, and for the minimum of nothing.

    >>> import micrograd_tensor as mt
    >>> mt.min(mt.tensor([[1.0, 2.0], [3.0, 0.0]]), axis=1)
    tensor([1., 0.])
    """
    if type(x) is np.ndarray:
        return minimum_reduce(x, axis, None, None, keepdims)
    return numpy.min(x, axis=axis, keepdims=keepdims)


def _of_prod(g: Array, y: Array, x: Array, axis: Axis = None, keepdims: bool = False) -> Array:
    """Each factor's local gradient is the product of the others, found without dividing, so zeros do no harm."""
    axes = tuple(range(x.ndim)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    axes = tuple(i % x.ndim for i in axes) if x.ndim else ()  # NumPy lets a 0-d array be reduced over axis 0 and -1
    order = tuple(i for i in range(x.ndim) if i not in axes) + axes
    last = transpose(x, axes=order)
    kept = last.shape[: x.ndim - len(axes)]
    others = reshape(_others(reshape(last, shape=(*kept, _terms(x, y)))), shape=last.shape)
    back = tuple(int(i) for i in np.argsort(order))
    return spread(g, x, axis, keepdims) * transpose(others, axes=back)


def _others(x: Array) -> Array:
    """Along the last axis, the product of all other elements, by halving: pair them, recur, give each its partner."""
    n = x.shape[-1]
    if n <= 1:
        return np.ones_like(unwrap(x))
    if n % 2:
        x = concatenate([x, np.ones_like(unwrap(x)[..., :1])], axis=-1)
    even, odd = getitem(x, (..., slice(0, None, 2))), getitem(x, (..., slice(1, None, 2)))
    rest = _others(even * odd)
    each = reshape(stack([rest * odd, rest * even], axis=-1), shape=x.shape)
    return getitem(each, (..., slice(0, n)))


@along
@primitive("Π", "Π({0}⟦, {axis:axis}⟧⟦, {keepdims:flag}⟧)", _of_prod)
@_facts("prod", np.prod, NONE)
def prod(x: Operand, /, axis: Axis = None, keepdims: bool = False) -> Array:
    """Product over ``axis``; each factor's local gradient is the product of the others, right at zeros too.

    Floats keep their dtype, integers give int64; the product of nothing is 1. `ShapeError` for an axis out of range.

    >>> import micrograd_tensor as mt
    >>> x = mt.tensor([2.0, 0.0, 5.0], requires_grad=True)
    >>> mt.prod(x).backward()
    >>> x.grad
    tensor([ 0., 10.,  0.])
    """
    return numpy.prod(x, axis=axis, keepdims=keepdims)


def _of_cumsum(g: Array, y: Array, x: Array, axis: int | None = None) -> Array:
    """Each term is in all sums from its own place on, so its gradient is the running sum from the other end."""
    return reshape(flip(cumsum(flip(g, axis=axis), axis=axis), axis=axis), shape=x.shape)


@along
@primitive("cumΣ", "cumsum({0}⟦, {axis:axis}⟧)", _of_cumsum)
@facts(numpy=np.cumsum, source="{0}.cumsum(⟦axis={axis}⟧)", reading=Cumulation(), traits=ADDING)
def cumsum(x: Operand, /, axis: int | None = None) -> Array:
    """Running sum along an axis, or over all elements in row-major order; the gradient runs from the other end.

    Floats keep their dtype; integers and truth values add up to int64. `ShapeError` for an axis out of range.

    >>> import micrograd_tensor as mt
    >>> mt.cumsum(mt.tensor([1.0, 2.0, 3.0]))
    tensor([1., 3., 6.])
    """
    if is_narrow(x) or wide(x):
        return np.cumsum(x, axis=axis, dtype=np.float64).astype(x.dtype)
    return np.cumsum(x, axis=axis)


@along
@answers(np.cumprod)
@keywords
@composition
def cumprod(x: Operand, axis: int | None = None) -> Result:
    """Running product along an axis, or over all elements in row-major order; right at zeros too.

    Each product is taken by itself, so n elements take n² numbers. Floats keep their dtype, integers give int64.
    `ShapeError` for an axis out of range.

    >>> import micrograd_tensor as mt
    >>> mt.cumprod(mt.tensor([2.0, 3.0, 4.0]))
    tensor([ 2.,  6., 24.])
    """
    if axis is None:
        return cumprod(reshape(x, shape=-1), axis=0)
    [axis] = counted("cumprod", x, axis)
    n = np.shape(unwrap(x))[axis]
    factors = where(beside(np.tri(n, dtype=bool), x), expand_dims(swapaxes(x, axis, -1), axis=-2), 1)
    return swapaxes(prod(factors, axis=-1), axis, -1)
