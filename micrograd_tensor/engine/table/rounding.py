"""Rounding: steps, whose derivative is 0 wherever they have one, and what division leaves.

A step's gradient is recorded as zeros, like that of `sign`, so that whatever stands on it has one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from ..errors import quoted
from ..interop.habits import keywords
from ..lengths import whole_number
from ..primitive import Op, facts, primitive
from ..record import Result, unwrap
from ..recording import composition
from ..row import Array, Function, Operand, answers
from .elementwise import astype, div, mul, zeros_like

__all__ = ["ceil", "divmod", "floor", "floor_divide", "fmod", "remainder", "rint", "round", "trunc"]


def step(function: Callable[..., Any], symbol: str, notation: str, says: str, example: str) -> Op[[Operand]]:
    """The op of one of NumPy's step functions: what it shows and says, and what it makes of −1.5, 0.5 and 2.7."""

    def rounded(x: Operand, /) -> Array:
        return function(x)

    rounded.__name__ = rounded.__qualname__ = function.__name__
    rounded.__doc__ = f"""{says}, in the dtype of x; local gradient 0, also at the jumps. Any shape.

    >>> import micrograd_tensor as mt
    >>> mt.{function.__name__}(mt.tensor([-1.5, 0.5, 2.7]))
    tensor({example})
    """
    known = facts(numpy=function, reading=Function(), unread=("y",))
    return primitive(symbol, notation, lambda g, y, x: zeros_like(x), analytic=False)(known(rounded))


floor: Final = step(np.floor, "⌊x⌋", "floor({0})", "The greatest whole number that is not above x", "[-2.,  0.,  2.]")
ceil: Final = step(np.ceil, "⌈x⌉", "ceil({0})", "The least whole number that is not below x", "[-1.,  1.,  3.]")
trunc: Final = step(np.trunc, "trunc", "trunc({0})", "x without its fraction", "[-1.,  0.,  2.]")
answers(np.fix)(trunc)
rint: Final = step(np.rint, "round", "rint({0})", "The nearest whole number, halves to even", "[-2.,  0.,  3.]")


MOST_DECIMALS = 300
"""Beyond, ten to their number is no float64."""


@answers(np.round, np.around)
@keywords
@composition
def round(x: Operand, decimals: int = 0) -> Result:
    """x rounded to so many decimals, halves to even; negative ones round to tens, hundreds and so on.

    Any shape; the derivative is 0. Integers, which have no decimals, keep their dtype. `ValueError` for more decimals
    than numbers have.

    >>> import micrograd_tensor as mt
    >>> mt.round(mt.tensor([2.6667, -0.125]), 2)
    tensor([ 2.67, -0.12])
    """
    decimals = whole_number("round: decimals", decimals)
    if not -MOST_DECIMALS <= decimals <= MOST_DECIMALS:
        raise ValueError(f"round: decimals={quoted(decimals)} is not within {-MOST_DECIMALS}…{MOST_DECIMALS}")
    if decimals < 0:
        return mul(rint(div(x, 10**-decimals)), 10**-decimals)
    values = unwrap(x)
    dtype = values.dtype if hasattr(values, "dtype") else np.asarray(values).dtype
    if dtype.kind in "biu":
        return astype(x, dtype)
    return div(rint(mul(x, 10**decimals)), 10**decimals) if decimals else rint(x)


@primitive("⌊a/b⌋", "floor_divide({0}, {1})", None, None, analytic=False)
@facts(numpy=np.floor_divide, method="__floordiv__", reading=Function())
def floor_divide(a: Operand, b: Operand, /) -> Array:
    """``a // b``, the quotient rounded down; not differentiable.

    Operands of any shapes that broadcast; `ShapeError` where they do not broadcast.

    >>> import micrograd_tensor as mt
    >>> mt.floor_divide(mt.tensor([7.5, -7.5]), 2)
    tensor([ 3., -4.])
    """
    return np.floor_divide(a, b)


@primitive("mod", "mod({0}, {1})", lambda g, y, a, b: g, lambda g, y, a, b: -g * floor_divide(a, b), analytic=False)
@facts(numpy=np.remainder, method="__mod__", reading=Function(), unread=("y",))
def remainder(a: Operand, b: Operand, /) -> Array:
    """``a % b``, what ``a // b`` leaves, with the sign of b; local gradients 1 and −⌊a/b⌋, also at the jumps.

    Operands of any shapes that broadcast; `ShapeError` where they do not broadcast.

    >>> import micrograd_tensor as mt
    >>> mt.remainder(mt.tensor([7.5, -7.5]), 2)
    tensor([1.5, 0.5])
    """
    return np.remainder(a, b)


@answers(np.divmod)
@composition
def divmod(a: Operand, b: Operand) -> tuple[Result, Result]:
    """`floor_divide` and `remainder`, a quotient rounded down and what is left.

    Operands of any shapes that broadcast; `ShapeError` where they do not broadcast.

    >>> import micrograd_tensor as mt
    >>> mt.divmod(mt.tensor([7.5, -7.5]), 2)
    (tensor([ 3., -4.]), tensor([1.5, 0.5]))
    """
    return floor_divide(a, b), remainder(a, b)


@primitive("mod", "fmod({0}, {1})", lambda g, y, a, b: g, lambda g, y, a, b: -g * trunc(a / b), analytic=False)
@facts(numpy=np.fmod, method=(), reading=Function(), unread=("y",))
def fmod(a: Operand, b: Operand, /) -> Array:
    """What the division of a by b leaves, with the sign of a; local gradients 1 and −trunc(a/b).

    Operands of any shapes that broadcast; `ShapeError` where they do not broadcast.

    >>> import micrograd_tensor as mt
    >>> mt.fmod(mt.tensor([7.5, -7.5]), 2)
    tensor([ 1.5, -1.5])
    """
    return np.fmod(a, b)
