"""Summaries of many numbers: weighted averages, quantiles, the range, and norms of other kinds than the Euclidean."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..engine.arrays import beside, setting
from ..engine.axes import counted
from ..engine.creation import full_like
from ..engine.errors import DTypeError, ShapeError, describe
from ..engine.interop.habits import along, keywords
from ..engine.record import unwrap
from ..engine.recording import composition
from ..engine.row import Axis, Operand, answers
from ..engine.table.elementwise import abs, add, astype, div, mul, pow, sub, where
from ..engine.table.places import take
from ..engine.table.reductions import broadcast_to, max, mean, min, root, sum
from ..engine.table.shapes import reshape, sort, transpose
from ..engine.table.truths import any, count_nonzero, isnan
from ..engine.tensor import Tensor
from .operands import as_tensor
from .statistics import l2_norm

__all__ = ["average", "median", "norm", "percentile", "ptp", "quantile"]


@answers(np.average)
@keywords
@composition
def average(
    x: Operand, axis: Axis = None, weights: Operand | None = None, returned: bool = False, keepdims: bool = False
) -> Any:
    """The weighted mean ``Σwx / Σw`` over ``axis``; with ``returned`` a tuple of it and the sum of the weights.

    Args:
        x: any shape.
        axis: the axes; None for all.
        weights: of the shape of x, or as many as its one axis is long; None for equal ones.
        returned: whether to return the sum of the weights too.
        keepdims: whether the axes stay with length 1.

    Floats keep their dtype, integers give float64. Weights that add up to 0 give NaN or infinity. `ShapeError` for
    weights that do not fit.

    >>> import micrograd_tensor as mt
    >>> mt.average(mt.tensor([1.0, 2.0, 6.0]), weights=[3.0, 0.0, 1.0])
    tensor(2.25)
    """
    x = as_tensor(x)
    over = tuple(range(x.ndim)) if axis is None else counted("average", x, axis)
    if weights is None:
        found = mean(x, axis=axis, keepdims=keepdims)
        total = full_like(found, math.prod(x.shape[i] for i in over))
    else:
        shape = np.shape(unwrap(weights))
        along = tuple(x.shape[i] for i in over)
        if shape not in (x.shape, along):
            raise ShapeError(f"average: weights {shape} fit neither {describe(x)} nor its axes {over}, {along}")
        if shape != x.shape:
            weights = reshape(weights, shape=tuple(n if i in over else 1 for i, n in enumerate(x.shape)))
        weights = broadcast_to(as_tensor(weights), x.shape)
        total = sum(weights, axis=axis, keepdims=keepdims)
        found = div(sum(mul(x, weights), axis=axis, keepdims=keepdims), total)
    return (found, total) if returned else found


@answers(np.ptp)
@keywords
@composition
def ptp(x: Operand, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The range over ``axis``, from the smallest to the largest ("peak to peak"), in the dtype of x.

    `ShapeError` for an axis out of range, and for the range of nothing.

    >>> import micrograd_tensor as mt
    >>> mt.ptp(mt.tensor([1.0, 5.0, 2.0]))
    tensor(4.)
    """
    return sub(max(x, axis=axis, keepdims=keepdims), min(x, axis=axis, keepdims=keepdims))


