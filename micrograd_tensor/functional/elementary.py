"""Elementary functions of numbers, composed of others, and differences of neighbours."""

from __future__ import annotations

import math

import numpy as np

from ..engine.axes import counted
from ..engine.interop.habits import keywords
from ..engine.lengths import length
from ..engine.record import unwrap
from ..engine.recording import composition
from ..engine.row import Operand, answers
from ..engine.table.comparisons import equal
from ..engine.table.elementwise import abs, astype, mul, pow, sub, where
from ..engine.table.reductions import broadcast_to
from ..engine.table.shapes import concatenate, getitem
from ..engine.table.truths import isnan
from ..engine.tensor import Tensor
from .operands import as_tensor

__all__ = ["degrees", "diff", "exp2", "fabs", "nan_to_num", "radians"]


@answers(np.exp2)
def exp2(x: Operand) -> Tensor:
    """The power ``2ˣ``. Any shape.

    >>> import micrograd_tensor as mt
    >>> mt.exp2(mt.tensor([0.0, 3.0]))
    tensor([1., 8.])
    """
    return pow(2.0, x)


@answers(np.fabs)
def fabs(x: Operand) -> Tensor:
    """The absolute value as a float: `abs`, of integers in float64. Any shape.

    >>> import micrograd_tensor as mt
    >>> mt.fabs(mt.tensor([-1, 2]))
    tensor([1., 2.])
    """
    found = as_tensor(x)
    return abs(found if found.dtype.kind == "f" else astype(found, np.float64))


@answers(np.degrees, np.rad2deg)
def degrees(x: Operand) -> Tensor:
    """Angles in degrees, from radians. Any shape.

    >>> import micrograd_tensor as mt
    >>> mt.degrees(mt.tensor([0.0, 3.141592653589793]))
    tensor([  0., 180.])
    """
    return mul(x, 180 / math.pi)


@answers(np.radians, np.deg2rad)
def radians(x: Operand) -> Tensor:
    """Angles in radians, from degrees. Any shape.

    >>> import micrograd_tensor as mt
    >>> mt.radians(mt.tensor([0.0, 180.0]))
    tensor([0.        , 3.14159265])
    """
    return mul(x, math.pi / 180)


@answers(np.nan_to_num)
@composition
def nan_to_num(x: Operand, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None) -> Tensor:
    """x with other numbers for NaN and the infinities, by default 0 and the largest of the dtype; they get no gradient.

    >>> import micrograd_tensor as mt
    >>> mt.nan_to_num(mt.tensor([1.0, float("nan"), -float("inf")]), neginf=-9.0)
    tensor([ 1.,  0., -9.])
    """
    found = as_tensor(x)
    if found.dtype.kind not in "fc":
        return found
    largest = float(np.finfo(found.dtype).max)
    found = where(isnan(found), nan, found)
    found = where(equal(found, np.inf), largest if posinf is None else posinf, found)
    return where(equal(found, -np.inf), -largest if neginf is None else neginf, found)


@answers(np.diff)
@keywords
@composition
def diff(
    x: Operand, n: int = 1, axis: int = -1, prepend: Operand | None = None, append: Operand | None = None
) -> Tensor:
    """Differences of neighbours along an axis, n times over; with something before and behind x if it is given.

    `ShapeError` for an axis out of range, or an n below 0.

    >>> import micrograd_tensor as mt
    >>> mt.diff(mt.tensor([1.0, 4.0, 9.0]))
    tensor([3., 5.])
    """
    [axis], n = counted("diff", x, axis), length("diff: n", n, least=0)
    around = [edge if edge is None else _edge(edge, x, axis) for edge in (prepend, append)]
    found = concatenate([part for part in (around[0], x, around[1]) if part is not None], axis=axis)
    before = (slice(None),) * axis
    for _ in range(n):
        found = sub(getitem(found, (*before, slice(1, None))), getitem(found, (*before, slice(None, -1))))
    return found


def _edge(edge: Operand, x: Operand, axis: int) -> Operand:
    """What stands before or behind x along an axis; one number is repeated."""
    shape = np.shape(unwrap(x))
    return edge if np.ndim(unwrap(edge)) else broadcast_to(as_tensor(edge), (*shape[:axis], 1, *shape[axis + 1 :]))
