"""Operators: what a NumPy user writes on a Tensor, each one entry of the table.

The table needs the Tensor class, and the class its operators; so they are written here, once both stand, as a class
that type checkers take for Tensor's base, and are bound to Tensor at the end.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .protocols import array_function, array_ufunc
from .row import Operand
from .table import comparisons as c
from .table import elementwise as e
from .table import matrix, reductions, shapes, special
from .tensor import Tensor
from .walk import backward


class Operators:
    """The operators and methods of a Tensor."""

    __slots__ = ()

    __add__ = e.add
    __sub__ = e.sub
    __mul__ = e.mul
    __truediv__ = e.div
    __matmul__ = matrix.matmul
    __neg__ = e.neg
    __abs__ = e.abs
    __lt__, __le__, __gt__, __ge__ = c.less, c.less_equal, c.greater, c.greater_equal
    __eq__ = c.equal  # type: ignore[assignment]  # elementwise, as in NumPy
    __ne__ = c.not_equal  # type: ignore[assignment]
    __and__, __or__, __invert__ = c.bitwise_and, c.bitwise_or, c.invert
    __hash__ = object.__hash__
    __getitem__ = shapes.getitem
    __array_ufunc__, __array_function__ = array_ufunc, array_function

    def __pos__(self: Any) -> Tensor:
        return self  # type: ignore[no-any-return]

    def __radd__(self, other: Operand) -> Tensor:
        return e.add(other, self)

    def __rsub__(self, other: Operand) -> Tensor:
        return e.sub(other, self)

    def __rmul__(self, other: Operand) -> Tensor:
        return e.mul(other, self)

    def __rtruediv__(self, other: Operand) -> Tensor:
        return e.div(other, self)

    def __rmatmul__(self, other: Operand) -> Tensor:
        return matrix.matmul(other, self)

    def __pow__(self, exponent: Operand) -> Tensor:
        simpler = _POWERS.get(exponent) if type(exponent) in (int, float) else None
        return e.pow(self, exponent) if simpler is None else simpler(self)

    def __rand__(self, other: Operand) -> Tensor:
        return c.bitwise_and(other, self)

    def __ror__(self, other: Operand) -> Tensor:
        return c.bitwise_or(other, self)

    def __rpow__(self, base: Operand) -> Tensor:
        return e.pow(base, self)

    def __iter__(self: Any) -> Iterator[Tensor]:
        return (self[i] for i in range(len(self)))

    def reshape(self, *shape: Any) -> Tensor:
        """The same elements under another shape, given as one tuple or as several ints."""
        return shapes.reshape(self, shape=shape[0] if len(shape) == 1 else shape)

    def transpose(self, *axes: Any) -> Tensor:
        """Axes in another order, given as one tuple or as several ints; by default in reverse."""
        order = axes[0] if len(axes) == 1 and not isinstance(axes[0], int) else axes or None
        return shapes.transpose(self, axes=order)

    permute = transpose

    @property
    def T(self) -> Tensor:  # noqa: N802 -- NumPy's name
        """The axes in reverse order."""
        return shapes.transpose(self)

    @property
    def mT(self) -> Tensor:  # noqa: N802 -- NumPy's name
        """The last two axes exchanged: the transpose of each matrix in a stack."""
        return shapes.swapaxes(self, -1, -2)

    def flatten(self) -> Tensor:
        """All elements along one axis."""
        return shapes.reshape(self, shape=(-1,))

    square, sqrt, reciprocal = e.square, e.sqrt, e.reciprocal
    exp, expm1, log, log1p = e.exp, e.expm1, e.log, e.log1p
    sin, cos, tanh, sigmoid = e.sin, e.cos, e.tanh, e.sigmoid
    relu, abs, sign, clip = e.relu, e.abs, e.sign, e.clip
    pow, maximum, minimum, astype = e.pow, e.maximum, e.minimum, e.astype
    sum, mean, max, min = reductions.sum, reductions.mean, reductions.max, reductions.min
    prod, cumsum, broadcast_to = reductions.prod, reductions.cumsum, reductions.broadcast_to
    squeeze, expand_dims, flip, swapaxes = shapes.squeeze, shapes.expand_dims, shapes.flip, shapes.swapaxes
    argsort, sort, take_along_axis = shapes.argsort, shapes.sort, shapes.take_along_axis
    erf, isfinite, stop_gradient = special.erf, c.isfinite, e.stop_gradient
    tril, triu, split = shapes.tril, shapes.triu, shapes.split
    matmul = dot = matrix.matmul
    backward = backward
    var, std = reductions.var, reductions.std


_POWERS: dict[float, Any] = {2: e.square, 0.5: e.sqrt, -1: e.reciprocal, 1: lambda x: e.pow(x, 1)}

for _name, _value in vars(Operators).items():
    if _name not in ("__module__", "__slots__", "__doc__", "__dict__", "__weakref__"):
        setattr(Tensor, _name, _value)