@answers(np.quantile)
@keywords
@composition
def quantile(x: Operand, q: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The value below which a share q of the elements lies, linear between neighbours, as `numpy.quantile`.

    The gradient goes to the one or two elements that it lies between. NaN if any is NaN.

    Args:
        x: any shape.
        q: from 0 to 1; several give a new first axis.
        axis: the axes; None for all.
        keepdims: whether the axes stay with length 1.

    Floats keep their dtype, integers give float64. `ShapeError` for an axis or a q out of range, and for no elements.

    >>> import micrograd_tensor as mt
    >>> mt.quantile(mt.tensor([4.0, 1.0, 2.0]), [0.5, 0.75])
    tensor([2., 3.])
    """
    x = as_tensor(x)
    x = x if x.dtype.kind == "f" else astype(x, np.float64)
    shares = setting("quantile: q", q, np.float64)
    if shares.size and not 0 <= shares.min() <= shares.max() <= 1:
        raise ShapeError(f"quantile: q={q!r} is not within 0…1")
    axes = tuple(range(x.ndim)) if axis is None else counted("quantile", x, axis)
    others = [i for i in range(x.ndim) if i not in axes]
    count = math.prod(x.shape[i] for i in axes)
    if not count:
        raise ShapeError(f"quantile: {describe(x)} has no elements along axis {axis}")
    line = reshape(transpose(x, axes=(*axes, *others)), shape=(count, *(x.shape[i] for i in others)))
    place = shares * (count - 1)
    below = np.floor(place).astype(int)
    above = np.minimum(below + 1, count - 1)
    rest = (place - below).astype(x.dtype).reshape(shares.shape + (1,) * (line.ndim - 1))
    line = where(any(isnan(line), axis=0, keepdims=True), np.nan, sort(line, axis=0))
    low = take(line, below, 0)
    found = add(low, mul(sub(take(line, above, 0), low), beside(rest, line)))
    if not keepdims:
        return found
    return reshape(found, shape=(*shares.shape, *(1 if i in axes else n for i, n in enumerate(x.shape))))


@answers(np.percentile)
@keywords
@composition
def percentile(x: Operand, q: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """`quantile` with q from 0 to 100. Floats keep their dtype, integers give float64. `ShapeError` as there.

    >>> import micrograd_tensor as mt
    >>> mt.percentile(mt.tensor([4.0, 1.0, 2.0]), 75)
    tensor(3.)
    """
    return quantile(x, setting("percentile: q", q, np.float64) / 100, axis, keepdims)


@along
@answers(np.median)
@keywords
@composition
def median(x: Operand, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The middle element over ``axis``, or the mean of the two in the middle; the gradient goes to these.

    NaN if any is NaN. Floats keep their dtype, integers give float64. `ShapeError` for an axis out of range, and for no
    elements.

    >>> import micrograd_tensor as mt
    >>> mt.median(mt.tensor([4.0, 1.0, 2.0, 9.0]))
    tensor(3.)
    """
    return quantile(x, 0.5, axis, keepdims)


@along
@answers(np.linalg.norm)
@keywords
@composition
def norm(x: Operand, ord: Any = None, axis: Axis = None, keepdims: bool = False) -> Tensor:  # noqa: A002 -- NumPy's
    """A norm over ``axis``, of vectors or matrices, as `numpy.linalg.norm`; by default the root of the sum of squares.

    Args:
        x: any shape.
        ord: of a vector any number p for ``(Σ|x|ᵖ)^(1/p)``, ±inf for the largest and the smallest magnitude, 0 for how
            many are not 0; of a matrix "fro", ±1 and ±inf for sums of magnitudes over columns and rows.
        axis: one axis for vectors, two for matrices; None for all, a vector or a matrix if ``ord`` is given.
        keepdims: whether the axes stay with length 1.

    Floats keep their dtype, integers give float64.

    Raises:
        ShapeError: for an axis out of range, or more axes than a matrix has.
        DTypeError: for the norms 2, -2 and "nuc" of a matrix, which need singular values.

    >>> import micrograd_tensor as mt
    >>> mt.norm(mt.tensor([[3.0, 4.0], [6.0, 8.0]]), axis=1), mt.norm(mt.tensor([3.0, -4.0]), 1)
    (tensor([ 5., 10.]), tensor(7.))
    """
    x = as_tensor(x)
    x = x if x.dtype.kind in "fc" else astype(x, np.float64)
    axes = tuple(range(x.ndim)) if axis is None else counted("norm", x, axis)
    if ord is None or (ord == 2 and len(axes) == 1) or (ord == "fro" and len(axes) == 2):
        return l2_norm(x, axis=axes, keepdims=keepdims)
    if len(axes) == 1:
        return _of_vectors(x, ord, axes, keepdims)
    if len(axes) != 2 or ord not in (1, -1, np.inf, -np.inf):
        raise (ShapeError if len(axes) > 2 else DTypeError)(
            f"norm: ord={ord!r} over axes {axes} of {describe(x)} is not recorded; "
            'for vectors give one axis, for matrices "fro", ±1 or ±inf'
        )
    added, chosen = axes if np.abs(ord) == 1 else axes[::-1]
    sums = sum(abs(x), axis=added, keepdims=True)
    extreme = (max if ord > 0 else min)(sums, axis=chosen, keepdims=True)
    return extreme if keepdims else reshape(extreme, shape=tuple(n for i, n in enumerate(x.shape) if i not in axes))


def _of_vectors(x: Tensor, p: Any, axes: tuple[int, ...], keepdims: bool) -> Tensor:
    """The p-norm over one axis."""
    if isinstance(p, str):
        raise DTypeError(f"norm: ord={p!r} is for matrices; {describe(x)} has vectors along axis {axes[0]}")
    if p == 0:
        return astype(count_nonzero(x, axis=axes, keepdims=keepdims), x.dtype)
    if math.isinf(p):
        return (max if p > 0 else min)(abs(x), axis=axes, keepdims=keepdims)
    total = sum(abs(x) if p == 1 else pow(abs(x), p), axis=axes, keepdims=keepdims)
    return total if p == 1 else root(total, p)
